//! host.json and settings as a running host obeys them (host.md C01–C18).

use std::time::{Duration, Instant};

use horus_stub_worker::{Data, Http, Log, LogLevel, Response, Step};
use serde_json::{Value, json};

use crate::support::{App, Mode, Stub, http};

const MISSING_VERSION: &str = "The host.json file is missing the required 'version' property.";

fn stub() -> Stub {
    Stub::new().function(http("fn"), &[])
}

/// host.md C01 and C02: a missing host.json is written, unless the app is read-only.
#[tokio::test]
async fn c01_c02_a_missing_file_is_written_unless_read_only() {
    let local = r#"{"IsEncrypted": false, "Values": {}}"#;
    let stub = Stub::of(App::empty().file("local.settings.json", local)).function(http("fn"), &[]);
    let path = stub.app.root().join("host.json");
    let func = stub.launch().env("WEBSITE_RUN_FROM_PACKAGE", "1").start().await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    assert!(!path.exists());
    drop(func);
    let func = stub.start().await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    let written: Value = serde_json::from_str(&stub.app.read("host.json")).unwrap();
    assert_eq!(written["version"], "2.0");
    assert_eq!(written["extensionBundle"]["version"], "[4.*, 5.0.0)");
}

/// host.md C03 and C05: a wrong file is told at once, admin calls work, and mending it is enough.
#[tokio::test]
async fn c03_c05_a_wrong_file_is_told_and_mended() {
    let stub = stub().host_json("{}").host_json(r#"{"logging": {}}"#);
    let mut func = stub.launch().mode(Mode::Keys).env("AzureWebJobsSecretStorageType", "files").spawn();
    let status = func.wait_for_state("Error").await;
    assert!(status["errors"][0].as_str().unwrap().starts_with(MISSING_VERSION), "{status}");
    let started = Instant::now();
    let answer = func.get("/api/fn").await;
    assert_eq!((answer.status, answer.text().as_str()), (503, "Function host is not running."));
    assert!(started.elapsed() < Duration::from_secs(10), "it does not wait for what cannot come");
    let id = func.id();
    stub.app.write("host.json", r#"{"version": "2.0"}"#);
    func.wait_for_state("Running").await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    assert_eq!(func.id(), id);
}

/// host.md C04: an old schema version gets its own advice.
#[tokio::test]
async fn c04_other_versions_are_explained() {
    let stub = stub().host_json(r#"{"version": "3.0"}"#);
    let status = stub.launch().spawn().wait_for_state("Error").await;
    let error = status["errors"][0].as_str().unwrap();
    assert!(error.contains("This does not correspond to the function runtime version"), "{error}");
}

/// host.md C06: a file that is no JSON is tried again, more and more slowly.
#[tokio::test]
async fn c06_malformed_files_are_tried_again() {
    let stub = stub().host_json("{\"version\": ");
    let started = Instant::now();
    let mut func = stub.launch().spawn();
    let status = func.wait_for_state("Error").await;
    assert!(
        status["errors"][0].as_str().unwrap().contains("Unable to parse host configuration file"),
        "{status}"
    );
    func.wait_for_lines("A host error has occurred during startup", 3).await;
    assert!(started.elapsed() >= Duration::from_millis(2500), "1 s, then 1.5 s");
    stub.app.write("host.json", r#"{"version": "2.0"}"#);
    func.wait_for_state("Running").await;
}

/// host.md C07, C08 and C10: the environment wins over the file.
#[tokio::test]
async fn c07_c08_c10_the_environment_overrides() {
    let stub = stub().function(http("other"), &[]).host_json(
        r#"{"version": "2.0", /* comments and trailing commas are fine */ "extensions": {"http": {"routePrefix": "api"}},}"#,
    );
    const PREFIX: &str = "AzureFunctionsJobHost__extensions__http__routePrefix";
    let func =
        stub.launch().env(PREFIX, "x").env("AzureFunctionsJobHost__functions__0", "Other").start().await;
    assert_eq!(func.get("/x/other").await.status, 200);
    for path in ["/api/other", "/x/fn"] {
        assert_eq!(func.get(path).await.status, 404, "{path}");
    }
    drop(func);
    let func = stub.launch().env(PREFIX, "").start().await;
    assert_eq!(func.get("/fn").await.status, 200);
}

/// host.md C09: the allow-list decides what runs, not what is listed.
#[tokio::test]
async fn c09_functions_off_the_list_are_listed_only() {
    let stub = stub().function(http("other"), &[]).host_json(r#"{"version": "2.0", "functions": ["FN"]}"#);
    let func = stub.start().await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    assert_eq!(func.get("/api/other").await.status, 404);
    let listed = func.get("/admin/functions").await.json();
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["fn", "other"]);
    let loaded: Vec<Value> = stub.received("load").iter().map(|load| load["name"].clone()).collect();
    assert_eq!(loaded, [json!("fn")]);
}

/// host.md C12: a timeout out of range stops the start.
#[tokio::test]
async fn c12_timeouts_out_of_range_are_refused() {
    let stub = stub().host_json(r#"{"version": "2.0", "functionTimeout": "00:00:00.5"}"#);
    let status = stub.launch().spawn().wait_for_state("Error").await;
    let error = status["errors"][0].as_str().unwrap();
    assert!(error.contains("FunctionTimeout must be greater than 00:00:01"), "{error}");
}

/// host.md C14: custom headers fill gaps, also where no function answers.
#[tokio::test]
async fn c14_custom_headers_are_added() {
    let own = Http {
        status: "200".into(),
        headers: [("x-a".to_owned(), "own".to_owned())].into(),
        body: Data::Unset,
        ..Http::default()
    };
    let own = Response { value: Data::Http(Box::new(own)), ..Response::default() };
    let stub = stub()
        .function(http("own"), &[Step::Respond(Box::new(own))])
        .host_json(r#"{"version": "2.0", "extensions": {"http": {"customHeaders": {"X-A": "1"}}}}"#);
    let func = stub.start().await;
    for (path, value) in [("/api/fn", "1"), ("/api/own", "own"), ("/nowhere", "1"), ("/", "1")] {
        assert_eq!(func.get(path).await.header("x-a"), value, "{path}");
    }
}

/// host.md C16: secrets in host.json do not reach the log.
#[tokio::test]
async fn c16_secrets_in_the_file_are_hidden() {
    let secret =
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net";
    let stub = stub()
        .host_json(&json!({ "version": "2.0", "extensions": { "queues": { "x": secret } } }).to_string());
    let func = stub.launch().arg("--verbose").start().await;
    func.wait_for_line("[Hidden Credential]").await;
    assert!(!func.transcript().contains("c2VjcmV0"));
}

/// host.md C17: the log level of one category.
#[tokio::test]
async fn c17_levels_hold_for_their_category() {
    let log = |level, message: &str| Step::Log(Log { level, message: message.into(), ..Log::default() });
    let steps =
        [log(LogLevel::Information, "only information"), log(LogLevel::Error, "an error"), Step::Echo];
    let stub = Stub::new()
        .function(http("fn"), &steps)
        .host_json(r#"{"version": "2.0", "logging": {"logLevel": {"Function.fn.User": "Error"}}}"#);
    let func = stub.start().await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    func.wait_for_line("an error").await;
    func.wait_for_line("Executed 'Functions.fn' (Succeeded").await;
    assert_eq!(func.count("only information"), 0);
    drop(func);
    let stub = stub.host_json(r#"{"version": "2.0", "logging": {"logLevel": {"Function": "Error"}}}"#);
    let func = stub.start().await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    func.wait_for_line("an error").await;
    assert_eq!(func.count("only information") + func.count("Executed"), 0, "{}", func.transcript());
}

/// host.md C18: an empty object is a host.json.
#[tokio::test]
async fn c18_an_empty_object_is_enough() {
    let stub = stub().host_json("{}");
    let func = stub.start().await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    let status = func.status().await.unwrap();
    assert_eq!(status.get("extensionBundle"), None);
}
