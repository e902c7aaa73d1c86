//! How long instances took to start, counted without locks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bounds double from one microsecond to half a second; the last bucket has no bound.
const BUCKETS: usize = 21;

/// Start times of one guest's instances.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    buckets: [AtomicU64; BUCKETS],
}

impl Starts {
    pub(crate) fn note(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = usize::try_from(u64::BITS - micros.leading_zeros()).unwrap_or(BUCKETS);
        self.buckets[bucket.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// The time within which `share` of the starts were done, rounded up to a power of two in microseconds.
    pub(crate) fn within(&self, share: f64) -> Option<Duration> {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        let wanted = (all as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in counts.iter().enumerate() {
            seen += count;
            if all > 0 && seen >= wanted {
                return Some(Duration::from_micros(1 << bucket));
            }
        }
        None
    }
}
