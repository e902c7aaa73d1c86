//! What a timer does when it starts and after it ran: pure decisions over its [`Status`] (spec bindings.md §3).

use chrono::{DateTime, Utc};

use super::{Schedule, Status};

/// What to do at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The status to go on with.
    pub status: Status,
    /// Whether it differs from the recorded one and must be written.
    pub changed: bool,
    /// The occurrence that was missed: fire at once, past due.
    pub past_due: Option<DateTime<Utc>>,
}

/// Compares the recorded status, if any, with the schedule as it is now.
pub fn start(recorded: Option<Status>, schedule: &Schedule, now: DateTime<Utc>) -> Start {
    let Some(recorded) = recorded else {
        // A new timer: record when it is due, so that even its first occurrence cannot be missed.
        let status = Status { last: None, next: schedule.next(now), last_updated: Some(now) };
        return Start { status, changed: true, past_due: None };
    };
    let basis = recorded.last.or(recorded.last_updated).unwrap_or(now);
    let expected = schedule.next(basis);
    let mut status = recorded;
    if recorded.next != expected {
        // The schedule was changed. An occurrence of the new one that lies in the past was never missed.
        let stale = expected.is_none_or(|expected| now > expected);
        let (next, basis) = if stale { (schedule.next(now), now) } else { (expected, basis) };
        status = Status { last: None, next, last_updated: Some(basis) };
    }
    Start { status, changed: status != recorded, past_due: status.next.filter(|next| now > *next) }
}

/// The status after a run that began at `fired`; `due` is the occurrence it ran for, absent when it was not a regular
/// one. Firing early counts as firing on time, so that no occurrence can come twice.
pub fn after_run(schedule: &Schedule, fired: DateTime<Utc>, due: Option<DateTime<Utc>>) -> Status {
    let fired = due.map_or(fired, |due| fired.max(due));
    Status { last: Some(fired), next: schedule.next(fired), last_updated: Some(fired) }
}

/// The occurrence to wait for: the recorded one, or the next from now when a run outlasted it. Occurrences that went
/// by during a run are not made up.
pub fn upcoming(schedule: &Schedule, status: &Status, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match status.next {
        Some(next) if next < now => schedule.next(now),
        next => next,
    }
}
