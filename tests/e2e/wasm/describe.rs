//! Guests that carry their functions with them, in every kind of app (docs/wasm.md).

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{HTTP, guest, launch};
use crate::support::{App, repository, with_node_library};

/// Writes a description into the C guest, which serves any function whose name is `HelloC`.
fn describe(app: &App, file: &str, functions: &Value) {
    let guest = guest("c").expect("a guest in C");
    let file = app.root().join(file);
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    std::fs::copy(guest, &file).expect("copied");
    let description = app.beside("functions.json");
    std::fs::write(&description, functions.to_string()).expect("written");
    let run = |file: &Path| {
        let written =
            Command::new(repository().join("workers/wit/describe")).arg(file).arg(&description).status();
        assert!(written.expect("python3 must be installed").success());
    };
    run(&file);
    let once = std::fs::read(&file).expect("read");
    // An earlier description is replaced.
    run(&file);
    assert_eq!(std::fs::read(&file).expect("read"), once);
}

fn hello(name: &str, route: &str) -> Value {
    json!({ "name": name, "bindings": [
        { "type": "httpTrigger", "direction": "in", "name": "req", "route": route, "authLevel": "anonymous" },
        { "type": "http", "direction": "out", "name": "res" }] })
}

const GREETING: &str = "Hello, Ada, from C!";

/// An app of nothing but guests needs no other file, whatever the runtime setting says.
#[tokio::test]
async fn an_app_of_guests_alone_needs_no_function_json() {
    for runtime in ["", "wasm"] {
        let app = App::new();
        describe(&app, "guests/c.wasm", &json!([hello("HelloC", "one")]));
        let func = launch(&app).env("FUNCTIONS_WORKER_RUNTIME", runtime).start().await;
        assert_eq!(func.get("/api/one?name=Ada").await.text(), GREETING, "runtime '{runtime}'");
        assert_eq!(func.children(), Vec::<u32>::new());
        let listed = func.get("/admin/functions").await.json();
        assert_eq!(listed[0]["name"], "HelloC", "{listed}");
        func.stop().await;
    }
}

/// Beside functions that a worker finds by itself; what is wrong with a guest is said and leaves the others alone.
#[tokio::test(flavor = "multi_thread")]
async fn guests_describe_themselves_beside_functions_of_a_worker() {
    let app = App::new()
        .file("package.json", r#"{ "main": "index.js" }"#)
        .file(
            "index.js",
            "const { app } = require('@azure/functions');
             app.http('Node', { authLevel: 'anonymous', handler: () => ({ body: 'from Node' }) });
             app.http('Both', { authLevel: 'anonymous', handler: () => ({ body: 'from Node' }) });",
        )
        // Malformed, and about a guest: nobody else will ever mention it.
        .file("Broken/function.json", r#"{ "scriptFile": "../c.wasm", "bindings": [ }"#)
        .file("Missing/function.json", &HTTP.replace("SCRIPT", "../missing.wasm"))
        // The worker's business.
        .file("Old/function.json", r#"{ "scriptFile": "old.js", "bindings": [ }"#);
    with_node_library(&app);
    describe(
        &app,
        "c.wasm",
        &json!([hello("HelloC", "one"), hello("Both", "two"), { "name": "Bad", "bindings": [] }]),
    );
    let func = launch(&app).env("FUNCTIONS_WORKER_RUNTIME", "node").start().await;
    assert_eq!(func.get("/api/one?name=Ada").await.text(), GREETING);
    assert_eq!(func.get("/api/Node").await.text(), "from Node");
    func.wait_for_line("The 'Broken' function is in error: Unable to parse").await;
    func.wait_for_line("The 'Missing' function is in error").await;
    func.wait_for_line("At least one binding must be declared. (described in c.wasm)").await;
    let line = func.wait_for_line("The 'Both' function is in error").await;
    assert!(line.contains("c.wasm describes it as well"), "{line}");
    assert!(!func.transcript().contains("'Old' function is in error"), "{}", func.transcript());
    func.stop().await;
}

/// Beside a custom handler.
#[tokio::test]
async fn guests_describe_themselves_beside_a_custom_handler() {
    let app = App::new()
        .file(
            "handler.js",
            "require('http').createServer((request, response) => {
               response.setHeader('content-type', 'application/json');
               response.end(JSON.stringify({ Outputs: { res: { body: 'from the handler' } } }));
             }).listen(process.env.FUNCTIONS_CUSTOMHANDLER_PORT);",
        )
        .file(
            "Own/function.json",
            r#"{ "bindings": [{ "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
                 { "type": "http", "direction": "out", "name": "res" }] }"#,
        );
    let handler = json!({ "description": { "defaultExecutablePath": "node", "arguments": ["handler.js"] } });
    app.write("host.json", &json!({ "version": "2.0", "customHandler": handler }).to_string());
    describe(&app, "c.wasm", &json!([hello("HelloC", "one")]));
    let func = launch(&app).env("FUNCTIONS_WORKER_RUNTIME", "custom").start().await;
    assert_eq!(func.get("/api/one?name=Ada").await.text(), GREETING);
    assert_eq!(func.get("/api/Own").await.text(), "from the handler");
    func.stop().await;
}
