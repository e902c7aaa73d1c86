//! Functions that are right, wrong, disabled or special (host.md F01–F21).

use horus_stub_worker::Index;
use serde_json::json;

use crate::support::{App, Func, Launch, Mode, Stub, binding, http, http_with, timer};

const HTTP: &str = r#"{"bindings": [
    {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
    {"type": "http", "direction": "out", "name": "$return"}]}"#;

async fn error_of(func: &Func, name: &str) -> String {
    let answer = func.get(&format!("/admin/functions/{name}/status")).await;
    assert_eq!(answer.status, 200, "{name}");
    answer.json()["errors"][0].as_str().unwrap_or_default().to_owned()
}

/// host.md F01 to F13, F16 to F18, C15 and A07: each wrong function says what is wrong with it, and all others run.
#[tokio::test]
async fn f01_to_f18_wrong_functions_do_not_stop_the_others() {
    let wrong = [
        ("1abc", HTTP, "'1abc' is not a valid function name."),
        ("none", r#"{"bindings": []}"#, "At least one binding must be declared."),
        (
            "out",
            r#"{"bindings": [{"type": "http", "direction": "out", "name": "res"}]}"#,
            "No trigger binding specified. A function must have a trigger input binding.",
        ),
        (
            "two",
            r#"{"bindings": [{"type": "httpTrigger", "name": "a"}, {"type": "timerTrigger", "name": "b", "schedule": "0 0 0 * * *"}]}"#,
            "Multiple trigger bindings defined. A function can only have a single trigger binding.",
        ),
        (
            "named",
            r#"{"bindings": [{"type": "httpTrigger", "name": "my_req"}]}"#,
            "The binding name my_req is invalid. Please assign a valid name to the binding.",
        ),
        (
            "twice",
            r#"{"bindings": [{"type": "httpTrigger", "name": "req"}, {"type": "http", "direction": "out", "name": "REQ"}]}"#,
            "Multiple bindings with name 'REQ' discovered. Binding names must be unique.",
        ),
        (
            "returns",
            r#"{"bindings": [{"type": "httpTrigger", "name": "req"}, {"type": "http", "direction": "in", "name": "$return"}]}"#,
            "$return bindings must specify a direction of 'out'.",
        ),
        (
            "unknown",
            r#"{"bindings": [{"type": "faxTrigger", "name": "fax"}]}"#,
            "The binding type(s) 'faxTrigger' are not registered. Please ensure the type is correct and the binding extension is installed.",
        ),
        (
            "setting",
            r#"{"bindings": [{"type": "httpTrigger", "name": "req", "route": "%R%"}]}"#,
            "'%R%' does not resolve to a value.",
        ),
        (
            "reserved",
            r#"{"bindings": [{"type": "httpTrigger", "name": "req", "route": "admin/x"}]}"#,
            "The specified route conflicts with one or more built in routes.",
        ),
        (
            "taken",
            r#"{"bindings": [{"type": "httpTrigger", "name": "req", "route": "GOOD", "methods": ["put", "post"]}]}"#,
            "The route specified conflicts with the route defined by function 'good'.",
        ),
        (
            "noscript",
            r#"{"scriptFile": "nope.stub", "bindings": [{"type": "httpTrigger", "name": "req"}]}"#,
            "Invalid script file name configuration. The 'scriptFile' property is set to a file that does not exist.",
        ),
        ("ambiguous", HTTP, "Unable to determine the primary function script."),
        ("unreadable", "{\"bindings\": [", "unreadable"),
        (
            "timer",
            r#"{"bindings": [{"type": "timerTrigger", "name": "t", "schedule": "every noon"}]}"#,
            "The schedule expression 'every noon' was not recognized as a valid cron expression or timespan string.",
        ),
    ];
    let mut app = App::new()
        .function_json("good", r#"{"bindings": [{"type": "httpTrigger", "name": "req", "authLevel": "anonymous"}]}"#)
        // F13: `disabled` in the file means nothing; F16: other verbs on the same route are no conflict.
        .function_json("disabled", &HTTP.replacen('{', r#"{"disabled": true, "#, 1))
        .function_json("a", r#"{"bindings": [{"type": "httpTrigger", "name": "req", "route": "shared", "methods": ["get"]}]}"#)
        .function_json("b", r#"{"bindings": [{"type": "httpTrigger", "name": "req", "route": "shared", "methods": ["post"]}]}"#);
    for (name, text, _) in &wrong {
        app = app.function_json(name, text);
    }
    let app = app
        .file("ambiguous/a.stub", "")
        .file("ambiguous/b.stub", "")
        .file("primary/function.json", HTTP)
        .file("primary/run.stub", "")
        .file("primary/other.stub", "");
    std::fs::remove_file(app.root().join("ambiguous/run.stub")).unwrap();
    let stub = Stub::of(app);
    let func = stub.start().await;
    for (name, _, message) in &wrong {
        let error = error_of(&func, name).await;
        assert!(error.contains(message), "{name}: {error}");
        let line = func.wait_for_line(&format!("The '{name}' function is in error: ")).await;
        assert!(line.contains(message.lines().next().unwrap()), "{name}: {line}");
        assert_eq!(func.get(&format!("/api/{name}")).await.status, 404, "{name}");
    }
    // F07 and F10: no direction, no http output.
    let answer = func.get("/api/good").await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(func.get("/api/disabled").await.status, 200);
    assert_eq!(func.get("/api/primary").await.status, 200);
    for method in ["GET", "POST"] {
        assert_eq!(func.send(func.request(method, "/api/shared")).await.status, 200, "{method}");
    }
    let invoked = stub.received("invoke");
    assert_ne!(invoked[invoked.len() - 1]["functionId"], invoked[invoked.len() - 2]["functionId"]);
    assert_eq!(func.get("/admin/functions/good/status").await.json(), json!({}));
    assert_eq!(func.get("/admin/functions/nowhere/status").await.status, 404);
}

/// host.md F09: with a bundle the message speaks of the bundle.
#[tokio::test]
async fn f09_unknown_types_under_a_bundle() {
    let fax = horus_stub_worker::Function {
        name: "fax".into(),
        bindings: vec![binding("faxTrigger", "in", "fax", json!({}))],
        ..Default::default()
    };
    let stub = Stub::new().function(fax, &[]).function(http("fn"), &[]).host_json(
        r#"{"version": "2.0", "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"}}"#,
    );
    let func = stub.start().await;
    let error = error_of(&func, "fax").await;
    assert_eq!(
        error,
        "The binding type(s) 'faxTrigger' were not found in the configured extension bundle. Please ensure the type is correct and the correct version of extension bundle is configured."
    );
    assert_eq!(func.get("/api/fn").await.status, 200);
}

/// host.md F14 and F15: who may still call a disabled function, and that its listener does not start.
#[tokio::test]
async fn f14_f15_disabled_functions_answer_administrators_only() {
    let daily = json!({ "schedule": "0 0 0 1 1 *", "runOnStartup": true });
    let stub = Stub::new()
        .function(http_with("fn", json!({ "authLevel": "function" })), &[])
        .function(timer("off", daily.clone()), &[])
        .function(timer("on", daily), &[]);
    let func = stub
        .launch()
        .mode(Mode::Keys)
        .env("AzureWebJobsSecretStorageType", "files")
        .env("AzureWebJobs.fn.Disabled", "true")
        .env("AzureWebJobs_off_Disabled", "1")
        .start()
        .await;
    let master = func.master_key();
    let keys = func.get_with_key("/admin/functions/fn/keys", &master).await.json();
    let own = keys["keys"][0]["value"].as_str().unwrap();
    assert_eq!(func.get("/api/fn").await.status, 401);
    assert_eq!(func.get_with_key("/api/fn", own).await.status, 404);
    assert_eq!(func.get_with_key("/api/fn", &master).await.status, 200);
    func.wait_for_line("Executed 'Functions.on' (Succeeded").await;
    assert_eq!(func.count("Executing 'Functions.off'"), 0, "the timer is off");
    let by_hand = func.request("POST", "/admin/functions/off").header("x-functions-key", &master).body("{}");
    assert_eq!(func.send(by_hand).await.status, 202);
    func.wait_for_line("Executed 'Functions.off' (Succeeded").await;
    let listed = func.get_with_key("/admin/functions", &master).await.json();
    let disabled: Vec<bool> = listed.as_array().unwrap().iter().map(|f| f["isDisabled"] == true).collect();
    assert_eq!(disabled, [true, true, false]);
}

/// host.md F19: without a runtime setting the app's files tell the language, with a warning.
#[tokio::test]
async fn f19_an_app_without_runtime_setting_still_runs() {
    let app = App::new()
        .file("fn/function.json", HTTP)
        .file("fn/index.js", "module.exports = async () => ({ body: 'from node' });");
    let func = Launch::of(&app.root()).start().await;
    func.wait_for_line("The 'FUNCTIONS_WORKER_RUNTIME' setting is required.").await;
    assert_eq!(func.get("/api/fn").await.text(), "from node");
}

/// host.md F20: an app in another language than the setting says is an error that the admin API tells.
#[tokio::test]
async fn f20_functions_of_another_language_are_an_error() {
    let app = App::new().file("fn/function.json", HTTP).file("fn/index.js", "");
    let stub = Stub::of(app).script(|script| script.index = Index::Default);
    let mut func = stub.launch().spawn();
    let status = func.wait_for_state("Error").await;
    let error = status["errors"][0].as_str().unwrap();
    assert!(error.contains("Did not find functions with language [stub]."), "{error}");
    assert_eq!(func.get("/admin/host/ping").await.status, 200);
    assert_eq!(func.get("/api/fn").await.status, 503);
}

/// host.md F21: the warm-up function runs once, whatever is asked.
#[tokio::test]
async fn f21_warm_up_runs_once() {
    let warmup = horus_stub_worker::Function {
        name: "Warmup".into(),
        bindings: vec![binding("warmupTrigger", "in", "warmup", json!({}))],
        ..Default::default()
    };
    let stub = Stub::new().function(warmup, &[]).function(http("fn"), &[]);
    let func = stub.start().await;
    for _ in 0..2 {
        assert_eq!(func.get("/admin/warmup").await.status, 200);
    }
    func.wait_for_line("Executed 'Functions.Warmup' (Succeeded").await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    assert_eq!(func.count("Executing 'Functions.Warmup'"), 1);
}
