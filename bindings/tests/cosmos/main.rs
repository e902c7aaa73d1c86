//! The `cosmosDB` bindings: the same cases against the emulator of the official driver, against the embedded store on a
//! socket, and against the embedded store without any.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]
#![allow(clippy::duplicate_mod, reason = "every counterpart has the cases for itself")]

mod in_process;
mod on_the_emulator;
mod on_the_store;

use std::sync::Arc;

use horus_bindings::storage::Storage;
use horus_storage::documents::WELL_KNOWN_KEY;
use horus_storage::{Options, Service, Store};
use horus_test_support::{CosmosEmulator, EmbeddedStore};

/// What the cases run against.
trait Counterpart {
    /// Where it is and how to sign.
    fn connection_string(&self) -> String;

    /// How clients reach it.
    fn storage(&self) -> Storage {
        Storage::new()
    }
}

impl Counterpart for CosmosEmulator {
    fn connection_string(&self) -> String {
        self.connection_string()
    }
}

/// The embedded store on a socket.
struct OnSocket(EmbeddedStore);

impl OnSocket {
    fn start() -> Self {
        Self(EmbeddedStore::in_memory())
    }
}

impl Counterpart for OnSocket {
    fn connection_string(&self) -> String {
        self.0.document_connection_string()
    }
}

/// The embedded store of this very process.
struct InProcess(Store);

impl InProcess {
    fn start() -> Self {
        Self(Store::open(Options::in_memory()).unwrap())
    }
}

impl Counterpart for InProcess {
    /// Nobody listens on port 1.
    fn connection_string(&self) -> String {
        format!("AccountEndpoint=https://localhost:1/;AccountKey={WELL_KNOWN_KEY}")
    }

    fn storage(&self) -> Storage {
        let served = vec![(Service::Documents, 1)];
        Storage::with_store(Arc::new(horus_in_process::InProcess::new(self.0.clone(), served)))
    }
}
