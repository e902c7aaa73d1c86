//! The public clients' suites (`tests/sdk/documents`) against the document service on a port of its own.
//!
//! They need what a build does not: Node with `npm ci`, Python with `pip install -r requirements.txt`. So they are
//! ignored unless asked for: `cargo nextest run -p horus-storage --run-ignored only -E 'binary(document_clients)'`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::{net::Ipv4Addr, path::Path, time::Duration};

use horus_storage::{
    documents::{Documents, Options, serve},
    engine::{Engine, EngineOptions},
};
use tokio::{net::TcpListener, process::Command};
use tokio_util::sync::CancellationToken;

/// Longest a suite may take; they end in seconds.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs `program` in the suites' folder against a durable store, and fails with its output.
async fn run(program: &str, arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(EngineOptions::in_folder(folder.path())).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let server =
        tokio::spawn(serve(Documents::new(engine, Options::default()), listener, None, stop.clone()));

    let suites = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/sdk/documents");
    let mut command = Command::new(program);
    command.args(arguments).current_dir(suites).kill_on_drop(true);
    command.env("COSMOS_ENDPOINT", endpoint).env_remove("COSMOS_KEY").env_remove("COSMOS_LACKS");
    let output = tokio::time::timeout(LIMIT, command.output()).await.expect("the suite ends in time");
    let output = output.unwrap_or_else(|error| panic!("starting {program}: {error}"));
    stop.cancel();
    server.await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("pass"), "the suite ran no test: {text}");
}

/// Done when: the public Node client passes the shared suite.
#[tokio::test]
#[ignore = "needs node, and `npm ci` in tests/sdk/documents"]
async fn node_client() {
    run("node", &["--test"]).await;
}

/// Done when: the public Python client passes the shared suite. `PYTHON` names the interpreter.
#[tokio::test]
#[ignore = "needs python3 with tests/sdk/documents/requirements.txt"]
async fn python_client() {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    run(&python, &["-m", "pytest", "-q", "-p", "no:cacheprovider"]).await;
}
