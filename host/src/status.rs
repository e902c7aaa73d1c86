//! What the host says about itself (spec host.md §9.1).

use std::sync::Arc;

use crate::Job;

/// State of the host, in the platform's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing was tried yet.
    Default,
    /// A start is under way.
    Starting,
    /// Functions are loaded; HTTP is served, listeners are not started yet.
    Initialized,
    /// Listeners run.
    Running,
    /// The last start failed; see the errors.
    Error,
    /// Going down.
    Stopping,
    /// Down.
    Stopped,
    /// The app has an `app_offline.htm`.
    Offline,
}

impl State {
    /// The platform's spelling, as in `GET /admin/host/status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "Default",
            Self::Starting => "Starting",
            Self::Initialized => "Initialized",
            Self::Running => "Running",
            Self::Error => "Error",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Offline => "Offline",
        }
    }

    /// Whether HTTP requests may reach functions.
    pub fn serves_http(self) -> bool {
        matches!(self, Self::Initialized | Self::Running)
    }
}

/// State with what belongs to it, published to everybody who watches.
#[derive(Debug, Clone)]
pub struct Status {
    /// The state.
    pub state: State,
    /// Why the state is [`State::Error`]; empty otherwise.
    pub errors: Arc<[String]>,
    /// The loaded app while there is one.
    pub job: Option<Arc<Job>>,
}

impl Status {
    /// A state without errors or job.
    pub fn of(state: State) -> Self {
        Self { state, errors: Arc::new([]), job: None }
    }
}
