use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{WORKER_CONFIG_JSON, WORKER_FILE_NAME, WORKER_JS};

const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const STREAM_PATH: &[u8] = b"/AzureFunctionsRpcMessages.FunctionRpc/EventStream";

#[test]
fn the_bundle_is_self_contained() {
    assert!(WORKER_JS.contains("load('main.js')"));
    for line in WORKER_JS.lines().filter(|line| line.contains("require('")) {
        // The one package name that appears is the module the worker itself provides.
        let is_builtin = line.contains("require('node:") || line.contains("require('@azure/functions-core')");
        assert!(is_builtin, "not bundled: {line}");
    }
}

#[test]
fn the_config_names_the_bundle() {
    assert!(WORKER_CONFIG_JSON.contains(&format!("\"defaultWorkerPath\": \"{WORKER_FILE_NAME}\"")));
    assert!(WORKER_CONFIG_JSON.contains("\"workerIndexing\": \"true\""));
}

/// The embedded file, as it ships, connects with the launch arguments of the specification (worker-protocol.md §2.1) and
/// introduces itself; a host that hangs up without a word ends it with exit code 1.
#[test]
fn the_bundle_connects_and_introduces_itself() {
    if Command::new("node").arg("--version").output().is_err() {
        eprintln!("skipped: node is not installed");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = folder.path().join(WORKER_FILE_NAME);
    std::fs::write(&script, WORKER_JS).expect("the worker is written");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port().to_string();
    let mut worker = Command::new("node")
        .arg(script)
        .args(["--host", "127.0.0.1", "--port", &port, "--workerId", "the-worker-id", "--requestId", "r"])
        .args([
            "--functions-uri",
            &format!("http://127.0.0.1:{port}/"),
            "--functions-worker-id",
            "the-worker-id",
        ])
        .args(["--functions-request-id", "r", "--functions-grpc-max-message-length", "2147483647"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("node starts");

    let (mut socket, _) = listener.accept().expect("the worker connects");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let mut received = Vec::new();
    let started = Instant::now();
    while !contains(&received, b"the-worker-id") {
        assert!(started.elapsed() < Duration::from_secs(30), "no start_stream in {received:?}");
        let mut chunk = [0; 4096];
        let length = socket.read(&mut chunk).expect("the worker speaks");
        assert_ne!(length, 0, "the worker hung up");
        received.extend_from_slice(&chunk[..length]);
    }
    assert!(received.starts_with(HTTP2_PREFACE));
    assert!(contains(&received, STREAM_PATH));

    drop(socket);
    let mut stderr = String::new();
    worker.stderr.take().expect("piped").read_to_string(&mut stderr).expect("text");
    assert_eq!(worker.wait().expect("the worker ends").code(), Some(1), "{stderr}");
    assert!(stderr.contains("worker id"), "{stderr}");
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
