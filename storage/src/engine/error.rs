//! What can go wrong below the services.

use std::path::PathBuf;

/// Why a data folder could not be opened. Nothing was changed on disk.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process (or another store in this process) holds the folder.
    #[error("data folder '{}' is in use by {holder}; stop it or choose another folder", folder.display())]
    Held {
        /// The folder that was asked for.
        folder: PathBuf,
        /// `process 1234`, or `another process` when its id could not be read.
        holder: String,
    },
    /// The data file exists but cannot be trusted. An empty store is never put in its place.
    #[error(
        "data file '{}' is damaged ({reason}); restore it from a copy, or move it away to start with an empty store",
        file.display()
    )]
    Damaged {
        /// The data file.
        file: PathBuf,
        /// What the database said.
        reason: String,
    },
    /// The data was written by a newer release.
    #[error("data folder '{}' has format {found}, this release reads up to {supported}; use a newer release", folder.display())]
    Newer {
        /// The folder that was asked for.
        folder: PathBuf,
        /// The format number found.
        found: u32,
        /// The newest format this release reads.
        supported: u32,
    },
    /// The folder or a file in it could not be created, read or written.
    #[error("data folder '{}': {action}: {source}", folder.display())]
    Io {
        /// The folder that was asked for.
        folder: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// Why a read or write did not happen. A failed write left nothing behind.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The disk is (nearly) full. Reads still work; free space and repeat the request.
    #[error(
        "the disk with the data folder is full; the store is readable, writes are refused until there is space"
    )]
    Full,
    /// The store was closed.
    #[error("the store is shutting down")]
    Closed,
    /// The data file failed a consistency check while in use.
    #[error("the data file is damaged: {0}")]
    Damaged(String),
    /// The disk failed another operation a moment ago.
    #[error("the data file is being opened again after a disk error; repeat the request")]
    Reopening,
    /// The disk failed the operation.
    #[error("the data file could not be read or written: {0}")]
    Io(String),
    /// A request's own code panicked; its changes were undone.
    #[error("a request failed inside the store (a bug): {0}")]
    Panicked(String),
}

impl From<redb::StorageError> for StoreError {
    fn from(error: redb::StorageError) -> Self {
        match error {
            redb::StorageError::Corrupted(reason) => Self::Damaged(reason),
            redb::StorageError::Io(source) if is_full(&source) => Self::Full,
            redb::StorageError::DatabaseClosed => Self::Closed,
            redb::StorageError::PreviousIo => Self::Reopening,
            other => Self::Io(other.to_string()),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        if is_full(&error) { Self::Full } else { Self::Io(error.to_string()) }
    }
}

/// Every other redb error wraps a storage error or states a misuse; both end here.
macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                match error {
                    redb::$error::Storage(storage) => storage.into(),
                    other => Self::Io(other.to_string()),
                }
            }
        }
    )*};
}
from_redb!(TransactionError, TableError, CommitError, DatabaseError);

/// Whether the system said that no space (or quota) is left.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge
    )
}
