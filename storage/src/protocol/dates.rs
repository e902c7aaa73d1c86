//! The two date forms of the protocols: RFC 1123 in headers, ISO 8601 in tokens, filters and entities.

use crate::engine::Timestamp;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

fn utc(time: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// `Mon, 23 Nov 2026 21:46:12 GMT`. Times past the year 9999 print as its last second ("never").
pub(crate) fn rfc1123(time: Timestamp) -> String {
    const LAST: i64 = 253_402_300_799_000;
    utc(Timestamp(time.0.min(LAST))).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// `2026-11-23T21:46:12.1230000Z`, the seven digits the services print.
pub(crate) fn iso7(time: Timestamp) -> String {
    utc(time).format("%Y-%m-%dT%H:%M:%S%.3f0000Z").to_string()
}

/// Reads an HTTP date.
pub(crate) fn parse_rfc1123(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let known = NaiveDateTime::parse_from_str(text, "%a, %d %b %Y %H:%M:%S GMT").ok();
    let time = known
        .map(|time| time.and_utc())
        .or_else(|| DateTime::parse_from_rfc2822(text).ok().map(|time| time.with_timezone(&Utc)))?;
    Some(Timestamp(time.timestamp_millis()))
}

/// Reads the ISO forms a signature or filter may carry: a date, or a time to the minute, second or fraction.
pub(crate) fn parse_iso(text: &str) -> Option<Timestamp> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(Timestamp(time.timestamp_millis()));
    }
    let plain = text.strip_suffix('Z').unwrap_or(text);
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(plain, form) {
            return Some(Timestamp(time.and_utc().timestamp_millis()));
        }
    }
    let date = NaiveDate::parse_from_str(plain, "%Y-%m-%d").ok()?;
    Some(Timestamp(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis()))
}
