//! Conditional headers.
//! <https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations>

use super::codes::{BLOB_EXISTS, NOT_MODIFIED, SOURCE_CONDITION};
use crate::engine::Timestamp;
use crate::protocol::dates::parse_rfc1123;
use crate::protocol::fault::CONDITION_NOT_MET;
use crate::protocol::{Call, Fault};

/// The conditions of one request.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    matches: Option<String>,
    none_match: Option<String>,
    modified_since: Option<i64>,
    unmodified_since: Option<i64>,
    is_source: bool,
}

impl Conditions {
    pub(super) fn of(call: &Call) -> Result<Self, Fault> {
        Self::named(call, ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"])
    }

    /// The conditions on the source of a copy.
    pub(super) fn of_source(call: &Call) -> Result<Self, Fault> {
        let names = [
            "x-ms-source-if-match",
            "x-ms-source-if-none-match",
            "x-ms-source-if-modified-since",
            "x-ms-source-if-unmodified-since",
        ];
        Ok(Self { is_source: true, ..Self::named(call, names)? })
    }

    fn named(call: &Call, [matches, none_match, since, until]: [&'static str; 4]) -> Result<Self, Fault> {
        let text = |name| Ok::<_, Fault>(call.header(name)?.map(str::to_owned));
        let time = |name| {
            let Some(text) = call.header(name)? else { return Ok(None) };
            let time = parse_rfc1123(text).ok_or_else(|| call.bad_header(name))?;
            Ok::<_, Fault>(Some(time.0 / 1000))
        };
        Ok(Self {
            matches: text(matches)?,
            none_match: text(none_match)?,
            modified_since: time(since)?,
            unmodified_since: time(until)?,
            is_source: false,
        })
    }

    /// Checks a read of something that exists.
    pub(super) fn for_read(&self, etag: &str, modified: Timestamp) -> Result<(), Fault> {
        self.check(etag, modified, true)
    }

    /// Checks a change; `current` is `None` when nothing is there yet.
    pub(super) fn for_change(&self, current: Option<(&str, Timestamp)>) -> Result<(), Fault> {
        match current {
            Some((etag, modified)) => {
                if self.none_match.as_deref() == Some("*") && !self.is_source {
                    return Err(BLOB_EXISTS.into());
                }
                self.check(etag, modified, false)
            }
            None if self.matches.is_some() => Err(self.failed()),
            None => Ok(()),
        }
    }

    fn check(&self, etag: &str, modified: Timestamp, reading: bool) -> Result<(), Fault> {
        let seconds = modified.0 / 1000;
        if self.matches.as_deref().is_some_and(|wanted| !names(wanted, etag))
            || self.unmodified_since.is_some_and(|until| seconds > until)
        {
            return Err(self.failed());
        }
        let unchanged = match &self.none_match {
            Some(unwanted) => names(unwanted, etag),
            None => self.modified_since.is_some_and(|since| seconds <= since),
        };
        match (unchanged, reading) {
            (false, _) => Ok(()),
            (true, true) => Err(Fault::from(NOT_MODIFIED).header("etag", etag)),
            (true, false) => Err(self.failed()),
        }
    }

    fn failed(&self) -> Fault {
        if self.is_source { SOURCE_CONDITION.into() } else { CONDITION_NOT_MET.into() }
    }
}

/// Whether an entity-tag list names `etag`. Clients may leave out the quotes.
fn names(list: &str, etag: &str) -> bool {
    let bare = etag.trim_matches('"');
    list.split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.trim_start_matches("W/").trim_matches('"') == bare)
}
