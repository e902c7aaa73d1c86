//! Time spans: `[-][d.]hh:mm[:ss[.fffffff]]`, or days alone.

use std::time::Duration;

/// The span in `text`; `None` when it is not one or negative.
///
/// A single number is a count of days, as the platform reads it.
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (days, clock) = match text.split_once(':') {
        None => return number(text, 10_675_199).map(days),
        Some((head, _)) => match head.split_once('.') {
            Some((days, _)) => (number(days, 10_675_199)?, &text[days.len() + 1..]),
            None => (0, text),
        },
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let (days, hours, minutes, seconds) = match parts[..] {
        [hours, minutes] => (days, hours, minutes, "0"),
        [hours, minutes, seconds] => (days, hours, minutes, seconds),
        [more, hours, minutes, seconds] if days == 0 => (number(more, 10_675_199)?, hours, minutes, seconds),
        _ => return None,
    };
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let whole = days * 86_400 + number(hours, 23)? * 3_600 + number(minutes, 59)? * 60 + number(seconds, 59)?;
    if fraction.len() > 7 {
        return None;
    }
    let ticks = number(fraction, 9_999_999)? * 10_u64.pow(7 - u32::try_from(fraction.len()).ok()?);
    Some(Duration::new(whole, u32::try_from(ticks).ok()? * 100))
}

fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

fn number(text: &str, most: u64) -> Option<u64> {
    if text.is_empty() || text.len() > 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| *number <= most)
}
