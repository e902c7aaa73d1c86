//! The document service: databases, containers and JSON documents behind the Cosmos DB gateway protocol (SQL API).
//!
//! [`Documents`] answers requests; whether they came through a socket ([`serve`]) or from the same process makes no
//! difference. A container is one partition key range (`""` to `"FF"`), so every query runs whole in here: the query
//! plan a client asks for tells it to send the query as it is and to merge nothing (`docs/decisions/0004`).
//!
//! What answers 400 by name instead of working: stored procedures, triggers, user-defined functions, users and
//! permissions, the change feed with all versions and deletes, spatial, vector and full-text functions, the compressed
//! forms of binary JSON. Tokens other than account keys answer 401. Direct mode and the row format of the .NET client's
//! batches do not exist here either. Throughput and indexing policies are kept and shown, and change nothing.

mod batch;
mod binary;
mod catalog;
mod epk;
mod fault;
mod feed;
mod http;
mod item;
mod options;
mod partition;
mod patch;
mod rid;
mod search;
mod serve;
pub mod sql;
mod sweep;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use parking_lot::Mutex;

use crate::engine::{Engine, Space};

pub use self::{
    options::{Key, KeyError, Options, WELL_KNOWN_KEY},
    serve::{ServeError, Tls, serve},
    sweep::SweepError,
};
pub(crate) use fault::Fault;

/// The service's usual port on the loopback address.
pub const PORT: u16 = 8081;

/// Every space this service keeps rows in that may be discarded; for [`Engine::sweep`].
pub const SPACES: &[Space] = item::SPACES;

/// The document service's handle: cheap to clone, the only way in.
#[derive(Debug, Clone)]
pub struct Documents(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Engine,
    options: Options,
    /// Where [`Documents::sweep_expired`] goes on.
    sweep: Mutex<Option<sweep::Cursor>>,
}

impl Documents {
    /// The service over `engine`, open to holders of the keys in `options`.
    pub fn new(engine: Engine, options: Options) -> Self {
        Self(Arc::new(Inner { engine, options, sweep: Mutex::new(None) }))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    fn cursor(&self) -> &Mutex<Option<sweep::Cursor>> {
        &self.0.sweep
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }
}
