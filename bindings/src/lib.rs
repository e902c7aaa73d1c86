//! Event sources and bindings: one folder per extension, all behind the [`Extension`] seam.
//!
//! An event goes one way: a [`Trigger`] listens and hands each event to its [`Dispatch`], awaits the
//! [`Verdict`], and only then acknowledges at the source. Nothing here knows how a function body runs.

pub mod blob;
#[cfg(feature = "cosmos")]
pub mod cosmos;
pub mod data;
mod deferred;
pub mod dispatch;
pub mod dotnet;
pub mod drain;
pub mod error;
mod event_delivery;
pub mod extension;
pub mod fanout;
pub mod http;
pub mod json;
pub mod manual;
pub mod queue;
pub mod registry;
pub mod state;
pub mod storage;
pub mod template;
pub mod timer;
pub mod value;
pub mod webhook;

pub use data::BindingData;
pub use dispatch::{Dispatch, Event, TraceContext, Verdict};
pub use drain::Drain;
pub use error::{BindError, BindingError, ListenError};
pub use extension::{Backlog, Extension, HostSection, IndexContext, Input, Output, Trigger};
pub use registry::Registry;
pub use state::HostState;
pub use value::{DeferredReference, Json, Value};
pub use webhook::Webhook;
