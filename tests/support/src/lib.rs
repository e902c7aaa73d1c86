//! What the tests stand on: emulators of the real services, and waiting for conditions.
//!
//! Everything here panics with a sentence that says what to do: it runs in tests only.

mod azurite;
mod cosmos;
mod store;
mod wait;

pub use azurite::Azurite;
pub use cosmos::CosmosEmulator;
pub use store::EmbeddedStore;
pub use wait::{PATIENCE, eventually};
