//! The admin API of a running host (host.md A01–A07, A12–A14).

use std::time::Duration;

use horus_stub_worker::Step;
use serde_json::{Value, json};

use crate::support::{App, Func, Mode, Stub, http, http_with, timer};

fn yearly() -> Value {
    json!({ "schedule": "0 0 0 1 1 *" })
}

async fn post(func: &Func, path: &str) -> (u16, Value) {
    let answer = func.post(path, "").await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

/// host.md A01 and A02: who learns the status, what it says, and that anybody may ping.
#[tokio::test]
async fn a01_a02_status_is_for_administrators() {
    let stub = Stub::new().function(http_with("fn", json!({ "authLevel": "function" })), &[]);
    let func = stub.launch().mode(Mode::Keys).env("AzureWebJobsSecretStorageType", "files").start().await;
    let master = func.master_key();
    let keys = func.get_with_key("/admin/functions/fn/keys", &master).await.json();
    let own = keys["keys"][0]["value"].as_str().unwrap();
    assert_eq!(func.get("/admin/host/status").await.status, 401);
    assert_eq!(func.get_with_key("/admin/host/status", "wrong").await.status, 401);
    assert_eq!(func.get_with_key("/admin/host/status", own).await.status, 403);
    let answer = func.get_with_key("/admin/host/status", &master).await;
    let status = answer.json();
    assert_eq!((answer.status, &status["state"]), (200, &json!("Running")));
    for name in ["id", "version", "instanceId"] {
        assert!(status[name].as_str().is_some_and(|text| !text.is_empty()), "{name} in {status}");
    }
    assert!(status["processUptime"].as_u64().is_some(), "{status}");
    assert!(status["version"].as_str().unwrap().starts_with("4."), "{status}");
    for method in ["GET", "POST"] {
        let answer = func.send(func.request(method, "/admin/host/ping")).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store, no-cache"), "{method}");
    }
    assert_eq!(func.get_with_key("/admin/nowhere", &master).await.status, 404);
}

/// host.md A03 to A05: functions run by hand.
#[tokio::test]
async fn a03_to_a05_functions_run_by_hand() {
    let stub = Stub::new().function(timer("timer", yearly()), &[]).function(http("fn"), &[]);
    let func = stub.start().await;
    assert_eq!(func.post_json("/admin/functions/timer", &json!({ "input": null })).await.status, 202);
    func.wait_for_line("Executing 'Functions.timer' (Reason='This function was programmatically called via the host APIs.', Id=").await;
    func.wait_for_line("Executed 'Functions.timer' (Succeeded").await;
    let invoked = stub.received("invoke").remove(0);
    let payload: Value = serde_json::from_str(invoked["inputs"]["timer"]["json"].as_str().unwrap()).unwrap();
    assert_eq!(payload["IsPastDue"], false);
    assert_eq!(func.post_json("/admin/functions/nope", &json!({ "input": "" })).await.status, 404);
    assert_eq!(func.post("/admin/functions/timer", "").await.status, 400);
    assert_eq!(func.post_json("/admin/functions/fn", &json!({ "input": "x" })).await.status, 202);
    func.wait_for_line("Executed 'Functions.fn' (Failed").await;
    func.wait_for_line("An HttpRequest is required").await;
}

/// host.md A06: the list of functions.
#[tokio::test]
async fn a06_functions_are_listed() {
    let stub = Stub::new()
        .function(http_with("Upper", json!({ "route": "Items/{Id:int}" })), &[])
        .function(timer("timer", yearly()), &[]);
    let func = stub.launch().env("AzureWebJobs.timer.Disabled", "1").start().await;
    let listed = func.get("/admin/functions").await.json();
    let [timer, upper] = listed.as_array().unwrap().as_slice() else { panic!("two functions: {listed}") };
    assert_eq!((&timer["name"], &timer["isDisabled"]), (&json!("timer"), &json!(true)));
    assert_eq!(timer.get("invoke_url_template").and_then(Value::as_str), None);
    assert_eq!(
        (&upper["name"], &upper["isDisabled"], &upper["language"]),
        (&json!("Upper"), &json!(false), &json!("stub"))
    );
    let template = upper["invoke_url_template"].as_str().unwrap();
    assert!(template.ends_with("/api/items/{id:int}"), "{template}");
    assert_eq!(upper["config"]["bindings"][0]["type"], "httpTrigger");
    let one = func.get("/admin/functions/upper").await.json();
    assert_eq!(one["name"], "Upper");
    assert_eq!(one["href"], format!("http://127.0.0.1:{}/admin/functions/Upper", func.port));
    assert_eq!(func.get("/admin/functions/nope").await.status, 404);
}

/// host.md A12 and A13: drain mode stops listeners, not HTTP; resuming starts them again.
#[tokio::test]
async fn a12_a13_draining_and_resuming() {
    let stub = Stub::new();
    let gate = stub.app.beside("gate");
    let stub = stub
        .function(http("fn"), &[])
        .function(http("slow"), &[Step::AwaitFile(gate.clone()), Step::Echo])
        .function(timer("timer", json!({ "schedule": "* * * * * *" })), &[]);
    let mut func = stub.start().await;
    func.wait_for_line("Executed 'Functions.timer' (Succeeded").await;
    assert_eq!(func.get("/admin/host/drain/status").await.json()["state"], "Disabled");
    let (slow, ()) = tokio::join!(func.get("/api/slow"), async {
        func.wait_for_line("Executing 'Functions.slow'").await;
        assert_eq!(post(&func, "/admin/host/drain").await.0, 202);
        let status = func.get("/admin/host/drain/status").await.json();
        assert_eq!(
            (&status["state"], status["outstandingInvocations"].as_u64() >= Some(1)),
            (&json!("InProgress"), true)
        );
        assert_eq!(func.get("/api/fn").await.status, 200, "HTTP is still served");
        std::fs::write(&gate, "").unwrap();
    });
    assert_eq!(slow.status, 200);
    crate::support::until(
        || "drain mode to be complete".to_owned(),
        || async {
            (func.get("/admin/host/drain/status").await.json()["state"] == "Completed").then_some(())
        },
    )
    .await;
    // Lines come later than answers: behind those of this call nothing is left on its way.
    assert_eq!(func.get("/api/fn").await.status, 200);
    func.wait_for_lines("Executed 'Functions.fn'", 2).await;
    let fired = func.count("Executing 'Functions.timer'");
    // Two ticks of a timer that must not fire: there is no event to wait for.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(func.count("Executing 'Functions.timer'"), fired);
    assert_eq!(post(&func, "/admin/host/resume").await, (200, json!({ "state": "Running" })));
    func.wait_for_lines("Executing 'Functions.timer'", fired + 1).await;
    func.wait_for_state("Running").await;
    assert_eq!(func.get("/admin/host/drain/status").await.json()["state"], "Disabled");
}

/// host.md A13: there is nothing to resume in a host that does not run.
#[tokio::test]
async fn a13_a_host_in_error_cannot_be_resumed() {
    let stub = Stub::new().host_json("{\"version\": \"1.0\"}");
    let mut func = stub.launch().spawn();
    func.wait_for_state("Error").await;
    assert_eq!(post(&func, "/admin/host/resume").await.0, 409);
}

/// host.md A14: offline and back by command.
#[tokio::test]
async fn a14_offline_and_back() {
    let stub = Stub::new().function(http("fn"), &[]);
    let mut func = stub.start().await;
    let put = |state: &str| {
        let body = format!("\"{state}\"");
        func.send(
            func.request("PUT", "/admin/host/state").header("content-type", "application/json").body(body),
        )
    };
    assert_eq!(put("offline").await.status, 202);
    func.wait_for_state("Offline").await;
    let put = |state: &str| {
        let body = format!("\"{state}\"");
        func.send(
            func.request("PUT", "/admin/host/state").header("content-type", "application/json").body(body),
        )
    };
    assert_eq!(func.get("/api/fn").await.status, 503);
    assert_eq!(put("sideways").await.status, 400);
    assert_eq!(put("running").await.status, 202);
    func.wait_for_state("Running").await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    drop(func);
    let func = Stub::of(App::new()).launch().env("WEBSITE_RUN_FROM_PACKAGE", "1").start().await;
    let request = func.request("PUT", "/admin/host/state").header("content-type", "application/json");
    assert_eq!(func.send(request.body("\"offline\"")).await.status, 400);
}
