//! One call of an HTTP function: may they, what did they send, run it, and what comes back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use horus_bindings::http::response;
use horus_bindings::{Value, Verdict};
use http::header::ACCEPT;
use http::{Request, Response, StatusCode};
use http_body_util::Limited;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::body::{self, BodyError, Tied};
use super::empty;
use super::front::{Answer, Arrival, Shared};
use super::throttle::Permit;
use super::{request, response as message, site};
use crate::Job;
use crate::invoke::Runner;
use crate::keys::{Access, Level};

const CATEGORY: &str = "Host.Results";

/// Calls the function behind `runner`; `permit` is held until it has ended.
pub(super) async fn function<B>(
    front: &Shared,
    job: &Arc<Job>,
    runner: &Arc<Runner>,
    arrival: Arrival,
    params: Vec<(String, String)>,
    body: B,
    permit: Permit,
) -> Answer
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let name = &runner.function().name;
    let required = runner.route().map_or(Level::Admin, |route| site::required(route.auth_level));
    let access = match front.access(&arrival.parts, Some(name)).await {
        Ok(access) => access,
        Err(error) => {
            front.keys_failed(&error);
            // Whoever needs no key is not turned away because keys cannot be read.
            if required != Level::Anonymous {
                return empty(StatusCode::INTERNAL_SERVER_ERROR).into();
            }
            Access::ANONYMOUS
        }
    };
    let response = match admit(&access, required, runner.is_disabled()) {
        Some(refusal) => empty(refusal),
        None => {
            let request = request::map(&arrival.parts, &arrival.origin, params, access.identity());
            let call = Call { front, job, runner, arrival, permit };
            match runner.streams_http() {
                true => call.stream(request, body).await,
                false => call.whole(request, body).await,
            }
        }
    };
    Answer { response, access }
}

/// The status with which a call is turned away. Who may not call does not learn that a function is disabled.
fn admit(access: &Access, required: Level, is_disabled: bool) -> Option<StatusCode> {
    if !access.opens(required) {
        return Some(StatusCode::UNAUTHORIZED);
    }
    (is_disabled && access.level != Level::Admin).then_some(StatusCode::NOT_FOUND)
}

struct Call<'a> {
    front: &'a Shared,
    job: &'a Job,
    runner: &'a Arc<Runner>,
    arrival: Arrival,
    permit: Permit,
}

impl Call<'_> {
    /// Reads the body, runs the function and answers with what it gave.
    async fn whole<B>(self, request: horus_bindings::http::HttpRequest, body: B) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
    {
        let Self { front, job, runner, arrival, permit } = self;
        let body = match body::read(body, &arrival.parts.headers, front.body_limit).await {
            Ok(body) => body,
            Err(error) => return empty(status_of(error)),
        };
        let cancel = CancellationToken::new();
        let headers = &arrival.parts.headers;
        let event = request::event(request, body, headers, front.reason.clone(), cancel.clone());
        let abort = cancel.drop_guard();
        let verdict = ToTheEnd::new(&job.tasks, {
            let runner = runner.clone();
            async move {
                let _permit = permit;
                runner.call(event).await
            }
        })
        .await;
        abort.disarm();
        let value = match verdict {
            Verdict::Succeeded(value) => value,
            // The pipeline has logged what happened; clients learn nothing about it.
            Verdict::Failed(_) | Verdict::Lost(_) => return empty(StatusCode::INTERNAL_SERVER_ERROR),
        };
        let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
        reply(front, runner, value, accept)
    }

    /// Hands the raw request to the function's invoker and passes its response on as it comes.
    async fn stream<B>(self, request: horus_bindings::http::HttpRequest, body: B) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Self { front, runner, arrival, permit, .. } = self;
        if body.size_hint().lower() > front.body_limit {
            return empty(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let limit = usize::try_from(front.body_limit).unwrap_or(usize::MAX);
        let cancel = CancellationToken::new();
        let headers = &arrival.parts.headers;
        let event = request::event(request, Bytes::new(), headers, front.reason.clone(), cancel.clone());
        let abort = cancel.drop_guard();
        let Arrival { mut parts, origin } = arrival;
        parts.extensions.insert(origin);
        let body = match body.is_end_stream() {
            true => Body::empty(),
            false => Body::new(Limited::new(body, limit)),
        };
        let response = runner.stream(event, Request::from_parts(parts, body)).await;
        match response {
            Ok(response) => response.map(|body| Body::new(Tied::new(body, abort, permit))),
            Err(_) => {
                abort.disarm();
                empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

fn reply(front: &Shared, runner: &Runner, value: Value, accept: Option<&str>) -> Response<Body> {
    let log = &front.options.log;
    let name = &runner.function().name;
    let failed = |error: String| {
        log.error(CATEGORY, format!("Function 'Functions.{name}': {error}"));
        empty(StatusCode::INTERNAL_SERVER_ERROR)
    };
    let reply = match response::reply(value, accept) {
        Ok(reply) => reply,
        Err(error) => return failed(error.to_string()),
    };
    if !reply.duplicates.is_empty() {
        log.debug(CATEGORY, || {
            format!(
                "Duplicate HTTP header from function invocation removed. Duplicate key(s): {}.",
                reply.duplicates.join(", ")
            )
        });
    }
    message::build(reply).unwrap_or_else(|error| failed(error.to_string()))
}

fn status_of(error: BodyError) -> StatusCode {
    match error {
        BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
        BodyError::Broken => StatusCode::BAD_REQUEST,
    }
}

/// A future that is finished by `tasks` when whoever awaits it goes away: a function that has begun writes its outputs
/// and its log lines although its client has hung up. Costs no task as long as nobody does.
struct ToTheEnd<'a, T: Send + 'static> {
    tasks: &'a TaskTracker,
    future: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
}

impl<'a, T: Send + 'static> ToTheEnd<'a, T> {
    fn new(tasks: &'a TaskTracker, future: impl Future<Output = T> + Send + 'static) -> Self {
        Self { tasks, future: Some(Box::pin(future)) }
    }
}

impl<T: Send + 'static> Future for ToTheEnd<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let future = self.future.as_mut().expect("a future is not polled after its end");
        let polled = future.as_mut().poll(cx);
        if polled.is_ready() {
            self.future = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for ToTheEnd<'_, T> {
    fn drop(&mut self) {
        // Without a runtime there is nothing left that could finish it.
        if let (Some(future), Ok(runtime)) = (self.future.take(), tokio::runtime::Handle::try_current()) {
            self.tasks.spawn_on(future, &runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// host.md §3.4 and F14: 401 comes before 404, and the master key opens disabled functions.
    #[test]
    fn f14_disabled_functions_are_hidden_from_all_but_administrators() {
        let with = |level| Access { level, key: None, is_platform: false };
        for (level, required, is_disabled, status) in [
            (Level::Anonymous, Level::Function, true, Some(401)),
            (Level::Function, Level::Function, true, Some(404)),
            (Level::Admin, Level::Function, true, None),
            (Level::Anonymous, Level::Anonymous, true, Some(404)),
            (Level::Anonymous, Level::Anonymous, false, None),
            (Level::System, Level::Function, false, Some(401)),
            (Level::Function, Level::Admin, false, Some(401)),
        ] {
            let refused = admit(&with(level), required, is_disabled).map(|status| status.as_u16());
            assert_eq!(refused, status, "{level:?} on {required:?}");
        }
    }

    /// host.md H35: the invocation hears that its client has gone, and still ends by itself.
    #[tokio::test]
    async fn h35_an_abandoned_call_is_cancelled_and_runs_to_its_end() {
        let tasks = TaskTracker::new();
        let cancel = CancellationToken::new();
        let (sender, ended) = tokio::sync::oneshot::channel();
        let abort = cancel.clone().drop_guard();
        let seen = cancel.clone();
        let mut call = Box::pin(ToTheEnd::new(&tasks, async move {
            seen.cancelled().await;
            sender.send("outputs written").unwrap();
        }));
        assert!(call.as_mut().now_or_never().is_none());
        drop(call);
        drop(abort);
        assert_eq!(ended.await.unwrap(), "outputs written");
        tasks.close();
        tasks.wait().await;
    }

    /// A call that ends in time needs no task.
    #[tokio::test]
    async fn a_call_that_ends_leaves_nothing_behind() {
        let tasks = TaskTracker::new();
        assert_eq!(ToTheEnd::new(&tasks, async { 7 }).await, 7);
        assert!(tasks.is_empty());
    }
}
