//! Requests to a store: one that runs somewhere, or the app's data folder when none does.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use azure_core::http::headers::{HeaderName, HeaderValue};
use azure_core::http::{AsyncRawResponse, HttpClient, Method, Request, Url};
use bytes::Bytes;
use chrono::Utc;
use futures::TryStreamExt as _;
use horus_bindings::storage::HttpTransport;
use horus_in_process::InProcess;
use horus_storage::{Service, Store};
use serde_json::Value;
use tokio::net::TcpStream;

use super::{eprint_hint, options, sign, xml};
use crate::args::Given;
use crate::commands::Failed;
use crate::store::{self, Keys};

/// A store that runs on this machine answers at once.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// One service of a store.
pub(super) struct Client {
    service: Service,
    base: Url,
    keys: Keys,
    transport: Arc<dyn HttpClient>,
    /// The store, when it was opened for this command alone.
    opened: Option<Store>,
}

/// A request in the making.
pub(super) struct Ask<'a> {
    method: Method,
    path: Vec<&'a str>,
    query: Vec<(&'a str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl<'a> Ask<'a> {
    /// `path` is relative to the account, each part as it is.
    pub(super) fn new(method: Method, path: &[&'a str]) -> Self {
        Self { method, path: path.to_vec(), query: Vec::new(), headers: Vec::new(), body: Bytes::new() }
    }

    pub(super) fn query(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

/// An answer that is in memory.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) text: String,
    /// `x-ms-continuation`.
    pub(super) continuation: Option<String>,
    /// `x-ms-approximate-messages-count`.
    pub(super) count: Option<String>,
}

impl Reply {
    /// The answer, if it is a good one.
    pub(super) fn good(self, what: &str) -> Result<Self, Failed> {
        match self.status {
            200..=299 => Ok(self),
            _ => Err(self.failed(what)),
        }
    }

    /// What went wrong, in the service's words.
    pub(super) fn failed(&self, what: &str) -> Failed {
        let json: Option<Value> = serde_json::from_str(&self.text).ok();
        let (code, message) = match &json {
            Some(json) => {
                let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
                (text("code"), text("message"))
            }
            None => (xml::text(&self.text, "Error", "Code"), xml::text(&self.text, "Error", "Message")),
        };
        let message = message.lines().next().unwrap_or_default().trim().to_owned();
        match code.is_empty() {
            true => Failed::new(format!("{what}: the store answered with status {}.", self.status)),
            false => Failed::new(format!("{what}: {code}: {message}")),
        }
    }
}

impl Client {
    /// Reaches the service of the store that runs, or of the data folder. `may_create` allows a new folder.
    pub(super) async fn open(given: &Given, service: Service, may_create: bool) -> Result<Self, Failed> {
        let (address, port) = (options::address(given)?, options::port(given, service)?);
        let keys = Keys::of(&options::settings(given)?)?;
        let socket = SocketAddr::new(address, port);
        let connected = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(socket)).await;
        if matches!(connected, Ok(Ok(_))) && given.value("data").is_none() {
            let transport = Arc::new(HttpTransport::default());
            return Ok(Self { service, base: base(socket, service, &keys), keys, transport, opened: None });
        }
        let folder = options::data(given)?;
        if !address.is_loopback() || (!may_create && !folder.exists()) {
            return Err(Failed::new(format!(
                "No store listens on {socket}, and there is no data in {}.",
                folder.display()
            ))
            .hint("Start one with `func start` in your app's folder, or with `func storage`."));
        }
        let opened = store::open(keys.admitted_to(horus_storage::Options::in_folder(&folder)))?;
        eprint_hint(&format!("(in {}; no store is running)", folder.display()));
        let transport = InProcess::new(opened.clone(), vec![(service, port)]);
        let here = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Ok(Self {
            service,
            base: base(here, service, &keys),
            keys,
            transport: Arc::new(transport),
            opened: Some(opened),
        })
    }

    /// Sends a request; the answer's body has not been read.
    pub(super) async fn stream(&self, ask: Ask<'_>) -> Result<AsyncRawResponse, Failed> {
        let now = Utc::now();
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&ask.path);
        }
        let mut headers = ask.headers;
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(&ask.query);
            if sign::is_sas(self.service) && self.opened.is_none() {
                query.extend_pairs(sign::account_sas(&self.keys.account, now));
            }
        }
        if url.query() == Some("") {
            url.set_query(None);
        }
        if self.service == Service::Documents {
            let date = sign::http_date(now);
            let token = sign::document_token(&self.keys.documents, ask.method.as_str(), &ask.path, &date);
            headers.extend([("x-ms-date", date), ("authorization", token)]);
            headers.push(("x-ms-version", "2020-07-15".to_owned()));
        } else {
            headers.push(("x-ms-version", sign::VERSION.to_owned()));
        }
        let mut request = Request::new(url, ask.method);
        for (name, value) in headers {
            request.insert_header(HeaderName::from_static(name), HeaderValue::from(value));
        }
        request.set_body(ask.body);
        self.transport.execute_request(&request).await.map_err(|error| {
            Failed::new(format!("The {} service does not answer: {error}", store::name(self.service)))
        })
    }

    /// Sends a request and reads the answer.
    pub(super) async fn send(&self, ask: Ask<'_>) -> Result<Reply, Failed> {
        let answer = self.stream(ask).await?;
        let status: u16 = answer.status().into();
        let header =
            |name: &'static str| answer.headers().get_optional_string(&HeaderName::from_static(name));
        let (continuation, count) = (header("x-ms-continuation"), header("x-ms-approximate-messages-count"));
        let parts: Vec<Bytes> = answer
            .into_body()
            .try_collect()
            .await
            .map_err(|error| Failed::new(format!("The answer broke off: {error}")))?;
        let text = String::from_utf8_lossy(&parts.concat()).into_owned();
        Ok(Reply { status, text, continuation, count })
    }

    /// Ends with what was written on disk.
    pub(super) async fn close(self) {
        if let Some(store) = self.opened {
            store.close().await;
        }
    }
}

/// The address of the account.
fn base(socket: SocketAddr, service: Service, keys: &Keys) -> Url {
    let account = if service == Service::Documents { "" } else { keys.account.name() };
    Url::parse(&format!("http://{socket}/{account}")).expect("an address and a name make a URL")
}
