//! The blob service of one account, and one blob of it.

mod container;
mod properties;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::http::{Etag, HttpClient, RequestContent};
use azure_storage_blob::clients::{BlobClient, BlobServiceClient, BlobServiceClientOptions};
use azure_storage_blob::models::{
    BlobClientAcquireLeaseOptions, BlobClientDownloadOptions, BlobClientSetMetadataOptions,
    BlobClientUploadOptions,
};
use bytes::Bytes;

use super::StorageError;
use super::account::{Account, AccountError, address};
use super::options::{API_VERSION, client_options};
use super::queue::token;

pub use container::{Container, ListedBlob, Page};
pub use properties::BlobProperties;

pub(crate) use properties::quoted;

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

    /// The container called `name`, which need not exist.
    pub fn container(&self, name: &str) -> Container {
        Container {
            client: Arc::new(self.client.blob_container_client(name)),
            place: format!("container '{name}' at {}", self.address).into(),
        }
    }

    /// Creates `container`; that it exists already is fine.
    pub async fn create_container(&self, container: &str) -> Result<(), StorageError> {
        self.container(container).create().await
    }

    /// Name of the account.
    pub fn account(&self) -> &str {
        let rest = self.address.split_once("://").map_or(&*self.address, |(_, rest)| rest);
        match rest.split_once('/') {
            Some((_, path)) if !path.is_empty() => path,
            _ => rest.split(['.', ':', '/']).next().unwrap_or(rest),
        }
    }

    /// Its address, which names the account and holds no secret.
    pub fn address(&self) -> &str {
        &self.address
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

    /// Its address, without anything secret.
    pub fn url(&self) -> String {
        address(self.client.url())
    }

    /// What it tells about itself; `None` when blob or container does not exist.
    pub async fn properties(&self) -> Result<Option<BlobProperties>, StorageError> {
        match self.client.get_properties(None).await.map_err(|error| self.error(&error)) {
            Ok(response) => Ok(Some(BlobProperties::new(response.headers().clone()))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The whole content of the version with this `etag`, which has `length` bytes; `None` when that version is no
    /// longer there.
    pub async fn read_version(&self, etag: &str, length: u64) -> Result<Option<Bytes>, StorageError> {
        let mut content = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        if content.is_empty() {
            return Ok(Some(Bytes::new()));
        }
        let options =
            BlobClientDownloadOptions { if_match: Some(Etag::from(etag.to_owned())), ..Default::default() };
        match self.client.download_into(&mut content, Some(options)).await.map_err(|error| self.error(&error))
        {
            Ok(result) => {
                content.truncate(result.len);
                Ok(Some(content.into()))
            }
            Err(error) if matches!(error.status(), Some(404 | 412)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the content, metadata included.
    pub async fn write(&self, content: Bytes) -> Result<(), StorageError> {
        self.upload(content, BlobClientUploadOptions::default()).await.map(drop)
    }

    /// Creates the blob unless it exists. Whether it was created.
    pub async fn create(&self, content: Bytes) -> Result<bool, StorageError> {
        Ok(self.create_with(content, &[]).await?.is_some())
    }

    /// As [`Blob::create`], with user metadata; the version that was created.
    pub async fn create_with(
        &self,
        content: Bytes,
        metadata: &[(&str, &str)],
    ) -> Result<Option<String>, StorageError> {
        let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let metadata: HashMap<String, String> = metadata.collect();
        let options = BlobClientUploadOptions {
            if_none_match: Some(Etag::from("*")),
            metadata: (!metadata.is_empty()).then_some(metadata),
            ..Default::default()
        };
        match self.upload(content, options).await {
            Ok(etag) => Ok(Some(etag)),
            // 412 is the answer while somebody holds a lease on it.
            Err(error) if matches!(error.status(), Some(409 | 412)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The new version.
    async fn upload(
        &self,
        content: Bytes,
        options: BlobClientUploadOptions<'_>,
    ) -> Result<String, StorageError> {
        let content: RequestContent<Bytes, _> = content.into();
        let result = self.client.upload(content, Some(options)).await.map_err(|error| self.error(&error))?;
        Ok(quoted(result.etag.as_ref().map(AsRef::as_ref).unwrap_or_default()))
    }

    /// Takes a lease under `id` for `period` (15 to 60 seconds). `false` when somebody else holds one.
    pub async fn acquire(&self, id: &str, period: Duration) -> Result<bool, StorageError> {
        self.lease(id, period, None).await
    }

    /// As [`Blob::acquire`], as long as the blob is the version `etag`; `false` also when it is not.
    pub async fn acquire_version(
        &self,
        id: &str,
        period: Duration,
        etag: &str,
    ) -> Result<bool, StorageError> {
        match self.lease(id, period, Some(etag)).await {
            Err(error) if matches!(error.status(), Some(404 | 412)) => Ok(false),
            taken => taken,
        }
    }

    async fn lease(&self, id: &str, period: Duration, etag: Option<&str>) -> Result<bool, StorageError> {
        let options = BlobClientAcquireLeaseOptions {
            proposed_lease_id: Some(id.to_owned()),
            if_match: etag.map(|etag| Etag::from(etag.to_owned())),
            ..Default::default()
        };
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
        self.replace_metadata(id, HashMap::from([(name.to_owned(), value.to_owned())])).await
    }

    /// Removes all metadata, as holder of the lease `id`.
    pub async fn clear_metadata(&self, id: &str) -> Result<(), StorageError> {
        self.replace_metadata(id, HashMap::new()).await
    }

    async fn replace_metadata(
        &self,
        id: &str,
        metadata: HashMap<String, String>,
    ) -> Result<(), StorageError> {
        let options = BlobClientSetMetadataOptions { lease_id: Some(id.to_owned()), ..Default::default() };
        self.client.set_metadata(&metadata, Some(options)).await.map_err(|error| self.error(&error))?;
        Ok(())
    }

    fn error(&self, error: &azure_core::Error) -> StorageError {
        StorageError::new(&*self.place, error)
    }
}
