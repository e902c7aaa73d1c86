//! Which instance of an app does what only one of them may do (spec host.md §10.2).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use horus_app::log::{ANNOUNCE, Log};
use tokio::time::{Instant, sleep, timeout};

use super::{HostState, Lease};
use crate::Drain;

/// Length of the lease, when it is renewed, and how often an instance that does not hold it tries again.
const PERIOD: Duration = Duration::from_secs(15);
const RENEWAL: Duration = Duration::from_secs(12);
const RETRY: Duration = Duration::from_secs(5);

/// The lock `locks/{hostId}/host`: the instance that holds it is the primary one. Without shared storage no
/// instance is.
#[derive(Debug)]
pub struct PrimaryLock {
    state: HostState,
    path: String,
    instance: String,
    log: Log,
    held: AtomicBool,
}

impl PrimaryLock {
    /// The lock of the app `host_id`, wanted by `instance`.
    pub fn new(state: HostState, host_id: &str, instance: impl Into<String>, log: Log) -> Self {
        let path = format!("locks/{host_id}/host");
        Self { state, path, instance: instance.into(), log, held: AtomicBool::new(false) }
    }

    /// Whether this instance is the primary one right now.
    pub fn is_primary(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    /// Takes the lock as soon as it is free, keeps it, and gives it back when `drain` starts.
    pub async fn run(&self, drain: &Drain) {
        if !self.state.is_shared() {
            return drain.draining().await;
        }
        while !drain.is_draining() {
            match self.state.acquire(&self.path, PERIOD, &self.instance).await {
                Ok(Some(lease)) => {
                    // Editors wait for this line (spec cli.md item 56).
                    self.log.info(
                        ANNOUNCE,
                        format!("Host lock lease acquired by instance ID '{}'.", self.instance),
                    );
                    self.held.store(true, Ordering::Release);
                    self.keep(lease, drain).await;
                    self.held.store(false, Ordering::Release);
                }
                Ok(None) => {}
                Err(error) => {
                    self.log.debug("Host.Startup", || format!("The host lock cannot be taken: {error}"));
                }
            }
            pause(RETRY, drain).await;
        }
    }

    /// Renews until `drain` starts or the lease is lost.
    async fn keep(&self, lease: Lease, drain: &Drain) {
        let mut lapses = Instant::now() + PERIOD;
        let mut wait = RENEWAL;
        loop {
            pause(wait, drain).await;
            if drain.is_draining() {
                return lease.release().await;
            }
            let started = Instant::now();
            let left = lapses.saturating_duration_since(started);
            match timeout(left, lease.renew()).await {
                Ok(Ok(())) => {
                    lapses = started + PERIOD;
                    wait = RENEWAL;
                }
                Ok(Err(_)) if Instant::now() + Duration::from_secs(1) < lapses => {
                    wait = Duration::from_secs(1)
                }
                _ => {
                    let message = format!("Host lock lease lost by instance ID '{}'.", self.instance);
                    return self.log.info("Host.Startup", message);
                }
            }
        }
    }
}

async fn pause(period: Duration, drain: &Drain) {
    tokio::select! {
        () = sleep(period) => {}
        () = drain.draining() => {}
    }
}
