//! When a timer fires: NCRONTAB in a time zone, or a constant interval.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::cron::Cron;
use super::zone::Zone;
use crate::BindError;
use crate::dotnet::span;

/// A validated `schedule` property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    zone: Zone,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Cron(Cron),
    Constant(Duration),
}

impl Schedule {
    /// Reads an NCRONTAB expression, kept in `zone`, or a time span.
    pub fn parse(text: &str, zone: Zone) -> Result<Self, BindError> {
        let text = text.trim();
        let constant = || span::parse(text).filter(|span| !span.is_zero()).map(Kind::Constant);
        match Cron::parse(text).map(Kind::Cron).or_else(constant) {
            Some(kind) => Ok(Self { text: text.to_owned(), zone, kind }),
            None => Err(BindError::new(format!(
                "The schedule expression '{text}' was not recognized as a valid cron expression or timespan string."
            ))),
        }
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The zone in which it is read.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Whether occurrences follow the clocks of the zone; constant intervals do not.
    pub fn adjusts_for_dst(&self) -> bool {
        matches!(self.kind, Kind::Cron(_))
    }

    /// The first occurrence after `after`; `None` when there is none.
    ///
    /// Where clocks go forward, an occurrence in the gap fires at its end. Where they go back, a point in time fires
    /// once, on the first pass, and an interval fires through both passes (spec bindings.md §3).
    pub fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.kind {
            Kind::Constant(interval) => after.checked_add_signed(TimeDelta::from_std(*interval).ok()?),
            Kind::Cron(cron) if cron.is_interval => next_of_interval(cron, self.zone, after),
            Kind::Cron(cron) => next_point_in_time(cron, self.zone, after),
        }
    }

    /// Whether it fires more often than once a minute, judged by the next five occurrences: such schedules are not
    /// monitored.
    pub fn is_fast(&self, now: DateTime<Utc>) -> bool {
        let occurrences: Vec<_> =
            std::iter::successors(self.next(now), |time| self.next(*time)).take(5).collect();
        occurrences.windows(2).any(|pair| pair[1] - pair[0] < TimeDelta::minutes(1))
    }
}

fn next_point_in_time(cron: &Cron, zone: Zone, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let mut local = cron.next(after.naive_utc() + zone.offset(after))?;
    loop {
        let instant = zone.instant(local);
        if instant > after {
            return Some(instant);
        }
        // On the second pass of an hour, its occurrences are over already.
        local = cron.next(local)?;
    }
}

fn next_of_interval(cron: &Cron, zone: Zone, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    // The search goes on from one change of the clocks to the next; `inclusive` is the local time it starts with.
    let mut from = after;
    let mut exclusive = after.naive_utc() + zone.offset(after);
    loop {
        let offset = zone.offset(from);
        let local = cron.next(exclusive)?;
        let instant = (local - offset).and_utc();
        // Clocks that go back make earlier local times come again, so look at the next hours even if the candidate
        // is far away.
        let soon = from + TimeDelta::hours(3);
        let change = zone.transition(from, soon).or_else(|| zone.transition(from, instant.max(soon)));
        match change.filter(|change| *change <= instant) {
            None => return Some(instant),
            Some(change) => {
                let start = change.naive_utc() + zone.offset(change);
                if start > change.naive_utc() + offset && local < start {
                    return Some(change);
                }
                from = change;
                exclusive = start - TimeDelta::seconds(1);
            }
        }
    }
}
