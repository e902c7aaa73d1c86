//! Wakes queue listeners of this host when an output of this host writes to their queue.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Listeners by queue. Cheap to clone; one per host.
///
/// A message that this host itself wrote is picked up at once instead of at the next poll
/// (spec bindings.md §4). The key is whatever names the queue uniquely: its full address.
#[derive(Clone, Debug, Default)]
pub struct Wakers(Arc<Mutex<HashMap<String, Vec<Weak<Notify>>>>>);

impl Wakers {
    /// Wakes every listener that subscribed to `account_queue_key`. A listener that is busy right now finds the
    /// wake-up when it next waits.
    pub fn notify(&self, account_queue_key: &str) {
        if let Some(listeners) = self.0.lock().get(account_queue_key) {
            for listener in listeners.iter().filter_map(Weak::upgrade) {
                listener.notify_one();
            }
        }
    }

    /// A handle that is notified about `account_queue_key` for as long as it is kept.
    pub fn subscribe(&self, account_queue_key: &str) -> Arc<Notify> {
        let handle = Arc::new(Notify::new());
        let mut listeners = self.0.lock();
        let entry = listeners.entry(account_queue_key.to_owned()).or_default();
        entry.retain(|listener| listener.strong_count() > 0);
        entry.push(Arc::downgrade(&handle));
        handle
    }
}
