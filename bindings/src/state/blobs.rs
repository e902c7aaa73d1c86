//! State in the container `azure-webjobs-hosts`, laid out as the reference host does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::storage::{Blob, BlobService, StorageError};

/// Everything that instances of an app share is in this container of the host's storage account.
const CONTAINER: &str = "azure-webjobs-hosts";
/// Metadata of a lock's blob: who holds it.
const OWNER: &str = "FunctionInstance";

#[derive(Debug, Clone)]
pub(super) struct Blobs {
    service: BlobService,
    /// Handles by path: making one takes the address apart.
    known: Arc<Mutex<HashMap<String, Blob>>>,
}

impl Blobs {
    pub(super) fn new(service: BlobService) -> Self {
        Self { service, known: Arc::default() }
    }

    fn blob(&self, path: &str) -> Blob {
        let mut known = self.known.lock();
        if let Some(blob) = known.get(path) {
            return blob.clone();
        }
        let blob = self.service.blob(CONTAINER, path);
        known.insert(path.to_owned(), blob.clone());
        blob
    }

    pub(super) async fn read(&self, path: &str) -> Result<Option<Bytes>, StorageError> {
        self.blob(path).read().await
    }

    pub(super) async fn write(&self, path: &str, content: Bytes) -> Result<(), StorageError> {
        let blob = self.blob(path);
        match blob.write(content.clone()).await {
            Err(error) if error.is_not_found() => {
                self.service.create_container(CONTAINER).await?;
                blob.write(content).await
            }
            result => result,
        }
    }

    /// A lease id, unless somebody else holds the lock. The blob behind a lock is empty and made on demand.
    pub(super) async fn acquire(
        &self,
        path: &str,
        period: Duration,
        owner: &str,
    ) -> Result<Option<Uuid>, StorageError> {
        let blob = self.blob(path);
        let id = Uuid::new_v4();
        let taken = match blob.acquire(&id.to_string(), period).await {
            Err(error) if error.is_not_found() => {
                self.create(&blob).await?;
                blob.acquire(&id.to_string(), period).await?
            }
            result => result?,
        };
        if !taken {
            return Ok(None);
        }
        // The lock is ours with or without a name on it, which is there for people who look.
        let _ = blob.set_metadata(&id.to_string(), OWNER, owner).await;
        Ok(Some(id))
    }

    async fn create(&self, blob: &Blob) -> Result<(), StorageError> {
        match blob.create(Bytes::new()).await {
            Err(error) if error.is_not_found() => {
                self.service.create_container(CONTAINER).await?;
                blob.create(Bytes::new()).await?;
            }
            result => {
                result?;
            }
        }
        Ok(())
    }

    pub(super) async fn renew(&self, path: &str, id: Uuid) -> Result<(), StorageError> {
        self.blob(path).renew(&id.to_string()).await
    }

    pub(super) async fn release(&self, path: &str, id: Uuid) -> Result<(), StorageError> {
        self.blob(path).release(&id.to_string()).await
    }
}
