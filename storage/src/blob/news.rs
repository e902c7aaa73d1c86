//! Word of blobs that were written, for whoever waits for them in this process.

use std::sync::Arc;

use http::Method;
use tokio::sync::broadcast;

use crate::protocol::Call;

/// Most news kept for a receiver that falls behind; then it hears that it missed some.
const KEPT: usize = 1024;

/// A blob got new content or new metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobWritten {
    /// Account.
    pub account: Arc<str>,
    /// Container.
    pub container: Arc<str>,
    /// Blob.
    pub blob: Arc<str>,
}

/// Tells about blobs.
#[derive(Debug)]
pub(crate) struct News(broadcast::Sender<BlobWritten>);

impl Default for News {
    fn default() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }
}

impl News {
    /// All news from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<BlobWritten> {
        self.0.subscribe()
    }

    /// `call` has succeeded: tells about it if it gave a blob a new ETag. Costs next to nothing while nobody listens.
    pub(crate) fn after(&self, call: &Call) {
        let writes = call.method == Method::PUT
            && matches!(call.comp(), "" | "blocklist" | "appendblock" | "metadata" | "properties")
            && call.restype() != "container";
        if !writes || self.0.receiver_count() == 0 {
            return;
        }
        let (container, blob) = call.resource.split_once('/').unwrap_or(("$root", &call.resource));
        if !blob.is_empty() {
            let account = call.account.as_str().into();
            // Nobody may be listening any more.
            let _ = self.0.send(BlobWritten { account, container: container.into(), blob: blob.into() });
        }
    }
}
