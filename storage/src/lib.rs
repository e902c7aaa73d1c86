//! Horus's embedded store: durable queues, blobs, tables and documents behind the services' own REST protocols.

pub mod documents;
pub mod engine;
