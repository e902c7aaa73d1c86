//! State of a host without storage: it lives as long as the process and is shared with nobody.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

#[derive(Debug, Default)]
pub(super) struct Memory {
    contents: Mutex<HashMap<String, Bytes>>,
    leases: Mutex<HashMap<String, (Uuid, Instant)>>,
}

impl Memory {
    pub(super) fn read(&self, path: &str) -> Option<Bytes> {
        self.contents.lock().get(path).cloned()
    }

    pub(super) fn write(&self, path: &str, content: Bytes) {
        self.contents.lock().insert(path.to_owned(), content);
    }

    /// A lease id, unless another lease is still running.
    pub(super) fn acquire(&self, path: &str, period: Duration) -> Option<Uuid> {
        let now = Instant::now();
        let mut leases = self.leases.lock();
        if leases.get(path).is_some_and(|(_, expiry)| *expiry > now) {
            return None;
        }
        let id = Uuid::new_v4();
        leases.insert(path.to_owned(), (id, now + period));
        Some(id)
    }

    /// Whether the lease was still ours; it then runs for another `period`. As with blobs, an expired lease can
    /// be renewed as long as nobody else took it.
    pub(super) fn renew(&self, path: &str, id: Uuid, period: Duration) -> bool {
        match self.leases.lock().get_mut(path) {
            Some((holder, expiry)) if *holder == id => {
                *expiry = Instant::now() + period;
                true
            }
            _ => false,
        }
    }

    pub(super) fn release(&self, path: &str, id: Uuid) {
        let mut leases = self.leases.lock();
        if leases.get(path).is_some_and(|(holder, _)| *holder == id) {
            leases.remove(path);
        }
    }
}
