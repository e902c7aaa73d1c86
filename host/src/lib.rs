//! The runtime: index an app, listen, invoke, settle, report. A library: no argument parsing, no printing.
//!
//! The way of an event is `Trigger → Dispatch → Runner → Invoker → outputs → Verdict → settle`; see
//! `docs/architecture.md`. [`lifecycle`] holds the order of everything.

pub mod custom;
pub mod envelope;
pub mod http;
pub mod invoke;
pub mod job;
pub mod keys;
pub mod lifecycle;
pub mod options;
mod process;
mod runtime;
mod start;
pub mod status;
#[cfg(feature = "wasm")]
mod wasm;
mod watch;
pub mod worker;

pub use job::Job;
pub use lifecycle::{DrainStatus, Exit, Handle, Host, Services};
pub use options::{Auth, Cors, Options, Tls};
pub use status::{State, Status};
#[cfg(feature = "wasm")]
pub use wasm::build::{Built, Cpu, Precompiled, build_wasm};
