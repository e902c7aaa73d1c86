//! Messages per second: put, then get 32 and delete, with 16 connections; and the latency of a get behind a million
//! messages. `cargo bench -p horus-storage --bench queue`. Set `REFERENCE_QUEUE=http://127.0.0.1:10001/devstoreaccount1`
//! to run an emulator in the same run and print ratios; `BACKLOG=0` skips the million.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints and may stop at the first surprise"
)]

use bytes::Bytes;
use horus_storage::auth::Account;
use horus_storage::{Listeners, Options, Service, Store, Trust, body};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The allocator of `func`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 16;

#[derive(Clone)]
enum Target {
    InProcess(Store),
    Http { endpoint: String, client: Box<Client<HttpConnector, Full<Bytes>>>, account: Account },
}

impl Target {
    fn http(endpoint: String) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(CONNECTIONS).build(connector);
        Self::Http { endpoint, client: Box::new(client), account: Account::well_known() }
    }

    async fn call(&self, method: Method, path: &str, query: &str, content: String) -> String {
        let bytes = match self {
            Self::InProcess(store) => {
                let uri = format!("/devstoreaccount1{path}?{query}");
                let request = Request::builder().method(method).uri(uri).body(body::full(content)).unwrap();
                let response = store.call(Service::Queue, request, Trust::Trusted).await;
                assert!(response.status().is_success(), "{}", response.status());
                response.into_body().collect().await.unwrap().to_bytes()
            }
            Self::Http { endpoint, client, account } => {
                let uri: http::Uri = format!("{endpoint}{path}?{query}").parse().unwrap();
                let date = chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
                let length = if content.is_empty() { String::new() } else { content.len().to_string() };
                let mut parameters: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
                parameters.sort_unstable();
                let mut text = format!(
                    "{method}\n\n\n{length}\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:2025-11-05\n/{}{}",
                    account.name(),
                    uri.path()
                );
                for pair in parameters {
                    let (name, value) = pair.split_once('=').unwrap();
                    let value = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
                    text.push_str(&format!("\n{name}:{value}"));
                }
                let request = Request::builder()
                    .method(method)
                    .uri(uri)
                    .header("x-ms-date", date)
                    .header("x-ms-version", "2025-11-05")
                    .header("authorization", format!("SharedKey {}:{}", account.name(), account.sign(&text)))
                    .body(Full::new(Bytes::from(content)))
                    .unwrap();
                let response = client.request(request).await.unwrap();
                let status = response.status();
                let bytes = response.into_body().collect().await.unwrap().to_bytes();
                assert!(status.is_success(), "{status} {bytes:?}");
                bytes
            }
        };
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    async fn put(&self, queue: &str, number: usize) {
        let text = format!("message {number} {}", "x".repeat(200));
        let xml = format!("<QueueMessage><MessageText>{text}</MessageText></QueueMessage>");
        self.call(Method::POST, &format!("/{queue}/messages"), "", xml).await;
    }

    /// Gets up to 32 messages and deletes each; returns how many.
    async fn consume(&self, queue: &str) -> usize {
        let answer = self.get(queue, 30).await;
        let (ids, receipts) = (elements(&answer, "MessageId"), elements(&answer, "PopReceipt"));
        for (id, receipt) in ids.iter().zip(receipts) {
            let receipt = receipt.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
            let path = format!("/{queue}/messages/{id}");
            self.call(Method::DELETE, &path, &format!("popreceipt={receipt}"), String::new()).await;
        }
        ids.len()
    }

    async fn get(&self, queue: &str, hidden: u32) -> String {
        let query = format!("numofmessages=32&visibilitytimeout={hidden}");
        self.call(Method::GET, &format!("/{queue}/messages"), &query, String::new()).await
    }
}

fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open).skip(1).filter_map(|rest| rest.split(&close).next()).collect()
}

/// Messages per second through the whole cycle, after printing both halves.
async fn cycle(name: &str, target: &Target, messages: usize, connections: usize) -> f64 {
    let queue = format!("bench-{}", uuid::Uuid::new_v4().simple());
    target.call(Method::PUT, &format!("/{queue}"), "", String::new()).await;
    let begun = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let put = (0..connections).map(|_| {
        let (target, queue, next) = (target.clone(), queue.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= messages {
                    break;
                }
                target.put(&queue, number).await;
            }
        })
    });
    futures::future::join_all(put.collect::<Vec<_>>()).await;
    let put = begun.elapsed();
    let consume = (0..connections).map(|_| {
        let (target, queue) = (target.clone(), queue.clone());
        tokio::spawn(async move {
            let mut count = 0;
            loop {
                match target.consume(&queue).await {
                    0 => return count,
                    some => count += some,
                }
            }
        })
    });
    let counts = futures::future::join_all(consume.collect::<Vec<_>>()).await;
    let total: usize = counts.into_iter().map(Result::unwrap).sum();
    assert_eq!(total, messages, "every message is got exactly once");
    let whole = begun.elapsed();
    let rate = |time: Duration| messages as f64 / time.as_secs_f64();
    println!(
        "{name}: put {:.0}/s, get 32 + delete {:.0}/s, whole cycle {:.0} messages/s",
        rate(put),
        rate(whole - put),
        rate(whole)
    );
    target.call(Method::DELETE, &format!("/{queue}"), "", String::new()).await;
    rate(whole)
}

/// p50 and p99 of a get of 32 (which also hides them) in a queue that holds `backlog` messages.
async fn latency(target: &Target, backlog: usize) -> (Duration, Duration) {
    let queue = format!("backlog-{backlog}");
    target.call(Method::PUT, &format!("/{queue}"), "", String::new()).await;
    let fill = backlog.max(32 * 500);
    let fillers = (0..512).map(|worker| {
        let (target, queue) = (target.clone(), queue.clone());
        tokio::spawn(async move {
            for number in (worker..fill).step_by(512) {
                target.put(&queue, number).await;
            }
        })
    });
    futures::future::join_all(fillers.collect::<Vec<_>>()).await;
    let mut times = Vec::new();
    for _ in 0..500 {
        let begun = Instant::now();
        let answer = target.get(&queue, 3600).await;
        times.push(begun.elapsed());
        assert_eq!(elements(&answer, "MessageId").len(), 32);
    }
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let store = Store::open(Options::in_folder(folder.path())).unwrap();
    let listeners = Listeners::none().with(Service::Queue, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listeners.address(Service::Queue).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn({
        let store = store.clone();
        async move {
            store
                .serve(listeners, async {
                    let _ = stopped.await;
                })
                .await
        }
    });
    let http = Target::http(format!("http://{address}/devstoreaccount1"));
    let inside = Target::InProcess(store.clone());

    let over_http = cycle("over HTTP, 16 connections", &http, 30_000, CONNECTIONS).await;
    let in_process = cycle("in process, 16 callers", &inside, 60_000, CONNECTIONS).await;
    let wide = cycle("in process, 256 callers", &inside, 100_000, 256).await;
    if let Ok(endpoint) = std::env::var("REFERENCE_QUEUE") {
        // Its cost grows with the number of messages in the account, so it gets a short queue.
        let reference = cycle("reference, 16 connections", &Target::http(endpoint), 500, CONNECTIONS).await;
        println!(
            "ratio to the reference: HTTP {:.1}, in process {:.1} (256 callers: {:.1})",
            over_http / reference,
            in_process / reference,
            wide / reference
        );
    }
    let backlog = std::env::var("BACKLOG").map_or(1_000_000, |text| text.parse().unwrap());
    if backlog > 0 {
        let (p50, p99) = latency(&inside, 0).await;
        println!("get of 32, short queue: p50 {p50:?}, p99 {p99:?}");
        let (full50, full99) = latency(&inside, backlog).await;
        println!("get of 32, {backlog} messages waiting: p50 {full50:?}, p99 {full99:?}");
        println!("p99 ratio: {:.2}", full99.as_secs_f64() / p99.as_secs_f64());
    }
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}
