//! What a guest may touch outside of itself: nothing, unless granted.

use std::path::PathBuf;

use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

use crate::LoadError;

/// A folder opened to a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// What the guest calls it, for example `/data`.
    pub guest: String,
    /// Whether the guest may change it.
    pub writable: bool,
}

/// Hosts that outgoing requests may go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern(String);

impl HostPattern {
    /// `*`, a host name, `*.` and a domain, each with an optional `:port`; ignoring case.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_ascii_lowercase())
    }

    /// Whether a request to `host` and `port` may leave.
    pub fn allows(&self, host: &str, port: u16) -> bool {
        let (pattern, wanted) = match self.0.rsplit_once(':') {
            Some((name, digits)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                (name, digits.parse::<u16>().ok())
            }
            _ => (self.0.as_str(), Some(port)),
        };
        if wanted != Some(port) {
            return false;
        }
        let host = host.to_ascii_lowercase();
        match pattern.strip_prefix("*.") {
            Some(domain) => {
                host.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            None => pattern == "*" || pattern == host,
        }
    }
}

/// Everything granted to one guest. The default is nothing.
#[derive(Clone, Default)]
pub struct Grants {
    /// Environment variables, by name and value.
    pub environment: Vec<(String, String)>,
    /// Folders.
    pub folders: Vec<Folder>,
    /// Hosts that outgoing HTTP requests may reach.
    pub hosts: Vec<HostPattern>,
}

impl std::fmt::Debug for Grants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be secrets.
        let names: Vec<&str> = self.environment.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Grants")
            .field("environment", &names)
            .field("folders", &self.folders)
            .field("hosts", &self.hosts)
            .finish()
    }
}

impl Grants {
    /// A WASI context with the grants and nothing else: no inherited streams, no sockets.
    pub(crate) fn context(&self, name: &str) -> Result<WasiCtxBuilder, LoadError> {
        let mut builder = WasiCtx::builder();
        builder.arg(name).envs(&self.environment);
        for folder in &self.folders {
            let perms = if folder.writable { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
            builder.preopened_dir(&folder.path, &folder.guest, perms).map_err(|error| LoadError::Folder {
                folder: folder.path.clone(),
                reason: error.root_cause().to_string(),
            })?;
        }
        Ok(builder)
    }

    /// Whether a request to `host` and `port` may leave.
    pub(crate) fn allows(&self, host: &str, port: u16) -> bool {
        self.hosts.iter().any(|pattern| pattern.allows(host, port))
    }
}
