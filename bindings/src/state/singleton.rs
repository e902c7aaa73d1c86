//! Work that only one of an app's instances does at a time.

use std::time::Duration;

use horus_app::log::Log;
use tokio::time::{Instant, sleep, timeout};

use super::{HostState, Lease};
use crate::Drain;

/// Length of the lease, and how often an instance that does not hold it tries again (spec bindings.md §1.13, which
/// names the longest pause; a shorter one takes over sooner from an instance that died).
const PERIOD: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_secs(15);
/// The same while somebody develops: they end processes in all manners and do not wait a minute for the next.
const PERIOD_IN_DEVELOPMENT: Duration = Duration::from_secs(15);
const RETRY_IN_DEVELOPMENT: Duration = Duration::from_secs(2);
/// Pause between attempts while the lease cannot be renewed.
const RENEWAL_RETRY: Duration = Duration::from_secs(2);

/// A lock and the work of its holder.
#[derive(Debug)]
pub(crate) struct Singleton {
    pub(crate) state: HostState,
    pub(crate) path: String,
    /// Who wants it.
    pub(crate) owner: String,
    /// What the work is, for logs.
    pub(crate) what: String,
    pub(crate) category: &'static str,
    pub(crate) development: bool,
    pub(crate) log: Log,
}

impl Singleton {
    /// Does `work` whenever the lock is held, until `drain` starts. The work has to end by itself then; it is dropped
    /// when the lock is lost.
    pub(crate) async fn hold<F: Future<Output = ()>>(&self, drain: &Drain, mut work: impl FnMut() -> F) {
        let (period, retry) = match self.development {
            true => (PERIOD_IN_DEVELOPMENT, RETRY_IN_DEVELOPMENT),
            false => (PERIOD, RETRY),
        };
        let (mut failing, mut waiting) = (false, false);
        while !drain.is_draining() {
            let asked = Instant::now();
            match self.state.acquire(&self.path, period, &self.owner).await {
                Ok(Some(lease)) => {
                    (failing, waiting) = (false, false);
                    let lost = tokio::select! {
                        () = work() => false,
                        () = self.keep(&lease, asked) => true,
                    };
                    match lost {
                        true => self.log.warning(
                            self.category,
                            format!("{} goes on elsewhere: the lock '{}' is lost.", self.what, self.path),
                        ),
                        false => lease.release().await,
                    }
                }
                Ok(None) => {
                    if !std::mem::replace(&mut waiting, true) {
                        self.log.debug(self.category, || {
                            format!("{} stands by: another instance holds '{}'.", self.what, self.path)
                        });
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        let note = format!("{} waits, its lock cannot be taken: {error}.", self.what);
                        self.log.error(self.category, note);
                    }
                }
            }
            tokio::select! {
                () = sleep(retry) => {}
                () = drain.draining() => {}
            }
        }
    }

    /// Renews the lease at half its period; resolves when it is lost.
    async fn keep(&self, lease: &Lease, asked: Instant) {
        let mut lapses = asked + lease.period();
        let mut pause = lease.period() / 2;
        loop {
            sleep(pause).await;
            let asked = Instant::now();
            match timeout(lapses.saturating_duration_since(asked), lease.renew()).await {
                Ok(Ok(())) => {
                    lapses = asked + lease.period();
                    pause = lease.period() / 2;
                }
                Ok(Err(_)) if Instant::now() + RENEWAL_RETRY < lapses => pause = RENEWAL_RETRY,
                _ => return,
            }
        }
    }
}
