//! Leases: the state machine of blobs and containers, as a value.
//!
//! Transitions and codes: <https://learn.microsoft.com/rest/api/storageservices/lease-blob#remarks>.

use super::codes::{
    BLOB_LEASE_ABSENT, BLOB_LEASE_MISMATCH, CONTAINER_LEASE_ABSENT, CONTAINER_LEASE_MISMATCH, LEASE_ABSENT,
    LEASE_BREAKING_ACQUIRE, LEASE_BREAKING_CHANGE, LEASE_BROKEN_RENEW, LEASE_EXISTS, LEASE_LOST,
    LEASE_MISMATCH, LEASE_MISSING,
};
use crate::engine::Timestamp;
use crate::protocol::{Answer, Code, Fault};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a lease lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Term {
    Infinite,
    /// 15 to 60 seconds.
    Seconds(u64),
}

/// What is stored. The state also depends on the time: see [`Lease::state`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Lease {
    #[default]
    Available,
    Held {
        id: String,
        term: Term,
        /// When a fixed term ends.
        until: i64,
    },
    Breaking {
        id: String,
        until: i64,
    },
    Broken {
        id: String,
    },
}

/// The five states the service names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Available,
    Leased,
    Expired,
    Breaking,
    Broken,
}

impl State {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Leased => "leased",
            Self::Expired => "expired",
            Self::Breaking => "breaking",
            Self::Broken => "broken",
        }
    }

    /// A lease in force: changes need its id.
    const fn locks(self) -> bool {
        matches!(self, Self::Leased | Self::Breaking)
    }

    /// `x-ms-lease-status`
    pub(super) const fn status(self) -> &'static str {
        if self.locks() { "locked" } else { "unlocked" }
    }
}

impl Lease {
    pub(super) fn state(&self, now: Timestamp) -> State {
        match self {
            Self::Available => State::Available,
            Self::Held { until, .. } if *until <= now.0 => State::Expired,
            Self::Held { .. } => State::Leased,
            Self::Breaking { until, .. } if *until <= now.0 => State::Broken,
            Self::Breaking { .. } => State::Breaking,
            Self::Broken { .. } => State::Broken,
        }
    }

    fn id(&self) -> Option<&str> {
        match self {
            Self::Available => None,
            Self::Held { id, .. } | Self::Breaking { id, .. } | Self::Broken { id } => Some(id),
        }
    }

    fn is_held_by(&self, id: &str) -> bool {
        self.id().is_some_and(|known| known.eq_ignore_ascii_case(id))
    }

    fn held(id: String, term: Term, now: Timestamp) -> Self {
        let until = match term {
            Term::Infinite => Timestamp::NEVER,
            Term::Seconds(seconds) => now.after(Duration::from_secs(seconds)),
        };
        Self::Held { id, term, until: until.0 }
    }

    pub(super) fn acquire(&self, now: Timestamp, id: String, term: Term) -> Result<Self, Fault> {
        match self.state(now) {
            State::Leased if !self.is_held_by(&id) => Err(LEASE_EXISTS.into()),
            State::Breaking if self.is_held_by(&id) => Err(LEASE_BREAKING_ACQUIRE.into()),
            State::Breaking => Err(LEASE_EXISTS.into()),
            _ => Ok(Self::held(id, term, now)),
        }
    }

    pub(super) fn renew(&self, now: Timestamp, id: &str) -> Result<Self, Fault> {
        if !self.is_held_by(id) {
            return Err(LEASE_MISMATCH.into());
        }
        match self {
            Self::Held { id, term, .. } => Ok(Self::held(id.clone(), *term, now)),
            _ => Err(LEASE_BROKEN_RENEW.into()),
        }
    }

    pub(super) fn change(&self, now: Timestamp, id: &str, proposed: String) -> Result<Self, Fault> {
        match (self.state(now), self) {
            (State::Leased, Self::Held { id: current, term, until }) => {
                // Repeating a change that already happened is no error.
                if self.is_held_by(id) || current.eq_ignore_ascii_case(&proposed) {
                    Ok(Self::Held { id: proposed, term: *term, until: *until })
                } else {
                    Err(LEASE_MISMATCH.into())
                }
            }
            (State::Breaking, _) if self.is_held_by(id) => Err(LEASE_BREAKING_CHANGE.into()),
            (State::Breaking, _) => Err(LEASE_MISMATCH.into()),
            _ => Err(LEASE_ABSENT.into()),
        }
    }

    pub(super) fn release(&self, id: &str) -> Result<Self, Fault> {
        if self.is_held_by(id) { Ok(Self::Available) } else { Err(LEASE_MISMATCH.into()) }
    }

    /// The new lease and the seconds until it is broken.
    pub(super) fn break_in(&self, now: Timestamp, period: Option<u64>) -> Result<(Self, u64), Fault> {
        let Some(id) = self.id().map(str::to_owned) else { return Err(LEASE_ABSENT.into()) };
        let remaining = match (self.state(now), self) {
            (State::Leased, Self::Held { term: Term::Infinite, .. }) => None,
            (State::Leased, Self::Held { until, .. }) | (State::Breaking, Self::Breaking { until, .. }) => {
                Some(Timestamp(*until).since(now).as_millis().div_ceil(1000) as u64)
            }
            _ => return Ok((Self::Broken { id }, 0)),
        };
        let seconds = match (period, remaining) {
            (Some(period), Some(remaining)) => period.min(remaining),
            (Some(period), None) => period,
            (None, remaining) => remaining.unwrap_or(0),
        };
        if seconds == 0 {
            return Ok((Self::Broken { id }, 0));
        }
        let until = now.after(Duration::from_secs(seconds));
        Ok((Self::Breaking { id, until: until.0 }, seconds))
    }

    /// Whether a change may happen; returns the lease afterwards (a lapsed one is forgotten by a change).
    pub(super) fn on_change(&self, now: Timestamp, given: Option<&str>, on: On) -> Result<Self, Fault> {
        let state = self.state(now);
        match given {
            None if state.locks() => Err(LEASE_MISSING.into()),
            None => Ok(Self::Available),
            Some(_) => {
                self.on_read(now, given, on)?;
                Ok(self.clone())
            }
        }
    }

    /// Whether a read may happen: only a wrong id stands in its way.
    pub(super) fn on_read(&self, now: Timestamp, given: Option<&str>, on: On) -> Result<(), Fault> {
        let Some(given) = given else { return Ok(()) };
        match self.state(now) {
            State::Leased | State::Breaking if self.is_held_by(given) => Ok(()),
            State::Leased | State::Breaking => Err(on.mismatch().into()),
            State::Expired if self.is_held_by(given) => Err(LEASE_LOST.into()),
            _ => Err(on.absent().into()),
        }
    }

    /// Adds the lease headers.
    pub(super) fn on(&self, now: Timestamp, answer: Answer) -> Answer {
        let state = self.state(now);
        answer
            .header("x-ms-lease-status", state.status())
            .header("x-ms-lease-state", state.name())
            .optional("x-ms-lease-duration", self.duration(now))
    }

    /// `infinite` or `fixed` while leased.
    pub(super) fn duration(&self, now: Timestamp) -> Option<&'static str> {
        match (self.state(now), self) {
            (State::Leased, Self::Held { term: Term::Infinite, .. }) => Some("infinite"),
            (State::Leased, _) => Some("fixed"),
            _ => None,
        }
    }
}

/// Which of the two kinds of resource a lease is on: the codes differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    Blob,
    Container,
}

impl On {
    const fn mismatch(self) -> Code {
        match self {
            Self::Blob => BLOB_LEASE_MISMATCH,
            Self::Container => CONTAINER_LEASE_MISMATCH,
        }
    }

    const fn absent(self) -> Code {
        match self {
            Self::Blob => BLOB_LEASE_ABSENT,
            Self::Container => CONTAINER_LEASE_ABSENT,
        }
    }
}
