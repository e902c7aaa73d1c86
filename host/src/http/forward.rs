//! Forwarding of raw HTTP requests to a worker's own server (spec host.md §3.8, worker-protocol.md §8).

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::header::{
    CONNECTION, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, Version};
use hyper::body::{Frame, SizeHint};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tower::Service;

use super::request::Origin;

/// A worker's server may still be starting: this many attempts to connect, with pauses that double up to a limit.
const ATTEMPTS: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// A single attempt to connect may take this long.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Neither side has sent anything for this long: the exchange is given up.
const INACTIVITY: Duration = Duration::from_secs(240);
/// Servers written in Node close connections that were idle for 5 seconds; ours must be gone before.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// Idle connections kept per worker.
const POOL_SIZE: usize = 256;

const INVOCATION_ID: HeaderName = HeaderName::from_static("x-ms-invocation-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Headers that concern one connection and not the message.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Sends requests to workers and keeps connections. Cheap to clone; follows no redirects and keeps no cookies.
pub type Client = legacy::Client<Patient, Body>;

/// A client for [`forward`].
pub fn client() -> Client {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_LIMIT));
    legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(POOL_SIZE)
        .build(Patient(connector))
}

/// Why a request could not be forwarded, or its response not be had.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The worker's address and the request's path make no URL.
    #[error("Failed to proxy request with ForwarderError: the address '{0}' cannot be used")]
    Address(String),
    /// Nobody listens, or the connection broke.
    #[error("Failed to proxy request with ForwarderError: {0}")]
    Request(String),
    /// Neither side sent anything for 240 seconds.
    #[error("Failed to proxy request with ForwarderError: RequestTimedOut")]
    TimedOut,
}

/// Forwards `request` to the worker at `base` as invocation `invocation_id`, and resolves with the head of its
/// response; the body follows as it comes. Dropping the future or the response closes the exchange on both sides.
///
/// The [`Origin`] in the request's extensions becomes the `X-Forwarded-*` headers.
///
/// # Errors
/// When the worker cannot be reached or gives no response. A request that has reached it is never sent twice.
pub async fn forward(
    client: &Client,
    base: &Uri,
    invocation_id: &str,
    mut request: Request<Body>,
) -> Result<Response<Body>, ForwardError> {
    *request.uri_mut() = target(base, request.uri())?;
    *request.version_mut() = Version::HTTP_11;
    let origin = request.extensions_mut().remove::<Origin>();
    request.extensions_mut().clear();
    let headers = request.headers_mut();
    remove_hop_by_hop(headers);
    // The host of the destination takes their place, written by the client. An expectation is met already.
    headers.remove(HOST);
    headers.remove(EXPECT);
    // Whatever a caller claims, the worker finds the invocation by this.
    set(headers, INVOCATION_ID, invocation_id);
    if let Some(origin) = origin {
        set(headers, FORWARDED_FOR, &origin.client.ip().to_canonical().to_string());
        set(headers, FORWARDED_HOST, &origin.host);
        set(headers, FORWARDED_PROTO, origin.scheme.as_str());
    }
    let activity = Activity::now();
    let request = request.map(|body| Body::new(Watched::new(body, activity.clone())));
    let mut answer = pin!(client.request(request));
    let mut limit = pin!(tokio::time::sleep(INACTIVITY));
    let answer = poll_fn(|cx| match answer.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => activity.poll_over(limit.as_mut(), cx).map(|()| None),
    });
    let response = match answer.await {
        Some(answer) => answer.map_err(|error| ForwardError::Request(describe(&error)))?,
        None => return Err(ForwardError::TimedOut),
    };
    activity.touch();
    let mut response = response.map(|body| Body::new(Watched::new(body, activity)));
    remove_hop_by_hop(response.headers_mut());
    Ok(response)
}

/// `base` with the path and query of `uri`.
fn target(base: &Uri, uri: &Uri) -> Result<Uri, ForwardError> {
    let folder = base.path().trim_end_matches('/');
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let mut parts = base.clone().into_parts();
    parts.path_and_query = match folder {
        "" => uri.path_and_query().cloned(),
        folder => PathAndQuery::from_maybe_shared(Bytes::from(format!("{folder}{path}"))).ok(),
    };
    if parts.path_and_query.is_none() {
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
    }
    Uri::from_parts(parts).map_err(|_| ForwardError::Address(base.to_string()))
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => headers.insert(name, value),
        Err(_) => headers.remove(name),
    };
}

/// Takes the headers away that concern one connection and not the message.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // `Connection` may name more of them.
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// The error with its causes: the outermost alone says only that something went wrong.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// Connects, and tries again while nobody listens yet. Retrying here rather than around the request leaves the body
/// untouched until there is a connection.
#[derive(Debug, Clone)]
pub struct Patient(HttpConnector);

impl Service<Uri> for Patient {
    type Response = TokioIo<TcpStream>;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let mut connector = self.0.clone();
        Box::pin(async move {
            let mut pause = FIRST_PAUSE;
            for _ in 1..ATTEMPTS {
                match connector.call(uri.clone()).await {
                    Ok(connection) => return Ok(connection),
                    Err(_) => tokio::time::sleep(pause).await,
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            connector.call(uri).await
        })
    }
}

/// When anything was last sent in either direction of one exchange.
#[derive(Clone)]
struct Activity(Arc<(Instant, AtomicU64)>);

impl Activity {
    fn now() -> Self {
        Self(Arc::new((Instant::now(), AtomicU64::new(0))))
    }

    fn touch(&self) {
        let (began, last) = &*self.0;
        last.store(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Ready once nothing was sent for too long. `limit` is moved on as long as there is activity.
    fn poll_over(&self, mut limit: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(limit.as_mut().poll(cx));
            let (began, last) = &*self.0;
            let deadline = *began + Duration::from_millis(last.load(Ordering::Relaxed)) + INACTIVITY;
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
            limit.as_mut().reset(deadline);
        }
    }
}

/// A body that counts as activity, and ends with an error when there was none for too long.
struct Watched<B> {
    body: B,
    activity: Activity,
    /// Made when the body first makes its reader wait: most never do.
    limit: Option<Pin<Box<Sleep>>>,
}

impl<B> Watched<B> {
    fn new(body: B, activity: Activity) -> Self {
        Self { body, activity, limit: None }
    }
}

impl<B> HttpBody for Watched<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.activity.touch();
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                let limit = this.limit.get_or_insert_with(|| Box::pin(tokio::time::sleep(INACTIVITY)));
                this.activity
                    .poll_over(limit.as_mut(), cx)
                    .map(|()| Some(Err(Box::from(ForwardError::TimedOut))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
