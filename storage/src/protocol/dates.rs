//! The two date forms of the protocols: RFC 1123 in headers, ISO 8601 in tokens, filters and entities.

use crate::engine::Timestamp;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};

fn utc(time: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Mon, 23 Nov 2026 21:46:12 GMT`. Times past the year 9999 print as its last second ("never").
///
/// Every answer has one and every message three, so the general formatter would be a tenth of a get's time.
pub(crate) fn rfc1123(time: Timestamp) -> String {
    const LAST: i64 = 253_402_300_799_000;
    let time = utc(Timestamp(time.0.clamp(0, LAST)));
    let digits = |number: u32| char::from(b'0' + u8::try_from(number % 10).unwrap_or(0));
    let mut text = String::with_capacity(29);
    let two = |text: &mut String, number: u32| {
        text.push(digits(number / 10));
        text.push(digits(number));
    };
    text.push_str(DAYS[time.weekday().num_days_from_monday() as usize]);
    text.push_str(", ");
    two(&mut text, time.day());
    text.push(' ');
    text.push_str(MONTHS[time.month0() as usize]);
    text.push(' ');
    let year = time.year().unsigned_abs();
    two(&mut text, year / 100);
    two(&mut text, year % 100);
    for (before, number) in [(' ', time.hour()), (':', time.minute()), (':', time.second())] {
        text.push(before);
        two(&mut text, number);
    }
    text.push_str(" GMT");
    text
}

/// `2026-11-23T21:46:12.1230000Z`, the seven digits the services print.
pub(crate) fn iso7(time: Timestamp) -> String {
    utc(time).format("%Y-%m-%dT%H:%M:%S%.3f0000Z").to_string()
}

/// Reads an HTTP date.
pub(crate) fn parse_rfc1123(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(time) = parse_usual(text) {
        return Some(time);
    }
    let known = NaiveDateTime::parse_from_str(text, "%a, %d %b %Y %H:%M:%S GMT").ok();
    let time = known
        .map(|time| time.and_utc())
        .or_else(|| DateTime::parse_from_rfc2822(text).ok().map(|time| time.with_timezone(&Utc)))?;
    Some(Timestamp(time.timestamp_millis()))
}

/// Exactly the form [`rfc1123`] writes, which is what clients send with every request.
fn parse_usual(text: &str) -> Option<Timestamp> {
    let bytes: &[u8; 29] = text.as_bytes().try_into().ok()?;
    let number = |from: usize, to: usize| {
        bytes[from..to].iter().try_fold(0, |number: i32, byte| {
            byte.is_ascii_digit().then(|| number * 10 + i32::from(byte - b'0'))
        })
    };
    let part = |from: usize| number(from, from + 2).and_then(|number| u32::try_from(number).ok());
    let month = MONTHS.iter().position(|month| month.as_bytes() == &bytes[8..11])?;
    let date = NaiveDate::from_ymd_opt(number(12, 16)?, u32::try_from(month).ok()? + 1, part(5)?)?;
    let time = date.and_hms_opt(part(17)?, part(20)?, part(23)?)?.and_utc();
    let time = Timestamp(time.timestamp_millis());
    // The day of the week and everything between the numbers.
    (rfc1123(time) == text).then_some(time)
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
