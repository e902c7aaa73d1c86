//! The handler as an [`Invoker`]: JSON messages over HTTP (spec host.md §7.2).

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use horus_app::log::Level;
use horus_app::{Direction, Function};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;

use super::handler::CustomHandler;
use super::instance::Instance;
use super::options::HttpMode;
use crate::envelope::{EnvelopeError, Moment, Shape};
use crate::http::describe;
use crate::invoke::{Invocation, Invoker, Loaded, Outcome};

const INVOCATION_ID: HeaderName = HeaderName::from_static("x-azure-functions-invocationid");
const HOST_VERSION: HeaderName = HeaderName::from_static("x-azure-functions-hostversion");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
/// The largest response that is read: that of the platform's HTTP client.
const LARGEST_RESPONSE: usize = i32::MAX as usize;
/// How much of a response an error shows.
const SHOWN: usize = 1024;
/// How long the end of a process may take to show after a connection to it has broken.
const EXIT_GRACE: Duration = Duration::from_secs(1);

/// What is fixed about one function's invocations.
#[derive(Debug)]
pub(super) struct Callee {
    pub(super) shape: Shape,
    pub(super) path: PathAndQuery,
    pub(super) mode: HttpMode,
    user_category: String,
}

impl Callee {
    pub(super) fn of(function: &Function, mode: HttpMode) -> Self {
        let path = format!("/{}", function.name);
        Self {
            shape: Shape::of(function),
            path: path.parse().expect("names of functions are letters, digits, '-' and '_'"),
            mode: if is_plain_http(function) { mode } else { HttpMode::Message },
            user_category: format!("Function.{}.User", function.name),
        }
    }
}

/// Whether a function has nothing but an HTTP request and its response, so that it can be handed both as they are.
fn is_plain_http(function: &Function) -> bool {
    let (mut inputs, mut outputs) = (0, 0);
    for binding in &function.bindings {
        match binding.direction {
            Direction::In => inputs += 1,
            Direction::Out => outputs += 1,
            Direction::InOut => return false,
        }
    }
    inputs == 1
        && outputs == 1
        && function.trigger().is("httpTrigger")
        && function.outputs().all(|binding| binding.is("http"))
}

#[async_trait]
impl Invoker for CustomHandler {
    fn streams_http(&self, function: &Loaded) -> bool {
        self.callee(function).is_some_and(|callee| callee.mode != HttpMode::Message)
    }

    async fn invoke(&self, function: &Loaded, mut invocation: Invocation) -> Outcome {
        let Some(callee) = self.callee(function) else {
            return Outcome::Failed(format!("Function:{} is not loaded.", function.function.name));
        };
        if invocation.cancel.is_cancelled() {
            return Outcome::Cancelled(format!(
                "Cancelling invocation '{}' due to cancellation token being signaled. This invocation was not sent to the custom handler.",
                invocation.id
            ));
        }
        let instance = match self.ready().await {
            Ok(instance) => instance,
            Err(why) => return Outcome::Lost(why),
        };
        let _entry = instance.enter(&invocation.id);
        let exchange = invocation.exchange.take();
        match (callee.mode, exchange) {
            (HttpMode::Proxy, Some(exchange)) => self.proxy(&instance, &invocation.id, exchange).await,
            (HttpMode::Forward, Some(exchange)) => {
                self.forward(&instance, &invocation.id, None, exchange).await
            }
            (HttpMode::ForwardToName, Some(exchange)) => {
                self.forward(&instance, &invocation.id, Some(&callee.path), exchange).await
            }
            _ => self.send(&instance, callee, invocation).await,
        }
    }

    async fn abandon(&self, invocation: &str) {
        self.end_owner(invocation);
    }
}

impl CustomHandler {
    fn callee(&self, function: &Loaded) -> Option<&Callee> {
        self.callees.get()?.get(function.index)
    }

    /// Sends the message of one invocation and reads the reply.
    async fn send(&self, instance: &Instance, callee: &Callee, invocation: Invocation) -> Outcome {
        let message = callee.shape.request(&invocation, &Moment::now());
        let mut request = Request::new(Body::from(message));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = at(&instance.base, &callee.path);
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        self.mark(headers, &invocation.id);
        for (name, value) in
            [("traceparent", &invocation.trace.parent), ("tracestate", &invocation.trace.state)]
        {
            if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
        let (parts, body) = match self.exchange(instance, request).await {
            Ok(answer) => answer.into_parts(),
            Err(outcome) => return outcome,
        };
        let status = parts.status;
        if !status.is_success() {
            return Outcome::Failed(format!(
                "Response status code does not indicate success: {} ({}).",
                status.as_u16(),
                status.canonical_reason().unwrap_or_default()
            ));
        }
        let is_empty = body.iter().all(u8::is_ascii_whitespace);
        if !is_empty && !is_json(&parts.headers) {
            return Outcome::Failed(invalid(status, &parts.headers, &body, "its Content-Type is not JSON"));
        }
        match callee.shape.reply(&body) {
            Ok(reply) => {
                let (log, category) = (&self.parts.log, &callee.user_category);
                for line in &reply.logs {
                    log.write_for(Level::Information, category, line, Some(&invocation.id));
                }
                for name in &reply.unknown {
                    let line = callee.shape.unknown_output(name);
                    log.write_for(Level::Warning, category, &line, Some(&invocation.id));
                }
                Outcome::Completed(reply.outputs)
            }
            Err(EnvelopeError::Malformed(why)) => {
                Outcome::Failed(invalid(status, &parts.headers, &body, &why))
            }
            Err(error @ EnvelopeError::HttpOutput { .. }) => Outcome::Failed(error.to_string()),
        }
    }

    /// The headers by which a handler knows the invocation and the host.
    pub(super) fn mark(&self, headers: &mut HeaderMap, invocation: &str) {
        let version = self.parts.host_version;
        headers.insert(HOST_VERSION, HeaderValue::from_static(version));
        if let Ok(id) = HeaderValue::from_str(invocation) {
            headers.insert(INVOCATION_ID, id);
        }
        if !headers.contains_key(USER_AGENT)
            && let Ok(agent) = HeaderValue::from_str(&format!("Azure-Functions-Host/{version}"))
        {
            headers.insert(USER_AGENT, agent);
        }
    }

    /// Sends `request` and reads the whole response, for as long as the process lives.
    pub(super) async fn exchange(
        &self,
        instance: &Instance,
        request: Request<Body>,
    ) -> Result<Response<Bytes>, Outcome> {
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| describe(&error))?;
            let (parts, body): (_, Incoming) = response.into_parts();
            let body = Limited::new(body, LARGEST_RESPONSE).collect().await;
            let body = body.map_err(|error| describe(&*error as &dyn Error))?.to_bytes();
            Ok(Response::from_parts(parts, body))
        };
        let exchanged: Result<_, String> = tokio::select! {
            biased;
            exchanged = exchange => exchanged,
            () = instance.gone.cancelled() => return Err(Outcome::Lost(instance.loss())),
        };
        match exchanged {
            Ok(response) => Ok(response),
            Err(error) => Err(self.broken(instance, &error).await),
        }
    }

    /// What a failed exchange means: the process is gone and nothing is known, or the handler itself has failed.
    pub(super) async fn broken(&self, instance: &Instance, error: &str) -> Outcome {
        match tokio::time::timeout(EXIT_GRACE, instance.gone.cancelled()).await {
            Ok(()) => Outcome::Lost(instance.loss()),
            Err(_) => Outcome::Failed(format!(
                "The custom handler at {} gave no complete response: {error}",
                instance.base
            )),
        }
    }
}

/// `base` with `path`.
pub(super) fn at(base: &Uri, path: &PathAndQuery) -> Uri {
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.clone());
    Uri::from_parts(parts).expect("scheme, authority and path make a URL")
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(media.as_str(), "application/json" | "text/json") || media.ends_with("+json")
}

/// The platform's words for a response that is no reply, with enough of it to find out why.
fn invalid(status: StatusCode, headers: &HeaderMap, body: &[u8], why: &str) -> String {
    let kind = headers.get(CONTENT_TYPE).map_or("none", |kind| kind.to_str().unwrap_or("unreadable"));
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
    let more = if body.len() > SHOWN { " …" } else { "" };
    format!(
        "Invalid HttpResponseMessage:\nStatusCode: {}, Content-Type: {kind}, Length: {}\n{text}{more}\nThe custom handler must answer with Content-Type: application/json and an object of 'Outputs', 'Logs' and 'ReturnValue', but {why}.",
        status.as_u16(),
        body.len(),
    )
}
