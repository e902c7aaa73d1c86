//! Issue 3, durability: the process is killed at random points; nothing acknowledged is lost, nothing deleted returns.
//!
//! A child process (this same test binary) writes and deletes messages and blobs as fast as it can and reports every
//! acknowledgement on its standard output. The parent kills it without warning, reopens the folder and compares.
//! Half of the rounds run with a journal of a few blocks, so that the kill often comes while the data file is being settled
//! or between that and the first record of the next lap. `HORUS_CRASH_ROUNDS` sets the number of rounds (200 by default).

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at the first surprise")]

use bytes::Bytes;
use horus_storage::{Options, Service, Store, Trust, body};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FOLDER: &str = "HORUS_CRASH_FOLDER";
const ROUND: &str = "HORUS_CRASH_ROUND";

async fn call(
    store: &Store,
    service: Service,
    method: Method,
    path: &str,
    content: Vec<u8>,
) -> (StatusCode, Bytes) {
    let mut request = Request::builder().method(method).uri(format!("/devstoreaccount1/{path}"));
    if service == Service::Blob {
        request = request.header("x-ms-blob-type", "BlockBlob");
    }
    let request = request.body(body::full(content)).unwrap();
    let response = store.call(service, request, Trust::Trusted).await;
    let status = response.status();
    (status, response.into_body().collect().await.unwrap().to_bytes())
}

fn element<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open).skip(1).filter_map(|rest| rest.split(&close).next()).collect()
}

fn escape(text: &str) -> String {
    text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

fn report(line: &str) {
    std::io::stdout().write_all(format!("\n@{line}\n").as_bytes()).unwrap();
}

/// A blob's content: large enough for a file every other time, and different for every number.
fn content(number: u64) -> Vec<u8> {
    let size = if number.is_multiple_of(2) { 100_000 } else { 500 };
    number.to_le_bytes().into_iter().cycle().take(size).collect()
}

/// The child: runs until it is killed.
#[test]
#[ignore = "started by the crash test itself"]
fn crash_child() {
    let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut options = Options::in_folder(folder);
        if round.parse::<u32>().unwrap().is_multiple_of(2) {
            options.engine.journal = 32 << 10;
        }
        let store = Store::open(options).unwrap();
        let queue = format!("round-{round}");
        call(&store, Service::Queue, Method::PUT, &queue, Vec::new()).await;
        call(&store, Service::Blob, Method::PUT, &format!("{queue}?restype=container"), Vec::new()).await;
        report("ready");
        let workers = (0..8u64).map(|worker| {
            let (store, queue) = (store.clone(), queue.clone());
            tokio::spawn(async move {
                for number in (worker..).step_by(8) {
                    message(&store, &queue, number).await;
                    if number % 20 < 2 {
                        let path = format!("{queue}/blob-{number}");
                        let (status, _) =
                            call(&store, Service::Blob, Method::PUT, &path, content(number)).await;
                        assert_eq!(status, StatusCode::CREATED);
                        report(&format!("blob {number}"));
                    }
                }
            })
        });
        futures::future::join_all(workers.collect::<Vec<_>>()).await;
    });
}

async fn message(store: &Store, queue: &str, number: u64) {
    let xml = format!("<QueueMessage><MessageText>{number}</MessageText></QueueMessage>");
    let path = format!("{queue}/messages");
    let (status, answer) = call(store, Service::Queue, Method::POST, &path, xml.into_bytes()).await;
    assert_eq!(status, StatusCode::CREATED);
    report(&format!("put {number}"));
    if number.is_multiple_of(3) {
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        let id = element(&answer, "MessageId")[0];
        let receipt = escape(element(&answer, "PopReceipt")[0]);
        report(&format!("deleting {number}"));
        let path = format!("{queue}/messages/{id}?popreceipt={receipt}");
        let (status, _) = call(store, Service::Queue, Method::DELETE, &path, Vec::new()).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        report(&format!("deleted {number}"));
    }
}

#[derive(Default)]
struct Acknowledged {
    put: HashSet<u64>,
    deleting: HashSet<u64>,
    deleted: HashSet<u64>,
    blobs: HashSet<u64>,
}

/// Starts the child, kills it `after` it was ready and returns what it had been promised.
fn run_and_kill(folder: &Path, round: u32, after: Duration) -> Acknowledged {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash_child", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.by_ref().any(|line| line == "@ready"), "round {round}: the child did not open the store");
    let reader = std::thread::spawn(move || lines.collect::<Vec<_>>());
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut found = Acknowledged::default();
    for line in reader.join().unwrap() {
        // The last line may be cut short: then nothing was promised.
        let Some((what, number)) = line.strip_prefix('@').and_then(|line| line.split_once(' ')) else {
            continue;
        };
        let Ok(number) = number.parse() else { continue };
        match what {
            "put" => found.put.insert(number),
            "deleting" => found.deleting.insert(number),
            "deleted" => found.deleted.insert(number),
            "blob" => found.blobs.insert(number),
            other => panic!("unknown report '{other}'"),
        };
    }
    found
}

/// Drains the round's queue and compares it and the blobs with what was promised.
async fn verify(store: &Store, round: u32, promised: &Acknowledged) {
    let queue = format!("round-{round}");
    let mut present: HashMap<u64, u32> = HashMap::new();
    loop {
        let path = format!("{queue}/messages?numofmessages=32&visibilitytimeout=3600");
        let (status, answer) = call(store, Service::Queue, Method::GET, &path, Vec::new()).await;
        assert_eq!(status, StatusCode::OK);
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        let texts = element(&answer, "MessageText");
        if texts.is_empty() {
            break;
        }
        for text in texts {
            *present.entry(text.parse().unwrap()).or_default() += 1;
        }
    }
    for number in &promised.put {
        let times = present.get(number).copied().unwrap_or(0);
        if promised.deleted.contains(number) {
            assert_eq!(times, 0, "round {round}: message {number} was deleted and is back");
        } else if !promised.deleting.contains(number) {
            assert_eq!(
                times, 1,
                "round {round}: message {number} was acknowledged and is there {times} times"
            );
        }
    }
    for number in &promised.blobs {
        let path = format!("{queue}/blob-{number}");
        let (status, found) = call(store, Service::Blob, Method::GET, &path, Vec::new()).await;
        assert_eq!(status, StatusCode::OK, "round {round}: blob {number} was acknowledged and is gone");
        assert!(found == content(*number), "round {round}: blob {number} has other bytes");
    }
    call(store, Service::Queue, Method::DELETE, &queue, Vec::new()).await;
    call(store, Service::Blob, Method::DELETE, &format!("{queue}?restype=container"), Vec::new()).await;
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_deleted_returns() {
    let rounds: u32 =
        std::env::var("HORUS_CRASH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (begun, mut puts, mut deletes, mut blobs) = (Instant::now(), 0, 0, 0);
    for round in 0..rounds {
        let after = Duration::from_micros(rand::random::<u64>() % 60_000);
        let promised = run_and_kill(folder.path(), round, after);
        runtime.block_on(async {
            let store = Store::open(Options::in_folder(folder.path())).unwrap();
            verify(&store, round, &promised).await;
            store.tidy().await.unwrap();
        });
        puts += promised.put.len();
        deletes += promised.deleted.len();
        blobs += promised.blobs.len();
    }
    assert!(puts > 0 && blobs > 0, "the child was always killed before it had done anything");
    println!(
        "{rounds} rounds in {:?}: {puts} messages, {deletes} deletions, {blobs} blobs checked",
        begun.elapsed()
    );
}
