//! The blob service of one account, and one blob of it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::http::{Etag, HttpClient, RequestContent};
use azure_storage_blob::clients::{BlobClient, BlobServiceClient, BlobServiceClientOptions};
use azure_storage_blob::models::{
    BlobClientAcquireLeaseOptions, BlobClientSetMetadataOptions, BlobClientUploadOptions,
};
use bytes::Bytes;

use super::StorageError;
use super::account::{Account, AccountError};
use super::options::{API_VERSION, client_options};
use super::queue::token;

/// One account's blobs. Cheap to clone.
#[derive(Clone)]
pub struct BlobService {
    client: Arc<BlobServiceClient>,
    address: Arc<str>,
}

impl fmt::Debug for BlobService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobService({})", self.address)
    }
}

impl BlobService {
    pub(super) fn new(account: &Account, transport: &Arc<dyn HttpClient>) -> Result<Self, AccountError> {
        let options = BlobServiceClientOptions {
            client_options: client_options(&account.credential, transport),
            version: API_VERSION.to_owned(),
        };
        let client =
            BlobServiceClient::new(account.endpoint.clone(), token(&account.credential), Some(options))
                .map_err(|error| AccountError::Identity(error.to_string()))?;
        Ok(Self { client: Arc::new(client), address: account.address().into() })
    }

    /// The blob at `container` / `name`, which need not exist.
    pub fn blob(&self, container: &str, name: &str) -> Blob {
        Blob {
            client: Arc::new(self.client.blob_client(container, name)),
            place: format!("blob '{container}/{name}' at {}", self.address),
        }
    }

    /// Creates `container`; that it exists already is fine.
    pub async fn create_container(&self, container: &str) -> Result<(), StorageError> {
        let place = || format!("container '{container}' at {}", self.address);
        match self.client.blob_container_client(container).create(None).await {
            Ok(_) => Ok(()),
            Err(error) => match StorageError::new(place(), &error) {
                error if error.code() == Some("ContainerAlreadyExists") => Ok(()),
                error => Err(error),
            },
        }
    }
}

/// One blob. Cheap to clone.
#[derive(Clone)]
pub struct Blob {
    client: Arc<BlobClient>,
    place: String,
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl Blob {
    /// The whole content; `None` when blob or container does not exist.
    pub async fn read(&self) -> Result<Option<Bytes>, StorageError> {
        let content = match self.client.download(None).await {
            Ok(response) => response.body.collect().await.map(Some),
            Err(error) => Err(error),
        };
        match content.map_err(|error| self.error(&error)) {
            Err(error) if error.is_not_found() => Ok(None),
            other => other,
        }
    }

    /// Replaces the content, metadata included.
    pub async fn write(&self, content: Bytes) -> Result<(), StorageError> {
        self.upload(content, BlobClientUploadOptions::default()).await
    }

    /// Creates the blob unless it exists. Whether it was created.
    pub async fn create(&self, content: Bytes) -> Result<bool, StorageError> {
        let options = BlobClientUploadOptions { if_none_match: Some(Etag::from("*")), ..Default::default() };
        match self.upload(content, options).await {
            Ok(()) => Ok(true),
            // 412 is the answer while somebody holds a lease on it.
            Err(error) if matches!(error.status(), Some(409 | 412)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn upload(&self, content: Bytes, options: BlobClientUploadOptions<'_>) -> Result<(), StorageError> {
        let content: RequestContent<Bytes, _> = content.into();
        self.client.upload(content, Some(options)).await.map_err(|error| self.error(&error))?;
        Ok(())
    }

    /// Takes a lease under `id` for `period` (15 to 60 seconds). `false` when somebody else holds one.
    pub async fn acquire(&self, id: &str, period: Duration) -> Result<bool, StorageError> {
        let options =
            BlobClientAcquireLeaseOptions { proposed_lease_id: Some(id.to_owned()), ..Default::default() };
        let seconds = i32::try_from(period.as_secs()).unwrap_or(60).clamp(15, 60);
        match self.client.acquire_lease(seconds, Some(options)).await.map_err(|error| self.error(&error)) {
            Ok(_) => Ok(true),
            Err(error) if error.status() == Some(409) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Runs the lease `id` anew.
    pub async fn renew(&self, id: &str) -> Result<(), StorageError> {
        self.client.renew_lease(id.to_owned(), None).await.map_err(|error| self.error(&error))?;
        Ok(())
    }

    /// Gives the lease `id` back.
    pub async fn release(&self, id: &str) -> Result<(), StorageError> {
        self.client.release_lease(id.to_owned(), None).await.map_err(|error| self.error(&error))?;
        Ok(())
    }

    /// Replaces the metadata, as holder of the lease `id`.
    pub async fn set_metadata(&self, id: &str, name: &str, value: &str) -> Result<(), StorageError> {
        let metadata = HashMap::from([(name.to_owned(), value.to_owned())]);
        let options = BlobClientSetMetadataOptions { lease_id: Some(id.to_owned()), ..Default::default() };
        self.client.set_metadata(&metadata, Some(options)).await.map_err(|error| self.error(&error))?;
        Ok(())
    }

    fn error(&self, error: &azure_core::Error) -> StorageError {
        StorageError::new(&*self.place, error)
    }
}
