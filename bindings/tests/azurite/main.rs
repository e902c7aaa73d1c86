//! Queues, leases and the host's state against the storage emulator.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

mod app;
mod outage;
mod queues;
mod sas;
mod state;
