//! When one more worker process would help (spec host.md §6.11): pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Samples that count.
const SAMPLES: usize = 6;
/// A worker that takes this long to answer a status request has a blocked loop.
const SLOW: Duration = Duration::from_millis(100);
/// Share of slow samples above which a worker is overloaded.
const SLOW_SHARE: f64 = 0.3;
/// Shortest time between two additions.
const APART: Duration = Duration::from_secs(20);
/// Processes at most.
const MOST: usize = 10;

/// How fast one worker answers.
#[derive(Debug, Default)]
pub(super) struct Latency {
    samples: VecDeque<Duration>,
}

impl Latency {
    pub(super) fn note(&mut self, sample: Duration) {
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// Whether enough of its last answers were slow. Says no until there are enough samples.
    pub(super) fn is_overloaded(&self) -> bool {
        let slow = self.samples.iter().filter(|sample| **sample >= SLOW).count();
        self.samples.len() == SAMPLES && slow as f64 >= SLOW_SHARE * SAMPLES as f64
    }
}

/// Decides when to add a process.
#[derive(Debug, Default)]
pub(super) struct Growth {
    last: Option<Instant>,
}

impl Growth {
    /// Whether to add one now. `wanted` counts process slots, `ready` the workers that take invocations.
    pub(super) fn on(&mut self, wanted: usize, ready: usize, is_any_overloaded: bool, now: Instant) -> bool {
        let is_rested = self.last.is_none_or(|last| now.duration_since(last) >= APART);
        let grows = is_any_overloaded && is_rested && ready == wanted && wanted < MOST;
        if grows {
            self.last = Some(now);
        }
        grows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(millis: &[u64]) -> Latency {
        let mut latency = Latency::default();
        millis.iter().for_each(|sample| latency.note(Duration::from_millis(*sample)));
        latency
    }

    #[test]
    fn two_slow_answers_of_the_last_six_are_overload() {
        let table: [(&[u64], bool); 5] = [
            (&[500, 500, 500], false),
            (&[1, 1, 1, 1, 100, 100], true),
            (&[1, 1, 1, 1, 1, 100], false),
            (&[100, 100, 1, 1, 1, 1, 1], false),
            (&[99; 6], false),
        ];
        for (samples, expected) in table {
            assert_eq!(latency(samples).is_overloaded(), expected, "{samples:?}");
        }
    }

    #[test]
    fn processes_are_added_one_by_one_once_all_are_ready() {
        let mut growth = Growth::default();
        let start = Instant::now();
        assert!(!growth.on(1, 1, false, start));
        assert!(growth.on(1, 1, true, start));
        // The new one is still starting, then it is too early, then it is time.
        assert!(!growth.on(2, 1, true, start + APART));
        assert!(!growth.on(2, 2, true, start + APART / 2));
        assert!(growth.on(2, 2, true, start + APART));
        assert!(!growth.on(MOST, MOST, true, start + APART * 9));
    }
}
