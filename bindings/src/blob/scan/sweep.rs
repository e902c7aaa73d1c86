//! One sweep: containers are listed as far as the budget goes, and what is young is looked at.

use std::sync::Arc;

use chrono::Utc;
use futures::StreamExt as _;
use futures::stream;

use super::super::CATEGORY;
use super::super::path::BlobPath;
use super::super::trigger::Watch;
use super::{PARALLEL, Progress, Scan, Watched};
use crate::storage::{ListedBlob, Page, StorageError};
use crate::{BindingError, Drain};

/// Blobs listed per sweep, over all containers.
const BUDGET: usize = 10_000;
/// Most blobs of one listing.
const PAGE: usize = 5000;

/// How far a sweep has come, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sweep {
    /// Everything is listed and found.
    Complete,
    /// There is more to list.
    Unfinished,
    /// Somebody else was at some of the blobs.
    Missed,
    /// A service failed.
    Failed,
}

impl Scan<'_> {
    /// Lists as much as the budget allows. When `drain` starts, the blobs at hand are seen through and no more.
    pub(super) async fn sweep(&mut self, drain: &Drain) -> Sweep {
        let budget = (BUDGET / self.containers.len().max(1)).max(1);
        let mut all = Sweep::Complete;
        let mut containers = std::mem::take(&mut self.containers);
        for watched in &mut containers {
            let swept = self.sweep_container(watched, budget, drain).await;
            let log = &self.hub.ground.log;
            match swept {
                Ok(swept) => {
                    if watched.outage.answered() {
                        log.info(CATEGORY, format!("Container '{}' can be listed again.", watched.name));
                    }
                    all = all.max(swept);
                }
                Err(error) => {
                    if watched.outage.failed() {
                        let name = &watched.name;
                        let note = format!(
                            "New blobs in '{name}' cannot be found and are looked for again: {error}."
                        );
                        log.warning(CATEGORY, note);
                    }
                    all = Sweep::Failed;
                }
            }
        }
        self.containers = containers;
        all
    }

    async fn sweep_container(
        &self,
        watched: &mut Watched,
        budget: usize,
        drain: &Drain,
    ) -> Result<Sweep, BindingError> {
        let progress = match &mut watched.progress {
            Some(progress) => progress,
            none => none.insert(Progress::new(watched.position.read().await?)),
        };
        let mut left = budget;
        progress.begin(Utc::now());
        loop {
            let most = u32::try_from(left.min(PAGE)).unwrap_or(u32::MAX);
            let listed = tokio::select! {
                listed = watched.container.list(&watched.prefix, progress.marker(), most) => listed,
                () = drain.draining() => return Ok(Sweep::Unfinished),
            };
            let page = match listed {
                Ok(page) => page,
                // No container, no blobs.
                Err(error) if error.is_not_found() => Page::default(),
                Err(error) => {
                    // The place where the listing stood may be what the service does not take any more.
                    if !error.is_transient() {
                        progress.restart();
                    }
                    return Err(error.into());
                }
            };
            let blobs: Vec<ListedBlob> =
                page.blobs.iter().filter(|blob| progress.is_candidate(blob)).cloned().collect();
            let (name, watches) = (&watched.name, &watched.watches);
            let at_hand = blobs.into_iter().take_while(|_| !drain.is_draining());
            let finds = at_hand.map(|blob| async move {
                let found = self.find_for_all(name, watches, &blob).await;
                (blob, found)
            });
            let mut finds = stream::iter(finds).buffer_unordered(PARALLEL);
            let mut failure = None;
            while let Some((blob, found)) = finds.next().await {
                match found {
                    Ok(true) => progress.found(blob),
                    Ok(false) => progress.missed(),
                    Err(error) => {
                        progress.missed();
                        failure = Some(error);
                    }
                }
            }
            if drain.is_draining() {
                return Ok(Sweep::Unfinished);
            }
            left = left.saturating_sub(page.blobs.len());
            if progress.listed(&page) {
                if let Some(position) = progress.end() {
                    watched.position.write(position).await?;
                }
                return match failure {
                    Some(error) => Err(error.into()),
                    None if progress.is_clean() => Ok(Sweep::Complete),
                    None => Ok(Sweep::Missed),
                };
            }
            if left == 0 {
                return Ok(Sweep::Unfinished);
            }
        }
    }

    async fn find_for_all(
        &self,
        container: &str,
        watches: &[Arc<Watch>],
        blob: &ListedBlob,
    ) -> Result<bool, StorageError> {
        let path = BlobPath { container: container.to_owned(), name: blob.name.clone() };
        let mut all = true;
        for watch in watches.iter().filter(|watch| watch.pattern.matches(container, &blob.name)) {
            all &= self.find(watch, &path, &blob.kind, &blob.etag).await?;
        }
        Ok(all)
    }
}
