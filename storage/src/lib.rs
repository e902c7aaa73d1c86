//! Horus's embedded store: durable queues, blobs, tables and documents behind the services' own REST protocols.
//!
//! [`Store::open`] a data folder (or memory), then [`Store::serve`] it on the well-known local ports, or [`Store::call`]
//! it in-process. Everything lives in one embedded database (see [`engine`] and `docs/decisions/`); the bodies of large
//! blobs lie in files beside it.

pub mod auth;
mod blob;
pub mod body;
pub mod documents;
pub mod engine;
#[cfg(test)]
mod probe;
mod protocol;
mod queue;
mod server;
mod store;
mod table;

pub use blob::BlobWritten;
pub use server::{Listeners, ServeError, Service};
pub use store::{Options, Store, Trust};
