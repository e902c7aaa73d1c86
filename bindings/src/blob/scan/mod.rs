//! The search for new blobs: one instance lists the watched containers again and again (spec bindings.md §5.1).
//!
//! A blob counts as found once a message about it is in the internal queue, and a receipt remembers that for ever. A
//! container's position moves on only over blobs that are found, so nothing is lost when an account goes away or the
//! process ends: what was not found yet is listed again. Where the service itself tells which blobs were written (the
//! embedded store does), they are found at once and the listing is only a safety net.

mod position;
mod progress;
mod receipts;
mod sweep;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

use self::position::Position;
use self::sweep::Sweep;
use super::CATEGORY;
use super::hub::{Hub, Recheck, Written};
use super::message::Message;
use super::path::BlobPath;
use super::trigger::Watch;
use crate::Drain;
use crate::queue::Outage;
use crate::storage::{BlobChange, BlobChanges, BlobNews, Container, StorageError};

pub(super) use progress::Progress;
pub(super) use receipts::Receipts;

/// Pause between two sweeps.
const PAUSE: Duration = Duration::from_secs(10);
/// The same where all watched accounts tell about what is written.
const PAUSE_WHEN_TOLD: Duration = Duration::from_secs(60);
/// The same while such an account has more to list.
const PAUSE_WHEN_UNFINISHED: Duration = Duration::from_millis(500);
/// Blobs looked at at once.
const PARALLEL: usize = 16;
/// Changes that come within this time are looked at together, so that a blob written in many small steps runs its
/// function once.
const GATHER: Duration = Duration::from_millis(100);

/// One container and the functions that watch it.
struct Watched {
    container: Container,
    name: String,
    /// What the service calls the account when it tells about changes; `None` when it does not.
    account: Option<String>,
    /// What the names of all watched blobs begin with.
    prefix: String,
    watches: Vec<Arc<Watch>>,
    position: Position,
    progress: Option<Progress>,
    outage: Outage,
}

/// The search over all containers.
pub(super) struct Scan<'a> {
    hub: &'a Hub,
    receipts: Receipts,
    containers: Vec<Watched>,
}

/// Who tells about blobs before the next sweep finds them.
struct Tellers<'a> {
    /// The service, of everything that is written.
    service: Option<BlobChanges>,
    /// Outputs of this host.
    outputs: broadcast::Receiver<Written>,
    /// Functions whose blob changed on its way.
    rechecks: &'a mut mpsc::Receiver<Recheck>,
}

/// What ends a pause.
enum Wake {
    Sweep,
    Look(Vec<(Arc<Watch>, BlobPath)>),
    End,
}

impl<'a> Scan<'a> {
    /// A search for `watches`.
    pub(super) fn new(hub: &'a Hub, watches: &[Arc<Watch>]) -> Self {
        let mut containers: Vec<Watched> = Vec::new();
        for watch in watches {
            let (address, name) = (watch.service.address(), watch.pattern.container());
            let same = |known: &Watched| known.name == name && known.watches[0].service.address() == address;
            let prefix = watch.pattern.prefix();
            if let Some(known) = containers.iter_mut().find(|known| same(known)) {
                let common = common_prefix(&known.prefix, prefix).to_owned();
                known.prefix = common;
                known.watches.push(watch.clone());
                continue;
            }
            containers.push(Watched {
                container: watch.service.container(name),
                name: name.to_owned(),
                account: hub.ground.storage.told_account(&watch.service),
                prefix: prefix.to_owned(),
                watches: vec![watch.clone()],
                position: Position::new(
                    &hub.ground.state,
                    &hub.ground.host_id,
                    watch.service.account(),
                    name,
                ),
                progress: None,
                outage: Outage::default(),
            });
        }
        Self { hub, receipts: hub.receipts(), containers }
    }

    /// Runs until `drain` starts.
    pub(super) async fn run(&mut self, rechecks: &mut mpsc::Receiver<Recheck>, drain: &Drain) {
        // From before the first listing, so that nothing falls between.
        let mut tellers = Tellers {
            service: self.hub.ground.storage.blob_changes(),
            outputs: self.hub.ground.outbox.subscribe(),
            rechecks,
        };
        loop {
            let complete = self.sweep(drain).await;
            if drain.is_draining() {
                return;
            }
            let everything_is_told =
                self.containers.iter().all(|watched| watched.account.is_some()) && tellers.service.is_some();
            let pause = match (everything_is_told, complete) {
                (true, Sweep::Complete) => PAUSE_WHEN_TOLD,
                (true, Sweep::Unfinished) => PAUSE_WHEN_UNFINISHED,
                _ => PAUSE,
            };
            let mut due = Instant::now() + pause;
            loop {
                match self.rest(due, &mut tellers, drain).await {
                    Wake::Sweep => break,
                    Wake::End => return,
                    Wake::Look(found) => {
                        if !self.look(found).await {
                            due = due.min(Instant::now() + PAUSE);
                        }
                    }
                }
            }
        }
    }

    /// Waits for the next sweep, or for word of blobs that were written.
    async fn rest(&self, due: Instant, tellers: &mut Tellers<'_>, drain: &Drain) -> Wake {
        loop {
            let service = async {
                match &mut tellers.service {
                    Some(service) => service.next().await,
                    None => std::future::pending().await,
                }
            };
            let mut found = tokio::select! {
                () = sleep_until(due) => return Wake::Sweep,
                () = drain.draining() => return Wake::End,
                Some(recheck) = tellers.rechecks.recv() => vec![(recheck.watch, recheck.path)],
                Ok(written) = tellers.outputs.recv() => self.reading(&written),
                news = service => match news {
                    Some(BlobNews::Written(change)) => self.watching(&change),
                    Some(BlobNews::Missed) => return Wake::Sweep,
                    None => {
                        tellers.service = None;
                        Vec::new()
                    }
                },
            };
            if found.is_empty() {
                continue;
            }
            sleep(GATHER).await;
            while let Ok(recheck) = tellers.rechecks.try_recv() {
                found.push((recheck.watch, recheck.path));
            }
            while let Ok(written) = tellers.outputs.try_recv() {
                found.extend(self.reading(&written));
            }
            loop {
                match tellers.service.as_mut().and_then(|told| told.next().now_or_never()).flatten() {
                    Some(BlobNews::Written(change)) => found.extend(self.watching(&change)),
                    Some(BlobNews::Missed) => return Wake::Sweep,
                    None => break,
                }
            }
            let mut seen = HashSet::new();
            found.retain(|(watch, path)| seen.insert((watch.id.clone(), path.clone())));
            return Wake::Look(found);
        }
    }

    /// The functions that watch the changed blob.
    fn watching(&self, change: &BlobChange) -> Vec<(Arc<Watch>, BlobPath)> {
        let path = BlobPath { container: change.container.to_string(), name: change.name.to_string() };
        self.watchers(&path, |watched| watched.account.as_deref() == Some(&*change.account))
    }

    /// The functions that watch the blob which an output has written.
    fn reading(&self, written: &Written) -> Vec<(Arc<Watch>, BlobPath)> {
        self.watchers(&written.path, |watched| watched.watches[0].service.address() == &*written.address)
    }

    fn watchers(&self, path: &BlobPath, is_there: impl Fn(&Watched) -> bool) -> Vec<(Arc<Watch>, BlobPath)> {
        self.containers
            .iter()
            .filter(|watched| watched.name == path.container && is_there(watched))
            .flat_map(|watched| &watched.watches)
            .filter(|watch| watch.pattern.matches(&path.container, &path.name))
            .map(|watch| (watch.clone(), path.clone()))
            .collect()
    }

    /// Looks at blobs that are said to have changed. Whether all of them are found.
    async fn look(&self, found: Vec<(Arc<Watch>, BlobPath)>) -> bool {
        let looks = found.into_iter().map(|(watch, path)| async move {
            let looked = async {
                let Some(properties) = watch.properties(&path).await? else { return Ok(true) };
                let etag = properties.etag();
                self.find(&watch, &path, &properties.kind(), &etag).await
            };
            looked.await.unwrap_or_else(|error: StorageError| {
                self.hub.ground.log.debug(CATEGORY, || format!("Blob '{path}' is looked at later: {error}"));
                false
            })
        });
        // All of them, to their end: one that is cut off may have put its message into the queue and not said so.
        stream::iter(looks).buffer_unordered(PARALLEL).fold(true, async |all, found| all && found).await
    }

    /// Makes sure that there is a message about this version of the blob. `false` when somebody else is at it.
    async fn find(
        &self,
        watch: &Watch,
        path: &BlobPath,
        kind: &str,
        etag: &str,
    ) -> Result<bool, StorageError> {
        let message = Message::new(&watch.id, kind, &path.container, &path.name, etag);
        self.receipts.once(&watch.id, path, etag, || self.hub.enqueue(&message)).await
    }
}

fn common_prefix<'a>(a: &'a str, b: &str) -> &'a str {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b);
    &a[..same.map(|(c, _)| c.len_utf8()).sum()]
}
