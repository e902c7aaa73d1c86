//! How a host is run, decided by whoever starts it (the command line or an image).

use std::path::PathBuf;

use horus_app::log::Log;
use horus_app::settings::Settings;

/// Who may call what over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Every request counts as an administrator's, as under the platform's local tools.
    Open,
    /// Keys are checked (spec host.md §3.4).
    Keys,
}

/// Cross-origin rules given on the command line or in local.settings.json (spec host.md §3.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Allowed origins; `*` allows any.
    pub origins: Vec<String>,
    /// Whether credentials may be sent.
    pub credentials: bool,
}

/// Everything a host needs to know before it reads the app.
#[derive(Debug, Clone)]
pub struct Options {
    /// The app's root: the folder of host.json.
    pub root: PathBuf,
    /// App settings; language workers inherit all of them.
    pub settings: Settings,
    /// Where log lines go.
    pub log: Log,
    /// Who may call what.
    pub auth: Auth,
    /// Cross-origin rules, when given.
    pub cors: Option<Cors>,
    /// Version that the host reports, for example `4.1052.200.0`.
    pub version: &'static str,
    /// `AZURE_FUNCTIONS_ENVIRONMENT` is `Development`.
    pub development: bool,
    /// Folder of key files, when keys are kept in files and no setting names another.
    pub secrets: PathBuf,
    /// Folder where the workers that ship inside the binary are laid out; created when missing.
    pub worker_cache: PathBuf,
}
