//! When to poll: pure decisions, fed by the listener.

use std::time::Duration;

use super::options::MIN_POLLING_INTERVAL;

/// The growing pause between polls of an empty queue (spec bindings.md §4).
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    longest: Duration,
    exponent: u32,
}

impl Backoff {
    pub(super) fn new(longest: Duration) -> Self {
        Self { longest, exponent: 1 }
    }

    /// A message came, or is known to be there: the next pause is a short one again.
    pub(super) fn reset(&mut self) {
        self.exponent = 1;
    }

    /// Nothing came: the pause before the next poll. `jitter` is uniform in 0.8 to 1.2, so that instances which
    /// started together do not poll together.
    pub(super) fn next(&mut self, jitter: f64) -> Duration {
        let shortest = MIN_POLLING_INTERVAL.min(self.longest);
        // Past this exponent every pause is longer than any interval that can be configured.
        let factor = 2_f64.powi(self.exponent.min(40).cast_signed() - 1) * jitter;
        self.exponent = self.exponent.saturating_add(1);
        let grown = shortest.as_secs_f64() * (1.0 + factor);
        match grown < self.longest.as_secs_f64() {
            true => Duration::from_secs_f64(grown),
            false => self.longest,
        }
    }
}

/// Whether the next batch may be received while `running` messages are being processed. Since a batch is never
/// larger than the batch size, at most batch size + threshold run at once.
pub(super) fn may_receive(running: usize, threshold: usize) -> bool {
    running <= threshold
}

/// Says when a service's absence is news: once when it goes away and once when it is back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outage {
    away: bool,
}

impl Outage {
    /// A call failed. Whether that is news.
    pub(crate) fn failed(&mut self) -> bool {
        !std::mem::replace(&mut self.away, true)
    }

    /// A call was answered. Whether that is news.
    pub(crate) fn answered(&mut self) -> bool {
        std::mem::take(&mut self.away)
    }
}
