//! The signal that ends everything in order.

use tokio_util::sync::CancellationToken;

/// Passed down from the host's life-cycle to every listener. Two steps: *draining* means take no new events and
/// let open invocations settle; *cancelled* means that open invocations are asked to stop as well.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    draining: CancellationToken,
    cancelled: CancellationToken,
}

impl Drain {
    /// A signal nobody has given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Take no new events.
    pub fn start(&self) {
        self.draining.cancel();
    }

    /// Ask open invocations to stop; implies [`Drain::start`].
    pub fn cancel(&self) {
        self.draining.cancel();
        self.cancelled.cancel();
    }

    /// Whether no new events may be taken.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Resolves when no new events may be taken.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// The token that open invocations watch.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.cancelled
    }
}
