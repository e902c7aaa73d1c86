//! The platform's notation for durations: `[d.]hh:mm[:ss[.fffffff]]`.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};

/// Longest duration the notation can express: 2^63 − 1 units of 100 ns.
pub const MAX: Duration = Duration::new(922_337_203_685, 477_580_700);

const SECOND: u64 = 1;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The duration that `text` denotes, as the reference platform reads it.
///
/// A bare number is days. Three parts of which the first is 24 or more are `d:hh:mm`, so `24:00:00` is 24 days
/// (<https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#timespan>). Negative durations
/// have no meaning in any setting and are `None`, as is everything else that cannot be read.
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Some(days) = number(text, 8) {
        return total(days, 0, 0, 0, 0);
    }
    let (head, rest) = text.split_once(':')?;
    let (days, hours) = match head.split_once('.') {
        Some((days, hours)) => (Some(number(days, 8)?), number(hours, 8)?),
        None => (None, number(head, 8)?),
    };
    let parts: Vec<&str> = rest.split(':').collect();
    let (last, middle) = parts.split_last()?;
    let (last, fraction) = match last.split_once('.') {
        Some((last, fraction)) => (number(last, 8)?, Some(fraction_of(fraction)?)),
        None => (number(last, 8)?, None),
    };
    let middle = middle.iter().map(|part| number(part, 8)).collect::<Option<Vec<u64>>>()?;
    match (days, middle.as_slice(), fraction) {
        (days, [], None) => total(days.unwrap_or(0), hours, last, 0, 0),
        (None, [minutes], None) if hours >= 24 => total(hours, *minutes, last, 0, 0),
        (days, [minutes], fraction) => total(days.unwrap_or(0), hours, *minutes, last, fraction.unwrap_or(0)),
        (None, [second, third], fraction) => total(hours, *second, *third, last, fraction.unwrap_or(0)),
        _ => None,
    }
}

/// `duration` in the platform's notation: `hh:mm:ss`, with days and 7 decimals only when there are any.
pub fn format(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, ticks) = (seconds / DAY, duration.subsec_nanos() / 100);
    let mut text = match days {
        0 => String::new(),
        days => format!("{days}."),
    };
    text += &format!("{:02}:{:02}:{:02}", seconds % DAY / HOUR, seconds % HOUR / MINUTE, seconds % MINUTE);
    if ticks > 0 {
        text += &format!(".{ticks:07}");
    }
    text
}

fn number(text: &str, digits: usize) -> Option<u64> {
    let valid = !text.is_empty() && text.len() <= digits && text.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| text.parse().ok())?
}

/// Nanoseconds of up to seven decimals.
fn fraction_of(text: &str) -> Option<u32> {
    let digits = number(text, 7)? as u32;
    Some(digits * 10_u32.pow(7 - text.len() as u32) * 100)
}

fn total(days: u64, hours: u64, minutes: u64, seconds: u64, nanos: u32) -> Option<Duration> {
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let whole = days * DAY + hours * HOUR + minutes * MINUTE + seconds;
    Some(Duration::new(whole, nanos)).filter(|duration| *duration <= MAX)
}

/// For `#[serde(deserialize_with = "timespan::deserialize")]`.
///
/// # Errors
/// When the value is no duration in the platform's notation.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    struct Text;

    impl Visitor<'_> for Text {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time span such as '00:05:00' ([d.]hh:mm:ss[.fffffff])")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }

    deserializer.deserialize_str(Text)
}

/// As [`deserialize`], for fields that may be absent (give them `#[serde(default)]` too).
///
/// # Errors
/// When the value is there but no duration in the platform's notation.
pub fn deserialize_option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests;
