//! The emulator that the driver of the document client ships.

use horus_test_support::CosmosEmulator;

fn account() -> CosmosEmulator {
    CosmosEmulator::start()
}

#[path = "documents.rs"]
mod documents;
