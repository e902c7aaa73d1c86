//! What the front end prepares once per job.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};

use horus_app::log::Log;
use horus_bindings::http::AuthLevel;

use super::response::Additions;
use super::throttle::Throttle;
use crate::Job;
use crate::keys::Level;

const CATEGORY: &str = "Host.Startup";

/// Everything that depends only on the app.
#[derive(Debug)]
pub(super) struct Site {
    /// The job that this was made for; it does not keep the job alive.
    job: Weak<Job>,
    /// How much may run and wait.
    pub(super) throttle: Throttle,
    /// What every response gets.
    pub(super) additions: Additions,
    /// Whether the warm-up function has run.
    pub(super) is_warm: AtomicBool,
}

impl Site {
    /// Prepares for `job`.
    pub(super) fn new(job: &Arc<Job>, log: &Log) -> Self {
        let (additions, notes) = Additions::new(&job.http);
        for note in notes {
            log.warning(CATEGORY, note);
        }
        Self {
            job: Arc::downgrade(job),
            throttle: Throttle::new(job.http.max_outstanding_requests, job.http.max_concurrent_requests),
            additions,
            is_warm: AtomicBool::new(false),
        }
    }

    /// Whether this was made for `job`.
    pub(super) fn is_for(&self, job: &Arc<Job>) -> bool {
        std::ptr::eq(self.job.as_ptr(), Arc::as_ptr(job))
    }
}

/// The level that a function asks for, as a caller's level.
pub(super) fn required(level: AuthLevel) -> Level {
    match level {
        AuthLevel::Anonymous => Level::Anonymous,
        AuthLevel::User => Level::User,
        AuthLevel::Function => Level::Function,
        AuthLevel::System => Level::System,
        AuthLevel::Admin => Level::Admin,
    }
}
