//! A blob service in memory, behind the transport seam: it runs on the test's clock, and it can go away.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::request::{Body, Request};
use azure_core::http::{AsyncRawResponse, HttpClient, Method, StatusCode};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

#[derive(Debug, Default)]
struct Blob {
    content: Bytes,
    lease: Option<(String, Instant)>,
}

#[derive(Debug, Default)]
struct Inner {
    blobs: HashMap<String, Blob>,
    away: bool,
}

#[derive(Debug, Default)]
pub(super) struct Double(Mutex<Inner>);

impl Double {
    /// Whether the next calls find nobody.
    pub(super) fn set_away(&self, away: bool) {
        self.0.lock().away = away;
    }

    /// As if somebody broke the lease whose blob ends in `name` and took it for an hour.
    pub(super) fn steal(&self, name: &str) {
        let mut inner = self.0.lock();
        let (_, blob) =
            inner.blobs.iter_mut().find(|(path, _)| path.ends_with(name)).expect("a blob of that name");
        blob.lease = Some(("thief".into(), Instant::now() + Duration::from_secs(3600)));
    }
}

impl Inner {
    fn answer(&mut self, request: &Request) -> (u16, Headers, Bytes) {
        let url = request.url();
        let header = |name: &'static str| {
            request.headers().get_optional_str(&HeaderName::from_static(name)).map(str::to_owned)
        };
        let query =
            |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        if query("restype").as_deref() == Some("container") {
            return plain(201);
        }
        let path = url.path().to_owned();
        match (request.method(), query("comp").as_deref()) {
            (Method::Get, None) => {
                let Some(blob) = self.blobs.get(&path) else { return refusal(404, "BlobNotFound") };
                let (status, mut headers, _) = plain(200);
                headers.insert(HeaderName::from_static("content-length"), blob.content.len().to_string());
                (status, headers, blob.content.clone())
            }
            (Method::Put, None) => {
                let Body::Bytes(content) = request.body() else { panic!("a body of bytes") };
                self.blobs.entry(path).or_default().content = content.clone();
                plain(201)
            }
            (Method::Put, Some("metadata")) => plain(200),
            (Method::Put, Some("lease")) => {
                let Some(blob) = self.blobs.get_mut(&path) else { return refusal(404, "BlobNotFound") };
                let seconds = header("x-ms-lease-duration").and_then(|text| text.parse().ok()).unwrap_or(60);
                let until = Instant::now() + Duration::from_secs(seconds);
                let holder = blob
                    .lease
                    .as_ref()
                    .filter(|(_, until)| *until > Instant::now())
                    .map(|(id, _)| id.clone());
                match header("x-ms-lease-action").as_deref() {
                    Some("acquire") if holder.is_none() => {
                        blob.lease = Some((header("x-ms-proposed-lease-id").expect("an id"), until));
                        plain(201)
                    }
                    Some("acquire") => refusal(409, "LeaseAlreadyPresent"),
                    _ if holder.is_some() && holder != header("x-ms-lease-id") => {
                        refusal(409, "LeaseIdMismatchWithLeaseOperation")
                    }
                    Some("renew") => {
                        blob.lease = Some((header("x-ms-lease-id").expect("an id"), until));
                        plain(200)
                    }
                    Some("release") => {
                        blob.lease = None;
                        plain(200)
                    }
                    other => panic!("the double does not know lease action {other:?}"),
                }
            }
            other => panic!("the double does not know {other:?}"),
        }
    }
}

fn plain(status: u16) -> (u16, Headers, Bytes) {
    let mut headers = Headers::new();
    headers.insert(HeaderName::from_static("etag"), "\"1\"");
    headers.insert(HeaderName::from_static("last-modified"), "Sat, 09 Mar 2024 10:00:00 GMT");
    (status, headers, Bytes::new())
}

fn refusal(status: u16, code: &'static str) -> (u16, Headers, Bytes) {
    let mut headers = Headers::new();
    headers.insert(HeaderName::from_static("x-ms-error-code"), code);
    (status, headers, format!("<Error><Code>{code}</Code></Error>").into())
}

#[async_trait]
impl HttpClient for Double {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut inner = self.0.lock();
        if inner.away {
            return Err(Error::with_message(ErrorKind::Connection, "connection refused"));
        }
        let (status, headers, body) = inner.answer(request);
        Ok(AsyncRawResponse::from_bytes(StatusCode::from(status), headers, body))
    }
}
