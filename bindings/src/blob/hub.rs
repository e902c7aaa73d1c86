//! What all blob triggers of a host share: the internal queue, and the search for new blobs.
//!
//! A blob goes two steps. Whoever finds it (the [`scan`](super::scan) of one instance, or a call of the webhook) puts a
//! message into the queue `azure-webjobs-blobtrigger-{hostId}`; any instance takes it from there and runs the function.
//! From the moment the message is in the queue, its rules apply: attempts are counted, and what fails for good becomes
//! poison.

use std::sync::Arc;

use horus_app::log::Log;
use parking_lot::Mutex;
use tokio::sync::{broadcast, mpsc};

use super::CATEGORY;
use super::message::Message;
use super::path::BlobPath;
use super::scan::{Receipts, Scan};
use super::trigger::{Source, Watch};
use super::work::Work;
use crate::queue::{Losses, Pump, Wakers, send};
use crate::state::Singleton;
use crate::storage::{BlobService, Queue, Storage, StorageError};
use crate::{Backlog, Drain, HostState};

/// Blobs that wait to be looked at again before the next sweep. More than these are found by the sweep.
const RECHECKS: usize = 1024;

/// A blob that changed between being found and being processed.
#[derive(Debug, Clone)]
pub(super) struct Recheck {
    pub(super) watch: Arc<Watch>,
    pub(super) path: BlobPath,
}

/// A blob that an output of this host has written.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// Address of the account.
    pub(super) address: Arc<str>,
    pub(super) path: BlobPath,
}

/// Where outputs tell what they have written, so that functions which wait for it need not wait for a sweep.
#[derive(Debug, Clone)]
pub(super) struct Outbox(broadcast::Sender<Written>);

impl Default for Outbox {
    fn default() -> Self {
        // What is not taken in time is found by the sweep.
        Self(broadcast::Sender::new(256))
    }
}

impl Outbox {
    pub(super) fn tell(&self, service: &BlobService, path: BlobPath) {
        if self.0.receiver_count() > 0 {
            let _ = self.0.send(Written { address: service.address().into(), path });
        }
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Written> {
        self.0.subscribe()
    }
}

/// What the host gives to its blob triggers.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) storage: Storage,
    pub(super) outbox: Outbox,
    pub(super) state: HostState,
    pub(super) host_id: String,
    /// Blobs of the host's own account.
    pub(super) blobs: BlobService,
    /// `webjobs-blobtrigger-poison` of the host's own account.
    pub(super) poison: Queue,
    pub(super) wakers: Wakers,
    pub(super) log: Log,
    pub(super) development: bool,
    /// This instance, in the metadata of locks.
    pub(super) owner: String,
}

/// All blob triggers of one host.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) ground: Ground,
    pub(super) pump: Arc<Pump>,
    /// Known from the moment the app is loaded, so that no message is taken for one of an unknown function.
    watches: Mutex<Vec<Arc<Watch>>>,
    /// Held by the one listener that does the work of all.
    driver: tokio::sync::Mutex<()>,
}

impl Hub {
    pub(super) fn new(ground: Ground, queue: Queue, options: crate::queue::ListenerOptions) -> Self {
        let pump = Pump {
            who: "The blob trigger".into(),
            queue,
            options,
            wakers: ground.wakers.clone(),
            log: ground.log.clone(),
            losses: Losses::default(),
        };
        Self {
            ground,
            pump: Arc::new(pump),
            watches: Mutex::default(),
            driver: tokio::sync::Mutex::default(),
        }
    }

    /// Adds a function.
    pub(super) fn add(&self, watch: Arc<Watch>) {
        self.watches.lock().push(watch);
    }

    /// All functions.
    pub(super) fn watches(&self) -> Vec<Arc<Watch>> {
        self.watches.lock().clone()
    }

    /// The function with this id.
    pub(super) fn watch(&self, id: &str) -> Option<Arc<Watch>> {
        self.watches.lock().iter().find(|watch| watch.id.eq_ignore_ascii_case(id)).cloned()
    }

    /// Works for all functions until `drain` starts; of all listeners only one does, the others stand by.
    pub(super) async fn run(self: &Arc<Self>, drain: &Drain) {
        let _driver = tokio::select! {
            driver = self.driver.lock() => driver,
            () = drain.draining() => return,
        };
        let (rechecks, receiver) = mpsc::channel(RECHECKS);
        let work = Arc::new(Work { hub: self.clone(), rechecks });
        tokio::join!(self.pump.run(work, drain), self.scan(receiver, drain));
        // The way to a function leads back here.
        for watch in self.watches() {
            watch.dispatch.send_replace(None);
        }
    }

    /// Looks for new blobs while this instance is the one that does.
    async fn scan(&self, rechecks: mpsc::Receiver<Recheck>, drain: &Drain) {
        let watches: Vec<_> = self
            .watches()
            .into_iter()
            .filter(|watch| watch.source == Source::Scan && !watch.disabled)
            .collect();
        if watches.is_empty() {
            return;
        }
        let lock = Singleton {
            state: self.ground.state.clone(),
            path: format!("locks/{}/WebJobs.Internal.Blobs.Listener", self.ground.host_id),
            owner: self.ground.owner.clone(),
            what: "The search for new blobs".into(),
            category: CATEGORY,
            development: self.ground.development,
            log: self.ground.log.clone(),
        };
        let rechecks = tokio::sync::Mutex::new(rechecks);
        lock.hold(drain, || async {
            let mut scan = Scan::new(self, &watches);
            scan.run(&mut *rechecks.lock().await, drain).await;
        })
        .await;
    }

    /// Puts a message into the internal queue, which is made when there is none.
    pub(super) async fn enqueue(&self, message: &Message) -> Result<(), StorageError> {
        send(&self.pump.queue, message.text()).await?;
        self.ground.wakers.notify(self.pump.queue.key());
        Ok(())
    }

    /// The receipts of this host.
    pub(super) fn receipts(&self) -> Receipts {
        Receipts::new(self.ground.blobs.clone(), &self.ground.host_id)
    }

    pub(super) async fn backlog(&self) -> Option<Backlog> {
        match self.pump.queue.approximate_count().await {
            Ok(count) => Some(Backlog { length: count.unwrap_or_default() }),
            Err(error) => {
                self.ground.log.debug(CATEGORY, || format!("The backlog cannot be read: {error}"));
                None
            }
        }
    }
}
