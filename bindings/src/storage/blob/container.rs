//! One container: making it, and listing what is in it.

use std::fmt;
use std::sync::Arc;

use azure_storage_blob::clients::BlobContainerClient;
use azure_storage_blob::models::BlobContainerClientListBlobsOptions;
use chrono::{DateTime, Utc};
use futures::StreamExt as _;

use super::properties::{quoted, utc};
use crate::storage::StorageError;

/// One container, which need not exist. Cheap to clone.
#[derive(Clone)]
pub struct Container {
    pub(super) client: Arc<BlobContainerClient>,
    pub(super) place: Arc<str>,
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

/// A blob as a listing tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedBlob {
    /// Its name.
    pub name: String,
    /// Its version, in quotes.
    pub etag: String,
    /// `BlockBlob`, `PageBlob` or `AppendBlob`.
    pub kind: String,
    /// When it was written last; in whole seconds.
    pub modified: DateTime<Utc>,
}

/// A part of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Blobs in the order of their names.
    pub blobs: Vec<ListedBlob>,
    /// Where to go on; `None` at the end.
    pub next: Option<String>,
}

impl Container {
    /// Up to `most` (at most 5000) blobs whose names begin with `prefix`, going on at `marker`. Snapshots, versions and
    /// blobs that are not written yet are left out.
    ///
    /// # Errors
    /// As the service answers, 404 when the container does not exist.
    pub async fn list(&self, prefix: &str, marker: Option<&str>, most: u32) -> Result<Page, StorageError> {
        let options = BlobContainerClientListBlobsOptions {
            prefix: Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()),
            marker: marker.map(str::to_owned),
            maxresults: i32::try_from(most.clamp(1, 5000)).ok(),
            ..Default::default()
        };
        let error = |error: azure_core::Error| StorageError::new(&*self.place, &error);
        let mut pages = self.client.list_blobs(Some(options)).map_err(error)?.into_pages();
        let Some(page) = pages.next().await else { return Ok(Page::default()) };
        let page = page.and_then(|page| page.into_model()).map_err(error)?;
        let blobs = page.blob_items.into_iter().filter_map(|item| {
            let properties = item.properties?;
            Some(ListedBlob {
                name: item.name?,
                etag: quoted(properties.etag?.as_ref()),
                kind: properties.blob_type.map_or_else(|| "BlockBlob".to_owned(), |kind| kind.to_string()),
                modified: utc(properties.last_modified?)?,
            })
        });
        Ok(Page { blobs: blobs.collect(), next: page.next_marker.filter(|marker| !marker.is_empty()) })
    }

    /// Creates it; that it exists already is fine.
    pub async fn create(&self) -> Result<(), StorageError> {
        match self.client.create(None).await {
            Ok(_) => Ok(()),
            Err(error) => match StorageError::new(&*self.place, &error) {
                error if error.code() == Some("ContainerAlreadyExists") => Ok(()),
                error => Err(error),
            },
        }
    }
}
