//! What becomes of a message: pure decisions (spec bindings.md §4, the stages).

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::Verdict;
use crate::storage::StorageError;

/// How long a message is hidden from others while it is processed.
pub(super) const INVISIBLE: Duration = Duration::from_secs(10 * 60);
/// How often that is renewed.
pub(super) const RENEWAL: Duration = Duration::from_secs(5 * 60);
/// Shortest pause before a failed renewal is tried again.
const RENEWAL_RETRY: Duration = Duration::from_secs(60);

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settlement {
    /// It is done.
    Delete,
    /// Others may see it after this long.
    Release(Duration),
    /// It failed for good: copy it to the poison queue, then delete it.
    Poison,
    /// Nothing: it reappears by itself, which keeps a queue without poison handling from spinning.
    Leave,
}

/// The rules of one queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) max_dequeue_count: i64,
    pub(super) visibility_timeout: Duration,
    pub(super) has_poison_queue: bool,
}

impl Rules {
    /// What to do with a message that was received for the `count`th time instead of running the function; `None`
    /// when it shall run.
    pub(super) fn before(self, count: i64) -> Option<Settlement> {
        (count > self.max_dequeue_count).then(|| self.given_up())
    }

    /// What to do with a message after the function ran for the `count`th time.
    pub(super) fn after(self, verdict: &Verdict, count: i64) -> Settlement {
        match verdict {
            Verdict::Succeeded(_) => Settlement::Delete,
            Verdict::Lost(_) => Settlement::Release(Duration::ZERO),
            Verdict::Failed(_) if count >= self.max_dequeue_count || !self.has_poison_queue => {
                self.given_up()
            }
            Verdict::Failed(_) => Settlement::Release(self.visibility_timeout),
        }
    }

    /// What to do with a message that can never be processed.
    pub(super) fn given_up(self) -> Settlement {
        match self.has_poison_queue {
            true => Settlement::Poison,
            false => Settlement::Leave,
        }
    }
}

/// When to try a failed renewal again, with `left` until others see the message.
pub(super) fn renewal_retry(left: Duration) -> Duration {
    (left / 2).max(RENEWAL_RETRY)
}

/// Whether the message is no longer ours: somebody else received it, or it is gone with or without its queue.
pub(super) fn is_gone(error: &StorageError) -> bool {
    error.is_not_found()
        || matches!(error.code(), Some("PopReceiptMismatch" | "QueueBeingDeleted" | "QueueDisabled"))
}

/// Most messages whose losses are remembered.
const REMEMBERED: usize = 1024;

/// Attempts that ended because a worker vanished, not because the function failed. The service counts them all;
/// remembering them here keeps an innocent message from becoming poison. Only as many as the function may fail
/// are forgiven, so that a message which kills every worker still ends.
#[derive(Debug, Default)]
pub(crate) struct Losses(Mutex<HashMap<String, i64>>);

impl Losses {
    /// The attempts that count, of `count` made for message `id`.
    pub(super) fn discount(&self, id: &str, count: i64, most: i64) -> i64 {
        let lost = self.0.lock().get(id).copied().unwrap_or_default();
        (count - lost.min(most)).max(1)
    }

    /// An attempt at message `id` was lost.
    pub(super) fn add(&self, id: &str) {
        let mut losses = self.0.lock();
        if losses.len() >= REMEMBERED {
            losses.clear();
        }
        *losses.entry(id.to_owned()).or_default() += 1;
    }

    /// Message `id` is done.
    pub(super) fn forget(&self, id: &str) {
        self.0.lock().remove(id);
    }
}
