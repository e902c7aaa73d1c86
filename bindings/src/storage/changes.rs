//! Word of blobs that were written, from services that give it.

use std::sync::Arc;

use futures::stream::BoxStream;

/// A blob was written, or its metadata were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobChange {
    /// Account.
    pub account: Arc<str>,
    /// Container.
    pub container: Arc<str>,
    /// Blob.
    pub name: Arc<str>,
}

/// What is told about blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobNews {
    /// One was written.
    Written(BlobChange),
    /// More were written than could be told.
    Missed,
}

/// All news from now on.
pub type BlobChanges = BoxStream<'static, BlobNews>;
