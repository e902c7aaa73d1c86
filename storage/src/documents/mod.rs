//! The document service: databases, containers and JSON documents behind the Cosmos DB gateway protocol (SQL API).

pub mod sql;
