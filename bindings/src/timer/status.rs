//! The schedule status: what a timer did last and does next, as the reference host keeps it.

use chrono::{DateTime, NaiveDateTime, Timelike, Utc};
use serde_json::Value as JsonValue;

use super::zone::Zone;
use crate::dotnet::date::Stamp;

/// Content of the status document; an absent time is the platform's smallest date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// When it fired last.
    pub last: Option<DateTime<Utc>>,
    /// When it fires next.
    pub next: Option<DateTime<Utc>>,
    /// The time from which `next` was computed.
    pub last_updated: Option<DateTime<Utc>>,
}

/// How the platform writes the smallest date.
const NEVER: &str = "0001-01-01T00:00:00";

impl Status {
    /// The JSON object, times on the clocks of `zone`.
    pub fn to_json(&self, zone: &Zone) -> String {
        let text = |time: Option<DateTime<Utc>>| {
            time.map_or_else(|| NEVER.to_owned(), |time| Stamp::from(zone.local(time)).json())
        };
        let (last, next, updated) = (text(self.last), text(self.next), text(self.last_updated));
        format!(r#"{{"Last":"{last}","Next":"{next}","LastUpdated":"{updated}"}}"#)
    }

    /// Reads the JSON object; `None` when it is none, which counts as never recorded.
    pub fn parse(text: &[u8], zone: &Zone) -> Option<Self> {
        let JsonValue::Object(members) = serde_json::from_slice(text).ok()? else { return None };
        let time = |name: &str| {
            let (_, value) = members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
            parse_time(value.as_str()?, zone)
        };
        Some(Self { last: time("Last"), next: time("Next"), last_updated: time("LastUpdated") })
    }
}

fn parse_time(text: &str, zone: &Zone) -> Option<DateTime<Utc>> {
    if text.starts_with("0001-01-01") {
        return None;
    }
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Some(time.to_utc()),
        // Without an offset the time is local.
        Err(_) => {
            NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok().map(|local| zone.instant(local))
        }
    }
}

/// `time` to the hundred nanoseconds that the document can hold.
pub(super) fn ticks(time: DateTime<Utc>) -> DateTime<Utc> {
    let nanoseconds = time.nanosecond();
    time.with_nanosecond(nanoseconds - nanoseconds % 100).unwrap_or(time)
}
