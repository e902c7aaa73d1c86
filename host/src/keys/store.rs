//! Where the documents of keys are kept (spec host.md §5.1).

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use horus_bindings::storage::BlobService;
use tokio::io::AsyncWriteExt as _;

use super::KeysError;

/// Container of the blobs.
const CONTAINER: &str = "azure-webjobs-secrets";
/// More copies of unreadable documents than this, and something keeps breaking them (AZFD0007).
const MAX_SNAPSHOTS: usize = 10;

/// One place for documents; two kinds, since that is all the platform has besides key vaults and clusters.
#[derive(Debug)]
pub(super) enum Store {
    /// Files in a folder.
    Files {
        /// The folder; created on first write.
        folder: PathBuf,
    },
    /// Blobs below a prefix.
    Blobs {
        /// The account's blobs.
        service: BlobService,
        /// Site name or host id, lower-case.
        prefix: String,
    },
}

/// What tells one version of a document from the next without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(SystemTime, u64);

impl Store {
    /// How long what was read is taken for true. A stat is cheap, a request is not: the platform, too, asks its
    /// blob store about once a minute.
    pub(super) fn freshness(&self) -> Duration {
        match self {
            Self::Files { .. } => Duration::from_secs(1),
            Self::Blobs { .. } => Duration::from_secs(60),
        }
    }

    /// The version of document `name`, where it can be had without reading it.
    pub(super) async fn stamp(&self, name: &str) -> Option<Stamp> {
        match self {
            Self::Files { folder } => {
                let metadata = tokio::fs::metadata(folder.join(name)).await.ok()?;
                Some(Stamp(metadata.modified().ok()?, metadata.len()))
            }
            Self::Blobs { .. } => None,
        }
    }

    /// The content of document `name`.
    pub(super) async fn read(&self, name: &str) -> Result<Option<Bytes>, KeysError> {
        match self {
            Self::Files { folder } => {
                let path = folder.join(name);
                match tokio::fs::read(&path).await {
                    Ok(content) => Ok(Some(content.into())),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(file_error(&path, &error)),
                }
            }
            Self::Blobs { service, prefix } => {
                let blob = service.blob(CONTAINER, &format!("{prefix}/{name}"));
                blob.read().await.map_err(|error| KeysError::Store(error.to_string()))
            }
        }
    }

    /// Replaces document `name`.
    pub(super) async fn write(&self, name: &str, content: String) -> Result<(), KeysError> {
        match self {
            Self::Files { folder } => write_file(folder, name, content.as_bytes()).await,
            Self::Blobs { service, prefix } => {
                let blob = service.blob(CONTAINER, &format!("{prefix}/{name}"));
                blob.write(content.into()).await.map_err(|error| KeysError::Store(error.to_string()))
            }
        }
    }

    /// Creates document `name`. `false` when another instance was faster.
    pub(super) async fn create(&self, name: &str, content: String) -> Result<bool, KeysError> {
        match self {
            Self::Files { folder } => {
                if tokio::fs::try_exists(folder.join(name)).await.unwrap_or(false) {
                    return Ok(false);
                }
                write_file(folder, name, content.as_bytes()).await.map(|()| true)
            }
            Self::Blobs { service, prefix } => {
                let failed =
                    |error: horus_bindings::storage::StorageError| KeysError::Store(error.to_string());
                service.create_container(CONTAINER).await.map_err(failed)?;
                service
                    .blob(CONTAINER, &format!("{prefix}/{name}"))
                    .create(content.into())
                    .await
                    .map_err(failed)
            }
        }
    }

    /// Keeps `content`, which cannot be read here, beside the document that replaces it.
    ///
    /// # Errors
    /// When there are too many such copies already: the document is then left as it is.
    pub(super) async fn keep_unreadable(
        &self,
        name: &str,
        content: Bytes,
        now: DateTime<Utc>,
    ) -> Result<(), KeysError> {
        let stem = name.strip_suffix(".json").unwrap_or(name);
        let copy = format!("{stem}.snapshot.{}.json", now.format("%Y-%m-%dT%H-%M-%S%.6fZ"));
        match self {
            Self::Files { folder } => {
                let pattern = format!("{stem}.snapshot.");
                if count(folder, &pattern).await >= MAX_SNAPSHOTS {
                    return Err(KeysError::TooManySnapshots { document: name.to_owned() });
                }
                write_file(folder, &copy, &content).await
            }
            Self::Blobs { service, prefix } => {
                let blob = service.blob(CONTAINER, &format!("{prefix}/{copy}"));
                blob.write(content).await.map_err(|error| KeysError::Store(error.to_string()))
            }
        }
    }
}

async fn count(folder: &Path, prefix: &str) -> usize {
    let Ok(mut entries) = tokio::fs::read_dir(folder).await else { return 0 };
    let mut found = 0;
    while let Ok(Some(entry)) = entries.next_entry().await {
        found += usize::from(entry.file_name().to_string_lossy().starts_with(prefix));
    }
    found
}

/// Writes beside the target and renames, so that a reader never sees half a document; only its owner may read it.
async fn write_file(folder: &Path, name: &str, content: &[u8]) -> Result<(), KeysError> {
    let target = folder.join(name);
    let draft = folder.join(format!(".{name}.{:016x}", rand::random::<u64>()));
    let write = async {
        let mut builder = tokio::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        builder.mode(0o700);
        builder.create(folder).await?;
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(&draft).await?;
        file.write_all(content).await?;
        file.sync_all().await?;
        tokio::fs::rename(&draft, &target).await
    };
    match write.await {
        Ok(()) => Ok(()),
        Err(error) => {
            // Nothing else can be done about the draft; the error that matters is reported.
            let _ = tokio::fs::remove_file(&draft).await;
            Err(file_error(&target, &error))
        }
    }
}

fn file_error(path: &Path, error: &std::io::Error) -> KeysError {
    KeysError::Store(format!("'{}': {error}", path.display()))
}
