//! How often a crashed process may come back (spec host.md §6.7 and §7.5): pure.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::Signal;

/// Errors are forgotten when the next one comes later than this.
const MEMORY: Duration = Duration::from_secs(30 * 60);

/// Errors allowed per worker process.
const ERRORS_PER_PROCESS: u32 = 3;

/// Signals that a program does not end itself with: the kernel sends the first when memory runs out, people and
/// supervisors send all of them. Faults of the program have signals of their own.
const FROM_OUTSIDE: [Signal; 4] = [Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP];

/// What to do about a process that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Leave it.
    Rest,
    /// Start another after this pause.
    Restart(Duration),
    /// The budget is used up.
    Exhausted,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Exit code 0 without being asked.
    Clean,
    /// Exit code 200, or killed by the host because of a timeout: meant to be replaced.
    Intended,
    /// Killed by somebody else while it was up: no sign that the next one would fail (docs/decisions/0005).
    Killed,
    /// Anything else.
    Error,
}

impl Ending {
    /// What the exit of a process says that was up: started, initialised, loaded. One that is killed before that has
    /// failed to start.
    pub(crate) fn of(status: ExitStatus) -> Self {
        let is_killed = |number| FROM_OUTSIDE.iter().any(|signal| signal.as_raw() == number);
        match status.code() {
            Some(0) => Self::Clean,
            Some(200) => Self::Intended,
            None if status.signal().is_some_and(is_killed) => Self::Killed,
            _ => Self::Error,
        }
    }
}

/// The error budget shared by all processes of a pool.
#[derive(Debug)]
pub(crate) struct Budget {
    allowed: u32,
    interval: Duration,
    errors: u32,
    last: Option<Instant>,
}

impl Budget {
    pub(crate) fn new(processes: usize, interval: Duration) -> Self {
        let processes = u32::try_from(processes).unwrap_or(u32::MAX);
        Self { allowed: ERRORS_PER_PROCESS.saturating_mul(processes), interval, errors: 0, last: None }
    }

    /// The first error in a while restarts at once, since most crashes are single events and requests wait for
    /// the new process; later ones keep the platform's interval.
    pub(crate) fn on(&mut self, ending: Ending, now: Instant) -> Verdict {
        match ending {
            Ending::Clean => Verdict::Rest,
            Ending::Intended | Ending::Killed => Verdict::Restart(Duration::ZERO),
            Ending::Error => {
                if self.last.is_some_and(|last| now.duration_since(last) > MEMORY) {
                    self.errors = 0;
                }
                self.last = Some(now);
                self.errors += 1;
                match self.errors {
                    errors if errors >= self.allowed => Verdict::Exhausted,
                    1 => Verdict::Restart(Duration::ZERO),
                    _ => Verdict::Restart(self.interval),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);

    /// host.md W08 and W09: three errors per process end it; the first one comes back at once.
    #[test]
    fn w09_errors_are_counted_until_the_budget_is_used_up() {
        let mut budget = Budget::new(1, INTERVAL);
        let now = Instant::now();
        assert_eq!(budget.on(Ending::Error, now), Verdict::Restart(Duration::ZERO));
        assert_eq!(budget.on(Ending::Error, now), Verdict::Restart(INTERVAL));
        assert_eq!(budget.on(Ending::Error, now), Verdict::Exhausted);
        let mut wide = Budget::new(3, INTERVAL);
        let verdicts: Vec<_> = (0..9).map(|_| wide.on(Ending::Error, now)).collect();
        assert_eq!(verdicts.iter().filter(|v| **v == Verdict::Exhausted).count(), 1);
    }

    /// docs/decisions/0005: what somebody else did is not the worker's error, however often; faults are.
    #[test]
    fn kills_from_outside_cost_nothing() {
        let by = |signal: Signal| Ending::of(ExitStatus::from_raw(signal.as_raw()));
        for signal in [Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP] {
            assert_eq!(by(signal), Ending::Killed);
        }
        for signal in [Signal::SEGV, Signal::ABORT, Signal::BUS, Signal::ILL, Signal::FPE] {
            assert_eq!(by(signal), Ending::Error);
        }
        let exit = |code: i32| Ending::of(ExitStatus::from_raw(code << 8));
        assert_eq!([exit(0), exit(200), exit(1)], [Ending::Clean, Ending::Intended, Ending::Error]);
        let mut budget = Budget::new(1, INTERVAL);
        let now = Instant::now();
        for _ in 0..20 {
            assert_eq!(budget.on(Ending::Killed, now), Verdict::Restart(Duration::ZERO));
        }
        assert_eq!(budget.on(Ending::Error, now), Verdict::Restart(Duration::ZERO));
    }

    #[test]
    fn old_errors_are_forgotten() {
        let mut budget = Budget::new(1, INTERVAL);
        let now = Instant::now();
        budget.on(Ending::Error, now);
        budget.on(Ending::Error, now);
        let later = now + MEMORY + Duration::from_secs(1);
        assert_eq!(budget.on(Ending::Error, later), Verdict::Restart(Duration::ZERO));
    }

    /// host.md W10: 200 is meant and not counted, 0 is left alone.
    #[test]
    fn w10_intended_and_clean_exits_cost_nothing() {
        let mut budget = Budget::new(1, INTERVAL);
        let now = Instant::now();
        for _ in 0..20 {
            assert_eq!(budget.on(Ending::Intended, now), Verdict::Restart(Duration::ZERO));
            assert_eq!(budget.on(Ending::Clean, now), Verdict::Rest);
        }
        assert_eq!(budget.on(Ending::Error, now), Verdict::Restart(Duration::ZERO));
    }
}
