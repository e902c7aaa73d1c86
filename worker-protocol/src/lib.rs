//! The language-worker gRPC contract of the Functions platform: generated messages and the state of one channel.
//!
//! Stands on the ground: it knows neither the host nor what a binding is. Turning host values into [`TypedData`]
//! is the host's business (`host/src/worker/codec.rs`), since only the host knows both sides.

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used)]
mod contract {
    include!(concat!(env!("OUT_DIR"), "/contract.rs"));
}

pub use contract::azure_functions_rpc_messages::*;
pub use contract::*;

pub mod capabilities;
pub mod channel;

pub use capabilities::Capabilities;
pub use channel::{Channel, Phase, Step};

/// A span of time on the wire, as in `WorkerTerminate`.
pub use prost_types::Duration;
