//! The pipeline of one function: everything known at load is in here, only the event comes later.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use futures::future::join_all;
use horus_app::log::{Level, Log};
use horus_app::{Direction, Function, RetryPolicy};
use horus_bindings::{
    BindError, BindingData, Dispatch, Drain, Event, Input, Output, TraceContext, Trigger, Value, Verdict,
    http as binding,
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::lines::Lines;
use super::{Activity, Exchange, Invocation, Invoker, Loaded, Outcome, Outputs, RetryContext, retry};

/// How long a function may go on after its timeout has asked it to stop (spec host.md §8.3).
const TIMEOUT_GRACE: Duration = Duration::from_secs(2);

/// Why an invocation did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// User code, an input or an output failed.
    #[error("{0}")]
    Failed(String),
    /// It was cancelled.
    #[error("{0}")]
    Cancelled(String),
    /// It ran into `functionTimeout`.
    #[error("{0}")]
    TimedOut(String),
    /// The worker vanished, or the host is going down.
    #[error("{0}")]
    Lost(String),
}

/// What a [`Runner`] is made of.
pub struct RunnerParts {
    /// The function.
    pub function: Arc<Function>,
    /// Runs its body.
    pub invoker: Arc<dyn Invoker>,
    /// The invoker's index of it.
    pub index: usize,
    /// Its event source.
    pub trigger: Arc<dyn Trigger>,
    /// Route, methods and level of an HTTP function.
    pub route: Option<Arc<binding::Trigger>>,
    /// Inputs in the order of [`Function::inputs`].
    pub inputs: Vec<Arc<dyn Input>>,
    /// Outputs by name, without the HTTP response.
    pub outputs: Vec<(String, Arc<dyn Output>)>,
    /// Longest run; `None` is unlimited.
    pub timeout: Option<Duration>,
    /// Its own retry policy or the app's.
    pub retry: Option<RetryPolicy>,
    /// Counts open work of the job.
    pub activity: Arc<Activity>,
    /// Owns invocations whose caller may go away.
    pub tasks: TaskTracker,
    /// The job's end.
    pub drain: Drain,
    /// Where log lines go.
    pub log: Log,
}

/// Runs one function, from event to verdict.
pub struct Runner {
    parts: RunnerParts,
    loaded: Loaded,
    lines: Lines,
    /// Name of the `http` output; `$return` for most.
    response: Option<String>,
    returns: bool,
    streams: bool,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Runner({})", self.parts.function.name)
    }
}

/// Whether further attempts keep the first one's invocation id (spec host.md §8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    Kept,
    Renewed,
}

/// One attempt at an event.
struct Attempt<'a> {
    id: &'a str,
    reason: &'a str,
    details: &'a [(&'static str, String)],
    trace: TraceContext,
    cancel: &'a CancellationToken,
    retry: Option<RetryContext>,
}

impl Runner {
    /// Prepares everything that does not depend on the event.
    pub fn new(parts: RunnerParts) -> Self {
        let function = &parts.function;
        let loaded = Loaded { function: function.clone(), index: parts.index };
        let http_out = |b: &&horus_app::Binding| b.is("http") && b.direction == Direction::Out;
        Self {
            lines: Lines::new(parts.log.clone(), &function.name),
            response: function.bindings.iter().find(http_out).map(|b| b.name.clone()),
            returns: function.bindings.iter().any(|b| b.name == "$return"),
            streams: parts.route.is_some() && parts.invoker.streams_http(&loaded),
            loaded,
            parts,
        }
    }

    /// The function.
    pub fn function(&self) -> &Function {
        &self.parts.function
    }

    /// Whether a setting has switched it off.
    pub fn is_disabled(&self) -> bool {
        self.parts.function.disabled
    }

    /// Route, methods and level, for HTTP functions.
    pub fn route(&self) -> Option<&binding::Trigger> {
        self.parts.route.as_deref()
    }

    /// The event source.
    pub fn trigger(&self) -> &Arc<dyn Trigger> {
        &self.parts.trigger
    }

    /// Whether the invoker wants raw HTTP requests: call [`Runner::stream`] instead of [`Runner::serve`].
    pub fn streams_http(&self) -> bool {
        self.streams
    }

    /// What the invoker tells about how the function has fared.
    pub fn report(&self) -> serde_json::Map<String, serde_json::Value> {
        self.parts.invoker.report(&self.loaded).unwrap_or_default()
    }

    /// `Function.{name}.User`: the category of what user code logs.
    pub fn user_category(&self) -> &str {
        &self.lines.user_category
    }

    /// The event for an invocation by hand.
    pub async fn manual_event(&self, input: Option<String>) -> Result<Event, BindError> {
        self.parts.trigger.read_manual_event(input).await
    }

    /// The way in for the trigger's listener.
    pub fn dispatch(self: &Arc<Self>) -> Dispatch {
        let runner = self.clone();
        Dispatch::new(move |event| {
            let runner = runner.clone();
            Box::pin(async move { runner.run(event).await })
        })
    }

    /// Like [`Runner::call`], but goes on to the end even when the caller goes away: outputs are not cut short.
    pub async fn serve(self: &Arc<Self>, event: Event) -> Verdict {
        let runner = self.clone();
        match self.parts.tasks.spawn(async move { runner.call(event).await }).await {
            Ok(verdict) => verdict,
            Err(error) => Verdict::Lost(format!("The invocation ended abnormally: {error}")),
        }
    }

    /// The whole pipeline for one event of a source, retries included: all attempts have one invocation id.
    pub async fn run(&self, event: Event) -> Verdict {
        self.settle(event, Ids::Kept).await
    }

    /// The whole pipeline for an event that somebody sent, over HTTP or by hand: each attempt has an id of its own.
    pub async fn call(&self, event: Event) -> Verdict {
        self.settle(event, Ids::Renewed).await
    }

    async fn settle(&self, event: Event, ids: Ids) -> Verdict {
        match self.attempts(event, ids, None).await {
            Ok(value) => Verdict::Succeeded(value),
            // Nobody's code failed: a message cancelled by a stopping host must not count towards its poison queue.
            Err(Failure::Lost(why) | Failure::Cancelled(why)) => Verdict::Lost(why),
            Err(failure) => Verdict::Failed(failure.to_string()),
        }
    }

    /// Runs an HTTP function whose invoker reads the raw request itself. Resolves with the response as soon as
    /// its head is known; the invocation goes on until the body is through and its outputs are written.
    pub async fn stream(
        self: &Arc<Self>,
        event: Event,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, Failure> {
        let (respond, response) = oneshot::channel();
        let runner = self.clone();
        let ended = self.parts.tasks.spawn(async move {
            runner.attempts(event, Ids::Renewed, Some(Exchange { request, respond })).await
        });
        match response.await {
            Ok(response) => Ok(response),
            // No response head: the invocation has failed, or ended without ever answering.
            Err(_) => match ended.await {
                Ok(Err(failure)) => Err(failure),
                Ok(Ok(_)) => Err(Failure::Failed("The function ended without sending a response.".into())),
                Err(error) => Err(Failure::Lost(format!("The invocation ended abnormally: {error}"))),
            },
        }
    }

    async fn attempts(&self, event: Event, ids: Ids, exchange: Option<Exchange>) -> Result<Value, Failure> {
        let mut id = guid();
        let Event { value, mut data, reason, details, trace, cancel } = event;
        if let Value::String(text) = &value {
            data.add_json_members(text);
        }
        if !matches!(value, Value::HttpRequest(_)) {
            data.insert(self.parts.function.trigger().name.clone(), value.clone());
        }
        let trace = next_span(trace.as_ref());
        let first =
            Attempt { id: &id, reason: &reason, details: &details, trace, cancel: &cancel, retry: None };
        // A streamed request can be read only once, so it cannot be tried again.
        let Some(policy) = self.parts.retry.as_ref().filter(|_| exchange.is_none()) else {
            return self.attempt(&first, value, data, exchange).await;
        };
        let trace = first.trace;
        let max = retry::max_retries(policy);
        let mut count = 0;
        let mut exception = None;
        loop {
            let retry = Some(RetryContext { count, max, exception: exception.take() });
            let trace = trace.clone();
            let attempt =
                Attempt { id: &id, reason: &reason, details: &details, trace, cancel: &cancel, retry };
            let failure = match self.attempt(&attempt, value.clone(), data.clone(), None).await {
                Ok(value) => return Ok(value),
                Err(failure @ (Failure::Lost(_) | Failure::Cancelled(_))) => return Err(failure),
                Err(failure) => failure,
            };
            count += 1;
            let Some(pause) = retry::pause(policy, count, rand::random()) else {
                let note = format!("Function execution failed after '{}' retries.", count - 1);
                self.lines.note(Level::Error, &id, &note);
                return Err(failure);
            };
            let max_text = max.map_or_else(|| "-1".to_owned(), |max| max.to_string());
            let note = format!(
                "Waiting for `{}` before retrying function execution. Next attempt: '{count}'. Max retry count: '{max_text}'.",
                span_text(pause)
            );
            self.lines.note(Level::Debug, &id, &note);
            let _waiting = self.parts.activity.retry();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.parts.drain.draining() => {
                    let note = "Invocation cancelled - exiting retry loop.";
                    self.lines.note(Level::Information, &id, note);
                    return Err(Failure::Lost(note.into()));
                }
            }
            exception = Some(failure.to_string());
            if ids == Ids::Renewed {
                id = guid();
            }
        }
    }

    async fn attempt(
        &self,
        attempt: &Attempt<'_>,
        value: Value,
        data: BindingData,
        exchange: Option<Exchange>,
    ) -> Result<Value, Failure> {
        let _open = self.parts.activity.invocation();
        let started = Instant::now();
        self.lines.started(attempt.reason, attempt.id, attempt.details);
        let result = self.body(attempt, value, data, exchange).await;
        match &result {
            Ok(_) => self.lines.succeeded(attempt.id, started.elapsed()),
            Err(failure) => {
                let name = &self.parts.function.name;
                self.lines.failed(attempt.id, started.elapsed(), name, &failure.to_string());
            }
        }
        result
    }

    async fn body(
        &self,
        attempt: &Attempt<'_>,
        trigger: Value,
        data: BindingData,
        exchange: Option<Exchange>,
    ) -> Result<Value, Failure> {
        let inputs = self.read_inputs(&data).await?;
        // Outputs may name binding data, so it is kept only where there are any.
        let kept = (!self.parts.outputs.is_empty()).then(|| data.clone());
        let invocation = Invocation {
            id: attempt.id.to_owned(),
            trigger,
            inputs,
            data,
            trace: attempt.trace.clone(),
            retry: attempt.retry.clone(),
            cancel: attempt.cancel.child_token(),
            exchange,
        };
        match self.invoke(attempt.id, invocation).await {
            Outcome::Completed(outputs) => self.write_outputs(outputs, kept.unwrap_or_default()).await,
            Outcome::Failed(error) => Err(Failure::Failed(error)),
            Outcome::Cancelled(error) => Err(Failure::Cancelled(error)),
            Outcome::Lost(why) => Err(Failure::Lost(why)),
        }
    }

    async fn read_inputs(&self, data: &BindingData) -> Result<Vec<Value>, Failure> {
        if self.parts.inputs.is_empty() {
            return Ok(Vec::new());
        }
        let reads = join_all(self.parts.inputs.iter().map(|input| input.read(data))).await;
        let names = self.parts.function.inputs().map(|binding| &binding.name);
        reads
            .into_iter()
            .zip(names)
            .map(|(read, name)| {
                read.map_err(|error| {
                    Failure::Failed(format!("Exception binding parameter '{name}': {error}"))
                })
            })
            .collect()
    }

    async fn invoke(&self, id: &str, invocation: Invocation) -> Outcome {
        let cancel = invocation.cancel.clone();
        let running = self.parts.invoker.invoke(&self.loaded, invocation);
        let Some(limit) = self.parts.timeout else { return running.await };
        tokio::pin!(running);
        if let Ok(outcome) = tokio::time::timeout(limit, &mut running).await {
            return outcome;
        }
        let name = &self.parts.function.name;
        let limit = span_text(limit);
        let note = format!(
            "Timeout value of {limit} exceeded by function 'Functions.{name}' (Id: '{id}'). Initiating cancellation."
        );
        self.lines.note(Level::Error, id, &note);
        cancel.cancel();
        if tokio::time::timeout(TIMEOUT_GRACE, &mut running).await.is_err() {
            let note = format!(
                "A function timeout has occurred. Restarting worker process executing invocationId '{id}'."
            );
            self.lines.note(Level::Warning, id, &note);
            self.parts.invoker.abandon(id).await;
        }
        Outcome::Failed(format!("Timeout value of {limit} was exceeded by function: Functions.{name}"))
    }

    /// Writes all outputs at once and resolves with the HTTP response, if the function has one.
    async fn write_outputs(&self, outputs: Outputs, data: BindingData) -> Result<Value, Failure> {
        let Outputs { mut values, mut return_value } = outputs;
        if !self.returns {
            merge_members(&mut values, &return_value);
        }
        let mut take = |name: &str| -> Value {
            if name == "$return" {
                return std::mem::take(&mut return_value);
            }
            let found = values.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| std::mem::take(value)).unwrap_or_default()
        };
        let response = self.response.as_deref().map(&mut take);
        if !self.parts.outputs.is_empty() {
            let writes = self.parts.outputs.iter().filter_map(|(name, output)| {
                let value = take(name);
                let data = &data;
                (!value.is_null()).then_some(async move { (name, output.write(value, data).await) })
            });
            for (name, written) in join_all(writes).await {
                written.map_err(|error| {
                    Failure::Failed(format!(
                        "Error while handling parameter {name} after function returned: {error}"
                    ))
                })?;
            }
        }
        Ok(match response {
            Some(response) => response,
            // Without an `http` output an HTTP function answers 200 and nothing (spec host.md §3.7).
            None if self.parts.route.is_some() => Value::Null,
            None => return_value,
        })
    }
}

/// Members of a returned JSON object feed the outputs of their names, unless the worker set those (spec
/// bindings.md §1.9).
fn merge_members(values: &mut Vec<(String, Value)>, return_value: &Value) {
    let Value::Json(json) = return_value else { return };
    if !json.as_str().trim_start().starts_with('{') {
        return;
    }
    if let serde_json::Value::Object(members) = json.parse() {
        for (name, member) in members {
            if !values.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                let value = match member {
                    serde_json::Value::Null => Value::Null,
                    serde_json::Value::String(text) => Value::String(text),
                    other => Value::json(&other),
                };
                values.push((name, value));
            }
        }
    }
}

/// A fresh invocation id.
fn guid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The trace context of one invocation: a new span in the caller's trace, or a new trace.
fn next_span(caller: Option<&TraceContext>) -> TraceContext {
    let span: u64 = rand::random();
    if let Some(caller) = caller {
        let mut parts = caller.parent.split('-');
        let (version, trace, _, flags) = (parts.next(), parts.next(), parts.next(), parts.next());
        if let (Some(_), Some(trace), Some(flags)) = (version, trace, flags)
            && trace.len() == 32
            && trace.bytes().all(|b| b.is_ascii_hexdigit())
        {
            let parent = format!("00-{trace}-{span:016x}-{flags}");
            return TraceContext { parent, state: caller.state.clone() };
        }
    }
    let trace: u128 = rand::random();
    TraceContext { parent: format!("00-{trace:032x}-{span:016x}-00"), state: String::new() }
}

/// A time span in the platform's notation, `hh:mm:ss[.fffffff]`.
fn span_text(span: Duration) -> String {
    let seconds = span.as_secs();
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match span.subsec_nanos() / 100 {
        0 => text,
        ticks => format!("{text}.{ticks:07}"),
    }
}
