//! The storage emulator.

use crate::Azurite as Service;

#[path = "app.rs"]
mod app;
#[path = "blobs/mod.rs"]
mod blobs;
#[path = "outage.rs"]
mod outage;
#[path = "queues.rs"]
mod queues;
#[path = "sas.rs"]
mod sas;
#[path = "state.rs"]
mod state;
