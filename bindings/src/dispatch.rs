//! From a trigger to its function and back: the event, the way to hand it over, and the verdict.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::{BindingData, Value};

/// W3C trace context of whoever caused the event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// `traceparent` text.
    pub parent: String,
    /// `tracestate` text; may be empty.
    pub state: String,
}

/// One event, as its trigger hands it over.
#[derive(Debug)]
pub struct Event {
    /// The trigger's value.
    pub value: Value,
    /// What the listener knows about the event (its metadata table in spec bindings.md). Members of a JSON text
    /// payload are added by the dispatcher, not by the listener.
    pub data: BindingData,
    /// Why the function runs, in the words that tools parse (spec host.md §11.2).
    pub reason: Arc<str>,
    /// `Trigger Details: k: v, …`; nothing is logged when empty.
    pub details: Vec<(&'static str, String)>,
    /// Trace context, when the source carries one.
    pub trace: Option<TraceContext>,
    /// Fires when the event's owner no longer wants the result.
    pub cancel: CancellationToken,
}

impl Event {
    /// An event with a value and a reason and nothing else.
    pub fn new(value: Value, reason: impl Into<Arc<str>>) -> Self {
        Self {
            value,
            data: BindingData::default(),
            reason: reason.into(),
            details: Vec::new(),
            trace: None,
            cancel: CancellationToken::new(),
        }
    }
}

/// What became of an event, after its outputs were written; the trigger settles accordingly.
#[derive(Debug)]
pub enum Verdict {
    /// The function and its outputs succeeded; carries what `$return` or the trigger's reply binding produced.
    Succeeded(Value),
    /// User code or an output failed: the event counts as tried.
    Failed(String),
    /// The worker vanished or the host is going down: nothing is known, the event goes back as it was.
    Lost(String),
}

impl Verdict {
    /// Whether the event can be acknowledged.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Succeeded(_))
    }
}

type Handler = dyn Fn(Event) -> BoxFuture<'static, Verdict> + Send + Sync;

/// The only way from a trigger into the host. Cheap to clone; bound to one function.
#[derive(Clone)]
pub struct Dispatch(Arc<Handler>);

impl Dispatch {
    /// Wraps the host's pipeline for one function (or a test's).
    pub fn new(handler: impl Fn(Event) -> BoxFuture<'static, Verdict> + Send + Sync + 'static) -> Self {
        Self(Arc::new(handler))
    }

    /// Runs the function for `event` and resolves when its outputs are settled.
    pub async fn invoke(&self, event: Event) -> Verdict {
        (self.0)(event).await
    }
}

impl fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dispatch")
    }
}
