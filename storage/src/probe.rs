//! Tests talk to a store in memory through this.

use crate::auth::Account;
use crate::body;
use crate::{Options, Service, Store, Trust};
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;

/// A store in memory and how to ask it things.
pub(crate) struct Probe {
    pub(crate) store: Store,
}

/// An answer in full.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    pub(crate) fn code(&self) -> &str {
        self.header("x-ms-error-code")
    }

    /// The text of the first element of that name.
    pub(crate) fn element(&self, name: &str) -> &str {
        let after = self.body.split(&format!("<{name}>")).nth(1).unwrap_or("");
        after.split(&format!("</{name}>")).next().unwrap_or("")
    }
}

impl Probe {
    pub(crate) fn new() -> Self {
        Self { store: Store::open(Options::in_memory()).unwrap() }
    }

    /// A trusted request; `headers` are `name: value` lines.
    pub(crate) async fn call(&self, service: Service, line: &str, headers: &[&str], content: &str) -> Reply {
        self.send(service, request(line, headers, content), Trust::Trusted).await
    }

    pub(crate) async fn send(&self, service: Service, request: Request<body::Body>, trust: Trust) -> Reply {
        let response = self.store.call(service, request, trust).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }
}

/// `GET /path?query` below the well-known account.
pub(crate) fn request(line: &str, headers: &[&str], content: &str) -> Request<body::Body> {
    let (method, path) = line.split_once(' ').unwrap();
    let mut builder = Request::builder()
        .method(method.parse::<Method>().unwrap())
        .uri(format!("/devstoreaccount1{path}"))
        .header("content-length", content.len());
    for header in headers {
        let (name, value) = header.split_once(": ").unwrap();
        builder = builder.header(name, value);
    }
    builder.body(body::full(content.to_owned())).unwrap()
}

/// The well-known account's signature of `text`.
pub(crate) fn sign(text: &str) -> String {
    Account::well_known().sign(text)
}
