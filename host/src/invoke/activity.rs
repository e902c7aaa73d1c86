//! How much is going on: what drain waits for and what `drain/status` reports.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// Counts of open work in one job.
#[derive(Debug, Default)]
pub struct Activity {
    invocations: AtomicUsize,
    retries: AtomicUsize,
    idle: Notify,
}

/// One unit of open work; counted until dropped.
#[derive(Debug)]
pub(super) struct Open<'a> {
    count: &'a AtomicUsize,
    idle: &'a Notify,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if self.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.idle.notify_waiters();
        }
    }
}

impl Activity {
    pub(super) fn invocation(&self) -> Open<'_> {
        self.invocations.fetch_add(1, Ordering::AcqRel);
        Open { count: &self.invocations, idle: &self.idle }
    }

    pub(super) fn retry(&self) -> Open<'_> {
        self.retries.fetch_add(1, Ordering::AcqRel);
        Open { count: &self.retries, idle: &self.idle }
    }

    /// Invocations that run right now.
    pub fn invocations(&self) -> usize {
        self.invocations.load(Ordering::Acquire)
    }

    /// Events that wait for their next attempt.
    pub fn retries(&self) -> usize {
        self.retries.load(Ordering::Acquire)
    }

    /// Resolves to `true` when nothing is open, or to `false` after `limit`.
    pub async fn idle(&self, limit: Duration) -> bool {
        let wait = async {
            loop {
                let notified = self.idle.notified();
                if self.invocations() == 0 && self.retries() == 0 {
                    return;
                }
                notified.await;
            }
        };
        tokio::time::timeout(limit, wait).await.is_ok()
    }
}
