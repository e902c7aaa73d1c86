//! Starting anew, going down, and the lines that tools read meanwhile (host.md L01, L02, T01; cli.md items 64, 65).

use std::net::TcpListener;
use std::time::{Duration, Instant};

use horus_stub_worker::Step;
use regex::Regex;

use crate::support::{App, Launch, Stub, http};

const RESTART: &str = "Host configuration has changed. Signaling restart";

/// host.md L01 and cli.md item 64: which changes build the app anew, and that the port stays open meanwhile.
#[tokio::test]
async fn l01_cli_64_changes_of_the_app_restart_it() {
    let stub = Stub::of(App::new().file("fn/function.json", "").file("data.txt", ""))
        .function(http("fn"), &[])
        .host_json(r#"{"version": "2.0", "watchFiles": ["extra.txt"], "watchDirectories": ["shared"]}"#);
    std::fs::create_dir(stub.app.root().join("shared")).unwrap();
    let func = stub.start().await;
    let mut restarts = 0;
    for (name, text) in [
        (
            "host.json",
            r#"{"version": "2.0", "watchFiles": ["extra.txt"], "watchDirectories": ["shared"], "a": 1}"#,
        ),
        ("fn/function.json", "{}"),
        ("deep/er/extra.txt", "x"),
        ("shared/anything.at.all", "x"),
    ] {
        let started = Instant::now();
        stub.app.write(name, text);
        restarts += 1;
        func.wait_for_lines(RESTART, restarts).await;
        assert_eq!(func.get("/api/fn").await.status, 200, "{name}: requests wait for the new app");
        func.wait_for_lines("Worker process started and initialized.", restarts + 1).await;
        assert!(started.elapsed() < Duration::from_secs(10), "{name} took {:?}", started.elapsed());
        assert_eq!(func.count(RESTART), restarts, "{name}: one restart for one change");
    }
    assert_eq!(stub.received("start").len(), restarts + 1, "each app has a worker of its own");
    assert!(func.count("change of type 'Changed' detected for '") >= 1, "{}", func.transcript());
    stub.app.write("data.txt", "changed");
    stub.app.write(".vscode/run.stub", "changed");
    // Nothing may come of these, so there is nothing to wait for: a change that matters would follow within a second.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(func.count(RESTART), restarts);
    assert_eq!(func.children().len(), 1);
    func.stop().await;
}

/// host.md §9.3: watching can be switched off.
#[tokio::test]
async fn l01_watching_can_be_switched_off() {
    let stub = Stub::new()
        .function(http("fn"), &[])
        .host_json(r#"{"version": "2.0", "fileWatchingEnabled": false}"#);
    let func = stub.start().await;
    stub.app.write("host.json", r#"{"version": "2.0"}"#);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(func.count(RESTART), 0);
}

/// A change of the app does not cut off who is being served.
#[tokio::test]
async fn l01_open_requests_survive_a_restart() {
    let stub = Stub::new();
    let gate = stub.app.beside("gate");
    let stub = stub.function(http("fn"), &[Step::AwaitFile(gate.clone()), Step::Echo]);
    let func = stub.start().await;
    let (answer, ()) = tokio::join!(func.get("/api/fn"), async {
        stub.wait_received("invoke", 1).await;
        stub.app.write("host.json", r#"{"version": "2.0", "again": true}"#);
        func.wait_for_line(RESTART).await;
        std::fs::write(&gate, "").unwrap();
    });
    assert_eq!(answer.status, 200);
}

/// host.md L02: a stop lets open requests end, says so, and ends with code 0.
#[tokio::test]
async fn l02_a_stop_drains() {
    let stub = Stub::new();
    let gate = stub.app.beside("gate");
    let stub = stub.function(http("fn"), &[Step::AwaitFile(gate.clone()), Step::Echo]);
    let mut func = stub.launch().arg("--verbose").start().await;
    let (answer, ()) = tokio::join!(func.get("/api/fn"), async {
        stub.wait_received("invoke", 1).await;
        func.signal("TERM");
        func.wait_for_line("Stopping host...").await;
        std::fs::write(&gate, "").unwrap();
    });
    assert_eq!(answer.status, 200);
    assert_eq!(func.ended().await.code(), Some(0));
    assert_eq!(func.count("Host shutdown completed."), 1);
}

/// cli.md item 65: Ctrl+C leaves no process and frees the port, quickly.
#[tokio::test]
async fn cli_65_ctrl_c_leaves_nothing_behind() {
    let app = App::new()
        .file(
            "fn/function.json",
            r#"{"bindings": [{"type": "httpTrigger", "name": "req", "authLevel": "anonymous"}]}"#,
        )
        .file(
            "fn/index.js",
            // A worker with a child of its own.
            "require('child_process').spawn('sleep', ['600']); module.exports = async () => {};",
        );
    let func = Launch::of(&app.root()).env("FUNCTIONS_WORKER_RUNTIME", "node").start().await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    assert_eq!(func.children().len(), 2);
    let (port, started) = (func.port, Instant::now());
    func.stop().await;
    // A worker that has to be killed after its grace would take five seconds.
    assert!(started.elapsed() < Duration::from_secs(4), "it took {:?}", started.elapsed());
    TcpListener::bind(("127.0.0.1", port)).expect("the port is free again");
}

/// cli.md §4.9: a second signal does not wait for anybody.
#[tokio::test]
async fn cli_65_a_second_signal_ends_at_once() {
    let stub = Stub::new().function(http("fn"), &[Step::AwaitFile("/nowhere/never".into())]);
    let mut func = stub.launch().arg("--verbose").start().await;
    let children = func.children();
    let request = func.request("GET", "/api/fn").send();
    let (_, ()) = tokio::join!(request, async {
        stub.wait_received("invoke", 1).await;
        func.signal("INT");
        // Two at the same moment would count as one.
        func.wait_for_line("Stopping host...").await;
        func.signal("INT");
    });
    let started = Instant::now();
    func.ended().await;
    assert!(started.elapsed() < Duration::from_secs(2));
    crate::support::until(
        || format!("processes {children:?} end"),
        || async { children.iter().all(|id| !crate::support::is_running(*id)).then_some(()) },
    )
    .await;
}

/// host.md T01 and cli.md item 57: the two lines of an execution, with one id.
#[tokio::test]
async fn t01_cli_57_executions_have_their_two_lines() {
    let stub = Stub::new().function(http("fn"), &[]);
    let func = stub.start().await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    let executing = func.wait_for_line("Executing 'Functions.fn'").await;
    let executed = func.wait_for_line("Executed 'Functions.fn'").await;
    let id = stub.received("invoke")[0]["invocationId"].as_str().unwrap().to_owned();
    let stamp = r"^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] ";
    let matches = |line: &str, rest: &str| {
        let expression = Regex::new(&format!("{stamp}{rest}$")).unwrap();
        assert!(expression.is_match(line), "{line} is not {expression}");
    };
    matches(
        &executing,
        &format!(
            r"Executing 'Functions\.fn' \(Reason='This function was programmatically called via the host APIs\.', Id={id}\)"
        ),
    );
    matches(&executed, &format!(r"Executed 'Functions\.fn' \(Succeeded, Id={id}, Duration=\d+ms\)"));
}
