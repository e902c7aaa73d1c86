//! Asks workers now and then how they are: names one that no longer answers, and grows the pool where that is wanted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use horus_app::log::Level;

use super::Connection;
use super::latency::{Growth, Latency};
use super::pool::{CATEGORY, Pool};
use crate::process::memory;

/// Pause between two rounds (spec host.md §6.11).
const EVERY: Duration = Duration::from_secs(10);
/// A worker that takes longer to answer is named in the log.
const SILENT: Duration = Duration::from_secs(5);

/// Share of all memory above which a worker is named in the log.
const MUCH: f64 = 0.8;

/// Whether the settings ask for processes to be added under load.
fn wants_growth(pool: &Pool) -> bool {
    let settings = &pool.options.settings;
    settings.flag("FUNCTIONS_WORKER_DYNAMIC_CONCURRENCY_ENABLED")
        && settings.text("FUNCTIONS_WORKER_PROCESS_COUNT").is_none()
        && ["python", "node", "powershell"].contains(&pool.language())
}

/// Probes until the pool stops.
pub(super) async fn run(pool: Arc<Pool>) {
    let grows = wants_growth(&pool);
    let mut growth = Growth::default();
    let most = memory::limit();
    let mut warned: HashSet<String> = HashSet::new();
    let mut latencies: HashMap<String, Latency> = HashMap::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = pool.stop.cancelled() => return,
        }
        let ready = pool.ready.read().clone();
        latencies.retain(|id, _| ready.iter().any(|connection| connection.worker_id() == id));
        warned.retain(|id| ready.iter().any(|connection| connection.worker_id() == id));
        for connection in ready.iter().filter(|connection| connection.capabilities().worker_status) {
            let took = tokio::select! {
                took = probe(&pool, connection) => took,
                () = pool.stop.cancelled() => return,
            };
            latencies.entry(connection.worker_id().to_owned()).or_default().note(took);
        }
        for connection in &ready {
            weigh(&pool, connection, most, &mut warned);
        }
        let is_any_overloaded = latencies.values().any(Latency::is_overloaded);
        if grows && growth.on(pool.slots(), ready.len(), is_any_overloaded, Instant::now()) {
            let note = format!("Starting another {} worker: one that runs answers slowly.", pool.language());
            pool.options.log.info(CATEGORY, note);
            pool.add_slot(None, Duration::ZERO);
        }
    }
}

/// Notes how much memory the worker uses; one that uses most of what there is, is named once.
fn weigh(pool: &Pool, connection: &Connection, most: Option<u64>, warned: &mut HashSet<String>) {
    let Some(used) = connection.process().and_then(memory::resident) else { return };
    connection.memory.store(used, Ordering::Relaxed);
    let (language, worker) = (pool.language(), connection.worker_id());
    pool.options.log.debug(CATEGORY, || {
        let open = connection.in_flight();
        format!(
            "The {language} worker {worker} uses {} of memory and runs {open} invocations.",
            memory::text(used)
        )
    });
    let Some(most) = most.filter(|most| used as f64 >= MUCH * *most as f64) else { return };
    if warned.insert(worker.to_owned()) {
        let (used, most) = (memory::text(used), memory::text(most));
        let note = format!(
            "The {language} worker {worker} uses {used} of the {most} of memory there is and may soon be ended by the system. Does a function keep what it no longer needs?"
        );
        pool.options.log.write(Level::Warning, CATEGORY, &note);
    }
}

/// How long the worker took to answer; says so when it does not in time.
async fn probe(pool: &Pool, connection: &Arc<Connection>) -> Duration {
    let asked = Instant::now();
    if tokio::time::timeout(SILENT, connection.status()).await.is_err() {
        let (worker, open) = (connection.worker_id(), connection.in_flight());
        let mut text = format!(
            "The {} worker {worker} has not answered for {SILENT:?}; it runs {open} invocations. A function may be blocking it: look for loops without await, or synchronous calls.",
            pool.language()
        );
        connection.recent().append_to(&mut text);
        pool.options.log.write(Level::Warning, CATEGORY, &text);
    }
    asked.elapsed()
}
