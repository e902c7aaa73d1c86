//! Durability over the protocol: the serving process is killed at random points, started again on the same folder, and
//! must know everything it had acknowledged and nothing it had deleted.
//!
//! `HORUS_CRASH_ROUNDS` sets the number of kills: 80 by default, which takes some 15 seconds; the build server does 200.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, Mac};
use horus_storage::{
    documents::{Documents, Options, WELL_KNOWN_KEY, serve},
    engine::{Engine, EngineOptions},
};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rand::RngExt;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const FOLDER: &str = "HORUS_CRASH_FOLDER";
const CONTAINER: &str = "dbs/d/colls/c";
const WRITERS: usize = 8;
const IDS: usize = 30;

/// Not a test of its own: the process that the test below starts and kills.
#[tokio::test]
#[ignore = "runs only as a child of the crash test"]
async fn serving_process() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("the crash test names the folder"));
    let engine = Engine::open(EngineOptions::in_folder(folder.join("data"))).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // Written aside and moved, so that the parent never reads half a number.
    std::fs::write(folder.join("port.new"), port.to_string()).unwrap();
    std::fs::rename(folder.join("port.new"), folder.join("port")).unwrap();
    serve(Documents::new(engine, Options::default()), listener, None, CancellationToken::new())
        .await
        .unwrap();
}

struct Server {
    process: Child,
    port: u16,
}

impl Server {
    async fn start(folder: &Path) -> Self {
        let _ = std::fs::remove_file(folder.join("port"));
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "serving_process"])
            .env(FOLDER, folder)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { process, port: 0 };
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            if let Ok(port) = std::fs::read_to_string(folder.join("port")) {
                server.port = port.parse().unwrap();
                return server;
            }
            assert!(Instant::now() < end, "the server did not start");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A failing test leaves no process behind.
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

type Http = Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>;

/// Sends a signed request; `None` when the connection broke and nobody knows what became of it.
async fn send(
    client: &Http,
    port: u16,
    verb: &str,
    (kind, link, path): (&str, &str, &str),
    headers: &[(&str, &str)],
    body: &Value,
) -> Option<(u16, String, Value)> {
    let date = chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let payload = format!("{}\n{kind}\n{link}\n{}\n\n", verb.to_lowercase(), date.to_lowercase());
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(WELL_KNOWN_KEY).unwrap()).unwrap();
    mac.update(payload.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes()).replace('+', "%2B");
    let mut request = Request::builder()
        .method(verb)
        .uri(format!("http://127.0.0.1:{port}/{path}"))
        .header("x-ms-date", &date)
        .header("authorization", format!("type%3Dmaster%26ver%3D1.0%26sig%3D{signature}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
    let response = client.request(request.body(Full::new(body)).unwrap()).await.ok()?;
    let status = response.status().as_u16();
    let etag = response.headers().get("etag").map_or(String::new(), |etag| etag.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.ok()?.to_bytes();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Some((status, etag, body))
}

/// What the client knows: the last acknowledged value per id (`None`: deleted), and writes without an answer.
#[derive(Default)]
struct Ledger {
    acknowledged: HashMap<String, Option<f64>>,
    open: HashMap<String, Option<f64>>,
    writes: usize,
}

async fn write_until_killed(
    client: Http,
    port: u16,
    writer: usize,
    ledger: Arc<Mutex<Ledger>>,
    stop: Arc<AtomicBool>,
) {
    let docs = format!("{CONTAINER}/docs");
    let key = json!([writer.to_string()]).to_string();
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let id = format!("{writer}-{}", turn % IDS);
        let exists = ledger.lock().unwrap().acknowledged.get(&id).copied().flatten().is_some();
        let value = (!exists || rand::rng().random_bool(0.7)).then(|| rand::rng().random::<f64>());
        ledger.lock().unwrap().open.insert(id.clone(), value);
        let answer = match value {
            Some(value) => {
                let headers = [("x-ms-documentdb-is-upsert", "true")];
                let body = json!({"id": id, "pk": writer.to_string(), "v": value});
                send(&client, port, "POST", ("docs", CONTAINER, &docs), &headers, &body).await
            }
            None => {
                let path = format!("{docs}/{id}");
                let headers = [("x-ms-documentdb-partitionkey", key.as_str())];
                send(&client, port, "DELETE", ("docs", &path, &path), &headers, &Value::Null).await
            }
        };
        let Some((status, ..)) = answer else { return };
        assert!((200..300).contains(&status), "{id}: {status}");
        let mut ledger = ledger.lock().unwrap();
        ledger.open.remove(&id);
        ledger.acknowledged.insert(id, value);
        ledger.writes += 1;
    }
}

/// Every document, by listing or by the change feed.
async fn all(client: &Http, port: u16, feed: bool) -> HashMap<String, f64> {
    let docs = format!("{CONTAINER}/docs");
    let mut headers = vec![("x-ms-max-item-count", "-1")];
    if feed {
        headers.push(("a-im", "Incremental feed"));
    }
    // Few enough for one page.
    const { assert!(WRITERS * IDS < 1000) };
    let (status, _, body) =
        send(client, port, "GET", ("docs", CONTAINER, &docs), &headers, &Value::Null).await.unwrap();
    assert!(status == 200 || status == 304, "{status}");
    let documents = body["Documents"].as_array().cloned().unwrap_or_default();
    let found: HashMap<_, _> =
        documents.iter().map(|d| (d["id"].as_str().unwrap().to_owned(), d["v"].as_f64().unwrap())).collect();
    assert_eq!(found.len(), documents.len(), "an id twice");
    found
}

/// Durability: nothing acknowledged is lost, nothing deleted returns, list and feed agree.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_points() {
    let rounds: usize =
        std::env::var("HORUS_CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(80);
    let folder = tempfile::tempdir().unwrap();
    let client: Http = Client::builder(TokioExecutor::new()).build_http();
    let mut server = Server::start(folder.path()).await;
    let made =
        send(&client, server.port, "POST", ("dbs", "", "dbs"), &[], &json!({"id": "d"})).await.unwrap();
    assert_eq!(made.0, 201);
    let definition = json!({"id": "c", "partitionKey": {"paths": ["/pk"], "kind": "Hash", "version": 2}});
    let made = send(&client, server.port, "POST", ("colls", "dbs/d", "dbs/d/colls"), &[], &definition)
        .await
        .unwrap();
    assert_eq!(made.0, 201);

    let ledger = Arc::new(Mutex::new(Ledger::default()));
    for round in 0..rounds {
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                tokio::spawn(write_until_killed(
                    client.clone(),
                    server.port,
                    writer,
                    ledger.clone(),
                    stop.clone(),
                ))
            })
            .collect();
        // The point of the kill is what this test varies; nothing is awaited here.
        tokio::time::sleep(Duration::from_millis(rand::rng().random_range(10..120))).await;
        server.kill();
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await.unwrap();
        }
        server = Server::start(folder.path()).await;
        let found = all(&client, server.port, false).await;
        assert_eq!(found, all(&client, server.port, true).await, "round {round}: list and feed differ");
        let mut ledger = ledger.lock().unwrap();
        for (id, known) in &ledger.acknowledged {
            let now = found.get(id).copied();
            let open = ledger.open.get(id);
            assert!(
                now == *known || open == Some(&now),
                "round {round}: {id} was {known:?}, is {now:?}, open {open:?}"
            );
        }
        ledger.open.clear();
        ledger.acknowledged = found.into_iter().map(|(id, value)| (id, Some(value))).collect();
    }
    server.kill();
    let writes = ledger.lock().unwrap().writes;
    assert!(writes > rounds * WRITERS, "the writers were hardly heard: {writes}");
}
