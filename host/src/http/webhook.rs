//! The webhooks of extensions: `/runtime/webhooks/{extension}` (spec bindings.md §1.12, host.md A16).

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::{Method, Response, StatusCode};

use super::body::{self, BodyError};
use super::front::{Answer, Arrival, Shared};
use super::{empty, request, response};
use crate::Job;

const CATEGORY: &str = "Host.Webhooks";

/// Answers a request: first who asks, then whether there is anybody to answer.
pub(super) async fn answer<B>(front: &Shared, job: &Job, arrival: &Arrival, body: B) -> Answer
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let path = horus_bindings::http::route::path::decode(arrival.parts.uri.path());
    let extension = path.split('/').nth(3).unwrap_or_default();
    let access = match front.access(&arrival.parts, None).await {
        Ok(access) => access,
        Err(error) => {
            front.keys_failed(&error);
            return empty(StatusCode::INTERNAL_SERVER_ERROR).into();
        }
    };
    if !access.opens_webhook(extension) {
        return Answer { response: empty(StatusCode::UNAUTHORIZED), access };
    }
    let known = job.webhooks.iter().find(|(name, _)| name.eq_ignore_ascii_case(extension));
    let is_verb = [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::OPTIONS]
        .contains(&arrival.parts.method);
    let response = match known.filter(|_| is_verb) {
        None => empty(StatusCode::NOT_FOUND),
        Some((name, webhook)) => match body::read(body, &arrival.parts.headers, front.body_limit).await {
            Ok(body) => {
                let identity = access.identity();
                let mut call = request::map(&arrival.parts, &arrival.origin, Vec::new(), identity);
                call.body = (!body.is_empty()).then_some(body);
                sendable(front, name, response::build(webhook.call(call).await))
            }
            Err(BodyError::TooLarge) => empty(StatusCode::PAYLOAD_TOO_LARGE),
            Err(BodyError::TooSlow) => empty(StatusCode::REQUEST_TIMEOUT),
            Err(BodyError::Broken) => empty(StatusCode::BAD_REQUEST),
        },
    };
    Answer { response, access }
}

fn sendable(
    front: &Shared,
    extension: &str,
    built: Result<Response<Body>, impl std::fmt::Display>,
) -> Response<Body> {
    built.unwrap_or_else(|error| {
        front.log().error(CATEGORY, format!("The webhook of '{extension}' failed: {error}"));
        empty(StatusCode::INTERNAL_SERVER_ERROR)
    })
}
