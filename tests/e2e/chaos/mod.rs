//! Workers die at random under load, and nothing is lost: every message is processed and deleted, only what really
//! fails is set aside, only requests that a dead worker was running fail, and the host stays up.
//!
//! `HORUS_CHAOS_SECONDS` is how long (15 by default), `HORUS_CHAOS_SEED` repeats a run's choices. By hand:
//! `HORUS_CHAOS_SECONDS=300 cargo nextest run -p horus-cli --no-capture chaos`.

mod journal;
mod monkey;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{
    App, Clients, Func, Launch, Store, with_node_library, with_process_options, with_python_library,
};
use journal::Journal;
use monkey::{Death, Monkey};

/// Worker processes of one host.
const PROCESSES: usize = 3;
/// Requests that are open at any time.
const CONCURRENCY: usize = 12;
/// Exits with an error code: fewer than the error budget of three per process (spec host.md §6.7).
const CRASHES: usize = 4;
/// Messages per batch, and how many may wait before the next is put.
const BATCH: usize = 16;
const BACKLOG: u64 = 200;
/// Tries that a message gets before it is set aside.
const TRIES: usize = 5;
/// One message in so many is one that the function refuses.
const BAD: usize = 50;
/// How long a request may be answered after its worker is gone.
const NOTICE: Duration = Duration::from_secs(3);

/// What became of one request.
struct Request {
    id: String,
    from: Instant,
    until: Instant,
    status: u16,
    body: String,
}

/// Issue "every way to run code", done when: random kills under queue and HTTP load lose nothing, with Node workers.
#[tokio::test]
async fn chaos_loses_nothing_with_node_workers() {
    let app = App::copy("tests/chaos/node");
    with_node_library(&app);
    let launch = Launch::of(&app.root());
    chaos(&app, launch, "node").await;
}

/// As above with Python workers.
#[tokio::test]
async fn chaos_loses_nothing_with_python_workers() {
    let app = App::copy("tests/chaos/python");
    let launch = with_python_library(Launch::of(&app.root()));
    chaos(&app, launch, "python").await;
}

#[expect(clippy::print_stdout, reason = "the figures are for whoever runs it by hand")]
async fn chaos(app: &App, launch: Launch, language: &str) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let length = Duration::from_secs(number("HORUS_CHAOS_SECONDS").unwrap_or(15));
    let seed = number("HORUS_CHAOS_SEED").unwrap_or_else(rand::random);
    println!("{language}: {length:?} of chaos, HORUS_CHAOS_SEED={seed}");

    let store = Store::start(&launch);
    let clients = Clients::start(&store.connection_string(), "");
    let path = app.beside("journal");
    let times = json!({ "processStartupInterval": "00:00:00.5", "processRestartInterval": "00:00:02" });
    let launch = with_process_options(launch, app, language, &times)
        .env("AzureWebJobsStorage", store.connection_string())
        .env("FUNCTIONS_WORKER_PROCESS_COUNT", PROCESSES.to_string())
        .env("JOURNAL", path.to_string_lossy());
    let func = launch.start().await;
    let journal = RefCell::new(Journal::new(path));
    let monkey = Monkey::new(&func, &journal, seed, CRASHES);

    let stop = Arc::new(AtomicBool::new(false));
    let producer = produce(clients, stop.clone());
    let end = Instant::now() + length;
    let load = futures::future::join_all((0..CONCURRENCY).map(|n| keep_asking(&func, n, end)));
    let (requests, ()) = tokio::join!(load, monkey.rage(end));
    let requests: Vec<Request> = requests.into_iter().flatten().collect();
    stop.store(true, Ordering::Release);
    let (clients, sent) = producer.join().expect("messages can be put");

    clients.wait_for_length("chaos", 0).await;
    let bad = sent.iter().filter(|id| id.starts_with("bad")).count();
    let set_aside = clients.length("chaos-poison").unwrap_or_default();
    let (deaths, deeds) = (monkey.deaths(), monkey.report());
    let mut journal = journal.into_inner();
    journal.refresh();
    let failures: Vec<&Request> = requests.iter().filter(|request| request.status != 200).collect();
    let timeouts = func.count("exceeded by function 'Functions.take'");
    let twice = journal.messages.values().filter(|tries| tries.done > 1).count();
    println!(
        "{language}: {} requests, {} failed; {} messages, {twice} done more than once, {timeouts} tries out of \
         time, {set_aside} set aside; {} workers ended: {}",
        requests.len(),
        failures.len(),
        sent.len(),
        deaths.len(),
        deeds,
    );

    for request in requests.iter().filter(|request| request.status == 200) {
        assert_eq!(request.body, request.id, "an answer is the one to its request");
    }
    for failure in &failures {
        let begun = journal.begun.get(&failure.id);
        assert!(
            is_explained(failure, begun.copied(), &deaths),
            "request {} failed with {} after {:?} though its worker {begun:?} lived\n{deaths:?}\n{}",
            failure.id,
            failure.status,
            failure.until - failure.from,
            func.transcript()
        );
    }
    assert!(failures.len() <= deaths.len() * CONCURRENCY, "more failures than could run");
    // A message gets five tries; those that a dead worker cut short do not count, those that ran out of time do.
    let mut cut_short = 0;
    for id in &sent {
        let tries = journal.messages.get(id).copied().unwrap_or_default();
        match id.starts_with("bad") {
            true => cut_short += TRIES.saturating_sub(tries.failed),
            false => assert!(tries.done >= 1, "message {id} is lost: {tries:?}\n{}", func.transcript()),
        }
    }
    assert!(
        cut_short <= timeouts,
        "messages were set aside {cut_short} tries early, {timeouts} ran out of time"
    );
    assert_eq!(set_aside as usize, bad, "only what the function refuses is set aside");
    assert!(!deaths.is_empty() && !requests.is_empty() && !sent.is_empty(), "this was no chaos");
    assert_eq!(func.get("/api/work?id=after").await.text(), "after", "the host is up and well");
    func.stop().await;
}

/// Whether a failed request is the fault of a worker that ended: of the one that began it or, when none did, of one
/// that ended while the request was open.
fn is_explained(request: &Request, worker: Option<u32>, deaths: &[Death]) -> bool {
    request.status == 500
        && deaths.iter().filter(|death| worker.is_none_or(|pid| death.pid == pid)).any(|death| {
            let is_over = death.until.is_some_and(|until| until + NOTICE < request.from);
            death.from <= request.until && !is_over
        })
}

async fn keep_asking(func: &Func, client: usize, end: Instant) -> Vec<Request> {
    let mut requests = Vec::new();
    while Instant::now() < end {
        let id = format!("r{client}-{}", requests.len());
        let from = Instant::now();
        let answer = func.get(&format!("/api/work?id={id}")).await;
        requests.push(Request {
            id,
            from,
            until: Instant::now(),
            status: answer.status,
            body: answer.text(),
        });
    }
    requests
}

/// Puts messages as long as not too many wait; returns the client and the texts of all messages.
fn produce(clients: Clients, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<(Clients, Vec<String>)> {
    std::thread::spawn(move || {
        let mut sent: Vec<String> = Vec::new();
        while !stop.load(Ordering::Acquire) {
            if clients.length("chaos").unwrap_or_default() < BACKLOG {
                let texts: Vec<String> = (sent.len()..sent.len() + BATCH)
                    .map(|n| if n % BAD == 7 { format!("bad-{n}") } else { format!("good-{n}") })
                    .collect();
                clients.put_all("chaos", &texts);
                sent.extend(texts);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        (clients, sent)
    })
}
