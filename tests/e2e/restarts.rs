//! Workers that end while they work: who is affected, and that nothing else is. See `chaos` for the same at random.

use std::collections::BTreeSet;

use horus_stub_worker::Step;
use serde_json::{Value, json};

use crate::support::{Clients, Store, Stub, http, is_running, queue, until};

/// The process that got the first invocation of a function.
fn owner(stub: &Stub, function: &str) -> Option<u32> {
    let entry = stub
        .records()
        .into_iter()
        .find(|entry| entry["kind"] == "invoke" && entry["message"]["functionId"] == function)?;
    entry["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
}

/// The processes that were invoked.
fn workers(stub: &Stub) -> BTreeSet<u64> {
    let invoked = stub.records().into_iter().filter(|entry| entry["kind"] == "invoke");
    invoked.filter_map(|entry| entry["pid"].as_u64()).collect()
}

/// Issue "every way to run code", supervision: a function's timeout ends the worker that runs it, and no other.
#[tokio::test]
async fn a_timeout_ends_the_owning_worker_only() {
    let stub = Stub::new();
    let gate = stub.app.beside("gate");
    let stub = stub
        .function(http("hangs"), &[Step::AwaitFile("/nowhere/never".into())])
        .function(http("waits"), &[Step::AwaitFile(gate.clone()), Step::Echo])
        .function(http("fn"), &[])
        .process("processStartupInterval", "00:00:00.1")
        .host_json(r#"{"version": "2.0", "functionTimeout": "00:00:03"}"#);
    let func = stub.launch().env("FUNCTIONS_WORKER_PROCESS_COUNT", "2").start().await;
    // Both have to be there: they take turns, so the function after the one that hangs is with the other worker.
    while workers(&stub).len() < 2 {
        assert_eq!(func.get("/api/fn").await.status, 200);
        assert!(stub.received("invoke").len() < 1000, "one of two workers is never chosen");
    }
    let (hung, waited) = tokio::join!(func.get("/api/hangs"), async {
        func.wait_for_line("Timeout value of 00:00:03 exceeded by function 'Functions.hangs'").await;
        tokio::join!(func.get("/api/waits"), async {
            let owners = until(
                || format!("an invocation of each function: {:#?}", stub.records()),
                || async { owner(&stub, "hangs").zip(owner(&stub, "waits")) },
            )
            .await;
            assert_ne!(owners.0, owners.1, "workers take turns");
            until(
                || format!("worker {} to end", owners.0),
                || async { (!is_running(owners.0)).then_some(()) },
            )
            .await;
            assert!(is_running(owners.1), "the other worker lives on");
            std::fs::write(&gate, "").unwrap();
        })
        .0
    });
    assert_eq!(hung.status, 500);
    assert_eq!(waited.status, 200, "{}", func.transcript());
    // The ended one is replaced.
    stub.wait_received("start", 3).await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    func.stop().await;
}

/// Issue "every way to run code", speed: a worker that ends with messages in work loses none of them, and counts no try.
#[tokio::test]
async fn messages_of_a_worker_that_ends_are_processed_by_the_next() {
    const MESSAGES: usize = 40;
    let stub = Stub::new();
    let gate = stub.app.beside("gate");
    let respond = Step::Respond(Box::default());
    let stub = stub.function(queue("work", "jobs"), &[Step::AwaitFile(gate.clone()), respond]).host_json(
        r#"{"version": "2.0", "extensions": {"queues": {"maxPollingInterval": "00:00:00.2", "maxDequeueCount": 1}}}"#,
    );
    let launch = stub.launch();
    let store = Store::start(&launch);
    let clients = Clients::start(&store.connection_string(), "");
    let texts: Vec<String> = (0..MESSAGES).map(|n| format!("job {n}")).collect();
    clients.put_all("jobs", &texts);
    let func = launch.env("AzureWebJobsStorage", store.connection_string()).start().await;
    let first = stub.wait_received("invoke", 16).await.len();
    let worker = owner(&stub, "work").expect("it was invoked");
    let killed = std::process::Command::new("kill").args(["-9", &worker.to_string()]).status().unwrap();
    assert!(killed.success());
    // The next worker gets at least what the first one had.
    stub.wait_received("invoke", first + 16).await;
    std::fs::write(&gate, "").unwrap();
    clients.wait_for_length("jobs", 0).await;
    assert_eq!(clients.length("jobs-poison"), None, "one try was allowed, and none was used up");
    let mut seen: Vec<Value> = stub
        .received("invoke")
        .iter()
        .map(|invocation| invocation["inputs"]["message"]["string"].clone())
        .collect();
    seen.sort_by_key(ToString::to_string);
    seen.dedup();
    let mut expected: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
    expected.sort_by_key(ToString::to_string);
    assert_eq!(seen, expected);
    func.stop().await;
}
