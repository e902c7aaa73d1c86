//! The real binary, end to end: against a scripted worker where the wire matters, against Node and emulators where
//! the platform does. Tests are named after the items of the specification's checklists.

#![allow(clippy::unwrap_used, reason = "what tests call is a test, too")]

mod support;

mod admin;
mod blobs;
mod chaos;
mod cli;
mod config;
mod custom;
mod faults;
mod functions;
mod http;
mod lifecycle;
mod offline;
mod orders;
mod python;
mod renewal;
mod restarts;
mod storage;
#[cfg(feature = "wasm")]
mod wasm;
#[cfg(feature = "wasm")]
mod wasm_build;
mod workers;
