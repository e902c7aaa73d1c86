//! WebAssembly guests behind concrete types: load, limit, call. Knows nothing of functions, triggers or the host.
//!
//! An [`Engine`] is made once per process, and only when something is to run on it. It loads a file into a
//! [`Guest`], which can be called many times at once: every call gets an instance of its own, out of a pool, with
//! the guest's [`Limits`] and [`Grants`] and nothing else. What a guest does to itself ends as a [`CallError`].

mod aot;
mod bytes_kind;
mod cache;
mod call;
mod code;
mod command;
mod digest;
mod engine;
mod error;
mod grants;
mod guest;
mod http;
mod limits;
mod link;
mod metrics;
mod output;
mod ready;
mod sections;
mod stamp;
mod state;
mod target;
mod ticker;
pub mod typed;
mod warm;
mod world;

#[cfg(test)]
mod tests;

pub use bytes_kind::Kind;
pub use cache::Cache;
pub use call::{Level, Sink, Source};
pub use code::Precompiled;
pub use command::Finished;
pub use engine::{Engine, EngineOptions};
pub use error::{CallError, LoadError};
pub use grants::{Folder, Grants, HostPattern};
pub use guest::{Contract, Guest, GuestOptions, Usage};
pub use http::Body;
pub use limits::Limits;
pub use ready::Ready;
pub use sections::sections;
pub use target::Cpu;
pub use warm::Reuse;
