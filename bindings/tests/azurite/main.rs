//! Queues, leases and the host's state: the same cases against the storage emulator, against the embedded store on
//! sockets, and against the embedded store without any.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]
#![allow(clippy::duplicate_mod, reason = "every counterpart has the cases for itself")]

mod in_process;
mod on_azurite;
mod on_the_store;

use horus_bindings::storage::Storage;
use horus_test_support::{Azurite, EmbeddedStore};

/// What the cases run against.
trait Counterpart {
    /// Where it is and how to sign.
    fn connection_string(&self) -> String;

    /// How clients reach it.
    fn storage(&self) -> Storage {
        Storage::new()
    }
}

impl Counterpart for Azurite {
    fn connection_string(&self) -> String {
        self.connection_string()
    }
}

impl Counterpart for EmbeddedStore {
    fn connection_string(&self) -> String {
        self.connection_string()
    }
}

/// The embedded store of this very process.
struct InProcess(horus_storage::Store);

impl InProcess {
    fn in_memory() -> Self {
        Self(horus_storage::Store::open(horus_storage::Options::in_memory()).unwrap())
    }
}

impl Counterpart for InProcess {
    fn connection_string(&self) -> String {
        "UseDevelopmentStorage=true".to_owned()
    }

    fn storage(&self) -> Storage {
        let served = horus_storage::Service::ALL.map(|service| (service, service.usual_port()));
        let transport = horus_in_process::InProcess::new(self.0.clone(), served.to_vec());
        Storage::with_store(std::sync::Arc::new(transport))
    }
}
