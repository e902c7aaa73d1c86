//! Wall-clock time that tests can move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Later than any real time: for things that never expire.
    pub const NEVER: Self = Self(i64::MAX);

    /// This much later; stays at [`Timestamp::NEVER`] instead of overflowing.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(delay))
    }

    /// How long since `earlier`; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Sorts as the time does. Only for times after 1970.
    pub fn to_key(self) -> [u8; 8] {
        self.0.max(0).to_be_bytes()
    }

    /// The reverse of [`Timestamp::to_key`].
    pub fn from_key(key: [u8; 8]) -> Self {
        Self(i64::from_be_bytes(key))
    }
}

/// The system's clock, plus what a test has added.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset: Arc<AtomicI64>,
}

impl Clock {
    /// The real time.
    pub fn system() -> Self {
        Self::default()
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let real = i64::try_from(real.as_millis()).unwrap_or(i64::MAX);
        Timestamp(real.saturating_add(self.offset.load(Ordering::Relaxed)))
    }

    /// Moves every holder of this clock forward; for tests of expiry and time-outs.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.offset.fetch_add(by, Ordering::Relaxed);
    }
}
