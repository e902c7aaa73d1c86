//! The orders samples and queues under stress, with the public client libraries as the other party: the same cases
//! against the emulators and against the embedded store. An order comes over HTTP or from somebody else's message, and
//! becomes a document.

#![allow(clippy::duplicate_mod, reason = "every counterpart has the cases for itself")]

mod on_emulators;
mod on_the_store;

use std::ops::{Deref, DerefMut};

use horus_test_support::{Azurite, CosmosEmulator, EmbeddedStore};

use crate::support::{App, Clients, Launch};

/// Storage and documents.
trait Counterpart {
    fn in_memory() -> Self;

    /// One whose storage can be stopped and started again with its data.
    fn on_disk() -> Self;

    /// Connection string of blobs and queues.
    fn storage(&self) -> String;

    /// Connection string of documents.
    fn documents(&self) -> String;

    fn stop(&mut self);

    fn start_again(&mut self);
}

/// Azurite, and the emulator of the document client's driver.
struct Emulators {
    azurite: Azurite,
    cosmos: CosmosEmulator,
}

impl Counterpart for Emulators {
    fn in_memory() -> Self {
        Self { azurite: Azurite::for_any_client(), cosmos: CosmosEmulator::start() }
    }

    fn on_disk() -> Self {
        Self { azurite: Azurite::on_disk_for_any_client(), cosmos: CosmosEmulator::start() }
    }

    fn storage(&self) -> String {
        self.azurite.connection_string()
    }

    fn documents(&self) -> String {
        self.cosmos.connection_string()
    }

    fn stop(&mut self) {
        self.azurite.stop();
    }

    fn start_again(&mut self) {
        self.azurite.start_again();
    }
}

impl Counterpart for EmbeddedStore {
    fn in_memory() -> Self {
        Self::in_memory()
    }

    fn on_disk() -> Self {
        Self::on_disk()
    }

    fn storage(&self) -> String {
        self.connection_string()
    }

    fn documents(&self) -> String {
        self.document_connection_string()
    }

    fn stop(&mut self) {
        self.stop();
    }

    fn start_again(&mut self) {
        self.start_again();
    }
}

/// Storage, documents and somebody else who uses them.
struct World<C> {
    counterpart: C,
    clients: Clients,
}

impl<C: Counterpart> World<C> {
    fn in_memory() -> Self {
        Self::on(C::in_memory())
    }

    fn on_disk() -> Self {
        Self::on(C::on_disk())
    }

    fn on(counterpart: C) -> Self {
        let clients = Clients::start(&counterpart.storage(), &counterpart.documents());
        Self { counterpart, clients }
    }

    /// A launch of `app` in this world. Its own local.settings.json names the usual ports, so the environment wins.
    fn launch(&self, app: &App) -> Launch {
        Launch::of(&app.root()).env("AzureWebJobsStorage", self.storage()).env("CosmosDB", self.documents())
    }
}

impl<C> Deref for World<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.counterpart
    }
}

impl<C> DerefMut for World<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.counterpart
    }
}
