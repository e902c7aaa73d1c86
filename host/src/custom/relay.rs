//! Whole HTTP requests for the handler: forwarded in one piece or streamed (spec host.md §7.3 and §7.4).

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use horus_bindings::http::request::query;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError};
use hyper::body::{Frame, SizeHint};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::oneshot;

use super::call::at;
use super::handler::CustomHandler;
use super::instance::Instance;
use crate::http::{forward, remove_hop_by_hop};
use crate::invoke::{Exchange, Outcome, Outputs};

/// What needs no escape in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const CLIENT_GONE: &str = "The client has gone before the end of the response.";

impl CustomHandler {
    /// Sends the request on in one piece, to its own path or to `path`, and relays the response in one piece.
    pub(super) async fn forward(
        &self,
        instance: &Instance,
        invocation: &str,
        path: Option<&PathAndQuery>,
        exchange: Exchange,
    ) -> Outcome {
        let Exchange { request, respond } = exchange;
        let (parts, body) = request.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if is_too_large(&error) => {
                let mut refusal = Response::new(Body::empty());
                *refusal.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
                let _ = respond.send(refusal);
                return Outcome::Failed("The request's body is larger than host.json allows (extensions.http.maxRequestBodySize).".into());
            }
            Err(_) => return Outcome::Cancelled("The client has gone before the end of its request.".into()),
        };
        let path = target(path.map_or(parts.uri.path(), PathAndQuery::path), parts.uri.query());
        let Ok(path) = path.parse::<PathAndQuery>() else {
            return Outcome::Failed(format!("The path '{path}' cannot be forwarded."));
        };
        let mut forwarded = Request::new(Body::from(body));
        *forwarded.method_mut() = parts.method.clone();
        *forwarded.uri_mut() = at(&instance.base, &path);
        *forwarded.headers_mut() = parts.headers;
        let headers = forwarded.headers_mut();
        remove_hop_by_hop(headers);
        remove_content_headers(headers);
        self.mark(headers, invocation);
        let mut response = match self.exchange(instance, forwarded).await {
            Ok(response) => response.map(Body::from),
            Err(outcome) => return outcome,
        };
        remove_hop_by_hop(response.headers_mut());
        if parts.method != Method::HEAD {
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        // The client may have gone; the function has run all the same.
        let _ = respond.send(response);
        Outcome::Completed(Outputs::default())
    }

    /// Streams the request to the handler and its response to the client. The invocation lasts as long as both.
    pub(super) async fn proxy(&self, instance: &Instance, invocation: &str, exchange: Exchange) -> Outcome {
        let Exchange { mut request, mut respond } = exchange;
        self.mark(request.headers_mut(), invocation);
        let head = tokio::select! {
            biased;
            head = forward(&self.client, &instance.base, invocation, request) => head,
            () = instance.gone.cancelled() => return Outcome::Lost(instance.loss()),
            () = respond.closed() => return Outcome::Cancelled(CLIENT_GONE.into()),
        };
        let response = match head {
            Ok(response) => response,
            Err(error) => return self.broken(instance, &error.to_string()).await,
        };
        let (sender, ended) = oneshot::channel();
        let response = response.map(|body| Body::new(Reported { body, end: Some(sender) }));
        if respond.send(response).is_err() {
            return Outcome::Cancelled(CLIENT_GONE.into());
        }
        match ended.await {
            Ok(Ok(())) => Outcome::Completed(Outputs::default()),
            Ok(Err(error)) => self.broken(instance, &error).await,
            Err(_) => Outcome::Cancelled(CLIENT_GONE.into()),
        }
    }
}

/// Path and query; the query is written anew, several values of one name joined by commas.
fn target(path: &str, raw: Option<&str>) -> String {
    let mut target = path.to_owned();
    for (n, (name, value)) in query(raw.unwrap_or_default()).iter().enumerate() {
        target.push(if n == 0 { '?' } else { '&' });
        target.extend(utf8_percent_encode(name, QUERY));
        target.push('=');
        target.extend(utf8_percent_encode(value, QUERY));
    }
    target
}

/// Of the headers about content only the type travels; the length is written by the client.
fn remove_content_headers(headers: &mut HeaderMap) {
    let is_dropped = |name: &HeaderName| {
        name != CONTENT_TYPE
            && (name.as_str().starts_with("content-")
                || matches!(name.as_str(), "allow" | "expires" | "last-modified"))
    };
    let dropped: Vec<HeaderName> = headers.keys().filter(|name| is_dropped(name)).cloned().collect();
    for name in dropped.iter().chain([&EXPECT]) {
        headers.remove(name);
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// A response body that reports how it ended: well, broken, or (by dropping `end`) not read to its end.
struct Reported {
    body: Body,
    end: Option<oneshot::Sender<Result<(), String>>>,
}

impl Reported {
    fn report(&mut self, end: Result<(), String>) {
        if let Some(sender) = self.end.take() {
            let _ = sender.send(end);
        }
    }
}

impl HttpBody for Reported {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            None => self.report(Ok(())),
            Some(Err(error)) => self.report(Err(crate::http::describe(error))),
            Some(Ok(_)) if self.body.is_end_stream() => self.report(Ok(())),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Reported {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.report(Ok(()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// host.md §7.3: the query is re-encoded, several values of one name joined by commas.
    #[test]
    fn queries_are_written_anew() {
        for (path, query, expected) in [
            ("/api/f", None, "/api/f"),
            ("/api/a%20b", Some("x=1&y=a%20b"), "/api/a%20b?x=1&y=a%20b"),
            ("/f", Some("x=1&x=2&flag&e=%C3%A9+z"), "/f?x=1%2C2&flag=&e=%C3%A9%20z"),
        ] {
            assert_eq!(target(path, query), expected);
        }
    }

    /// host.md §7.3: content-type is the only content header that the request keeps.
    #[test]
    fn content_headers_are_dropped_but_one() {
        let mut headers = HeaderMap::new();
        for name in ["content-type", "content-length", "content-encoding", "expect", "expires", "x-content-a"]
        {
            headers.insert(HeaderName::from_static(name), "v".parse().unwrap());
        }
        remove_content_headers(&mut headers);
        let left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["content-type", "x-content-a"]);
    }
}
