//! The seam between the pipeline and the ways to run a function body.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use horus_app::Function;
use horus_bindings::{BindingData, TraceContext, Value};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// A raw HTTP request for an invoker that streams, and the place where its response goes.
#[derive(Debug)]
pub struct Exchange {
    /// The client's request, body unread.
    pub request: http::Request<Body>,
    /// Takes the response as soon as its head is known; the body may follow for as long as it likes.
    pub respond: oneshot::Sender<http::Response<Body>>,
}

/// Which attempt this is, for functions with a retry policy (spec host.md §8.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryContext {
    /// Attempts before this one.
    pub count: u32,
    /// Further attempts allowed after the first; `None` is for ever.
    pub max: Option<u32>,
    /// What the attempt before failed with.
    pub exception: Option<String>,
}

/// Everything one call of a function body needs.
#[derive(Debug)]
pub struct Invocation {
    /// Invocation id: a GUID, equal to the `Id=` of the log lines.
    pub id: String,
    /// The trigger's value.
    pub trigger: Value,
    /// Values of the other inputs, in the order of [`Function::inputs`].
    pub inputs: Vec<Value>,
    /// Binding data, for trigger metadata.
    pub data: BindingData,
    /// Trace context of this invocation.
    pub trace: TraceContext,
    /// Which attempt this is; only for functions with a retry policy.
    pub retry: Option<RetryContext>,
    /// Fires when nobody wants the result any more.
    pub cancel: CancellationToken,
    /// The raw request, when [`Invoker::streams_http`] said so and the trigger is HTTP.
    pub exchange: Option<Exchange>,
}

/// What a function body gave back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outputs {
    /// Values by binding name.
    pub values: Vec<(String, Value)>,
    /// The return value.
    pub return_value: Value,
}

/// What happened, in the terms a trigger needs to settle its event.
#[derive(Debug)]
pub enum Outcome {
    /// The body ran; outputs are still to be written.
    Completed(Outputs),
    /// User code failed. Counts against the retry policy.
    Failed(String),
    /// The invocation was cancelled before or while it ran.
    Cancelled(String),
    /// The worker vanished before answering. Nothing is known; the event goes back as it was.
    Lost(String),
}

/// Why a function body cannot be run at all.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct LoadError(pub String);

/// A function as its invoker knows it; nothing is looked up by name later.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The function.
    pub function: Arc<Function>,
    /// The invoker's own index of it.
    pub index: usize,
}

/// A way to run function bodies. Implementations decide process, protocol and pooling; callers never know which.
#[async_trait]
pub trait Invoker: Send + Sync + 'static {
    /// Whether HTTP triggers should arrive as raw requests instead of buffered values.
    fn streams_http(&self, function: &Loaded) -> bool {
        let _ = function;
        false
    }

    /// What is to be told about how the function has fared, as members of its status in the admin API; most have nothing
    /// to tell.
    fn report(&self, function: &Loaded) -> Option<serde_json::Map<String, serde_json::Value>> {
        let _ = function;
        None
    }

    /// Runs the body. Many at once. Dropping the future abandons the invocation and releases its slot.
    async fn invoke(&self, function: &Loaded, invocation: Invocation) -> Outcome;

    /// The invocation ran into `functionTimeout` and did not react to its cancellation: end whatever runs it.
    async fn abandon(&self, invocation: &str);
}
