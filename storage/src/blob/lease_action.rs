//! `comp=lease`: the five actions, for blobs and containers alike.

use super::lease::{Lease, Term};
use crate::engine::Timestamp;
use crate::protocol::fault::MISSING_HEADER;
use crate::protocol::{Answer, Call, Fault};

/// What a lease request asks for.
#[derive(Debug)]
pub(super) enum Action {
    Acquire { proposed: Option<String>, term: Term },
    Renew { id: String },
    Change { id: String, proposed: String },
    Release { id: String },
    Break { period: Option<u64> },
}

impl Action {
    pub(super) fn of(call: &Call) -> Result<Self, Fault> {
        let guid = |name: &'static str| match call.header(name)? {
            Some(id) if uuid::Uuid::parse_str(id).is_ok() => Ok(Some(id.to_owned())),
            Some(_) => Err(call.bad_header(name)),
            None => Ok(None),
        };
        let required =
            |name: &'static str| guid(name)?.ok_or_else(|| MISSING_HEADER.detail("HeaderName", name));
        match call.required_header("x-ms-lease-action")?.to_ascii_lowercase().as_str() {
            "acquire" => {
                let term = match call.header("x-ms-lease-duration")?.map(str::trim) {
                    None => return Err(MISSING_HEADER.detail("HeaderName", "x-ms-lease-duration")),
                    Some("-1") => Term::Infinite,
                    Some(text) => match text.parse() {
                        Ok(seconds @ 15..=60) => Term::Seconds(seconds),
                        _ => return Err(call.bad_header("x-ms-lease-duration")),
                    },
                };
                Ok(Self::Acquire { proposed: guid("x-ms-proposed-lease-id")?, term })
            }
            "renew" => Ok(Self::Renew { id: required("x-ms-lease-id")? }),
            "change" => Ok(Self::Change {
                id: required("x-ms-lease-id")?,
                proposed: required("x-ms-proposed-lease-id")?,
            }),
            "release" => Ok(Self::Release { id: required("x-ms-lease-id")? }),
            "break" => match call.number_header("x-ms-lease-break-period")? {
                Some(61..) => Err(call.bad_header("x-ms-lease-break-period")),
                period => Ok(Self::Break { period }),
            },
            _ => Err(call.bad_header("x-ms-lease-action")),
        }
    }

    /// Applies the action; the answer still lacks ETag and Last-Modified.
    pub(super) fn apply(&self, lease: &Lease, now: Timestamp) -> Result<(Lease, Answer), Fault> {
        match self {
            Self::Acquire { proposed, term } => {
                let id = proposed.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
                let next = lease.acquire(now, id.clone(), *term)?;
                Ok((next, Answer::new(201).header("x-ms-lease-id", &id)))
            }
            Self::Renew { id } => Ok((lease.renew(now, id)?, Answer::new(200).header("x-ms-lease-id", id))),
            Self::Change { id, proposed } => {
                let next = lease.change(now, id, proposed.clone())?;
                Ok((next, Answer::new(200).header("x-ms-lease-id", proposed)))
            }
            Self::Release { id } => Ok((lease.release(id)?, Answer::new(200))),
            Self::Break { period } => {
                let (next, seconds) = lease.break_in(now, *period)?;
                Ok((next, Answer::new(202).header("x-ms-lease-time", &seconds.to_string())))
            }
        }
    }
}
