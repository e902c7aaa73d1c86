//! Queues, leases and the host's state against the storage emulator.

mod app;
mod outage;
mod queues;
mod state;
