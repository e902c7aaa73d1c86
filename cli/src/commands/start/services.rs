//! What this build gives the host: its extensions and its storage.

use horus_app::log::Log;
use horus_app::log::category::STARTUP;
use horus_app::settings::Settings;
use horus_bindings::storage::Storage;
use horus_bindings::{HostState, Registry, blob, cosmos, http, manual, queue, timer};
use horus_host::Services;

/// Every extension of this build.
#[derive(Debug)]
pub(super) struct Everything {
    pub(super) storage: Storage,
}

impl Services for Everything {
    fn registry(&self) -> Registry {
        Registry::new()
            .with(http::Extension::new())
            .with(manual::Extension::new())
            .with(timer::Extension::new())
            .with(queue::Extension::new(self.storage.clone()))
            .with(blob::Extension::new(self.storage.clone()))
            .with(cosmos::Extension::new(&self.storage))
    }

    fn storage(&self) -> Storage {
        self.storage.clone()
    }

    /// Blobs of the app's storage account, or this process's memory when it has none.
    fn state(&self, settings: &Settings, log: &Log) -> HostState {
        let Ok(connection) = settings.storage_connection(None) else { return HostState::in_memory() };
        match self.storage.blobs(&connection) {
            Ok(blobs) => HostState::blobs(blobs),
            Err(error) => {
                let note = format!(
                    "AzureWebJobsStorage: {error}. Timers and locks are kept in memory until it is mended."
                );
                log.warning(STARTUP, note);
                HostState::in_memory()
            }
        }
    }
}
