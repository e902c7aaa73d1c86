//! Time zones by IANA or Windows name, and their transitions.

use chrono::{DateTime, FixedOffset, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use horus_app::settings::Settings;
use windows_timezones::WindowsTimezone;

/// The zone in which schedules are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// The zone called `name`: an IANA name (also as `:name` or a path into a zone database, as `TZ` allows) or a
    /// Windows name.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.trim().trim_start_matches(':');
        let name = name.split_once("zoneinfo/").map_or(name, |(_, rest)| rest);
        let iana = |name: &str| {
            let insensitive =
                || chrono_tz::TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name));
            name.parse().ok().or_else(|| insensitive().copied())
        };
        iana(name).or_else(|| iana(name.parse::<WindowsTimezone>().ok()?.tzdb_id())).map(Self)
    }

    /// The zone of the app: `WEBSITE_TIME_ZONE`, else `TZ`, else the machine's (spec bindings.md §3). A name that
    /// nobody knows is handed back with universal time, as the reference host falls back to it.
    pub fn of(settings: &Settings) -> Result<Self, (Self, String)> {
        let named =
            ["WEBSITE_TIME_ZONE", "TZ"].into_iter().find_map(|name| Some((name, settings.get(name)?.trim())));
        match named.filter(|(_, zone)| !zone.is_empty()) {
            Some((name, zone)) => Self::parse(zone).ok_or_else(|| (Self::UTC, format!("{name}={zone}"))),
            None => {
                let machine = iana_time_zone::get_timezone().ok();
                Ok(machine.and_then(|name| Self::parse(&name)).unwrap_or(Self::UTC))
            }
        }
    }

    /// `time` on this zone's clocks.
    pub fn local(&self, time: DateTime<Utc>) -> DateTime<FixedOffset> {
        let local = time.with_timezone(&self.0);
        local.with_timezone(&local.offset().fix())
    }

    /// How far the clocks are ahead of universal time at `time`.
    pub(super) fn offset(&self, time: DateTime<Utc>) -> TimeDelta {
        let offset = self.0.offset_from_utc_datetime(&time.naive_utc()).fix();
        TimeDelta::seconds(i64::from(offset.local_minus_utc()))
    }

    /// When clocks show `local`: the first time if they show it twice, the end of the gap if they never do.
    pub(super) fn instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        match self.0.from_local_datetime(&local) {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => time.to_utc(),
            LocalResult::None => {
                let about = local.and_utc();
                let (before, after) = (about - TimeDelta::hours(30), about + TimeDelta::hours(30));
                self.transition(before, after).unwrap_or(about)
            }
        }
    }

    /// The first second after `from` and up to `to` at which the offset is no longer that of `from`, given that it
    /// changes once in between.
    pub(super) fn transition(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let offset = self.offset(from);
        if self.offset(to) == offset {
            return None;
        }
        let (mut before, mut after) = (from.timestamp(), to.timestamp());
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if self.offset(DateTime::from_timestamp(middle, 0)?) == offset {
                before = middle
            } else {
                after = middle
            }
        }
        DateTime::from_timestamp(after, 0)
    }
}
