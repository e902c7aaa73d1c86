//! Azure Storage clients: from a connection to a queue or blob service, shared by all bindings that use it.
//!
//! The official crates do the work on the `azure_core` pipeline; this module adds what they lack: connection
//! strings, account keys, sections with an identity, and one HTTP transport for everything.

mod account;
mod blob;
mod changes;
mod error;
pub mod identity;
mod options;
mod queue;
mod shared_key;
mod transport;

use std::sync::Arc;

use azure_core::http::{HttpClient, Url};
use horus_app::connection::Connection;
use parking_lot::Mutex;

pub use account::{Account, AccountError, Service};
pub use blob::{Blob, BlobProperties, BlobService, Container, ListedBlob, Page};
pub use changes::{BlobChange, BlobChanges, BlobNews};
pub use error::StorageError;
pub use queue::{Queue, QueueService, ReceivedMessage};
pub use transport::{HttpTransport, InProcess};

pub(crate) use blob::quoted;

/// The storage services of a host: one object per connection, however many bindings use it. Cheap to clone.
///
/// Making a service performs no I/O, so it can be done while an app is indexed.
#[derive(Clone, Debug)]
pub struct Storage(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    transport: Arc<dyn HttpClient>,
    in_process: Option<Arc<dyn InProcess>>,
    queues: Mutex<Vec<(Connection, QueueService)>>,
    blobs: Mutex<Vec<(Connection, BlobService)>>,
}

impl Default for Storage {
    fn default() -> Self {
        Self::new()
    }
}

impl Storage {
    /// Services that are reached over the network.
    pub fn new() -> Self {
        Self::with_transport(Arc::new(HttpTransport::default()))
    }

    /// Services that are reached through `transport`.
    pub fn with_transport(transport: Arc<dyn HttpClient>) -> Self {
        Self::through(transport, None)
    }

    /// Services of which `store` answers for some in this very process.
    pub fn with_store(store: Arc<dyn InProcess>) -> Self {
        Self::through(store.clone(), Some(store))
    }

    fn through(transport: Arc<dyn HttpClient>, in_process: Option<Arc<dyn InProcess>>) -> Self {
        Self(Arc::new(Shared { transport, in_process, queues: Mutex::default(), blobs: Mutex::default() }))
    }

    /// What carries the requests; other services of the host use the same one.
    pub fn transport(&self) -> &Arc<dyn HttpClient> {
        &self.0.transport
    }

    /// What reaches `url` without a socket, where that is a service of this process. For clients which are at home
    /// on the network with a transport of their own.
    pub fn in_process(&self, url: &Url) -> Option<Arc<dyn HttpClient>> {
        let store = self.0.in_process.as_ref().filter(|store| store.answers(url))?;
        Some(store.clone())
    }

    /// Word of every blob that is written in a service of this process; `None` when there is no such service, or it
    /// does not tell.
    pub fn blob_changes(&self) -> Option<BlobChanges> {
        self.0.in_process.as_ref()?.blob_changes()
    }

    /// The account whose blobs [`Storage::blob_changes`] tells about, where `service` is one of those.
    pub(crate) fn told_account(&self, service: &BlobService) -> Option<String> {
        let url = Url::parse(service.address()).ok()?;
        let store = self.0.in_process.as_ref()?;
        (store.answers(&url)).then(|| service.account().to_owned())
    }

    /// The queue service behind `connection`.
    ///
    /// # Errors
    /// When the connection names no queue endpoint or no usable credential.
    pub fn queues(&self, connection: &Connection) -> Result<QueueService, AccountError> {
        cached(&self.0.queues, connection, || {
            QueueService::new(
                &Account::resolve(connection, Service::Queue, &self.0.transport)?,
                &self.0.transport,
            )
        })
    }

    /// The blob service behind `connection`.
    ///
    /// # Errors
    /// When the connection names no blob endpoint or no usable credential.
    pub fn blobs(&self, connection: &Connection) -> Result<BlobService, AccountError> {
        cached(&self.0.blobs, connection, || {
            BlobService::new(
                &Account::resolve(connection, Service::Blob, &self.0.transport)?,
                &self.0.transport,
            )
        })
    }
}

fn cached<T: Clone>(
    cache: &Mutex<Vec<(Connection, T)>>,
    connection: &Connection,
    make: impl FnOnce() -> Result<T, AccountError>,
) -> Result<T, AccountError> {
    let mut cache = cache.lock();
    if let Some((_, service)) = cache.iter().find(|(known, _)| known == connection) {
        return Ok(service.clone());
    }
    let service = make()?;
    cache.push((connection.clone(), service.clone()));
    Ok(service)
}

#[cfg(test)]
mod tests;
