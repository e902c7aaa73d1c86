//! The storage emulator.

use horus_test_support::Azurite;

fn account() -> Azurite {
    Azurite::for_any_client()
}

#[path = "blobs.rs"]
mod blobs;
#[path = "queues.rs"]
mod queues;
