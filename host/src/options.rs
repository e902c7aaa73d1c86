//! How a host is run, decided by whoever starts it (the command line or an image).

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

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

/// Certificate and key to serve HTTPS with. Cheap to clone; `Debug` shows nothing of the key.
#[derive(Clone)]
pub struct Tls(Arc<rustls::ServerConfig>);

impl Tls {
    /// Serves with `config`. It must offer no protocol but `http/1.1`, which is what the host speaks.
    pub fn new(config: rustls::ServerConfig) -> Self {
        Self(Arc::new(config))
    }

    pub(crate) fn config(&self) -> Arc<rustls::ServerConfig> {
        self.0.clone()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
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
    /// Serve HTTPS instead of HTTP.
    pub tls: Option<Tls>,
    /// Version that the host reports, for example `4.1052.200.0`.
    pub version: &'static str,
    /// `AZURE_FUNCTIONS_ENVIRONMENT` is `Development`.
    pub development: bool,
    /// Folder of key files, when keys are kept in files and no setting names another.
    pub secrets: PathBuf,
    /// Folder where the workers that ship inside the binary are laid out; created when missing.
    pub worker_cache: PathBuf,
}
