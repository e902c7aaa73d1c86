//! NCRONTAB expressions.
//!
//! Six fields, or five without seconds; day of month and day of week must both match; names match by prefix; a range
//! written backwards is swapped; no `L W # ?` (spec dependencies.md §2.5).

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike};

/// A parsed expression: one set of bits per field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// The second, minute or hour field repeats (`*`, `-` or `/`): the schedule is an interval, not a point in time,
    /// which decides what happens when clocks go back.
    pub(super) is_interval: bool,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Cron {
    /// Reads five or six fields; `None` when the text is not an expression.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [second, minute, hour, day, month, weekday] = match fields[..] {
            [minute, hour, day, month, weekday] => ["0", minute, hour, day, month, weekday],
            [second, minute, hour, day, month, weekday] => [second, minute, hour, day, month, weekday],
            _ => return None,
        };
        Some(Self {
            seconds: field(second, 0, 59, &[])?,
            minutes: field(minute, 0, 59, &[])?,
            hours: field(hour, 0, 23, &[])?,
            days: field(day, 1, 31, &[])?,
            months: field(month, 1, 12, &MONTHS)?,
            weekdays: field(weekday, 0, 6, &WEEKDAYS)?,
            is_interval: [second, minute, hour].iter().any(|field| field.contains(['*', '-', '/'])),
        })
    }

    /// The first occurrence after `after`, to the second; `None` when there is none (30 February).
    pub(super) fn next(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        let start = after.with_nanosecond(0)?.checked_add_signed(TimeDelta::seconds(1))?;
        let mut date = start.date();
        let mut from = [start.hour(), start.minute(), start.second()];
        // Every combination of 29 February and a weekday comes within forty years, two of them without a leap day
        // when the century is not divisible by four.
        let last_year = date.year().checked_add(60)?;
        while date.year() <= last_year {
            if !has(self.months, date.month()) {
                date = first_of_next_month(date)?;
                from = [0; 3];
                continue;
            }
            let matches =
                has(self.days, date.day()) && has(self.weekdays, date.weekday().num_days_from_sunday());
            if matches && let Some([hour, minute, second]) = self.clock(from) {
                return date.and_hms_opt(hour, minute, second);
            }
            date = date.checked_add_days(Days::new(1))?;
            from = [0; 3];
        }
        None
    }

    /// The first matching time of day at or after `from`.
    fn clock(&self, [hour, minute, second]: [u32; 3]) -> Option<[u32; 3]> {
        let first = |set: u64| first_from(set, 0).expect("the parser leaves no field empty");
        let this_hour = first_from(self.hours, hour)?;
        if this_hour > hour {
            return Some([this_hour, first(self.minutes), first(self.seconds)]);
        }
        if let Some(this_minute) = first_from(self.minutes, minute) {
            if this_minute > minute {
                return Some([this_hour, this_minute, first(self.seconds)]);
            }
            if let Some(this_second) = first_from(self.seconds, second) {
                return Some([this_hour, this_minute, this_second]);
            }
            if let Some(later) = first_from(self.minutes, minute + 1) {
                return Some([this_hour, later, first(self.seconds)]);
            }
        }
        first_from(self.hours, hour + 1).map(|later| [later, first(self.minutes), first(self.seconds)])
    }
}

fn has(set: u64, value: u32) -> bool {
    set & (1 << value) != 0
}

/// The smallest member of `set` that is at least `from` (at most 60).
fn first_from(set: u64, from: u32) -> Option<u32> {
    let rest = set.checked_shr(from)?;
    (rest != 0).then(|| from + rest.trailing_zeros())
}

fn first_of_next_month(date: NaiveDate) -> Option<NaiveDate> {
    date.with_day(1)?.checked_add_months(Months::new(1))
}

/// The set of one field: parts separated by commas.
fn field(text: &str, least: u32, most: u32, names: &[&str]) -> Option<u64> {
    let mut set = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(number(step)?)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((first, last)) => (value(first, least, most, names)?, value(last, least, most, names)?),
            None => {
                let single = value(range, least, most, names)?;
                (single, if step.is_some() { most } else { single })
            }
        };
        let step = usize::try_from(step.unwrap_or(1).max(1)).ok()?;
        for member in (first.min(last)..=first.max(last)).step_by(step) {
            set |= 1 << member;
        }
    }
    Some(set)
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// A number in range, or the first name that starts with `text`.
fn value(text: &str, least: u32, most: u32, names: &[&str]) -> Option<u32> {
    if let Some(number) = number(text) {
        return (least..=most).contains(&number).then_some(number);
    }
    let prefix = |name: &&str| name.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
    let index = if text.is_empty() { None } else { names.iter().position(prefix) };
    index.and_then(|index| u32::try_from(index).ok()).map(|index| index + least)
}
