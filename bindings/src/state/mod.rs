//! Small state and leases that all instances of an app share: timer status, locks, listener positions.

mod blobs;
mod memory;
mod primary;
mod singleton;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use crate::BindingError;
use crate::storage::BlobService;
use blobs::Blobs;
use memory::Memory;

pub use primary::PrimaryLock;

pub(crate) use singleton::Singleton;

/// Where the state of a host lives: the container `azure-webjobs-hosts` of its storage account, laid out as the
/// reference host does (spec bindings.md §1.13), or this process's memory when it has none.
#[derive(Clone)]
pub struct HostState(Store);

#[derive(Clone)]
enum Store {
    Memory(Arc<Memory>),
    Blobs(Blobs),
}

impl HostState {
    /// State that ends with the process; every lease is granted to the first who asks.
    pub fn in_memory() -> Self {
        Self(Store::Memory(Arc::default()))
    }

    /// State in the container `azure-webjobs-hosts` of `service`, which is made when it is first needed.
    pub fn blobs(service: BlobService) -> Self {
        Self(Store::Blobs(Blobs::new(service)))
    }

    /// Whether other instances see it.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Store::Blobs(_))
    }

    /// The content at `path`, for example `timers/{hostId}/Host.Functions.X/status`.
    pub async fn read(&self, path: &str) -> Result<Option<Bytes>, BindingError> {
        match &self.0 {
            Store::Memory(memory) => Ok(memory.read(path)),
            Store::Blobs(blobs) => Ok(blobs.read(path).await?),
        }
    }

    /// Replaces the content at `path`.
    pub async fn write(&self, path: &str, content: Bytes) -> Result<(), BindingError> {
        match &self.0 {
            Store::Memory(memory) => {
                memory.write(path, content);
                Ok(())
            }
            Store::Blobs(blobs) => Ok(blobs.write(path, content).await?),
        }
    }

    /// Takes the lock at `path`, for example `locks/{hostId}/Host.Functions.X.Listener`, for `period` (15 to 60
    /// seconds) and leaves `owner` in its metadata. `None` when somebody else holds it.
    pub async fn acquire(
        &self,
        path: &str,
        period: Duration,
        owner: &str,
    ) -> Result<Option<Lease>, BindingError> {
        let id = match &self.0 {
            Store::Memory(memory) => memory.acquire(path, period),
            Store::Blobs(blobs) => blobs.acquire(path, period, owner).await?,
        };
        Ok(id.map(|id| Lease { state: self.clone(), path: path.to_owned(), id, period }))
    }
}

impl fmt::Debug for HostState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Store::Memory(_) => "HostState(memory)",
            Store::Blobs(_) => "HostState(blobs)",
        })
    }
}

/// A lock held by this instance. It lapses after its period unless renewed; dropping it does not release it.
#[derive(Debug)]
pub struct Lease {
    state: HostState,
    path: String,
    id: Uuid,
    period: Duration,
}

impl Lease {
    /// Runs the period anew. An error means that the lease must be taken for lost once its period is over.
    pub async fn renew(&self) -> Result<(), BindingError> {
        match &self.state.0 {
            Store::Memory(memory) => {
                memory.renew(&self.path, self.id, self.period).then_some(()).ok_or_else(|| {
                    BindingError::new(format!("The lock '{}' is held by somebody else.", self.path))
                })
            }
            Store::Blobs(blobs) => Ok(blobs.renew(&self.path, self.id).await?),
        }
    }

    /// Gives the lock back, so that somebody else can take it at once. Failing to is harmless: it lapses.
    pub async fn release(self) {
        match &self.state.0 {
            Store::Memory(memory) => memory.release(&self.path, self.id),
            Store::Blobs(blobs) => {
                let _ = blobs.release(&self.path, self.id).await;
            }
        }
    }

    /// How long the lease lasts without renewal.
    pub fn period(&self) -> Duration {
        self.period
    }
}

#[cfg(test)]
mod tests;
