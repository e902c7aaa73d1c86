//! HTTP triggers on the wire (host.md H01–H35): from a client's bytes to the worker's message and back.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use horus_stub_worker::{Cookie, Data, Function, Http, HttpServer, Response, Step};
use serde_json::{Value, json};

use crate::support::{Func, Mode, Stub, binding, http, http_with};

fn gives(http: Http) -> Vec<Step> {
    value(Data::Http(Box::new(http)))
}

fn value(value: Data) -> Vec<Step> {
    vec![Step::Respond(Box::new(Response { value, ..Response::default() }))]
}

/// Sends exactly these bytes and reads until the server closes.
fn raw(func: &Func, request: &str) -> String {
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, func.port)).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

/// host.md H01 and H02: the home page, and nothing elsewhere.
#[tokio::test]
async fn h01_h02_the_root_has_a_page_and_unknown_paths_have_none() {
    let stub = Stub::new().function(http("fn"), &[]);
    let func = stub.start().await;
    let home = func.get("/").await;
    assert_eq!((home.status, home.header("content-type")), (200, "text/html"));
    assert!(home.text().contains("Your Azure Function App is up and running."), "{}", home.text());
    for path in ["/nope", "/api", "/api/nope", "/fn", "/api/fn/more"] {
        let answer = func.get(path).await;
        assert_eq!((answer.status, answer.body.len()), (404, 0), "{path}");
    }
    assert_eq!(func.get("/API/FN").await.status, 200, "literals ignore case");
    drop(func);
    let func = stub.launch().env("AzureWebJobsDisableHomepage", "true").start().await;
    assert_eq!(func.get("/").await.status, 204);
}

/// host.md H03 to H06: verbs and constraints are part of the route, and the first route in name order wins.
#[tokio::test]
async fn h03_to_h06_routes_are_matched_as_the_platform_does() {
    let stub = Stub::new()
        .function(http_with("verbs", json!({ "methods": ["get"] })), &[])
        .function(http_with("typed", json!({ "route": "p/{id:int}" })), &[])
        .function(http_with("optional", json!({ "route": "q/{c}/{id?}" })), &[])
        .function(http_with("a", json!({ "route": "w/{*rest}" })), &[])
        .function(http_with("b", json!({ "route": "w/b" })), &[]);
    let func = stub.start().await;
    assert_eq!(func.get("/api/verbs").await.status, 200);
    assert_eq!(func.post("/api/verbs", "").await.status, 404, "never 405");
    assert_eq!(func.get("/api/p/abc").await.status, 404);
    let params = |seen: &Value| seen["inputs"]["req"]["http"]["params"].clone();
    assert_eq!(params(&func.get("/api/p/5").await.json()), json!({ "id": "5" }));
    assert_eq!(params(&func.get("/api/q/x").await.json()), json!({ "c": "x" }));
    assert_eq!(params(&func.get("/api/q/x%2Fy/z").await.json())["id"], "z");
    let seen = func.get("/api/w/b").await.json();
    assert_eq!((seen["functionId"].as_str(), params(&seen)), (Some("a"), json!({ "rest": "b" })));
}

/// host.md H07 to H10 over the wire: which key opens which function, and what a refusal looks like.
#[tokio::test]
async fn h07_to_h10_keys_are_checked() {
    let level = |name: &str, level: &str| http_with(name, json!({ "authLevel": level }));
    let mut plain = http("plain");
    plain.bindings[0].as_object_mut().unwrap().remove("authLevel");
    let stub = Stub::new()
        .function(plain, &[])
        .function(level("other", "function"), &[])
        .function(level("open", "anonymous"), &[])
        .function(level("bosses", "admin"), &[]);
    let mut func = stub.launch().mode(Mode::Keys).env("AzureWebJobsSecretStorageType", "files").spawn();
    func.wait_for_state("Running").await;
    let master = func.master_key();
    let refused = func.get("/api/plain").await;
    assert_eq!((refused.status, refused.body.len()), (401, 0));
    let key = |answer: crate::support::Answer| answer.json()["keys"][0]["value"].as_str().unwrap().to_owned();
    let own = key(func.get_with_key("/admin/functions/plain/keys", &master).await);
    let others = key(func.get_with_key("/admin/functions/other/keys", &master).await);
    let hosts = key(func.get_with_key("/admin/host/keys", &master).await);
    let system =
        func.request("POST", "/admin/host/systemkeys/some_extension").header("x-functions-key", &master);
    let system = func.send(system).await.json()["value"].as_str().unwrap().to_owned();
    for (what, key, status) in [
        ("own key", &own, 200),
        ("host key", &hosts, 200),
        ("master key", &master, 200),
        ("another function's key", &others, 401),
        ("system key", &system, 401),
    ] {
        assert_eq!(func.get_with_key("/api/plain", key).await.status, status, "{what}");
    }
    assert_eq!(func.get(&format!("/api/plain?code={own}")).await.status, 200);
    let path = format!("/api/plain?code={own}");
    assert_eq!(func.get_with_key(&path, "wrong").await.status, 401, "the header wins");
    assert_eq!(func.get_with_key("/api/open", "bogus").await.status, 200);
    assert_eq!(func.get_with_key("/api/bosses", &own).await.status, 401);
    assert_eq!(func.get_with_key("/api/bosses", &master).await.status, 200);
    // The worker learns who called (spec host.md §3.5).
    let seen = func.get_with_key("/api/plain", &own).await.json();
    let identities = seen["inputs"]["req"]["http"]["identities"].to_string();
    assert!(
        identities.contains("http://schemas.microsoft.com/2017/07/functions/claims/authlevel"),
        "{identities}"
    );
}

/// host.md H11 to H16: how a request reaches workers of different capabilities.
#[tokio::test]
async fn h11_to_h16_requests_take_the_form_the_worker_asked_for() {
    let old = Stub::new().function(http("fn"), &[]);
    let func = old.start().await;
    let request = |seen: Value| seen["inputs"]["req"]["http"].clone();
    let seen = request(func.post_json("/api/fn", &json!({ "a": 1 })).await.json());
    assert_eq!(seen["body"], json!({ "json": r#"{"a":1}"# }));
    assert_eq!(seen["rawBody"], json!({ "string": r#"{"a":1}"# }));
    let binary = func.request("POST", "/api/fn").header("content-type", "application/octet-stream").body("b");
    assert_eq!(request(func.send(binary).await.json())["body"], json!({ "bytes": "b" }));
    let seen = func.request("GET", "/api/fn?a=1&a=2&b=").header("X-Foo", "1").header("X-Foo", "2");
    let seen = request(func.send(seen).await.json());
    assert_eq!(seen["query"], json!({ "a": "1,2" }));
    assert_eq!(seen["headers"]["x-foo"], "1,2");
    assert_eq!(seen["method"], "GET");
    assert_eq!(seen["url"], format!("http://127.0.0.1:{}/api/fn?a=1&a=2&b=", func.port));
    assert_eq!(seen["body"], "absent");
    // H14, better than the reference on purpose: a body without a length arrives, too.
    let chunked = raw(
        &func,
        "POST /api/fn HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    );
    assert!(chunked.contains(r#""body":{"string":"abc"}"#), "{chunked}");
    drop(func);

    let new = Stub::new()
        .function(http("fn"), &[])
        .capability("RpcHttpBodyOnly")
        .capability("UseNullableValueDictionaryForHttp");
    let func = new.start().await;
    let seen = request(func.post_json("/api/fn?a=1&a=2&b=", &json!({ "a": 1 })).await.json());
    assert_eq!(seen["body"], json!({ "string": r#"{"a":1}"# }));
    assert_eq!(seen["rawBody"], "absent");
    assert_eq!(seen["nullableQuery"], json!({ "a": "1,2", "b": "" }));
    assert_eq!((&seen["query"], &seen["headers"]), (&json!({}), &json!({})));
    assert_eq!(seen["nullableHeaders"]["content-type"], "application/json");
}

/// host.md H17: what a request contributes to trigger metadata.
#[tokio::test]
async fn h17_route_beats_query_beats_body() {
    let stub = Stub::new().function(http_with("fn", json!({ "route": "fn/{q}" })), &[]);
    let func = stub.start().await;
    let body = json!({ "q": "body", "r": "body", "s": "body", "list": [1] });
    let metadata =
        func.post_json("/api/fn/route?q=query&r=query&code=k", &body).await.json()["metadata"].clone();
    let text = |name: &str| metadata[name]["string"].as_str().unwrap_or("none").to_owned();
    assert_eq!(
        [text("q"), text("r"), text("s"), text("list"), text("code")],
        ["route", "query", "body", "none", "none"]
    );
}

/// Name of the function, what it does, then status, content type and body of the response.
type Case = (&'static str, Vec<Step>, u16, &'static str, &'static [u8]);

/// host.md H18 to H26: what a response becomes on its way to the client.
#[tokio::test]
async fn h18_to_h26_responses_reach_the_client() {
    let header = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
    let text = |text: &str| Data::String(text.into());
    let plain = Http { status: "200".into(), ..Http::default() };
    let cookie = |name: &str, same_site| Cookie {
        name: name.into(),
        value: "v".into(),
        same_site,
        max_age: Some(60.0),
    };
    let cases: Vec<Case> = vec![
        ("text", gives(Http { body: text("hi"), ..plain.clone() }), 200, "text/plain; charset=utf-8", b"hi"),
        (
            "quoted",
            gives(Http {
                body: text("hi"),
                headers: header("content-type", "application/json"),
                ..plain.clone()
            }),
            200,
            "application/json; charset=utf-8",
            b"hi",
        ),
        (
            "bytes",
            gives(Http {
                body: Data::Bytes(vec![0, 159, 146, 150]),
                headers: header("Content-Type", "image/png"),
                ..plain.clone()
            }),
            200,
            "image/png",
            &[0, 159, 146, 150],
        ),
        (
            "json",
            gives(Http { body: Data::Json(r#"{"a":[1]}"#.into()), ..plain.clone() }),
            200,
            "text/plain; charset=utf-8",
            b"{\n  \"a\": [\n    1\n  ]\n}",
        ),
        ("status", gives(Http { status: "404".into(), body: Data::Unset, ..plain.clone() }), 404, "", b""),
        (
            "nonsense",
            gives(Http { status: "abc".into(), body: text("x"), ..plain.clone() }),
            200,
            "text/plain; charset=utf-8",
            b"x",
        ),
        ("bare", value(text("bare text")), 200, "text/plain; charset=utf-8", b"bare text"),
        ("nothing", value(Data::Absent), 200, "", b""),
    ];
    let mut stub = Stub::new();
    for (name, steps, ..) in &cases {
        stub = stub.function(http(name), steps);
    }
    let merged = Function {
        bindings: vec![http("x").bindings[0].clone(), binding("http", "out", "res", json!({}))],
        name: "merged".into(),
        ..Function::default()
    };
    stub = stub
        .function(merged, &value(Data::Json(r#"{"res":{"statusCode":201,"body":"x"}}"#.into())))
        .function(http("negotiated"), &gives(Http { body: text("hi"), negotiate: true, ..plain.clone() }))
        .function(
            http("cookies"),
            &gives(Http {
                body: Data::Unset,
                cookies: vec![
                    cookie("none", 0),
                    cookie("lax", 1),
                    cookie("strict", 2),
                    cookie("explicit", 3),
                ],
                ..plain.clone()
            }),
        );
    let func = stub.start().await;
    for (name, _, status, kind, body) in &cases {
        let answer = func.get(&format!("/api/{name}")).await;
        assert_eq!((answer.status, answer.header("content-type")), (*status, *kind), "{name}");
        assert_eq!(answer.body, *body, "{name}: {}", answer.text());
    }
    let answer = func.get("/api/merged").await;
    assert_eq!((answer.status, answer.text().as_str()), (201, "x"), "host.md H25");
    let answer = func.send(func.request("GET", "/api/negotiated").header("accept", "application/json")).await;
    assert_eq!(answer.text(), "\"hi\"", "host.md H26");
    let answer = func.get("/api/cookies").await;
    let cookies: Vec<String> = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap().to_lowercase())
        .collect();
    assert_eq!(
        cookies,
        [
            "none=v; max-age=60; path=/",
            "lax=v; max-age=60; path=/; samesite=lax",
            "strict=v; max-age=60; path=/; samesite=strict",
            "explicit=v; max-age=60; path=/; samesite=none",
        ],
        "host.md H24"
    );
    assert_eq!(answer.header("server"), "", "host.md §3.1");
}

/// host.md H29: who does not fit is told at once, and the admin API is exempt.
#[tokio::test]
async fn h29_too_many_requests_are_refused() {
    let stub = Stub::new();
    let gate = stub.app.beside("gate");
    let stub = stub.function(http("fn"), &[Step::AwaitFile(gate.clone()), Step::Echo]).host_json(
        r#"{"version": "2.0", "extensions": {"http": {"maxConcurrentRequests": 1, "maxOutstandingRequests": 1}}}"#,
    );
    let func = stub.start().await;
    let (first, second) = tokio::join!(func.get("/api/fn"), async {
        stub.wait_received("invoke", 1).await;
        let refused = func.get("/api/fn").await;
        assert_eq!(func.get("/admin/host/ping").await.status, 200);
        std::fs::write(&gate, "").unwrap();
        refused
    });
    assert_eq!((first.status, second.status), (200, 429));
    assert_eq!(second.header("x-function-scaleout"), "1");
    assert_eq!(func.get("/api/fn").await.status, 200);
}

/// host.md H30: a request that comes during the start is held and then served.
#[tokio::test]
async fn h30_requests_wait_for_the_start() {
    let stub = Stub::new().function(http("fn"), &[]);
    let func = stub.launch().spawn();
    let answer = crate::support::until(
        || "a connection".to_owned(),
        || async { func.request("GET", "/api/fn").send().await.ok() },
    )
    .await;
    assert_eq!(answer.status().as_u16(), 200);
}

/// host.md H31: an app that is offline says so in its own words.
#[tokio::test]
async fn h31_offline_apps_show_their_page() {
    let stub = Stub::new().function(http("fn"), &[]);
    stub.app.write("app_offline.htm", "<h1>Back at noon</h1>");
    let mut func = stub.launch().spawn();
    func.wait_for_state("Offline").await;
    let answer = func.get("/api/fn").await;
    assert_eq!((answer.status, answer.header("content-type")), (503, "text/html"));
    assert_eq!(answer.text(), "<h1>Back at noon</h1>");
    std::fs::remove_file(stub.app.root().join("app_offline.htm")).unwrap();
    func.wait_for_state("Running").await;
    assert_eq!(func.get("/api/fn").await.status, 200);
}

/// host.md H32 and cli.md item 69: preflights are answered for listed origins, wherever the list comes from.
#[tokio::test]
async fn h32_cli_69_listed_origins_may_call() {
    let stub = Stub::new().function(http("fn"), &[]);
    let listed = "https://a.example";
    let launches = [
        stub.launch()
            .env("FUNCTIONS_ENABLE_CORS_CONFIGURATION", "1")
            .env("CORS_ALLOWED_ORIGINS", format!("[\"{listed}\"]")),
        stub.launch().arg("--cors").arg(listed),
    ];
    for launch in launches {
        let func = launch.start().await;
        let ask = |origin: &str| {
            let request = func.request("OPTIONS", "/api/fn").header("origin", origin);
            func.send(request.header("access-control-request-method", "PUT"))
        };
        let answer = ask(listed).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, listed));
        assert_eq!(answer.header("access-control-allow-methods"), "PUT");
        assert_eq!(ask("https://b.example").await.header("access-control-allow-origin"), "");
        let answer = func.send(func.request("GET", "/api/fn").header("origin", listed)).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, listed));
    }
}

/// host.md H33 and H34: requests go to a worker that wants them raw, even one that is not listening yet.
#[tokio::test]
async fn h33_h34_requests_are_forwarded() {
    let succeeds = [Step::Respond(Box::default())];
    let stub = Stub::new()
        .function(http_with("fn", json!({ "route": "fn/{*rest}" })), &succeeds)
        .script(|script| script.http = Some(HttpServer { refuse: 500 }));
    let func = stub.start().await;
    let answer = func.post("/api/fn/x?a=1&a=2", "the body").await;
    assert_eq!((answer.status, answer.header("x-from-worker")), (200, "yes"), "{}", answer.text());
    let seen = answer.json();
    assert_eq!(
        (&seen["method"], &seen["target"], &seen["body"]),
        (&json!("POST"), &json!("/api/fn/x?a=1&a=2"), &json!("the body"))
    );
    let invoked = stub.received("invoke").remove(0);
    assert_eq!(seen["headers"]["x-ms-invocation-id"], invoked["invocationId"]);
    assert_eq!(seen["headers"]["x-forwarded-proto"], "http");
    assert_eq!(seen["headers"]["x-forwarded-host"], format!("127.0.0.1:{}", func.port));
    let empty = &invoked["inputs"]["req"]["http"];
    assert_eq!((&empty["url"], &empty["params"], &empty["body"]), (&json!(""), &json!({}), &json!("absent")));
    assert_eq!(invoked["metadata"]["rest"], json!({ "string": "x" }));
    let moved = func.get("/api/fn/redirect").await;
    assert_eq!((moved.status, moved.header("location")), (302, "/elsewhere"));
    // A chunked body passes as well, and keeps its form.
    let chunked = raw(
        &func,
        "POST /api/fn HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    );
    assert!(chunked.contains(r#""body":"abc""#), "{chunked}");
}

/// host.md H33: an invocation that fails aborts its forwarded request instead of leaving it open.
#[tokio::test]
async fn h33_failed_invocations_do_not_hang() {
    let stub = Stub::new()
        .function(http("fn"), &[Step::Fail("no".into())])
        .script(|script| script.http = Some(HttpServer { refuse: 3_600_000 }));
    let func = stub.start().await;
    assert_eq!(func.get("/api/fn").await.status, 500);
}
