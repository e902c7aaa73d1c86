//! What all ways of calling a guest share: who hears its words, its time, its turn.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, SemaphorePermit};
use wasmtime::{Store, UpdateDeadline};

use crate::error::TimeIsUp;
use crate::limits::Meter;
use crate::ticker::Running;
use crate::{CallError, Engine, Guest};

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How much a log record matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Everything, per step.
    Trace,
    /// Details for whoever debugs the function.
    Debug,
    /// What happened.
    Information,
    /// Unexpected, nothing lost.
    Warning,
    /// Something failed.
    Error,
    /// The function cannot go on.
    Critical,
}

/// Hears what a guest says besides its answer, while it runs.
pub trait Sink: Send + Sync + 'static {
    /// A line of text without its line end.
    fn line(&self, source: Source, line: &str);
    /// A log record; an empty category is the function's own.
    fn record(&self, level: Level, category: &str, message: &str);
    /// An outgoing request to `authority` was refused for want of a grant.
    fn denied(&self, authority: &str);
}

/// The right to run. Given back when dropped.
pub(crate) struct Turn<'a> {
    _guest: SemaphorePermit<'a>,
    _running: Running,
}

/// The part of a store's data that limits work on.
pub(crate) trait Limited: Send + 'static {
    fn meter(&mut self) -> &mut Meter;
    fn deadline(&self) -> Option<Instant>;
}

impl Guest {
    /// Waits until fewer calls of this guest run than its bound.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>, CallError> {
        let own = match self.turns.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let _waiting = self.wait()?;
                self.turns.acquire().await.expect("the semaphore is never closed")
            }
        };
        Ok(Turn { _guest: own, _running: self.engine.ticker.running() })
    }

    /// Waits for a place in the pool. An instance that nobody uses makes room, whosever it is.
    pub(crate) async fn slot(&self) -> Result<OwnedSemaphorePermit, CallError> {
        let engine = &self.engine;
        if let Ok(permit) = engine.slots.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = self.wait()?;
        // From here on no instance is kept, so that none can be missed below.
        let _wanting = Wanting::new(engine);
        engine.ticker.reclaim();
        Ok(engine.slots.clone().acquire_owned().await.expect("the semaphore is never closed"))
    }

    /// Gives a call of `store` what it may use up.
    pub(crate) fn refuel<T>(&self, store: &mut Store<T>) {
        store.set_epoch_deadline(1);
        if self.engine.counts_fuel {
            let fuel = self.limits.fuel.unwrap_or(u64::MAX);
            store.set_fuel(fuel).expect("the engine counts fuel");
        }
    }

    fn wait(&self) -> Result<Waiting<'_>, CallError> {
        let waiting = self.waiting.fetch_add(1, Ordering::AcqRel);
        let guard = Waiting(self);
        if waiting >= self.limits.waiting { Err(CallError::Busy) } else { Ok(guard) }
    }

    /// Runs `call` within the guest's time limit and keeps count of how it ended.
    pub(crate) async fn timed<T>(
        &self,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let ended = match self.limits.time {
            None => call.await,
            // The guest is interrupted from within while it computes, and from here while it waits.
            Some(limit) => match tokio::time::timeout(limit, call).await {
                Ok(ended) => ended,
                Err(_) => Err(CallError::TimedOut { limit, backtrace: String::new() }),
            },
        };
        match &ended {
            Err(CallError::Trap { .. } | CallError::TimedOut { .. } | CallError::OutputTooLong { .. }) => {
                self.traps.fetch_add(1, Ordering::Relaxed);
            }
            Err(CallError::Busy) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
        ended
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.limits.time.map(|limit| Instant::now() + limit)
    }

    /// The error that the engine reports for this guest; what it said last explains an abort.
    pub(crate) fn failure(&self, error: &wasmtime::Error, last_words: &str) -> CallError {
        let mut failure = CallError::from_engine(error, self.limits.time, self.limits.output);
        if let CallError::Trap { message, .. } = &mut failure
            && !last_words.is_empty()
        {
            message.push('\n');
            message.push_str(last_words);
        }
        failure
    }

    pub(crate) fn saw(&self, peak: usize) {
        self.peak.fetch_max(peak, Ordering::Relaxed);
    }
}

/// A store in which the guest is held to its limits from the first instruction on.
pub(crate) fn store<T: Limited>(guest: &Guest, data: T) -> Store<T> {
    let mut store = Store::new(&guest.engine.inner, data);
    store.limiter(|data| data.meter());
    guest.refuel(&mut store);
    store.epoch_deadline_callback(|store| match store.data().deadline() {
        Some(deadline) if Instant::now() >= deadline => Err(TimeIsUp.into()),
        // Give way to whatever else the thread has to do.
        _ => Ok(UpdateDeadline::Yield(1)),
    });
    store
}

/// One call that waits for a place in the pool.
struct Wanting<'a>(&'a Engine);

impl<'a> Wanting<'a> {
    fn new(engine: &'a Engine) -> Self {
        engine.wanting.fetch_add(1, Ordering::AcqRel);
        Self(engine)
    }
}

impl Drop for Wanting<'_> {
    fn drop(&mut self) {
        self.0.wanting.fetch_sub(1, Ordering::AcqRel);
    }
}

struct Waiting<'a>(&'a Guest);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A sink as it is handed on.
pub(crate) type SharedSink = Arc<dyn Sink>;
