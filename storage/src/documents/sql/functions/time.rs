//! Dates: ISO 8601 texts with seven decimals, milliseconds since 1970, and ticks of 100 ns since 1970.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};
use serde_json::Value;

use super::{Function, function, integer, text};
use crate::documents::sql::{eval::Run, value::Datum};

/// Ticks per second.
const TICKS: i64 = 10_000_000;

pub(super) const FUNCTIONS: &[Function] = &[
    function("GETCURRENTDATETIME", 0..=0, |_, run| written(now(run)?)),
    function("GETCURRENTDATETIMESTATIC", 0..=0, |_, run| written(now(run)?)),
    function("GETCURRENTTIMESTAMP", 0..=0, |_, run| Some(now(run)?.timestamp_millis().into())),
    function("GETCURRENTTIMESTAMPSTATIC", 0..=0, |_, run| Some(now(run)?.timestamp_millis().into())),
    function("GETCURRENTTICKS", 0..=0, |_, run| Some(ticks(now(run)?).into())),
    function("GETCURRENTTICKSSTATIC", 0..=0, |_, run| Some(ticks(now(run)?).into())),
    function("DATETIMEADD", 3..=3, |a, _| {
        let (part, count, from) = (Part::named(text(a, 0)?)?, integer(a, 1)?, date(a, 2)?);
        written(part.add(from, count)?)
    }),
    function("DATETIMEDIFF", 3..=3, |a, _| {
        let part = Part::named(text(a, 0)?)?;
        Some((part.count(date(a, 2)?) - part.count(date(a, 1)?)).into())
    }),
    function("DATETIMEPART", 2..=2, |a, _| Some(Part::named(text(a, 0)?)?.of(date(a, 1)?).into())),
    function("DATETIMEBIN", 2..=4, |a, _| {
        let (from, part) = (date(a, 0)?, Part::named(text(a, 1)?)?);
        let size = if a.len() > 2 { integer(a, 2).filter(|size| *size > 0)? } else { 1 };
        let origin = if a.len() > 3 { date(a, 3)? } else { DateTime::UNIX_EPOCH.naive_utc() };
        let bins = (part.count(from) - part.count(origin)).div_euclid(size);
        let bin = part.add(part.floor(origin)?, bins.checked_mul(size)?)?;
        written(bin)
    }),
    function("DATETIMEFROMPARTS", 3..=7, |a, _| {
        let part = |index: usize, default: u32| match index < a.len() {
            true => integer(a, index).and_then(|n| u32::try_from(n).ok()),
            false => Some(default),
        };
        let year = i32::try_from(integer(a, 0)?).ok().filter(|year| (1..=9999).contains(year))?;
        let day = NaiveDate::from_ymd_opt(year, part(1, 1)?, part(2, 1)?)?;
        let fraction = part(6, 0).filter(|ticks| i64::from(*ticks) < TICKS)?;
        let time = NaiveTime::from_hms_nano_opt(part(3, 0)?, part(4, 0)?, part(5, 0)?, fraction * 100)?;
        written(day.and_time(time))
    }),
    function("DATETIMETOTICKS", 1..=1, |a, _| Some(ticks(date(a, 0)?.and_utc()).into())),
    function("DATETIMETOTIMESTAMP", 1..=1, |a, _| Some(date(a, 0)?.and_utc().timestamp_millis().into())),
    function("TICKSTODATETIME", 1..=1, |a, _| {
        let ticks = integer(a, 0)?;
        let nanoseconds = u32::try_from(ticks.rem_euclid(TICKS)).ok()? * 100;
        written(DateTime::from_timestamp(ticks.div_euclid(TICKS), nanoseconds)?.naive_utc())
    }),
    function("TIMESTAMPTODATETIME", 1..=1, |a, _| {
        written(DateTime::from_timestamp_millis(integer(a, 0)?)?.naive_utc())
    }),
];

fn now(run: &Run) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(i64::try_from(run.now.as_secs()).ok()?, run.now.subsec_nanos())
}

fn ticks(at: DateTime<Utc>) -> i64 {
    at.timestamp() * TICKS + i64::from(at.timestamp_subsec_nanos() / 100)
}

fn written(at: impl Into<Moment>) -> Option<Value> {
    let Moment(at) = at.into();
    let fraction = at.nanosecond() / 100;
    Some(format!("{}.{fraction:07}Z", at.format("%Y-%m-%dT%H:%M:%S")).into())
}

/// A time in UTC, from either of chrono's types.
struct Moment(NaiveDateTime);

impl From<NaiveDateTime> for Moment {
    fn from(at: NaiveDateTime) -> Self {
        Self(at)
    }
}

impl From<DateTime<Utc>> for Moment {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at.naive_utc())
    }
}

/// `YYYY-MM-DDThh:mm:ss.fffffffZ`, where everything behind the day may be missing.
fn date(a: &[Datum<'_>], index: usize) -> Option<NaiveDateTime> {
    let text = text(a, index)?;
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(day.and_time(NaiveTime::MIN));
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.naive_utc());
    }
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M"];
    formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Year,
    Month,
    Day,
    Weekday,
    /// Everything of fixed length, in nanoseconds.
    Span(i64),
}

impl Part {
    fn named(name: &str) -> Option<Self> {
        const SECOND: i64 = 1_000_000_000;
        Some(match name.to_ascii_lowercase().as_str() {
            "year" | "yyyy" | "yy" => Self::Year,
            "month" | "mm" | "m" => Self::Month,
            "day" | "dd" | "d" => Self::Day,
            "weekday" | "dw" | "w" => Self::Weekday,
            "hour" | "hh" => Self::Span(3600 * SECOND),
            "minute" | "mi" | "n" => Self::Span(60 * SECOND),
            "second" | "ss" | "s" => Self::Span(SECOND),
            "millisecond" | "ms" => Self::Span(1_000_000),
            "microsecond" | "mcs" => Self::Span(1_000),
            "nanosecond" | "ns" => Self::Span(1),
            _ => return None,
        })
    }

    fn add(self, at: NaiveDateTime, count: i64) -> Option<NaiveDateTime> {
        let months = |count: i64| {
            let months = Months::new(u32::try_from(count.unsigned_abs()).ok()?);
            if count < 0 { at.checked_sub_months(months) } else { at.checked_add_months(months) }
        };
        match self {
            Self::Year => months(count.checked_mul(12)?),
            Self::Month => months(count),
            Self::Day | Self::Weekday => at.checked_add_signed(TimeDelta::try_days(count)?),
            Self::Span(nanoseconds) => {
                let (seconds, rest) = match nanoseconds.checked_mul(count) {
                    Some(total) => (total.div_euclid(1_000_000_000), total.rem_euclid(1_000_000_000)),
                    None => ((nanoseconds / 1_000_000_000).checked_mul(count)?, 0),
                };
                at.checked_add_signed(TimeDelta::new(seconds, u32::try_from(rest).ok()?)?)
            }
        }
    }

    /// Boundaries of this part passed since year 0 (calendar parts) or 1970.
    fn count(self, at: NaiveDateTime) -> i64 {
        let days = i64::from(at.num_days_from_ce());
        match self {
            Self::Year => i64::from(at.year()),
            Self::Month => i64::from(at.year()) * 12 + i64::from(at.month0()),
            Self::Day | Self::Weekday => days,
            Self::Span(nanoseconds) => {
                let at = at.and_utc();
                let total =
                    i128::from(at.timestamp()) * 1_000_000_000 + i128::from(at.timestamp_subsec_nanos());
                i64::try_from(total.div_euclid(i128::from(nanoseconds))).unwrap_or(i64::MAX)
            }
        }
    }

    fn of(self, at: NaiveDateTime) -> i64 {
        match self {
            Self::Year => i64::from(at.year()),
            Self::Month => i64::from(at.month()),
            Self::Day => i64::from(at.day()),
            Self::Weekday => i64::from(at.weekday().number_from_sunday()),
            Self::Span(3_600_000_000_000) => i64::from(at.hour()),
            Self::Span(60_000_000_000) => i64::from(at.minute()),
            Self::Span(1_000_000_000) => i64::from(at.second()),
            Self::Span(nanoseconds) => i64::from(at.nanosecond()) / nanoseconds,
        }
    }

    /// The start of the part that holds `at`.
    fn floor(self, at: NaiveDateTime) -> Option<NaiveDateTime> {
        let midnight = at.date().and_time(NaiveTime::MIN);
        match self {
            Self::Year => midnight.with_day(1)?.with_month(1),
            Self::Month => midnight.with_day(1),
            Self::Day | Self::Weekday => Some(midnight),
            Self::Span(nanoseconds) => {
                let whole = self.count(at).checked_mul(nanoseconds)?;
                Some(DateTime::from_timestamp_nanos(whole).naive_utc())
            }
        }
    }
}
