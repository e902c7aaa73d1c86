//! The lock that lets one instance fire: taken, kept, and given up.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::extension::CATEGORY;
use super::listener::Timer;
use crate::{Drain, state::Lease};

/// How long to wait before the lock is tried again when somebody else holds it (spec bindings.md §1.13).
const RECOVERY: Duration = Duration::from_secs(60);
/// Pause between attempts while renewing or storage itself fails.
const RETRY: Duration = Duration::from_secs(2);

/// A lock that is held, as far as this instance knows.
pub(super) struct Held {
    lease: Lease,
    until: Mutex<DateTime<Utc>>,
    /// Fires when it is lost.
    pub(super) lost: CancellationToken,
}

impl Held {
    fn extend(&self, from: DateTime<Utc>) {
        *self.until.lock() = from + TimeDelta::from_std(self.lease.period()).unwrap_or(TimeDelta::MAX);
    }
}

impl Timer {
    /// Takes the lock, however long that takes; `None` when the host drains first.
    pub(super) async fn acquire(&self, drain: &Drain) -> Option<Held> {
        let (mut failing, mut waiting) = (false, false);
        while !drain.is_draining() {
            let asked = self.clock.now();
            let pause = match self.state.acquire(&self.lock_path, self.lock_period, &self.owner).await {
                Ok(Some(lease)) => {
                    let held = Held { lease, until: Mutex::new(asked), lost: CancellationToken::new() };
                    held.extend(asked);
                    return Some(held);
                }
                Ok(None) => {
                    if !std::mem::replace(&mut waiting, true) {
                        let (function, path) = (&self.function, &self.lock_path);
                        self.log.debug(CATEGORY, || {
                            format!("Timer '{function}' stands by: another instance holds '{path}'.")
                        });
                    }
                    RECOVERY
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        let function = &self.function;
                        let message = format!("Timer '{function}' cannot take its lock and waits: {error}");
                        self.log.error(CATEGORY, message);
                    }
                    RETRY
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = drain.draining() => {}
            }
        }
        None
    }

    /// Renews the lock at half its period until `done`; when its period ends without success, it is lost.
    pub(super) async fn keep(&self, held: &Held, done: &CancellationToken) {
        let mut pause = held.lease.period() / 2;
        let mut failing = false;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = done.cancelled() => return,
            }
            let asked = self.clock.now();
            match held.lease.renew().await {
                Ok(()) => {
                    held.extend(asked);
                    failing = false;
                    pause = held.lease.period() / 2;
                }
                Err(_) if self.clock.now() < *held.until.lock() => {
                    failing = true;
                    pause = RETRY;
                }
                Err(error) => {
                    let how = if failing { "could not renew its lock in time" } else { "lost its lock" };
                    self.log
                        .warning(CATEGORY, format!("Timer '{}' {how} and stands by: {error}", self.function));
                    held.lost.cancel();
                    return;
                }
            }
        }
    }

    /// Whether the lock is still ours at this moment: after a pause of the whole machine it may have lapsed without
    /// anybody noticing, so a stale one is renewed before anything fires.
    pub(super) async fn is_ours(&self, held: &Held) -> bool {
        let now = self.clock.now();
        if held.lost.is_cancelled() {
            return false;
        }
        if now < *held.until.lock() {
            return true;
        }
        let renewed = held.lease.renew().await.is_ok();
        if renewed {
            held.extend(now)
        } else {
            held.lost.cancel()
        }
        renewed
    }

    /// Gives the lock back, so that another instance can go on at once.
    pub(super) async fn give_back(&self, held: Held) {
        if !held.lost.is_cancelled() {
            held.lease.release().await;
        }
    }
}
