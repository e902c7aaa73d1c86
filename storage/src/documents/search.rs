//! One page of a query, or of all documents, and the token that asks for the next.

use std::ops::ControlFlow;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    Fault,
    catalog::Container,
    epk::EpkRange,
    item::{self, IDS, Item},
    partition::{KeyPaths, PartitionKey},
    sql::{Execution, Query},
};
use crate::engine::{KeyRange, Timestamp, View};

/// Rows of a page when the client names no number, and when it leaves the number to us (−1).
const DEFAULT_ROWS: usize = 100;
const FREE_ROWS: usize = 1000;
/// A page ends before it grows beyond this many bytes: the service's limit.
const PAGE_BYTES: usize = 4 << 20;

/// Which documents of a container a request is about.
#[derive(Debug, Clone, Default)]
pub(super) struct Reach {
    /// One logical partition, or all below the first levels of a hierarchical key.
    pub(super) key: Option<PartitionKey>,
    pub(super) range: Option<EpkRange>,
}

impl Reach {
    /// Whether `item` is one of them.
    pub(super) fn includes(&self, item: &Item, paths: &KeyPaths) -> bool {
        let range = self.range.as_ref().filter(|range| !range.is_everything());
        if self.key.is_none() && range.is_none() {
            return true;
        }
        let own = item.partition_key();
        self.key.as_ref().is_none_or(|key| key.covers(&own))
            && range.is_none_or(|range| range.contains(&paths.effective(&own)))
    }
}

/// Where the next page begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Position {
    /// The last document that is completely delivered.
    after: u64,
    /// Rows of the document behind it that are delivered already.
    within: u64,
    /// Rows so far, those skipped by OFFSET included.
    seen: u64,
}

impl Position {
    fn parse(token: &str) -> Result<Self, Fault> {
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
            let mut numbers = text.strip_prefix("h1:")?.split(':').map(|number| number.parse().ok());
            let position = Self { after: numbers.next()??, within: numbers.next()??, seen: numbers.next()?? };
            numbers.next().is_none().then_some(position)
        };
        read().ok_or_else(|| Fault::bad_request("Invalid Continuation Token"))
    }

    fn token(self) -> String {
        URL_SAFE_NO_PAD.encode(format!("h1:{}:{}:{}", self.after, self.within, self.seen))
    }
}

/// A page under construction: JSON texts, and how many still fit.
pub(super) struct Page {
    /// The rows as JSON texts.
    pub(super) rows: Vec<String>,
    /// Asks for the next page; `None` after the last.
    pub(super) continuation: Option<String>,
    most: usize,
    bytes: usize,
}

impl Page {
    /// An empty page of at most `wanted` rows, as `x-ms-max-item-count` has it.
    pub(super) fn new(wanted: Option<i64>) -> Self {
        let most = match wanted {
            None => DEFAULT_ROWS,
            Some(wanted) => usize::try_from(wanted).ok().filter(|most| *most > 0).unwrap_or(FREE_ROWS),
        };
        Self { rows: Vec::new(), continuation: None, most, bytes: 0 }
    }

    /// Takes `row` unless the page is full. A first row always fits.
    pub(super) fn take(&mut self, row: String) -> bool {
        let fits =
            self.rows.len() < self.most && (self.rows.is_empty() || self.bytes + row.len() <= PAGE_BYTES);
        if fits {
            self.bytes += row.len();
            self.rows.push(row);
        }
        fits
    }
}

/// What to search: everything but the store itself.
pub(super) struct Search<'s> {
    pub(super) container: &'s Container,
    pub(super) reach: &'s Reach,
    pub(super) now: Timestamp,
    pub(super) wanted: Option<i64>,
    pub(super) continuation: Option<&'s str>,
}

impl Search<'_> {
    fn begin(&self) -> Result<(Page, Position), Fault> {
        let position = self.continuation.map_or(Ok(Position::default()), Position::parse)?;
        Ok((Page::new(self.wanted), position))
    }

    /// A page of whole documents in the order they were made.
    pub(super) fn documents(&self, view: &impl View) -> Result<Page, Fault> {
        let (mut page, mut position) = self.begin()?;
        self.each(view, position.after, &mut |item| {
            if !page.take(item.text(self.container)) {
                page.continuation = Some(position.token());
                return Ok(ControlFlow::Break(()));
            }
            position.after = item.number;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(page)
    }

    /// A page of `query`'s rows.
    pub(super) fn query(&self, view: &impl View, query: &Query) -> Result<Page, Fault> {
        let (page, position) = self.begin()?;
        match query.is_streaming() {
            true => self.streaming(view, query, page, position),
            false => self.complete(view, query, page, position),
        }
    }

    /// Rows as their documents come: the walk stops with the page and resumes behind it.
    fn streaming(
        &self,
        view: &impl View,
        query: &Query,
        mut page: Page,
        mut position: Position,
    ) -> Result<Page, Fault> {
        let (skip, take) = query.window();
        let end = skip.saturating_add(take);
        if position.seen >= end {
            return Ok(page);
        }
        let mut execution = Execution::new(query);
        self.each(view, position.after, &mut |item| {
            execution.push(&item.value(self.container)?);
            let delivered = usize::try_from(position.within).unwrap_or(usize::MAX);
            for row in execution.take_rows().into_iter().skip(delivered) {
                if position.seen >= end {
                    return Ok(ControlFlow::Break(()));
                }
                if position.seen >= skip && !page.take(row.to_string()) {
                    page.continuation = Some(position.token());
                    return Ok(ControlFlow::Break(()));
                }
                position.seen += 1;
                position.within += 1;
            }
            position.within = 0;
            position.after = item.number;
            Ok(if position.seen >= end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(page)
    }

    /// Order, groups, aggregates and DISTINCT need all documents; each page runs the query and takes its part.
    fn complete(
        &self,
        view: &impl View,
        query: &Query,
        mut page: Page,
        mut position: Position,
    ) -> Result<Page, Fault> {
        let mut execution = Execution::new(query);
        if query.reads_documents() {
            self.each(view, 0, &mut |item| {
                execution.push(&item.value(self.container)?);
                Ok(ControlFlow::Continue(()))
            })?;
        }
        let (skip, take) = query.window();
        let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let rows = execution.finish().into_iter().skip(size(skip)).take(size(take));
        for row in rows.skip(size(position.seen)) {
            if !page.take(row.to_string()) {
                page.continuation = Some(position.token());
                break;
            }
            position.seen += 1;
        }
        Ok(page)
    }

    /// Every live document in reach after number `after`, in order.
    fn each(
        &self,
        view: &impl View,
        after: u64,
        visit: &mut dyn FnMut(Item) -> Result<ControlFlow<()>, Fault>,
    ) -> Result<(), Fault> {
        let paths = self.container.key_paths()?;
        let Some(key) = &self.reach.key else {
            return item::each(view, self.container, after, self.now, &mut |item| {
                if self.reach.includes(&item, &paths) { visit(item) } else { Ok(ControlFlow::Continue(())) }
            });
        };
        // Within a partition the ids lead to the documents; numbers put them in order.
        let prefix = match paths.is_complete(key) {
            true => item::partition_prefix(self.container, &key.text()),
            false => [self.container.prefix().as_slice(), key.prefix_text().as_bytes()].concat(),
        };
        let mut numbers = Vec::new();
        view.scan(IDS, &KeyRange::prefix(prefix), &mut |_, number| {
            numbers.push(item::number_in(number));
            ControlFlow::Continue(())
        })?;
        numbers.sort_unstable();
        let first = numbers.partition_point(|number| *number <= after);
        for number in &numbers[first..] {
            let Some(item) = item::load(view, self.container, *number)? else { continue };
            let wanted = !item.is_expired(self.container, self.now) && self.reach.includes(&item, &paths);
            if wanted && visit(item)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}
