//! The whole pipeline, from a request to the bytes of its response, with functions that are closures.

mod app;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use futures::FutureExt as _;
use horus_app::FunctionError;
use horus_bindings::Value;
use horus_bindings::http::HttpResponse;
use http::Request;
use http_body_util::Full;
use serde_json::json;
use tokio::sync::Notify;

use self::app::{App, Setup, Sketch, echo, http, replies, request};
use crate::invoke::{Outcome, Outputs};
use crate::{Cors, State, Status};

fn shown(body: &str) -> serde_json::Value {
    serde_json::from_str(body).unwrap_or_else(|_| panic!("not what echo replies: {body}"))
}

/// host.md H01 and H02: the root has a page, anything else unknown is an empty 404, a function at the root wins.
#[tokio::test]
async fn h01_h02_unknown_paths_and_the_root() {
    let app = App::new(Setup { functions: vec![http("fn", json!({}), echo())], ..Setup::default() });
    let (status, page) = app.send(request("GET", "/", "", "")).await;
    assert!(status == 200 && page.contains("Your Azure Function App is up and running."), "{status} {page}");
    assert_eq!(app.send(request("POST", "/?x=1", "", "")).await.0, 200, "any method");
    assert_eq!(app.send(request("GET", "/api/nope", "", "")).await, (404, String::new()));
    assert_eq!(app.send(request("GET", "/api", "", "")).await, (404, String::new()));
    assert_eq!(app.send(request("GET", "/admin/nope", "", "")).await, (404, String::new()));
    assert_eq!(app.send(request("GET", "/runtime/webhooks/nope", "", "")).await, (404, String::new()));
    let bare = App::new(Setup { settings: &[("AzureWebJobsDisableHomepage", "true")], ..Setup::default() });
    assert_eq!(bare.send(request("GET", "/", "", "")).await, (204, String::new()));
    let root = App::new(Setup {
        functions: vec![http("fn", json!({"route": ""}), replies(|_| Value::String("mine".into())))],
        http: json!({"routePrefix": ""}),
        ..Setup::default()
    });
    assert_eq!(root.send(request("GET", "/", "", "")).await, (200, "mine".into()));
}

/// host.md H03 to H06 and C08: verbs and constraints are part of the match; the first function by name wins.
#[tokio::test]
async fn h03_h04_h05_h06_routes_lead_to_functions() {
    let named = |name: &'static str| replies(move |_| Value::String(name.into()));
    let app = App::new(Setup {
        functions: vec![
            http("a", json!({"route": "all/{*rest}"}), named("a")),
            http("b", json!({"route": "all/b"}), named("b")),
            http("get", json!({"methods": ["get"]}), named("get")),
            http("number", json!({"route": "n/{id:int}"}), echo()),
            http("option", json!({"route": "o/{c}/{id?}"}), echo()),
        ],
        ..Setup::default()
    });
    assert_eq!(app.send(request("POST", "/api/get", "", "")).await, (404, String::new()));
    assert_eq!(app.send(request("GET", "/API/Get", "", "")).await.0, 200);
    assert_eq!(app.send(request("GET", "/api/n/abc", "", "")).await.0, 404);
    let (_, body) = app.send(request("GET", "/api/n/5", "", "")).await;
    assert_eq!(shown(&body)["params"], json!({"id": "5"}));
    let (_, body) = app.send(request("GET", "/api/o/x%20y", "", "")).await;
    assert_eq!(shown(&body)["params"], json!({"c": "x y"}));
    assert_eq!(app.send(request("GET", "/api/all/b", "", "")).await, (200, "a".into()));
}

/// host.md §3.5, H14 and H15: the request as the function sees it; chunked bodies arrive, too.
#[tokio::test]
async fn h14_h15_functions_see_the_whole_request() {
    let app = App::new(Setup { functions: vec![http("fn", json!({}), echo())], ..Setup::default() });
    let (_, body) = app.send(request("put", "/api/fn?a=1&a=2&b=", "", "payload")).await;
    assert_eq!(
        shown(&body),
        json!({
            "method": "PUT", "url": "http://h:7071/api/fn?a=1&a=2&b=", "params": {},
            "query": {"a": "1,2", "b": ""}, "body": "payload", "levels": ["Admin"],
        })
    );
    let chunks = futures::stream::iter([Ok::<_, std::io::Error>("two "), Ok("pieces")]);
    let chunked = Request::post("/api/fn").body(Body::from_stream(chunks)).unwrap();
    let response = app.front.respond(chunked, ([127, 0, 0, 1], 1).into()).await;
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    assert_eq!(shown(std::str::from_utf8(&body).unwrap())["body"], "two pieces");
}

/// host.md H18 and H20, §3.9 and H27: what functions give becomes the response; failures are empty 500s.
#[tokio::test]
async fn h18_h20_h27_replies_and_failures() {
    let png = Bytes::from_static(b"\x89PNG");
    let image = HttpResponse {
        status: Some("201".into()),
        headers: vec![("Content-Type".into(), Some("image/png".into()))],
        body: Value::Bytes(png.clone()),
        ..HttpResponse::default()
    };
    let split =
        HttpResponse { headers: vec![("X".into(), Some("1\r\nY: 2".into()))], ..HttpResponse::default() };
    let app = App::new(Setup {
        functions: vec![
            http("bad", json!({}), Arc::new(|_| async { Outcome::Failed("boom".into()) }.boxed())),
            http("image", json!({}), replies(move |_| Value::HttpResponse(Box::new(image.clone())))),
            http("lost", json!({}), Arc::new(|_| async { Outcome::Lost("gone".into()) }.boxed())),
            http("nothing", json!({}), replies(|_| Value::Null)),
            http("split", json!({}), replies(move |_| Value::HttpResponse(Box::new(split.clone())))),
            http("text", json!({}), replies(|_| Value::String("hello".into()))),
        ],
        ..Setup::default()
    });
    let response = app.answer(request("GET", "/api/text", "", "")).await;
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    let response = app.answer(request("GET", "/api/image", "", "")).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (201, &"image/png".parse().unwrap())
    );
    assert_eq!(response.into_body().size_hint().exact(), Some(png.len() as u64));
    for name in ["bad", "lost", "split"] {
        assert_eq!(
            app.send(request("GET", &format!("/api/{name}"), "", "")).await,
            (500, String::new()),
            "{name}"
        );
    }
    app.lines.wait_for("header 'x' has a value").await;
    assert_eq!(app.send(request("GET", "/api/nothing", "", "")).await, (200, String::new()));
}

/// host.md H07 to H10 and F14: levels, keys and disabled functions, over HTTP.
#[tokio::test]
async fn h07_h08_h09_h10_f14_keys_open_functions() {
    let folder = tempfile::tempdir().unwrap();
    let level = |level: &str| json!({ "authLevel": level });
    let off = Sketch { disabled: true, ..http("off", level("function"), echo()) };
    let app = App::new(Setup {
        functions: vec![
            http("boss", level("admin"), echo()),
            http("anyone", level("anonymous"), echo()),
            http("fn", json!({"authLevel": null}), echo()),
            off,
            http("other", level("function"), echo()),
        ],
        keys: Some(folder.path()),
        ..Setup::default()
    });
    let value = |key: &crate::keys::Key| key.value.reveal().to_owned();
    let host = app.keys.host().await.unwrap();
    let (master, host_key) = (value(&host.master), value(&host.functions[0]));
    let own = value(&app.keys.function("fn").await.unwrap()[0]);
    let other = value(&app.keys.function("other").await.unwrap()[0]);
    let off = value(&app.keys.function("off").await.unwrap()[0]);
    let system = value(&app.keys.extension("durabletask").await.unwrap());
    for (path, key, status) in [
        ("/api/fn", "", 401),
        ("/api/fn", "bogus", 401),
        ("/api/fn", &other, 401),
        ("/api/fn", &system, 401),
        ("/api/fn", &own, 200),
        ("/api/fn", &host_key, 200),
        ("/api/fn", &master, 200),
        (&format!("/api/fn?code={}", own.replace('=', "%3D")), "", 200),
        (&format!("/api/fn?code={own}"), "bogus", 401),
        ("/api/anyone", "bogus", 200),
        ("/api/anyone", "", 200),
        ("/api/boss", &host_key, 401),
        ("/api/boss", &master, 200),
        ("/api/off", "", 401),
        ("/api/off", &off, 404),
        ("/api/off", &master, 200),
    ] {
        assert_eq!(app.get(path, key).await, status, "{path} with {}", &key[..key.len().min(6)]);
    }
    let (_, body) = app.send(request("GET", "/api/anyone", &own, "")).await;
    assert_eq!(shown(&body)["levels"], json!([]), "the key belongs to another function");
    let (_, body) = app.send(request("GET", "/api/fn", &own, "")).await;
    assert_eq!(shown(&body)["levels"], json!(["Function"]));
    assert_eq!(app.send(request("GET", "/api/fn", "", "")).await.1, "", "401 has no body");
}

/// host.md H28: bodies over the limit are refused, and the setting moves it.
#[tokio::test]
async fn h28_bodies_are_limited() {
    let functions = || vec![http("fn", json!({}), replies(|_| Value::Null))];
    let app = App::new(Setup {
        functions: functions(),
        settings: &[("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "4")],
        ..Setup::default()
    });
    assert_eq!(app.send(request("POST", "/api/fn", "", "1234")).await.0, 200);
    assert_eq!(app.send(request("POST", "/api/fn", "", "12345")).await, (413, String::new()));
    let app = App::new(Setup { functions: functions(), ..Setup::default() });
    let at_limit = |length: usize| Request::post("/api/fn").body(Full::from(vec![0; length])).unwrap();
    assert_eq!(app.send(at_limit(104_857_600)).await.0, 200);
    assert_eq!(app.send(at_limit(104_857_601)).await.0, 413);
}

/// host.md H29: one runs, none may wait, the second is told to go elsewhere; the admin API is exempt.
#[tokio::test]
async fn h29_throttled_requests_are_refused() {
    let release = Arc::new(Notify::new());
    let waits = release.clone();
    let slow: app::Behaviour = Arc::new(move |_| {
        let waits = waits.clone();
        Box::pin(async move {
            waits.notified().await;
            Outcome::Completed(Outputs::default())
        })
    });
    let app = App::new(Setup {
        functions: vec![http("slow", json!({}), slow)],
        http: json!({"maxConcurrentRequests": 1, "maxOutstandingRequests": 1}),
        ..Setup::default()
    });
    let mut first = Box::pin(app.send(request("GET", "/api/slow", "", "")));
    assert!(first.as_mut().now_or_never().is_none());
    let second = app.answer(request("GET", "/api/slow", "", "")).await;
    assert_eq!(
        (second.status().as_u16(), &second.headers()["x-function-scaleout"]),
        (429, &"1".parse().unwrap())
    );
    app.lines.wait_for("Http request queue limit of 1 has been exceeded.").await;
    assert_eq!(app.get("/admin/host/ping", "").await, 200);
    release.notify_one();
    assert_eq!(first.await.0, 200);
    release.notify_one();
    assert_eq!(app.get("/api/slow", "").await, 200);
}

/// host.md H30, C03 and H31: starting hosts are waited for, failed ones are not, offline ones show their page.
#[tokio::test]
async fn h30_c03_h31_availability() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("app_offline.htm"), "back soon").unwrap();
    let functions = vec![http("fn", json!({}), replies(|_| Value::String("ready".into())))];
    let app = App::new(Setup { functions, root: Some(root.path()), ..Setup::default() });
    app.status.send_replace(Status::of(State::Starting));
    let mut held = Box::pin(app.send(request("GET", "/api/fn", "", "")));
    assert!(held.as_mut().now_or_never().is_none(), "held while the host starts");
    assert_eq!(app.get("/admin/host/ping", "").await, 200, "the admin API is not");
    app.status.send_replace(Status { job: Some(app.job.clone()), ..Status::of(State::Initialized) });
    assert_eq!(held.await, (200, "ready".into()));

    let failed = Status { errors: Arc::new(["no version".into()]), ..Status::of(State::Error) };
    app.status.send_replace(failed);
    let refused = app.send(request("GET", "/api/fn", "", "")).now_or_never().expect("told at once");
    assert_eq!(refused, (503, "Function host is not running.".into()));
    let (status, body) = app.send(request("GET", "/admin/host/status", "", "")).await;
    assert_eq!(
        (status, &shown(&body)["state"], &shown(&body)["errors"]),
        (200, &json!("Error"), &json!(["no version"]))
    );

    app.status.send_replace(Status::of(State::Offline));
    assert_eq!(app.send(request("GET", "/api/fn", "", "")).await, (503, "back soon".into()));
    let (_, body) = app.send(request("GET", "/admin/host/status", "", "")).await;
    assert_eq!(shown(&body)["state"], "Offline");
}

/// host.md H32 and C14: what is added to responses.
#[tokio::test]
async fn h32_c14_additions_reach_responses() {
    let own = HttpResponse { headers: vec![("X-A".into(), Some("mine".into()))], ..HttpResponse::default() };
    let app = App::new(Setup {
        functions: vec![
            http("fn", json!({}), replies(|_| Value::Null)),
            http("own", json!({}), replies(move |_| Value::HttpResponse(Box::new(own.clone())))),
        ],
        http: json!({"customHeaders": {"X-A": "1"}}),
        cors: Some(Cors { origins: vec!["https://a.example".into()], credentials: false }),
        ..Setup::default()
    });
    for (path, value) in
        [("/api/fn", "1"), ("/api/own", "mine"), ("/api/none", "1"), ("/", "1"), ("/admin/host/ping", "1")]
    {
        let response = app.answer(request("GET", path, "", "")).await;
        assert_eq!(response.headers()["x-a"], value, "{path}");
    }
    let from = |origin: &str| {
        let mut request = request("GET", "/api/fn", "", "");
        request.headers_mut().insert("origin", origin.parse().unwrap());
        app.answer(request)
    };
    assert_eq!(from("https://a.example").await.headers()["access-control-allow-origin"], "https://a.example");
    assert!(!from("https://b.example").await.headers().contains_key("access-control-allow-origin"));
}

/// host.md A01, A02 and A16: who may call the admin API.
#[tokio::test]
async fn a01_a02_a16_admin_needs_the_master_key() {
    let folder = tempfile::tempdir().unwrap();
    let functions = vec![http("fn", json!({}), echo())];
    let app = App::new(Setup { functions, keys: Some(folder.path()), ..Setup::default() });
    let host = app.keys.host().await.unwrap();
    let master = host.master.value.reveal();
    let system = app.keys.extension("durabletask").await.unwrap().value;
    let own = app.keys.function("fn").await.unwrap()[0].value.clone();
    for (path, key, status) in [
        ("/admin/host/status", "", 401),
        ("/admin/host/status", "bogus", 401),
        ("/admin/host/status", host.functions[0].value.reveal(), 403),
        ("/admin/host/status", own.reveal(), 403),
        ("/admin/host/status", system.reveal(), 403),
        ("/admin/host/status", master, 200),
        ("/admin/host/ping", "", 200),
        ("/admin/host/nope", "", 404),
        ("/runtime/webhooks/durabletask/x", "", 401),
        ("/runtime/webhooks/durabletask/x", own.reveal(), 401),
        ("/runtime/webhooks/eventgrid", system.reveal(), 401),
        ("/runtime/webhooks/nope", master, 404),
    ] {
        assert_eq!(app.get(path, key).await, status, "{path}");
    }
    let (_, body) = app.send(request("GET", "/admin/host/status", master, "")).await;
    let status = shown(&body);
    assert_eq!(
        (&status["id"], &status["state"], &status["version"]),
        (&json!("host"), &json!("Running"), &json!("4.1037.0.0"))
    );
    assert!(status["instanceId"].is_string() && status["processUptime"].is_u64());
    assert_eq!(app.send(request("POST", "/admin/host/ping", "", "")).await.0, 200);
}

/// host.md A03, A04 and A05: running functions by hand.
#[tokio::test]
async fn a03_a04_a05_functions_run_by_hand() {
    let (sender, mut ran) = tokio::sync::mpsc::unbounded_channel();
    let timer = Sketch {
        name: "timer",
        trigger: json!({"type": "timerTrigger", "name": "timer"}),
        disabled: true,
        behaviour: Arc::new(move |invocation| {
            sender.send(invocation.trigger).unwrap();
            async { Outcome::Completed(Outputs::default()) }.boxed()
        }),
    };
    let app = App::new(Setup { functions: vec![http("fn", json!({}), echo()), timer], ..Setup::default() });
    let call = |name: &str, body: &str| {
        let (path, body) = (format!("/admin/functions/{name}"), body.to_owned());
        async { app.send(request("POST", { path }.as_str(), "", { body }.as_str())).await.0 }
    };
    assert_eq!(call("Timer", "{\"input\":null}").await, 202);
    assert_eq!(ran.recv().await, Some(Value::Null));
    app.lines.wait_for("Executing 'Functions.timer' (Reason='This function was programmatically called via the host APIs.', Id=").await;
    assert_eq!(call("timer", "{\"input\":\"x\"}").await, 202);
    assert_eq!(ran.recv().await, Some(Value::String("x".into())));
    assert_eq!(call("nope", "{}").await, 404);
    assert_eq!(call("timer", "").await, 400);
    assert_eq!(call("fn", "{\"input\":\"x\"}").await, 202);
    let line = app.lines.wait_for("Executed 'Functions.fn' (Failed, Id=").await;
    assert!(line.contains("An HttpRequest is required"), "{line}");
}

/// host.md A06 and A07: functions are listed by name, and say what is wrong with them.
#[tokio::test]
async fn a06_a07_functions_are_described() {
    let functions = vec![http("Greet", json!({"route": "Hello/{Name}"}), echo())];
    let errors = vec![FunctionError {
        function: "bad".into(),
        message: "At least one binding must be declared.".into(),
    }];
    let app = App::new(Setup { functions, errors, ..Setup::default() });
    let get = async |path: &str| {
        let (status, body) = app.send(request("GET", path, "", "")).await;
        (status, if body.is_empty() { json!(null) } else { shown(&body) })
    };
    let (_, list) = get("/admin/functions").await;
    assert_eq!(list[0]["name"], "Greet");
    assert_eq!(list[0]["invoke_url_template"], "https://localhost/api/hello/{name}");
    assert_eq!(list[0]["language"], "node");
    assert_eq!(list[0]["isDisabled"], false);
    assert_eq!(get("/admin/functions/greet").await.1["href"], "http://h:7071/admin/functions/Greet");
    assert_eq!(get("/admin/functions/nope").await.0, 404);
    assert_eq!(get("/admin/functions/greet/status").await, (200, json!({})));
    let errors = json!({"errors": ["At least one binding must be declared."]});
    assert_eq!(get("/admin/functions/bad/status").await, (200, errors));
    assert_eq!(get("/admin/functions/nope/status").await.0, 404);
}

/// host.md A08, A09 and A10: keys over HTTP.
#[tokio::test]
async fn a08_a09_a10_keys_are_managed_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let functions = vec![http("fn", json!({"authLevel": "function"}), echo())];
    let app = App::new(Setup { functions, keys: Some(folder.path()), ..Setup::default() });
    let master = app.keys.host().await.unwrap().master.value.clone();
    let call = async |method: &str, path: &str, body: &str| {
        app.send(request(method, &format!("/admin/{path}"), master.reveal(), body)).await
    };
    let (status, body) = call("POST", "functions/FN/keys/k", "").await;
    let first = shown(&body);
    assert_eq!(
        (status, first["name"].as_str(), first["value"].as_str().unwrap().len()),
        (201, Some("k"), 56)
    );
    assert_eq!(first["links"], json!([{"rel": "self", "href": "http://h:7071/admin/functions/FN/keys/k"}]));
    let (status, body) = call("POST", "functions/fn/keys/k", "").await;
    assert_eq!(status, 200);
    assert_ne!(shown(&body)["value"], first["value"]);
    assert_eq!(call("DELETE", "functions/fn/keys/k", "").await, (204, String::new()));
    assert_eq!(call("DELETE", "functions/fn/keys/k", "").await, (404, String::new()));
    assert_eq!(call("GET", "functions/nope/keys", "").await.0, 404);

    assert_eq!(call("PUT", "functions/fn/keys/mine", "{\"name\":\"mine\",\"value\":\"abc\"}").await.0, 201);
    assert_eq!(app.get("/api/fn", "abc").await, 200);
    assert_eq!(call("PUT", "functions/fn/keys/mine", "{}").await, (400, "Invalid key value".into()));
    let (_, list) = call("GET", "functions/fn/keys", "").await;
    let names: Vec<_> =
        shown(&list)["keys"].as_array().unwrap().iter().map(|key| key["name"].clone()).collect();
    assert_eq!(names, ["default", "mine"]);
    assert_eq!(
        call("GET", "host/keys", "").await.1.replace("/keys", ""),
        call("GET", "host/functionkeys", "").await.1.replace("/functionkeys", "")
    );

    let (status, body) = call("GET", "host/systemkeys/_master", "").await;
    assert_eq!((status, shown(&body)["value"].as_str()), (200, Some(master.reveal())));
    assert_eq!(call("GET", "host/keys/_master", "").await.0, 404);
    assert_eq!(
        call("DELETE", "host/systemkeys/_master", "").await,
        (400, "Cannot delete System Key.".into())
    );
    assert_eq!(call("POST", "host/systemkeys/_master", "").await.0, 201);
    assert_eq!(call("GET", "host/status", "").await.0, 401, "the old master key is void");
}

/// host.md A12, A13 and A15 as far as the front end decides.
#[tokio::test]
async fn a12_a13_a15_host_operations_answer() {
    let app = App::new(Setup::default());
    let call = async |method: &str, path: &str, body: &str| {
        app.send(request(method, &format!("/admin/host/{path}"), "", body)).await
    };
    assert_eq!(call("POST", "drain", "").await, (202, String::new()));
    assert_eq!(shown(&call("GET", "drain/status", "").await.1)["outstandingInvocations"], 0);
    assert_eq!(call("POST", "resume", "").await, (200, "{\"state\":\"Running\"}".into()));
    assert_eq!(
        call("POST", "scale/status", "{}").await,
        (400, "Runtime scale monitoring is not enabled.".into())
    );
    let (status, body) = call("POST", "synctriggers", "").await;
    assert_eq!(
        (status, &shown(&body)["error"]),
        (500, &json!("Invalid environment for SyncTriggers operation."))
    );
    assert_eq!(call("POST", "log", "null").await, (400, "An array of log entry objects is expected.".into()));
    let entries = json!([{"level": "warning", "functionName": "fn", "message": "careful"}, {"level": "off", "message": "x"}]);
    assert_eq!(call("POST", "log", &entries.to_string()).await.0, 200);
    assert_eq!(app.lines.wait_for("careful").await, "Function.fn: careful");
    assert_eq!(shown(&call("GET", "config", "").await.1)["extensions"]["http"]["routePrefix"], "api");
    assert_eq!(shown(&call("POST", "restart", "").await.1)["scriptPath"], "/app");
    assert_eq!(call("GET", "extensions", "").await, (200, "{\"extensions\":[]}".into()));
    app.status.send_replace(Status::of(State::Error));
    assert_eq!(call("POST", "drain", "").await.0, 503);
    assert_eq!(call("POST", "resume", "").await.0, 409);
    assert_eq!(call("GET", "config", "").await.0, 503);
}

/// host.md A14: going offline writes the page, coming back removes it; what cannot be changed says so.
#[tokio::test]
async fn a14_the_state_is_a_file() {
    let root = tempfile::tempdir().unwrap();
    let page = root.path().join("app_offline.htm");
    let app = App::new(Setup { root: Some(root.path()), ..Setup::default() });
    let put = |state: &str| app.send(request("PUT", "/admin/host/state", "", &format!("\"{state}\"")));
    assert_eq!(put("running").await.0, 200);
    assert_eq!(put("gone").await.0, 400);
    // The host's own loop follows the file; here the test stands in for it.
    let follow = async {
        while !page.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        app.status.send_replace(Status::of(State::Offline));
    };
    let (answer, ()) = tokio::join!(put("offline"), follow);
    assert_eq!(answer.0, 202);
    assert_eq!(put("offline").await.0, 200);
    assert_eq!(app.get("/api/fn", "").await, 503);
    let follow = async {
        while page.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        app.status.send_replace(Status { job: Some(app.job.clone()), ..Status::of(State::Running) });
    };
    let (answer, ()) = tokio::join!(put("running"), follow);
    assert_eq!(answer.0, 202);

    let settings = &[("WEBSITE_RUN_FROM_PACKAGE", "1")];
    let packaged = App::new(Setup { root: Some(root.path()), settings, ..Setup::default() });
    let (status, _) = packaged.send(request("PUT", "/admin/host/state", "", "\"offline\"")).await;
    assert_eq!(status, 400);
}

/// host.md F21: the warm-up function runs once.
#[tokio::test]
async fn f21_warm_up_runs_once() {
    let (sender, mut ran) = tokio::sync::mpsc::unbounded_channel();
    let warmup = Sketch {
        name: "Warmup",
        trigger: json!({"type": "warmupTrigger", "name": "context"}),
        disabled: false,
        behaviour: Arc::new(move |_| {
            sender.send(()).unwrap();
            async { Outcome::Completed(Outputs::default()) }.boxed()
        }),
    };
    let app = App::new(Setup { functions: vec![warmup], ..Setup::default() });
    assert_eq!(app.get("/admin/warmup", "").await, 200);
    assert_eq!(app.get("/admin/warmup", "").await, 200);
    app.job.tasks.close();
    app.job.tasks.wait().await;
    assert_eq!((ran.recv().await, ran.try_recv().is_err()), (Some(()), true));
}
