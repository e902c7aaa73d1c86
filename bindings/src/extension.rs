//! The seam between the host and everything that is an event source or a binding.

use std::sync::Arc;

use async_trait::async_trait;
use horus_app::log::Log;
use horus_app::settings::Settings;
use horus_app::{Binding, Function};

use crate::queue::Wakers;
use crate::{
    BindError, BindingData, BindingError, Dispatch, Drain, Event, HostState, ListenError, Value, Webhook,
};

/// An extension's section of host.json, overrides applied; an empty object when the app has none.
#[derive(Debug, Clone, Copy)]
pub struct HostSection<'a> {
    /// Name under `extensions`.
    pub name: &'a str,
    /// The section itself.
    pub value: &'a serde_json::Value,
}

/// What bindings may ask for while they are set up, and keep.
#[derive(Debug, Clone)]
pub struct IndexContext<'a> {
    /// The function that the binding belongs to.
    pub function: &'a Function,
    /// App settings.
    pub settings: &'a Settings,
    /// Host id: the prefix of everything that instances of this app share in storage.
    pub host_id: &'a str,
    /// Leases and small state shared between instances.
    pub state: &'a HostState,
    /// Wakes queue listeners of this host when an output writes to their queue.
    pub wakers: &'a Wakers,
    /// Where log lines go.
    pub log: &'a Log,
    /// `AZURE_FUNCTIONS_ENVIRONMENT` is `Development`.
    pub development: bool,
}

/// One extension: the binding types it answers to and how to make them.
///
/// Call order: [`Extension::configure`] once per host start, then the three factories once per binding at index
/// time. None of them may perform I/O, so that every mistake of an app can be reported at once and offline.
pub trait Extension: Send + Sync + 'static {
    /// The types it answers to, as the platform spells them; compared ignoring case.
    fn binding_types(&self) -> &'static [&'static str];

    /// Name of its section under `extensions` in host.json.
    fn section(&self) -> &'static str;

    /// Takes its section of host.json.
    fn configure(&mut self, section: HostSection<'_>) -> Result<(), BindError>;

    /// Makes the trigger for `binding`.
    fn trigger(&self, binding: &Binding, cx: &IndexContext<'_>) -> Result<Arc<dyn Trigger>, BindError> {
        let _ = cx;
        Err(unsupported(binding, "a trigger"))
    }

    /// Makes the input for `binding`.
    fn input(&self, binding: &Binding, cx: &IndexContext<'_>) -> Result<Arc<dyn Input>, BindError> {
        let _ = cx;
        Err(unsupported(binding, "an input"))
    }

    /// What answers at `/runtime/webhooks/{name}`, with its name. Asked for after all bindings are made; `None` while
    /// no function needs it.
    fn webhook(&self) -> Option<(&'static str, Arc<dyn Webhook>)> {
        None
    }

    /// Makes the output for `binding`.
    fn output(&self, binding: &Binding, cx: &IndexContext<'_>) -> Result<Arc<dyn Output>, BindError> {
        let _ = cx;
        Err(unsupported(binding, "an output"))
    }
}

fn unsupported(binding: &Binding, role: &str) -> BindError {
    BindError::new(format!("Binding '{}' of type '{}' cannot be used as {role}.", binding.name, binding.kind))
}

/// How much waits at a source, for whoever scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Events waiting.
    pub length: u64,
}

/// A running event source.
#[async_trait]
pub trait Trigger: Send + Sync {
    /// Runs until `drain` starts, then takes no new events, lets open invocations settle, and returns.
    async fn listen(self: Arc<Self>, dispatch: Dispatch, drain: Drain) -> Result<(), ListenError>;

    /// The event for an invocation by hand through `POST /admin/functions/{name}`; `input` is the payload as text.
    fn manual_event(&self, input: Option<String>) -> Result<Event, BindError>;

    /// As [`Trigger::manual_event`], for sources whose payload names something that has to be read first. The host
    /// asks this one.
    async fn read_manual_event(&self, input: Option<String>) -> Result<Event, BindError> {
        self.manual_event(input)
    }

    /// The backlog a scaler would see right now. `None` when the source has no measurable backlog.
    async fn backlog(&self) -> Option<Backlog> {
        None
    }
}

/// A value read before the function runs.
#[async_trait]
pub trait Input: Send + Sync {
    /// Reads the value; something that does not exist is [`Value::Null`], not an error (spec bindings.md §1.7).
    async fn read(&self, data: &BindingData) -> Result<Value, BindingError>;
}

/// A value written after the function succeeded.
#[async_trait]
pub trait Output: Send + Sync {
    /// Writes `value`, fanned out into items where the binding collects (spec bindings.md §1.8). Resolves when the
    /// service has acknowledged everything.
    async fn write(&self, value: Value, data: &BindingData) -> Result<(), BindingError>;
}
