//! Guests that serve: bodies as streams, outgoing requests, instances that are used again, calls that must wait.

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{HTTP, SPIN, command, copy, http, launch, start_cold, test_guests, write};
use crate::support::{App, Func};

/// An app whose functions all share the `wasi:http` guest of the tests; host.json has `section` for `extensions.wasm`.
fn app(functions: &[&str], section: &Value) -> Option<App> {
    let guests = test_guests()?;
    let app = App::new();
    for name in functions {
        app.write(&format!("{name}/function.json"), &HTTP.replace("SCRIPT", "../http.wasm"));
    }
    copy(&guests.join("wasm_guests.wasm"), &app, "http.wasm");
    app.write("host.json", &json!({ "version": "2.0", "extensions": { "wasm": section } }).to_string());
    Some(app)
}

/// The most memory that the process ever had, in kibibytes.
fn peak(func: &Func) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", func.id())).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a line");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

/// Issue "Wasm functions", contracts a: bodies stream both ways, and nothing is held.
#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_stream_both_ways() {
    const CHUNK: usize = 64 << 10;
    const CHUNKS: usize = 1024;
    let Some(app) = app(&["echo"], &json!({})) else { return };
    let func = start_cold(&launch(&app), &app).await;
    func.get("/api/echo").await;
    let before = peak(&func);
    let (sender, mut chunks) = mpsc::channel::<std::io::Result<Bytes>>(1);
    let request = func.request("POST", "/api/echo");
    sender.send(Ok(Bytes::from(vec![0; CHUNK]))).await.expect("room");
    let body = reqwest::Body::wrap_stream(futures::stream::poll_fn(move |cx| chunks.poll_recv(cx)));
    let mut response = request.body(body).send().await.expect("a response before the body has ended");
    assert_eq!(response.status(), 200);
    let sending = async move {
        for number in 1..CHUNKS {
            let byte = u8::try_from(number % 251).expect("small");
            sender.send(Ok(Bytes::from(vec![byte; CHUNK]))).await.expect("the host reads");
        }
    };
    let receiving = async {
        let mut received = 0;
        while let Some(chunk) = response.chunk().await.expect("a whole body") {
            for byte in &chunk {
                assert_eq!(usize::from(*byte), received / CHUNK % 251, "at {received}");
                received += 1;
            }
        }
        received
    };
    let ((), received) = tokio::join!(sending, receiving);
    assert_eq!(received, CHUNK * CHUNKS);
    let grown = peak(&func).saturating_sub(before);
    assert!(grown < 32 << 10, "64 MiB went through, and the host grew by {grown} KiB");
    func.stop().await;
}

/// Issue "Wasm functions", sandbox: outgoing requests reach granted hosts only, and a refusal names the key.
#[tokio::test(flavor = "multi_thread")]
async fn outgoing_requests_need_a_grant() {
    let section = json!({ "functions": { "fetch": { "allowedHosts": ["127.0.0.1"] } } });
    let Some(app) = app(&["fetch", "count"], &section) else { return };
    app.write(
        "denied/function.json",
        &HTTP.replace("SCRIPT", "../http.wasm").replace("\"req\",", "\"req\", \"route\": \"other/fetch\","),
    );
    let func = start_cold(&launch(&app), &app).await;
    let here = func.request("GET", "/").build().expect("a request").url().authority().to_owned();
    assert_eq!(func.get(&format!("/api/fetch?{here}")).await.text(), "status 200");
    assert!(func.get("/api/fetch?localhost").await.text().starts_with("error"));
    let denied = func.get(&format!("/api/other/fetch?{here}")).await.text();
    assert!(denied.contains("HttpRequestDenied"), "{denied}");
    let line = func.wait_for_line(&format!("An outgoing request to '{here}' was denied")).await;
    assert!(line.contains("extensions.wasm.allowedHosts"), "{line}");
    func.stop().await;
}

/// Issue "Wasm functions", speed: instances are used again where host.json or the guest's function.json says so, and the
/// function's status tells how many were made.
#[tokio::test(flavor = "multi_thread")]
async fn instances_are_used_again_where_that_is_allowed() {
    let section = json!({ "functions": { "kept": { "instanceReuse": true, "maxInstanceUses": 3 }, "never": { "instanceReuse": false } } });
    let Some(app) = app(&["kept", "fresh"], &section) else { return };
    let allowing =
        HTTP.replace("SCRIPT", "../http.wasm").replacen('{', "{ \"wasm\": { \"instanceReuse\": true },", 1);
    app.write("own/function.json", &allowing);
    app.write("never/function.json", &allowing);
    let func = start_cold(&launch(&app), &app).await;
    for (name, expected) in [("kept", "1231"), ("own", "1234"), ("never", "1111"), ("fresh", "1111")] {
        let mut seen = String::new();
        for _ in 0..4 {
            seen.push_str(&func.get(&format!("/api/{name}")).await.text());
        }
        assert_eq!(seen, expected, "{name}");
    }
    let status = func.get("/admin/functions/kept/status").await.json();
    let wasm = &status["wasm"];
    assert_eq!((&wasm["calls"], &wasm["instances"]["started"]), (&json!(4), &json!(2)), "{status}");
    assert_eq!((&wasm["instances"]["idle"], &wasm["traps"]), (&json!(1), &json!(0)), "{status}");
    assert!(wasm["peakMemoryBytes"].as_u64().is_some_and(|bytes| bytes > 0), "{status}");
    assert!(wasm["startMicroseconds"]["p50"].as_u64().is_some_and(|micros| micros > 0), "{status}");
    func.stop().await;
}

/// Issue "Wasm functions", contracts b: a command of WASI 0.2 gets its grants and nothing else; an output that the
/// function does not have is warned of.
#[tokio::test(flavor = "multi_thread")]
async fn commands_of_wasi_0_2_run() {
    let Some(guests) = test_guests() else { return };
    let app = http(http(App::new(), "Cmd", "../command.wasm"), "Plain", "../command.wasm");
    copy(&guests.join("command.wasm"), &app, "command.wasm");
    let section = json!({ "functions": { "Cmd": { "environment": ["COLOUR"] } } });
    app.write("host.json", &json!({ "version": "2.0", "extensions": { "wasm": section } }).to_string());
    let func = start_cold(&launch(&app).env("COLOUR", "blue"), &app).await;
    assert_eq!(func.get("/api/Cmd").await.text(), "Cmd COLOUR=blue 0 true");
    assert_eq!(func.get("/api/Plain").await.text(), "Plain  0 true");
    func.wait_for_line("The output 'nope' is not among the bindings of function 'Plain' (res)").await;
    assert_eq!(func.post("/api/Cmd", "please fail").await.status, 500);
    // WASI 0.2 knows success and failure only.
    func.wait_for_line("The guest ended with exit code 1.").await;
    func.wait_for_line("as you wish").await;
    assert_eq!(func.post("/api/Cmd", "please panic").await.status, 500);
    func.wait_for_line("no way").await;
    func.stop().await;
}

/// Issue "Wasm functions", bad input: what may neither run nor wait is told to come back later.
#[tokio::test]
async fn calls_beyond_the_bounds_get_429() {
    let app = http(App::new(), "Spin", "../spin.wasm");
    write(&app, "spin.wasm", &command(SPIN));
    let section = json!({ "maxInstances": 1, "maxWaiting": 0, "timeout": "00:00:03" });
    app.write("host.json", &json!({ "version": "2.0", "extensions": { "wasm": section } }).to_string());
    let func = launch(&app).start().await;
    let calls = (0..5).map(|_| func.get("/api/Spin"));
    let mut answers = futures::future::join_all(calls).await;
    answers.sort_by_key(|answer| answer.status);
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [429, 429, 429, 429, 500]);
    assert_eq!(answers[0].header("retry-after"), "1");
    func.wait_for_line("Too many calls of this guest are running and waiting").await;
    func.stop().await;
}
