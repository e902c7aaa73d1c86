//! The embedded store.

use horus_test_support::EmbeddedStore;

fn account() -> EmbeddedStore {
    EmbeddedStore::in_memory()
}

#[path = "blobs.rs"]
mod blobs;
#[path = "documents.rs"]
mod documents;
#[path = "queues.rs"]
mod queues;
