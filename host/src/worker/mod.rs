//! Language workers: supervised processes on the platform's gRPC event stream.
//!
//! [`config`] says which worker, [`process`] runs it, [`server`] accepts its stream, [`connection`] speaks on it,
//! [`pool`] keeps the right number of them alive and is the [`Invoker`](crate::invoke::Invoker).

pub mod codec;
pub mod config;
mod connection;
mod embedded;
pub(crate) mod index;
mod interpreter;
mod invoker;
mod latency;
mod load;
mod logs;
mod pool;
mod probe;
mod process;
mod profile;
mod request;
mod response;
mod server;
mod shared_memory;
mod slot;

use crate::process::budget;

pub use config::{ConfigError, WorkerConfig};
pub use connection::Connection;
pub use pool::{Pool, PoolError, PoolOptions};
pub use server::Server;
