//! Waiting for conditions, never for durations.

use std::time::{Duration, Instant};

/// How long a condition may take on a busy machine before its test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `condition` gives a value and returns it.
///
/// # Panics
/// When that takes longer than [`PATIENCE`]; the message names `what`.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut condition: impl FnMut() -> F) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "gave up waiting after {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
