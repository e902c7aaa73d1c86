//! Dates: standard and custom format strings, and the round-trip text of status files.

use std::fmt::Write;

use chrono::{DateTime, Datelike, FixedOffset, Timelike, Utc};

/// The default of `{datetime}`: free of colons, so that it can be part of a file name (spec bindings.md §1.4).
pub const FILE_NAME_FORMAT: &str = "yyyy-MM-ddTHH-mm-ssK";

/// A point in time as it is shown: with its offset, or as UTC (`Z`).
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    time: DateTime<FixedOffset>,
    utc: bool,
}

impl From<DateTime<Utc>> for Stamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self { time: time.fixed_offset(), utc: true }
    }
}

impl From<DateTime<FixedOffset>> for Stamp {
    fn from(time: DateTime<FixedOffset>) -> Self {
        Self { time, utc: false }
    }
}

impl Stamp {
    /// The date in `text` (RFC 3339); `Z` is kept apart from `+00:00`.
    pub fn parse(text: &str) -> Option<Self> {
        // Short texts cannot be dates, and most values are short.
        if text.len() < 19 || !text.as_bytes()[0].is_ascii_digit() {
            return None;
        }
        let time = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self { time, utc: text.ends_with(['Z', 'z']) })
    }

    /// `yyyy-MM-ddTHH:mm:ss.fffffff` and the offset: the round-trip format `o`.
    pub fn round_trip(&self) -> String {
        self.custom("yyyy-MM-ddTHH:mm:ss.fffffffK")
    }

    /// ISO 8601 as JSON documents carry it: like [`Stamp::round_trip`] without trailing zeros in the fraction.
    pub fn json(&self) -> String {
        self.custom("yyyy-MM-ddTHH:mm:ss.FFFFFFFK")
    }

    /// Under a .NET format string; a single letter is a standard format, anything else a picture.
    pub fn format(&self, format: &str) -> Option<String> {
        let mut chars = format.chars();
        match (chars.next(), chars.next()) {
            (None, _) => Some(self.custom("MM/dd/yyyy HH:mm:ss")),
            (Some(letter), None) => self.standard(letter),
            (Some('%'), Some(_)) if format.len() == 2 => Some(self.custom(&format[1..])),
            _ => Some(self.custom(format)),
        }
    }

    fn standard(&self, letter: char) -> Option<String> {
        let universal = Self { time: self.time.with_timezone(&Utc).fixed_offset(), utc: true };
        Some(match letter {
            'd' => self.custom("MM/dd/yyyy"),
            'D' => self.custom("dddd, dd MMMM yyyy"),
            'f' => self.custom("dddd, dd MMMM yyyy HH:mm"),
            'F' => self.custom("dddd, dd MMMM yyyy HH:mm:ss"),
            'g' => self.custom("MM/dd/yyyy HH:mm"),
            'G' => self.custom("MM/dd/yyyy HH:mm:ss"),
            'm' | 'M' => self.custom("MMMM dd"),
            'o' | 'O' => self.round_trip(),
            'r' | 'R' => universal.custom("ddd, dd MMM yyyy HH:mm:ss 'GMT'"),
            's' => self.custom("yyyy-MM-ddTHH:mm:ss"),
            't' => self.custom("HH:mm"),
            'T' => self.custom("HH:mm:ss"),
            'u' => universal.custom("yyyy-MM-dd HH:mm:ss'Z'"),
            'U' => universal.custom("dddd, dd MMMM yyyy HH:mm:ss"),
            'y' | 'Y' => self.custom("yyyy MMMM"),
            _ => return None,
        })
    }

    fn custom(&self, picture: &str) -> String {
        let mut text = String::with_capacity(picture.len() + 8);
        let mut chars = picture.char_indices().peekable();
        while let Some((start, c)) = chars.next() {
            match c {
                '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
                '\'' | '"' => {
                    for (_, quoted) in chars.by_ref().take_while(|(_, other)| *other != c) {
                        text.push(quoted);
                    }
                }
                '%' => {}
                _ => {
                    let run = picture[start..].chars().take_while(|other| *other == c).count();
                    if self.field(&mut text, c, run) {
                        for _ in 1..run {
                            chars.next();
                        }
                    } else {
                        text.push(c);
                    }
                }
            }
        }
        text
    }

    /// Appends the field of `run` letters `letter`; false when the letter is a literal.
    fn field(&self, text: &mut String, letter: char, run: usize) -> bool {
        let time = &self.time;
        let mut number = |value: u32| {
            let _ = write!(text, "{value:0width$}", width = run.min(2));
        };
        match letter {
            'd' if run < 3 => number(time.day()),
            'd' if run == 3 => push(text, time, "%a"),
            'd' => push(text, time, "%A"),
            'M' if run < 3 => number(time.month()),
            'M' if run == 3 => push(text, time, "%b"),
            'M' => push(text, time, "%B"),
            'h' => number(time.hour12().1),
            'H' => number(time.hour()),
            'm' => number(time.minute()),
            's' => number(time.second()),
            'y' if run < 3 => number(time.year().rem_euclid(100).unsigned_abs()),
            'y' => {
                let _ = write!(text, "{:0run$}", time.year());
            }
            'f' | 'F' if run <= 7 => self.fraction(text, letter, run),
            't' => {
                let name = if time.hour() < 12 { "AM" } else { "PM" };
                text.push_str(if run == 1 { &name[..1] } else { name });
            }
            'g' => text.push_str("A.D."),
            'K' if run == 1 && self.utc => text.push('Z'),
            'K' if run == 1 => offset(text, time, 3),
            'z' => offset(text, time, run),
            _ => return false,
        }
        true
    }

    fn fraction(&self, text: &mut String, letter: char, run: usize) {
        let nanoseconds = format!("{:09}", self.time.nanosecond() % 1_000_000_000);
        let digits = &nanoseconds[..run];
        if letter == 'f' {
            return text.push_str(digits);
        }
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() && text.ends_with('.') {
            text.pop();
        }
        text.push_str(digits);
    }
}

fn push(text: &mut String, time: &DateTime<FixedOffset>, format: &str) {
    let _ = write!(text, "{}", time.format(format));
}

fn offset(text: &mut String, time: &DateTime<FixedOffset>, run: usize) {
    let seconds = time.offset().local_minus_utc();
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
    let _ = match run {
        1 => write!(text, "{sign}{hours}"),
        2 => write!(text, "{sign}{hours:02}"),
        _ => write!(text, "{sign}{hours:02}:{minutes:02}"),
    };
}
