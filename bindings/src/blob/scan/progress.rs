//! How far the listing of one container has come: pure decisions, fed by the sweep.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::storage::{ListedBlob, Page};

/// A blob may be written under a name that the listing has passed already while the listing goes on, and clocks
/// differ: what was written this shortly before a listing began is looked at again by the next one.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

/// The state of the search in one container.
#[derive(Debug, Default)]
pub(in crate::blob) struct Progress {
    /// Blobs written before this are known; `None` when nothing is.
    threshold: Option<DateTime<Utc>>,
    /// Blobs that are found already, by name with their versions: only those that the threshold does not cover.
    found: HashMap<String, (String, DateTime<Utc>)>,
    /// The listing that is under way.
    pass: Option<Pass>,
    /// Whether the last listing found everything it met.
    is_clean: bool,
}

#[derive(Debug)]
struct Pass {
    began: DateTime<Utc>,
    marker: Option<String>,
    newest: Option<DateTime<Utc>>,
    is_clean: bool,
}

impl Progress {
    /// Goes on from `threshold`, as another instance left it.
    pub(in crate::blob) fn new(threshold: Option<DateTime<Utc>>) -> Self {
        Self { threshold, ..Self::default() }
    }

    /// Begins a listing at `now`, or goes on with the one that is under way.
    pub(in crate::blob) fn begin(&mut self, now: DateTime<Utc>) {
        self.pass.get_or_insert(Pass { began: now, marker: None, newest: self.threshold, is_clean: true });
    }

    /// Where the listing goes on.
    pub(in crate::blob) fn marker(&self) -> Option<&str> {
        self.pass.as_ref()?.marker.as_deref()
    }

    /// Gives up the listing that is under way; the next one begins at the beginning.
    pub(in crate::blob) fn restart(&mut self) {
        self.pass = None;
    }

    /// Whether `blob` may be new.
    pub(in crate::blob) fn is_candidate(&self, blob: &ListedBlob) -> bool {
        self.threshold.is_none_or(|threshold| blob.modified >= threshold)
            && self.found.get(&blob.name).is_none_or(|(etag, _)| *etag != blob.etag)
    }

    /// `blob` needs no further look.
    pub(in crate::blob) fn found(&mut self, blob: ListedBlob) {
        let Some(pass) = &self.pass else { return };
        // The next threshold is at most this.
        let most = pass.newest.map_or(blob.modified, |newest| newest.max(blob.modified));
        if blob.modified >= most.min(pass.began - MARGIN) {
            self.found.insert(blob.name, (blob.etag, blob.modified));
        }
    }

    /// A blob has to be looked at again.
    pub(in crate::blob) fn missed(&mut self) {
        if let Some(pass) = &mut self.pass {
            pass.is_clean = false;
        }
    }

    /// `page` has been gone through. Whether it was the last one.
    pub(in crate::blob) fn listed(&mut self, page: &Page) -> bool {
        let Some(pass) = &mut self.pass else { return true };
        pass.newest = pass.newest.max(page.blobs.iter().map(|blob| blob.modified).max());
        pass.marker.clone_from(&page.next);
        pass.marker.is_none()
    }

    /// Ends the listing; the position to remember when it has changed. A listing that missed a blob changes nothing,
    /// so that the next one meets the blob again.
    pub(in crate::blob) fn end(&mut self) -> Option<DateTime<Utc>> {
        let pass = self.pass.take()?;
        self.is_clean = pass.is_clean;
        let threshold = pass.newest?.min(pass.began - MARGIN);
        if !pass.is_clean || self.threshold.is_some_and(|known| threshold <= known) {
            return None;
        }
        self.threshold = Some(threshold);
        self.found.retain(|_, (_, modified)| *modified >= threshold);
        Some(threshold)
    }

    /// Whether the last listing found everything it met.
    pub(in crate::blob) fn is_clean(&self) -> bool {
        self.is_clean
    }
}
