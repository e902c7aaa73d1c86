//! A queue service in memory: as much of the REST protocol as a listener uses, and a clock. It stands for a service
//! that is quicker than its clients; how the protocol really behaves is for the tests against emulators.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Request, Response, StatusCode};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

const INSERTED: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
const EXPIRES: &str = "Fri, 31 Dec 9999 23:59:59 GMT";

#[derive(Default)]
struct Backlog {
    text: String,
    waiting: VecDeque<u64>,
    hidden: HashMap<u64, u64>,
    receipts: u64,
    /// When the first message of the backlog was taken, and the last one deleted.
    taken: Option<Instant>,
    emptied: Option<Instant>,
}

/// The way to a running double that does not count as traffic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Control {
    /// Where it is.
    pub(crate) address: SocketAddr,
}

impl Control {
    /// Puts a fresh backlog of `count` messages.
    pub(crate) async fn fill(self, count: usize, text: &str) -> anyhow::Result<()> {
        self.ask(&format!("/fill?count={count}&text={text}")).await.map(drop)
    }

    /// Waits until the backlog is gone; the seconds from the first receive to the last delete.
    pub(crate) async fn drained(self) -> anyhow::Result<f64> {
        Ok(self.ask("/drained").await?.parse()?)
    }

    async fn ask(self, path: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (_, body) = answer.split_once("\r\n\r\n").context("the queue double has gone")?;
        Ok(body.to_owned())
    }
}

struct Service {
    /// How long every request takes at least, as in a service that is a network away.
    delay: Duration,
    backlog: Mutex<Backlog>,
    changed: Notify,
}

/// The service; each request takes at least `delay`.
pub(crate) fn router(delay: Duration) -> Router {
    let service = Arc::new(Service { delay, backlog: Mutex::default(), changed: Notify::new() });
    Router::new().fallback(answer).with_state(service)
}

async fn answer(State(service): State<Arc<Service>>, request: Request<Body>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let query: HashMap<&str, &str> = request
        .uri()
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .collect();
    let number = |name: &str| query.get(name).and_then(|value| value.parse::<u64>().ok());
    match path.as_str() {
        "/fill" => {
            return service.fill(number("count").unwrap_or_default(), query.get("text").unwrap_or(&""));
        }
        "/drained" => return service.drained().await,
        _ => {}
    }
    if !service.delay.is_zero() {
        tokio::time::sleep(service.delay).await;
    }
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (request.method(), segments.as_slice()) {
        (&Method::GET, [_, _, "messages"]) => service.receive(number("numofmessages").unwrap_or(1)),
        (&Method::DELETE, [_, _, "messages", id]) => service.delete(id.parse().ok(), number("popreceipt")),
        (&Method::PUT, [_, _, "messages", id]) => service.renew(id.parse().ok(), number("popreceipt")),
        (&Method::PUT, [_, _]) => response(StatusCode::CREATED, String::new()),
        _ => response(StatusCode::BAD_REQUEST, String::new()),
    }
}

impl Service {
    fn fill(&self, count: u64, text: &str) -> Response<Body> {
        let mut backlog = self.backlog.lock();
        *backlog = Backlog { text: text.to_owned(), waiting: (0..count).collect(), ..Backlog::default() };
        response(StatusCode::OK, String::new())
    }

    /// Answers with the seconds from the first receive to the last delete, once that has happened.
    async fn drained(&self) -> Response<Body> {
        loop {
            let changed = self.changed.notified();
            let times = {
                let backlog = self.backlog.lock();
                backlog.taken.zip(backlog.emptied)
            };
            if let Some((taken, emptied)) = times {
                return response(StatusCode::OK, (emptied - taken).as_secs_f64().to_string());
            }
            changed.await;
        }
    }

    fn receive(&self, count: u64) -> Response<Body> {
        let mut backlog = self.backlog.lock();
        let backlog = &mut *backlog;
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><QueueMessagesList>");
        for _ in 0..count {
            let Some(id) = backlog.waiting.pop_front() else { break };
            backlog.taken.get_or_insert_with(Instant::now);
            backlog.receipts += 1;
            backlog.hidden.insert(id, backlog.receipts);
            let _ = write!(
                xml,
                "<QueueMessage><MessageId>{id}</MessageId><InsertionTime>{INSERTED}</InsertionTime>\
                 <ExpirationTime>{EXPIRES}</ExpirationTime><PopReceipt>{}</PopReceipt>\
                 <TimeNextVisible>{EXPIRES}</TimeNextVisible><DequeueCount>1</DequeueCount>\
                 <MessageText>{}</MessageText></QueueMessage>",
                backlog.receipts, backlog.text
            );
        }
        xml.push_str("</QueueMessagesList>");
        response(StatusCode::OK, xml)
    }

    fn delete(&self, id: Option<u64>, receipt: Option<u64>) -> Response<Body> {
        let mut backlog = self.backlog.lock();
        match id.filter(|id| backlog.hidden.get(id).copied() == receipt) {
            Some(id) => backlog.hidden.remove(&id),
            None => return response(StatusCode::NOT_FOUND, String::new()),
        };
        if backlog.hidden.is_empty() && backlog.waiting.is_empty() {
            backlog.emptied = Some(Instant::now());
            self.changed.notify_waiters();
        }
        response(StatusCode::NO_CONTENT, String::new())
    }

    fn renew(&self, id: Option<u64>, receipt: Option<u64>) -> Response<Body> {
        let mut backlog = self.backlog.lock();
        let Some(id) = id.filter(|id| receipt.is_some() && backlog.hidden.get(id).copied() == receipt) else {
            return response(StatusCode::NOT_FOUND, String::new());
        };
        backlog.receipts += 1;
        let receipt = backlog.receipts;
        backlog.hidden.insert(id, receipt);
        let mut response = response(StatusCode::NO_CONTENT, String::new());
        response.headers_mut().insert("x-ms-popreceipt", receipt.into());
        response
    }
}

fn response(status: StatusCode, body: String) -> Response<Body> {
    let xml = body.starts_with('<');
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    if xml {
        let value = axum::http::HeaderValue::from_static("application/xml");
        response.headers_mut().insert(axum::http::header::CONTENT_TYPE, value);
    }
    response
}
