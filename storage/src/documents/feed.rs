//! The change feed: every document once, at its latest change, in the order of changes.

use std::ops::ControlFlow;

use super::{
    Fault,
    catalog::Container,
    item::{self, FEED},
    search::{Page, Reach},
};
use crate::engine::{KeyRange, Timestamp, View};

/// Where a reader of the feed stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Beginning,
    /// `If-None-Match: *`
    Now,
    /// Everything up to this log sequence number is known.
    After(u64),
}

/// A page of the feed and where the next one starts.
pub(super) struct Changes {
    pub(super) page: Page,
    /// The log sequence number the reader knows now.
    pub(super) lsn: u64,
}

impl Start {
    /// Reads `If-None-Match`: the etag of an earlier page, bare or in quotes.
    pub(super) fn parse(if_none_match: Option<&str>) -> Result<Self, Fault> {
        match if_none_match.map(|etag| etag.trim().trim_matches('"')) {
            None | Some("") => Ok(Self::Beginning),
            Some("*") => Ok(Self::Now),
            Some(etag) => etag.parse().map(Self::After).map_err(|_| {
                Fault::bad_request(format!(
                    "If-None-Match of a change feed is an etag of that feed, not '{etag}'."
                ))
            }),
        }
    }
}

/// The log sequence number of the newest change; 0 when there is none.
pub(super) fn newest(view: &impl View, container: &Container) -> Result<u64, Fault> {
    let last = view.list(FEED, &KeyRange::prefix(container.prefix()).descending(), 1)?;
    Ok(last.first().map_or(0, |(row, _)| lsn_of(row)))
}

/// The next page. Changes made in one transaction are never split between pages.
pub(super) fn changes(
    view: &impl View,
    container: &Container,
    reach: &Reach,
    start: Start,
    since: Option<Timestamp>,
    wanted: Option<i64>,
    now: Timestamp,
) -> Result<Changes, Fault> {
    let mut page = Page::new(wanted);
    let known = match start {
        Start::Beginning => 0,
        Start::After(lsn) => lsn,
        Start::Now => return Ok(Changes { page, lsn: newest(view, container)? }),
    };
    let paths = container.key_paths()?;
    let mut lsn = known;
    let mut failure = None;
    let range = KeyRange::prefix(container.prefix()).from(item::numbered(container, known.saturating_add(1)));
    view.scan(FEED, &range, &mut |row, number| {
        let own = lsn_of(row);
        let item = match item::load(view, container, item::number_in(number)) {
            Ok(item) => item,
            Err(fault) => {
                failure = Some(fault);
                return ControlFlow::Break(());
            }
        };
        let wanted = item.filter(|item| {
            !item.is_expired(container, now)
                && since.is_none_or(|since| item.seconds >= since.0 / 1000)
                && reach.includes(item, &paths)
        });
        if let Some(item) = wanted {
            let text = item.feed_text(container);
            // A full page still takes what belongs to the transaction it has begun.
            if own == lsn && !page.rows.is_empty() {
                page.rows.push(text);
            } else if !page.take(text) {
                return ControlFlow::Break(());
            }
        }
        lsn = own;
        ControlFlow::Continue(())
    })?;
    failure.map_or(Ok(Changes { page, lsn }), Err)
}

fn lsn_of(row: &[u8]) -> u64 {
    row.get(4..12).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
}
