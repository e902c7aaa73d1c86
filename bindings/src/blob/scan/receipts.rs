//! Who has been told about which version of a blob, for ever (spec bindings.md §5.1).

use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::blob::path::BlobPath;
use crate::storage::{Blob, BlobService, StorageError};

const CONTAINER: &str = "azure-webjobs-hosts";
/// Metadata of a receipt whose message may not be in the queue yet.
const INCOMPLETE: &str = "Incomplete";
/// How long an instance may take to put a message into the queue.
const LEASE: Duration = Duration::from_secs(30);
/// Longest blob name the service takes, in characters.
const LONGEST_NAME: usize = 1024;

/// The receipts `blobreceipts/{hostId}/…` of one app.
#[derive(Debug)]
pub(in crate::blob) struct Receipts {
    service: BlobService,
    host_id: String,
}

impl Receipts {
    pub(in crate::blob) fn new(service: BlobService, host_id: &str) -> Self {
        Self { service, host_id: host_id.to_owned() }
    }

    fn receipt(&self, function: &str, path: &BlobPath, etag: &str) -> Blob {
        let name = format!("blobreceipts/{}/{function}/{etag}/{path}", self.host_id);
        let name = match name.chars().count() > LONGEST_NAME {
            false => name,
            // The blob's own name fits, with this in front of it no more.
            true => {
                let digest = Sha256::digest(path.to_string());
                let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("blobreceipts/{}/{function}/{etag}/{digest}", self.host_id)
            }
        };
        self.service.blob(CONTAINER, &name)
    }

    /// Runs `enqueue` unless that was done for this version before. `false` when another instance is at it right now,
    /// or was and has not said how it ended: ask again later.
    pub(in crate::blob) async fn once<F: Future<Output = Result<(), StorageError>>>(
        &self,
        function: &str,
        path: &BlobPath,
        etag: &str,
        enqueue: impl FnOnce() -> F,
    ) -> Result<bool, StorageError> {
        let receipt = self.receipt(function, path, etag);
        let version = match self.create(&receipt).await? {
            Some(version) => version,
            None => match receipt.properties().await? {
                Some(properties) if !properties.has_metadata(INCOMPLETE) => return Ok(true),
                Some(properties) => properties.etag(),
                // Removed just now, by somebody who tidies up.
                None => return Ok(false),
            },
        };
        let id = Uuid::new_v4().to_string();
        // Whoever was faster between the look and the lease has made it another version.
        if !receipt.acquire_version(&id, LEASE, &version).await? {
            return Ok(false);
        }
        let enqueued = async {
            enqueue().await?;
            receipt.clear_metadata(&id).await
        };
        if let Err(error) = enqueued.await {
            // A lease that cannot be given back lapses. That of a complete receipt may: nobody asks for it.
            let _ = receipt.release(&id).await;
            return Err(error);
        }
        Ok(true)
    }

    /// The receipt's version, if it was made here and now.
    async fn create(&self, receipt: &Blob) -> Result<Option<String>, StorageError> {
        let create = || receipt.create_with(Bytes::new(), &[(INCOMPLETE, "true")]);
        match create().await {
            Err(error) if error.is_not_found() => {
                self.service.create_container(CONTAINER).await?;
                create().await
            }
            created => created,
        }
    }
}
