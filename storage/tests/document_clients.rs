//! The public clients' suites (`tests/sdk/documents`) against the document service on a port of its own.
//!
//! They need what a build does not: Node with `npm ci`, Python with `pip install -r requirements.txt`. So they are
//! ignored unless asked for: `cargo nextest run -p horus-storage --run-ignored only -E 'binary(document_clients)'`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::{net::Ipv4Addr, path::Path, time::Duration};

use horus_storage::{
    documents::{Documents, Options, Tls, serve},
    engine::{Engine, EngineOptions},
};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{net::TcpListener, process::Command};
use tokio_util::sync::CancellationToken;

/// Longest a suite may take; they end in seconds.
const LIMIT: Duration = Duration::from_secs(300);

/// How clients come to the store.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Http,
    /// With a certificate that the client is told to trust.
    Https,
}

/// Runs `program` in the suites' folder against a durable store, and fails with its output.
async fn run(program: &str, arguments: &[&str], way: Way) {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(EngineOptions::in_folder(folder.path().join("data"))).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let endpoint = match way {
        Way::Http => format!("http://127.0.0.1:{port}/"),
        Way::Https => format!("https://localhost:{port}/"),
    };
    // Other crates of a build may bring a second provider, so that the choice has to be made.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = folder.path().join("localhost.crt");
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let tls = Tls::new(config.with_single_cert(vec![made.cert.der().clone()], key).unwrap());
    let stop = CancellationToken::new();
    let documents = Documents::new(engine, Options::default());
    let server = tokio::spawn(serve(documents, listener, Some(tls), stop.clone()));

    let suites = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/sdk/documents");
    let mut command = Command::new(program);
    command.args(arguments).current_dir(suites).kill_on_drop(true);
    command.env("COSMOS_ENDPOINT", endpoint).env_remove("COSMOS_KEY").env_remove("COSMOS_LACKS");
    if way == Way::Https {
        command.env("NODE_EXTRA_CA_CERTS", &certificate);
    }
    let output = tokio::time::timeout(LIMIT, command.output()).await.expect("the suite ends in time");
    let output = output.unwrap_or_else(|error| panic!("starting {program}: {error}"));
    stop.cancel();
    server.await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("pass"), "the suite ran no test: {text}");
}

const NODE: &[&str] = &["--test"];
const PYTEST: &[&str] = &["-m", "pytest", "-q", "-p", "no:cacheprovider"];

/// `PYTHON` names the interpreter.
fn python() -> String {
    std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// Done when: the public Node client passes the shared suite.
#[tokio::test]
#[ignore = "needs node, and `npm ci` in tests/sdk/documents"]
async fn node_client() {
    run("node", NODE, Way::Http).await;
}

/// The emulators' well-known endpoint speaks HTTPS.
#[tokio::test]
#[ignore = "needs node, and `npm ci` in tests/sdk/documents"]
async fn node_client_over_https() {
    run("node", NODE, Way::Https).await;
}

/// Done when: the public Python client passes the shared suite.
#[tokio::test]
#[ignore = "needs python3 with tests/sdk/documents/requirements.txt"]
async fn python_client() {
    run(&python(), PYTEST, Way::Http).await;
}

/// The client does not verify certificates of this machine.
#[tokio::test]
#[ignore = "needs python3 with tests/sdk/documents/requirements.txt"]
async fn python_client_over_https() {
    run(&python(), PYTEST, Way::Https).await;
}
