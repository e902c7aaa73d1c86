//! Guests as an [`Invoker`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use horus_app::Function;
use horus_app::log::{Level, Log};
use horus_bindings::http::HttpResponse;
use horus_bindings::{TraceContext, Value};
use horus_wasm::{CallError, Contract, Guest, Sink, Source};
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use parking_lot::Mutex;
use serde_json::{Map, json};
use tokio::sync::oneshot;

use super::typed::{Event, Signature};
use crate::envelope::{Moment, Shape};
use crate::invoke::{Exchange, Invocation, Invoker, Loaded, Outcome, Outputs};

const INVOCATION_ID: HeaderName = HeaderName::from_static("x-azure-functions-invocationid");
const HOST_VERSION: HeaderName = HeaderName::from_static("x-azure-functions-hostversion");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
/// What requests that come from no network are addressed to.
const LOCALHOST: HeaderValue = HeaderValue::from_static("localhost");
/// The largest message that a guest may answer with, in bytes.
const LARGEST_REPLY: usize = 100 << 20;
/// How much of an unusable answer an error shows, in bytes.
const SHOWN: usize = 1024;

/// One function and its guest.
#[derive(Debug)]
pub(super) struct Callee {
    guest: Guest,
    shape: Shape,
    signature: Signature,
    /// `/` and the function's name: where messages are posted to.
    path: String,
    /// The guest gets the client's request and answers it: both sides speak HTTP and there is nothing else to bind.
    is_plain_http: bool,
    user_category: Arc<str>,
    /// The `http` output of an HTTP function.
    response: Option<String>,
}

impl Callee {
    pub(super) fn new(function: &Function, guest: Guest) -> Self {
        let is_plain_http = guest.contract() == Contract::Http
            && function.trigger().is("httpTrigger")
            && function.inputs().next().is_none()
            && function.outputs().all(|binding| binding.is("http"));
        Self {
            guest,
            shape: Shape::of(function),
            signature: Signature::of(function),
            path: format!("/{}", function.name),
            is_plain_http,
            user_category: format!("Function.{}.User", function.name).into(),
            response: function
                .outputs()
                .find(|binding| binding.is("http") && function.trigger().is("httpTrigger"))
                .map(|binding| binding.name.clone()),
        }
    }
}

/// What a guest learns about one invocation besides its values.
struct Tag<'a> {
    id: &'a str,
    trace: &'a TraceContext,
}

/// All guests of an app.
#[derive(Debug)]
pub(super) struct Guests {
    pub(super) callees: Vec<Callee>,
    pub(super) log: Log,
    pub(super) host_version: &'static str,
}

#[async_trait]
impl Invoker for Guests {
    fn streams_http(&self, function: &Loaded) -> bool {
        self.callees.get(function.index).is_some_and(|callee| callee.is_plain_http)
    }

    fn report(&self, function: &Loaded) -> Option<Map<String, serde_json::Value>> {
        let usage = self.callees.get(function.index)?.guest.usage();
        let micros = |time: Option<Duration>| time.map(|time| time.as_micros());
        let wasm = json!({
            "calls": usage.calls,
            "traps": usage.traps,
            "refused": usage.refused,
            "running": usage.running,
            "waiting": usage.waiting,
            "instances": { "started": usage.starts, "idle": usage.idle },
            "startMicroseconds": { "p50": micros(usage.start_p50), "p99": micros(usage.start_p99) },
            "peakMemoryBytes": usage.peak_memory,
        });
        Some(Map::from_iter([("wasm".to_owned(), wasm)]))
    }

    async fn invoke(&self, function: &Loaded, mut invocation: Invocation) -> Outcome {
        let Some(callee) = self.callees.get(function.index) else {
            return Outcome::Failed(format!("Function:{} is not loaded.", function.function.name));
        };
        let cancel = invocation.cancel.clone();
        let exchange = invocation.exchange.take();
        let contract = callee.guest.contract();
        let message = match (&exchange, contract) {
            (Some(_), _) | (_, Contract::Typed) => Bytes::new(),
            _ => callee.shape.request(&invocation, &Moment::now()).into(),
        };
        let Invocation { id, trigger, inputs, data, trace, retry, .. } = &invocation;
        let (trace, retry) = (trace, retry.as_ref());
        let event = Event { id, trigger, inputs, data, trace, retry };
        let tag = Tag { id, trace };
        let call = async {
            match (exchange, contract) {
                (Some(exchange), _) => self.stream(callee, &tag, exchange).await,
                (None, Contract::Http) => self.post(callee, &tag, message).await,
                (None, Contract::Command) => self.run(callee, &tag, message).await,
                (None, Contract::Typed) => self.typed(callee, &tag, &event).await,
            }
        };
        tokio::select! {
            biased;
            // A guest cannot be told, but it can be ended: dropping its call does.
            () = cancel.cancelled() => Outcome::Cancelled(format!(
                "Invocation '{}' was cancelled; its WebAssembly instance was ended.", tag.id
            )),
            outcome = call => outcome,
        }
    }

    async fn abandon(&self, _invocation: &str) {
        // The instance belongs to the future of the call and ends with it.
    }
}

impl Guests {
    /// Hands the client's request over and its response back, bodies streaming both ways.
    async fn stream(&self, callee: &Callee, tag: &Tag<'_>, exchange: Exchange) -> Outcome {
        let Exchange { mut request, respond } = exchange;
        self.mark(request.headers_mut(), tag);
        if request.uri().authority().is_none() && !request.headers().contains_key(HOST) {
            request.headers_mut().insert(HOST, LOCALHOST);
        }
        let respond = Arc::new(Mutex::new(Some(respond)));
        let slot = respond.clone();
        let answer = move |response: Response<horus_wasm::Body>| {
            if let Some(respond) = slot.lock().take() {
                // Whoever asked may have gone; the guest goes on all the same.
                let _ = respond.send(response.map(Body::new));
            }
        };
        match callee.guest.call_http(request, self.ear(callee, tag), answer).await {
            Ok(()) => Outcome::Completed(Outputs::default()),
            Err(CallError::Busy) => {
                if let Some(respond) = respond.lock().take() {
                    let _ = respond.send(busy());
                }
                Outcome::Lost(CallError::Busy.to_string())
            }
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    /// Posts the message to a guest that speaks HTTP.
    async fn post(&self, callee: &Callee, tag: &Tag<'_>, message: Bytes) -> Outcome {
        let mut request = Request::new(Body::from(message));
        *request.method_mut() = Method::POST;
        *request.uri_mut() =
            callee.path.parse().expect("names of functions are letters, digits, '-' and '_'");
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        request.headers_mut().insert(HOST, LOCALHOST);
        self.mark(request.headers_mut(), tag);
        let (respond, response) = oneshot::channel();
        let answer = move |response| {
            // Received below, in the same task.
            let _ = respond.send(response);
        };
        let call = callee.guest.call_http(request, self.ear(callee, tag), answer);
        let read = async {
            let (head, body) = response.await.ok()?.into_parts();
            Some((head.status, Limited::new(body, LARGEST_REPLY).collect().await))
        };
        let (ended, answer) = tokio::join!(call, read);
        match (ended, answer) {
            (Err(error), _) => self.failed(callee, tag, error),
            (Ok(()), None) => self.failed(callee, tag, CallError::NoResponse),
            (Ok(()), Some((_, Err(error)))) => {
                Outcome::Failed(format!("The guest's answer broke off: {error}"))
            }
            (Ok(()), Some((status, Ok(body)))) if !status.is_success() => Outcome::Failed(format!(
                "Response status code does not indicate success: {} ({}).{}",
                status.as_u16(),
                status.canonical_reason().unwrap_or_default(),
                shown(&body.to_bytes())
            )),
            (Ok(()), Some((_, Ok(body)))) => self.reply(callee, tag, &body.to_bytes()),
        }
    }

    /// Runs a command with the message as its input.
    async fn run(&self, callee: &Callee, tag: &Tag<'_>, message: Bytes) -> Outcome {
        match callee.guest.call_command(message, self.ear(callee, tag)).await {
            Ok(done) if done.exit != 0 => {
                let words =
                    if done.last_words.is_empty() { String::new() } else { format!("\n{}", done.last_words) };
                Outcome::Failed(format!("The guest ended with exit code {}.{words}", done.exit))
            }
            Ok(done) => self.reply(callee, tag, &done.stdout),
            Err(error) => self.failed(callee, tag, error),
        }
    }

    /// Calls a guest of the typed world.
    async fn typed(&self, callee: &Callee, tag: &Tag<'_>, event: &Event<'_>) -> Outcome {
        let call = callee.signature.call(event);
        let lists = call.lists();
        match callee.guest.call_typed(call.typed(&lists), self.ear(callee, tag)).await {
            Ok(Ok(outcome)) => match callee.signature.outputs(outcome, &callee.shape) {
                Ok(outputs) => Outcome::Completed(outputs),
                Err(message) => Outcome::Failed(message),
            },
            Ok(Err(failure)) => Outcome::Failed(failure.message),
            Err(error) => self.failed(callee, tag, error),
        }
    }

    /// What an event's source learns about a call that ended badly.
    fn failed(&self, callee: &Callee, tag: &Tag<'_>, error: CallError) -> Outcome {
        let message = error.to_string();
        match (error, &callee.response) {
            // Nothing was run. A client is told to come back later; any other event goes back as it was.
            (CallError::Busy, Some(name)) => {
                self.log.write_for(Level::Warning, &callee.user_category, &message, Some(tag.id));
                let response = Value::HttpResponse(Box::new(HttpResponse {
                    status: Some(StatusCode::TOO_MANY_REQUESTS.as_str().to_owned()),
                    headers: vec![("Retry-After".to_owned(), Some("1".to_owned()))],
                    ..HttpResponse::default()
                }));
                let mut outputs = Outputs::default();
                match name.as_str() {
                    "$return" => outputs.return_value = response,
                    _ => outputs.values.push((name.clone(), response)),
                }
                Outcome::Completed(outputs)
            }
            (CallError::Busy, None) => Outcome::Lost(message),
            (_, _) => Outcome::Failed(message),
        }
    }

    fn reply(&self, callee: &Callee, tag: &Tag<'_>, answer: &Bytes) -> Outcome {
        match callee.shape.reply(answer) {
            Ok(reply) => {
                for line in &reply.logs {
                    self.log.write_for(Level::Information, &callee.user_category, line, Some(tag.id));
                }
                for name in &reply.unknown {
                    let line = callee.shape.unknown_output(name);
                    self.log.write_for(Level::Warning, &callee.user_category, &line, Some(tag.id));
                }
                Outcome::Completed(reply.outputs)
            }
            Err(error) => Outcome::Failed(format!(
                "The guest must answer with a JSON object of 'Outputs', 'Logs' and 'ReturnValue', but {error}{}",
                shown(answer)
            )),
        }
    }

    /// The headers by which a guest knows the invocation, its trace and the host.
    fn mark(&self, headers: &mut HeaderMap, tag: &Tag<'_>) {
        headers.insert(HOST_VERSION, HeaderValue::from_static(self.host_version));
        let texts = [
            (INVOCATION_ID, tag.id),
            (HeaderName::from_static("traceparent"), tag.trace.parent.as_str()),
            (HeaderName::from_static("tracestate"), tag.trace.state.as_str()),
        ];
        for (name, text) in texts {
            if let (false, Ok(value)) = (text.is_empty(), HeaderValue::from_str(text)) {
                headers.insert(name, value);
            }
        }
    }

    fn ear(&self, callee: &Callee, tag: &Tag<'_>) -> Arc<dyn Sink> {
        let (log, category) = (self.log.clone(), callee.user_category.clone());
        Arc::new(Ear { log, category, invocation: tag.id.to_owned() })
    }
}

/// Writes what a guest says into the function's log.
struct Ear {
    log: Log,
    category: Arc<str>,
    invocation: String,
}

impl Sink for Ear {
    fn line(&self, _source: Source, line: &str) {
        self.log.write_for(Level::Information, &self.category, line, Some(&self.invocation));
    }

    fn record(&self, level: horus_wasm::Level, category: &str, message: &str) {
        let level = match level {
            horus_wasm::Level::Trace => Level::Trace,
            horus_wasm::Level::Debug => Level::Debug,
            horus_wasm::Level::Information => Level::Information,
            horus_wasm::Level::Warning => Level::Warning,
            horus_wasm::Level::Error => Level::Error,
            horus_wasm::Level::Critical => Level::Critical,
        };
        match category {
            "" => self.log.write_for(level, &self.category, message, Some(&self.invocation)),
            own => {
                let category = format!("{}.{own}", self.category);
                self.log.write_for(level, &category, message, Some(&self.invocation));
            }
        }
    }

    fn denied(&self, authority: &str) {
        let line = format!(
            "An outgoing request to '{authority}' was denied. To allow it, add the host to 'extensions.wasm.allowedHosts' in host.json."
        );
        self.log.write_for(Level::Warning, &self.category, &line, Some(&self.invocation));
    }
}

fn busy() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn shown(answer: &[u8]) -> String {
    if answer.is_empty() {
        return String::new();
    }
    let text = String::from_utf8_lossy(&answer[..answer.len().min(SHOWN)]);
    let more = if answer.len() > SHOWN { " …" } else { "" };
    format!("\n{text}{more}")
}
