//! Waiting for conditions, never for durations.

use std::time::{Duration, Instant};

/// How long a condition may take on a busy machine before its test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

const POLL: Duration = Duration::from_millis(10);

/// Waits until `condition` gives a value; `what` says on failure what was waited for.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: impl Fn() -> String,
    mut condition: impl FnMut() -> F,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "gave up after {PATIENCE:?}: {}", what());
        tokio::time::sleep(POLL).await;
    }
}
