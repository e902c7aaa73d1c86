//! Custom handlers (host.md §7): apps whose functions are an HTTP server, written in Node and Python.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use horus_test_support::Azurite;
use serde_json::{Value, json};

use crate::support::{App, Func, Launch, Store, repository, until};

/// A server that notes every request and answers as `FUNCTIONS` says.
const SERVER: &str = r#"
const { createServer } = require('http');
const { appendFileSync } = require('fs');
const port = Number(process.env.FUNCTIONS_CUSTOMHANDLER_PORT);
const reply = (res, value) => {
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify(value));
};
const functions = { FUNCTIONS };
const server = createServer((req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
        const body = Buffer.concat(parts);
        const path = req.url.split('?')[0];
        const note = { pid: process.pid, method: req.method, url: req.url, headers: req.headers, length: body.length };
        if (body.length < 10000) note.body = body.toString();
        if (path !== '/') appendFileSync(process.env.RECORD, JSON.stringify(note) + '\n');
        const run = functions[path];
        if (run) run(res, body, req);
        else { res.statusCode = 404; res.end(); }
    });
});
LISTEN
"#;

/// An app with a handler in Node.
struct Handler {
    app: App,
    section: Value,
    host: Value,
}

impl Handler {
    /// Whose functions answer with `functions`: members of a JavaScript object, by path.
    fn new(functions: &str) -> Self {
        Self::listening(functions, "server.listen(port, '127.0.0.1');")
    }

    /// As [`Handler::new`], with its own way to begin to listen.
    fn listening(functions: &str, listen: &str) -> Self {
        let source = SERVER.replace("FUNCTIONS }", &format!("{functions} }}")).replace("LISTEN", listen);
        let section =
            json!({ "description": { "defaultExecutablePath": "node", "arguments": ["server.js"] } });
        Self { app: App::new().file("server.js", &source), section, host: json!({}) }
    }

    /// Sets a member of host.json's `customHandler`.
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.section[name] = value.into();
        self
    }

    /// Sets a member of host.json.
    fn host(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.host[name] = value.into();
        self
    }

    fn function(self, name: &str, bindings: Value) -> Self {
        self.app.write(&format!("{name}/function.json"), &json!({ "bindings": bindings }).to_string());
        self
    }

    /// An anonymous function with nothing but HTTP.
    fn http(self, name: &str) -> Self {
        self.function(name, json!([trigger(json!({})), response()]))
    }

    fn record(&self) -> PathBuf {
        self.app.beside("record.jsonl")
    }

    fn launch(&self) -> Launch {
        let mut host = self.host.clone();
        host["version"] = "2.0".into();
        host["customHandler"] = self.section.clone();
        self.app.write("host.json", &host.to_string());
        Launch::of(&self.app.root())
            .env("FUNCTIONS_WORKER_RUNTIME", "custom")
            .env("RECORD", self.record().to_string_lossy())
    }

    async fn start(&self) -> Func {
        self.launch().start().await
    }

    /// What the handler was sent at `path`.
    fn received(&self, path: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.record()).unwrap_or_default();
        let all = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        all.filter(|note| note["url"].as_str().is_some_and(|url| url.split('?').next() == Some(path)))
            .collect()
    }

    async fn wait_received(&self, path: &str, func: &Func) -> Value {
        until(
            || format!("a request at {path}\n{}", func.transcript()),
            || async { self.received(path).pop() },
        )
        .await
    }
}

/// The name of a process's program; empty when there is no such process any more.
fn command(id: u32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let Some((name, state)) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')) else {
        return String::new();
    };
    match state.trim_start().starts_with('Z') {
        true => String::new(),
        false => name.to_owned(),
    }
}

fn trigger(more: Value) -> Value {
    let mut trigger =
        json!({ "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" });
    if let (Value::Object(trigger), Value::Object(more)) = (&mut trigger, more) {
        trigger.extend(more);
    }
    trigger
}

fn response() -> Value {
    json!({ "type": "http", "direction": "out", "name": "res" })
}

fn queue_out(name: &str, queue: &str) -> Value {
    json!({ "type": "queue", "direction": "out", "name": name, "queueName": queue, "connection": "AzureWebJobsStorage" })
}

fn queue_in(name: &str, queue: &str) -> Value {
    json!({ "type": "queueTrigger", "direction": "in", "name": name, "queueName": queue, "connection": "AzureWebJobsStorage" })
}

/// The message inside a noted request.
fn message(note: &Value) -> Value {
    serde_json::from_str(note["body"].as_str().expect("a body")).expect("a JSON message")
}

/// host.md X01, X02 and X03: a request and then a queue message arrive as messages; outputs, status, headers and log
/// lines come back.
#[tokio::test]
async fn x01_x02_x03_messages_go_in_and_outputs_come_back() {
    let azurite = Azurite::in_memory();
    let handler = Handler::new(
        "'/submit': (res) => reply(res, { Outputs: { res: { statusCode: 201, body: 'b', headers: { h: 'v' } }, work: 'hello' }, Logs: ['line from submit'] }),
         '/work': (res) => reply(res, { logs: ['line from work'], returnvalue: null }),",
    )
    .function("submit", json!([trigger(json!({ "route": "items/{id}" })), response(), queue_out("work", "x02")]))
    .function("work", json!([queue_in("item", "x02")]));
    let func = handler.launch().env("AzureWebJobsStorage", azurite.connection_string()).start().await;
    let request = func.request("POST", "/api/items/5?x=1").header("content-type", "application/json");
    let answer = func.send(request.body("{\"a\":1}")).await;
    assert_eq!(
        (answer.status, answer.header("h"), answer.text()),
        (201, "v", "b".to_owned()),
        "{}",
        func.transcript()
    );

    let note = handler.received("/submit").pop().expect("the request");
    assert_eq!(note["method"], "POST");
    let headers = &note["headers"];
    assert_eq!(headers["content-type"], "application/json; charset=utf-8");
    let version = headers["x-azure-functions-hostversion"].as_str().expect("a version");
    assert_eq!(headers["user-agent"], format!("Azure-Functions-Host/{version}"));
    let sent = message(&note);
    let request = &sent["Data"]["req"];
    assert_eq!(request["Url"], format!("http://127.0.0.1:{}/api/items/5?x=1", func.port));
    assert_eq!(request["Method"], "POST");
    assert_eq!(request["Query"], json!({ "x": "1" }));
    assert_eq!(request["Params"], json!({ "id": "5" }));
    assert_eq!(request["Headers"]["Content-Type"], json!(["application/json"]));
    assert_eq!(request["Body"], "{\"a\":1}");
    assert_eq!(sent["Metadata"]["sys"]["MethodName"], "submit");

    let id = headers["x-azure-functions-invocationid"].as_str().expect("an id");
    assert_eq!(func.count(&format!("Executing 'Functions.submit' (Reason='This function was programmatically called via the host APIs.', Id={id})")), 1);
    func.wait_for_line("line from submit").await;

    let note = handler.wait_received("/work", &func).await;
    let sent = message(&note);
    assert_eq!(sent["Data"], json!({ "item": "\"hello\"" }));
    assert_eq!(sent["Metadata"]["DequeueCount"], "1");
    assert_eq!(sent["Metadata"]["sys"]["MethodName"], "work");
    assert_eq!(sent["Metadata"].get("QueueTrigger"), None);
    func.wait_for_line("line from work").await;
    func.wait_for_line("Executed 'Functions.work' (Succeeded").await;
    func.stop().await;
}

/// host.md X04 and §7.2: whatever is no reply fails its invocation and no other; an empty one succeeds at once.
#[tokio::test]
async fn x04_bad_answers_fail_their_invocation_only() {
    let handler = Handler::new(
        "'/error': (res) => { res.statusCode = 500; reply(res, { Outputs: { res: 'x' } }); },
         '/moved': (res) => { res.statusCode = 302; res.setHeader('location', '/fine'); res.end(); },
         '/html': (res) => { res.setHeader('content-type', 'text/html'); res.end('<h1>hello</h1>'); },
         '/untyped': (res) => res.end('{}'),
         '/list': (res) => reply(res, [1]),
         '/cut': (res) => { res.setHeader('content-length', '100'); res.write('{'); setTimeout(() => res.destroy(), 20); },
         '/number': (res) => reply(res, { Outputs: { res: 5 } }),
         '/empty': (res) => res.end(),
         '/fine': (res) => reply(res, { Outputs: { res: 'fine' } }),",
    );
    let names = ["error", "moved", "html", "untyped", "list", "cut", "number", "empty", "fine"];
    let handler = names.into_iter().fold(handler, Handler::http);
    let func = handler.start().await;
    for (name, line) in [
        ("error", "Response status code does not indicate success: 500 (Internal Server Error)."),
        ("moved", "Response status code does not indicate success: 302 (Found)."),
        ("html", "<h1>hello</h1>"),
        ("untyped", "its Content-Type is not JSON"),
        ("list", "the reply is not a JSON object"),
        ("cut", "gave no complete response"),
        ("number", "Failed while trying to Deserialize to httpOutputBindingResponse"),
    ] {
        let answer = func.get(&format!("/api/{name}")).await;
        assert_eq!((answer.status, answer.body.len()), (500, 0), "{name}\n{}", func.transcript());
        func.wait_for_line(line).await;
    }
    func.wait_for_lines("Invalid HttpResponseMessage", 3).await;
    let began = Instant::now();
    let answer = func.get("/api/empty").await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert!(began.elapsed() < Duration::from_secs(10), "an empty reply is not waited on");
    assert_eq!(func.get("/api/fine").await.text(), "fine");
    let pids: Vec<Value> = names
        .iter()
        .flat_map(|name| handler.received(&format!("/{name}")))
        .map(|n| n["pid"].clone())
        .collect();
    assert!(pids.len() >= names.len() && pids.iter().all(|pid| *pid == pids[0]), "one process: {pids:?}");
    func.stop().await;
}

/// host.md X05: functions with nothing but HTTP get the request itself; others get the message.
#[tokio::test]
async fn x05_plain_requests_are_forwarded() {
    let handler = Handler::new(
        "'/api/things/a%20b': (res, body, req) => {
             res.statusCode = 207; res.setHeader('x-mine', 'yes'); res.setHeader('set-cookie', ['a=1', 'b=2']);
             res.setHeader('content-type', 'text/x-custom'); res.end(body);
         },
         '/api/gone': (res) => { res.statusCode = 503; res.end('busy'); },
         '/api/cut': (res) => { res.setHeader('content-length', '100'); res.write('x'); setTimeout(() => res.destroy(), 20); },
         '/both': (res) => reply(res, { Outputs: { res: { statusCode: 202 } } }),",
    )
    .with("enableForwardingHttpRequest", true)
    .function("things", json!([trigger(json!({ "route": "things/{id}" })), response()]))
    .http("gone")
    .http("cut")
    .function("both", json!([trigger(json!({})), response(), queue_out("work", "x05")]));
    let func = handler
        .launch()
        .env("AzureWebJobsStorage", "UseDevelopmentStorage=true")
        .arg("--storage")
        .arg("off")
        .start()
        .await;
    let body = vec![b'z'; 5_000_000];
    let request = func
        .request("PUT", "/api/things/a%20b?x=1&x=2&y=%C3%A9")
        .header("host", "public.example")
        .header("content-type", "text/x-custom")
        .header("x-azure-functions-invocationid", "forged");
    let answer = func.send(request.body(body.clone())).await;
    assert_eq!(
        (answer.status, answer.header("x-mine"), answer.header("content-type")),
        (207, "yes", "text/x-custom")
    );
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
    assert_eq!(answer.body, body);
    let note = handler.received("/api/things/a%20b").pop().expect("the request");
    assert_eq!(
        (&note["method"], &note["url"]),
        (&json!("PUT"), &json!("/api/things/a%20b?x=1%2C2&y=%C3%A9"))
    );
    assert_eq!(note["length"], 5_000_000);
    assert_eq!(note["headers"]["host"], "public.example");
    let id = note["headers"]["x-azure-functions-invocationid"].as_str().expect("an id");
    func.wait_for_line(&format!("Executed 'Functions.things' (Succeeded, Id={id}")).await;

    let answer = func.get("/api/gone").await;
    assert_eq!((answer.status, answer.text()), (503, "busy".to_owned()), "any status is relayed");
    assert_eq!(func.get("/api/cut").await.status, 500);
    func.wait_for_line("Executed 'Functions.cut' (Failed").await;

    assert_eq!(func.post("/api/both", "hi").await.status, 202);
    let sent = message(&handler.received("/both").pop().expect("a message"));
    assert_eq!(sent["Data"]["req"]["Body"], "hi");
    func.stop().await;
}

/// host.md §7.1: under `httpWorker` plain requests go to `/{function}`.
#[tokio::test]
async fn the_older_section_forwards_to_the_functions_name() {
    let handler =
        Handler::new("'/old': (res, body, req) => { res.statusCode = 418; res.end(req.url); },").http("old");
    let launch = handler.launch();
    let older = json!({ "version": "2.0", "httpWorker": handler.section });
    handler.app.write("host.json", &older.to_string());
    let func = launch.start().await;
    let answer = func.get("/api/old?a=1").await;
    assert_eq!((answer.status, answer.text()), (418, "/old?a=1".to_owned()), "{}", func.transcript());
    assert_eq!(func.count("Section httpWorker will be deprecated"), 1);
    func.stop().await;
}

/// host.md X06: the host waits for a handler that listens late.
#[tokio::test]
async fn x06_a_late_handler_is_waited_for() {
    let handler = Handler::listening(
        "'/late': (res) => reply(res, { Outputs: { res: 'here' } }),",
        "setTimeout(() => server.listen(port, '127.0.0.1'), 3000);",
    )
    .http("late");
    let func = handler.launch().spawn();
    // A request that comes meanwhile waits as well.
    let answer = until(
        || func.transcript(),
        || async {
            let answer = func.request("GET", "/api/late").send().await.ok()?;
            answer.text().await.ok()
        },
    )
    .await;
    assert_eq!(answer, "here", "{}", func.transcript());
    func.stop().await;
}

/// host.md X06 and §7.5: one that never listens, or on the wrong port, says so and ends the host after three tries.
#[tokio::test]
async fn x06_a_handler_that_never_listens_ends_the_host() {
    for listen in ["setInterval(() => {}, 1000);", "server.listen(0, '127.0.0.1');"] {
        let handler = Handler::listening("", listen).with("initializationTimeout", "00:00:01").http("never");
        let (_, out, _) = handler.launch().fail().await;
        let tries =
            out.matches("Failed to start the custom handler: Initializing HttpWorker timed out.").count();
        assert_eq!(tries, 3, "{out}");
        assert!(out.contains("the port in FUNCTIONS_CUSTOMHANDLER_PORT"), "{out}");
        assert!(
            out.contains("Exceeded http worker restart retry count. Shutting down Functions Host"),
            "{out}"
        );
    }
}

/// host.md §7.5: a crash fails what was running, the next process takes over, and the third crash ends the host.
#[tokio::test]
async fn crashes_are_repaired_until_the_budget_is_used_up() {
    let handler = Handler::new(
        "'/crash': () => { console.error('about to crash'); process.exit(3); },
         '/fine': (res) => reply(res, { Outputs: { res: String(process.pid) } }),",
    )
    .http("crash")
    .http("fine");
    let mut func = handler.start().await;
    let first = func.get("/api/fine").await.text();
    assert_eq!(func.get("/api/crash").await.status, 500);
    let second = func.get("/api/fine").await.text();
    assert_ne!(first, second, "{}", func.transcript());
    assert_eq!(func.get("/api/crash").await.status, 500);
    let third = func.get("/api/fine").await.text();
    assert!(third != first && third != second, "{}", func.transcript());
    func.wait_for_lines("node exited with code 3 (0x3)", 2).await;
    func.wait_for_line("about to crash").await;
    assert_eq!(func.get("/api/crash").await.status, 500);
    func.ended().await;
    func.wait_for_line("Exceeded http worker restart retry count. Shutting down Functions Host").await;
}

/// host.md §7.5: exit code 200 is a wish to be restarted, 0 is left alone and every call says so.
#[tokio::test]
async fn exit_codes_200_and_0_have_their_meaning() {
    let handler = Handler::new(
        "'/again': () => process.exit(200),
         '/enough': () => process.exit(0),
         '/fine': (res) => reply(res, { Outputs: { res: 'fine' } }),",
    );
    let handler = ["again", "enough", "fine"].into_iter().fold(handler, Handler::http);
    let func = handler.start().await;
    for _ in 0..4 {
        assert_eq!(func.get("/api/again").await.status, 500);
        assert_eq!(func.get("/api/fine").await.text(), "fine", "{}", func.transcript());
    }
    assert_eq!(func.get("/api/enough").await.status, 500);
    func.wait_for_line("node exited with code 0 (0x0)").await;
    assert_eq!(func.get("/api/fine").await.status, 500);
    func.wait_for_line("It is not started again after exit code 0.").await;
    func.stop().await;
}

/// host.md §8.3: a function that hangs costs its process, which is replaced; children go with it.
#[tokio::test]
async fn a_function_that_hangs_is_ended_with_its_process() {
    let handler = Handler::new(
        "'/hang': () => { require('child_process').spawn('sleep', ['1000']); for (;;) {} },
         '/fine': (res) => reply(res, { Outputs: { res: String(process.pid) } }),",
    )
    .host("functionTimeout", "00:00:01")
    .http("hang")
    .http("fine");
    let func = handler.start().await;
    let first = func.get("/api/fine").await.text();
    assert_eq!(func.get("/api/hang").await.status, 500);
    func.wait_for_line("Timeout value of 00:00:01 was exceeded by function: Functions.hang").await;
    let second = func.get("/api/fine").await.text();
    assert_ne!(first, second, "{}", func.transcript());
    let names = until(
        || func.transcript(),
        || async {
            let names: Vec<String> = func.children().into_iter().map(command).collect();
            (names.len() <= 2).then_some(names)
        },
    )
    .await;
    assert!(
        names.iter().all(|name| name == "node" || name == "sh"),
        "the old process and its child are gone: {names:?}"
    );
    func.stop().await;
}

/// host.md §6.8 for custom handlers, which have no stream to notice by: they end with a host that is killed.
#[tokio::test]
async fn a_killed_host_leaves_no_handler_behind() {
    let handler =
        Handler::new("'/fn': (res) => reply(res, { Outputs: { res: String(process.pid) } }),").http("fn");
    let mut func = handler.start().await;
    let pid: u32 = func.get("/api/fn").await.text().parse().expect("a process id");
    assert_eq!(command(pid), "node");
    func.signal("KILL");
    func.ended().await;
    until(|| format!("the end of process {pid}"), || async move { (command(pid) != "node").then_some(()) })
        .await;
}

/// host.md §7.4: requests and responses stream both ways, and breaks are noticed.
#[tokio::test]
async fn proxied_requests_stream_both_ways() {
    let handler = Handler::listening(
        "",
        "require('http').createServer((req, res) => {
             if (req.url === '/api/events') {
                 res.setHeader('content-type', 'text/event-stream');
                 res.write('data: 1\\n\\n');
                 // The rest comes only once somebody asks for it.
                 globalThis.more = () => { res.write('data: 2\\n\\n'); res.end(); };
             } else if (req.url === '/api/more') { globalThis.more(); res.end(); }
             else if (req.url === '/api/cut') { res.write('x'); setTimeout(() => res.destroy(), 50); }
             else if (req.url.startsWith('/api/echo')) {
                 res.setHeader('x-id', req.headers['x-azure-functions-invocationid']);
                 res.setHeader('x-version', req.headers['x-azure-functions-hostversion']);
                 res.setHeader('x-url', req.url);
                 req.pipe(res);
             } else { res.statusCode = 404; res.end(); }
         }).listen(port, '127.0.0.1');",
    )
    .with("enableProxyingHttpRequest", true)
    .with("enableForwardingHttpRequest", true);
    let handler = ["events", "more", "cut", "echo"].into_iter().fold(handler, Handler::http);
    let func = handler.start().await;

    let response = func.request("GET", "/api/events").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut events = response.bytes_stream();
    assert_eq!(events.next().await.unwrap().unwrap(), "data: 1\n\n", "before the response has ended");
    assert_eq!(func.get("/api/more").await.status, 200);
    assert_eq!(events.next().await.unwrap().unwrap(), "data: 2\n\n");
    assert!(events.next().await.is_none());
    func.wait_for_line("Executed 'Functions.events' (Succeeded").await;

    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, std::io::Error>>(1);
    let upload =
        futures::stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    sender.send(Ok("first".into())).await.unwrap();
    let request =
        func.request("POST", "/api/echo?a=1&a=2").header("x-azure-functions-invocationid", "forged");
    let response = request.body(reqwest::Body::wrap_stream(upload)).send().await.unwrap();
    let headers = response.headers().clone();
    assert_eq!(headers["x-url"], "/api/echo?a=1&a=2");
    let id = headers["x-id"].to_str().unwrap().to_owned();
    func.wait_for_line(&format!("Executing 'Functions.echo' (Reason='This function was programmatically called via the host APIs.', Id={id})")).await;
    assert!(headers["x-version"].to_str().unwrap().starts_with("4."));
    let mut echoed = response.bytes_stream();
    assert_eq!(echoed.next().await.unwrap().unwrap(), "first", "before the request has ended");
    sender.send(Ok("second".into())).await.unwrap();
    drop(sender);
    assert_eq!(echoed.next().await.unwrap().unwrap(), "second");

    let body = vec![b'y'; 20_000_000];
    assert_eq!(func.post("/api/echo", body.clone()).await.body, body);

    let cut = func.request("GET", "/api/cut").send().await.unwrap();
    assert!(cut.bytes().await.is_err(), "a response that breaks off is no whole response");
    func.wait_for_line("Executed 'Functions.cut' (Failed").await;

    // A client that goes away ends the exchange on the other side too.
    let response = func.request("GET", "/api/events").send().await.unwrap();
    let mut events = response.bytes_stream();
    assert_eq!(events.next().await.unwrap().unwrap(), "data: 1\n\n");
    drop(events);
    func.wait_for_line("Executed 'Functions.events' (Failed").await;
    func.stop().await;
}

/// host.md §7.1: mistakes in the description are said once, clearly, and mended by a change of host.json.
#[tokio::test]
async fn a_program_that_does_not_exist_is_named() {
    let handler = Handler::new("'/fn': (res) => reply(res, { Outputs: { res: 'up' } }),").http("fn");
    let good = handler.launch();
    let wrong = json!({ "version": "2.0", "customHandler": { "description": { "defaultExecutablePath": "no-such-program" } } });
    handler.app.write("host.json", &wrong.to_string());
    let func = good.spawn();
    let line = func.wait_for_line("custom handler 'no-such-program'").await;
    assert!(line.contains("customHandler.description.defaultExecutablePath in host.json"), "{line}");
    let _ = handler.launch();
    until(
        || func.transcript(),
        || async {
            let answer = func.request("GET", "/api/fn").send().await.ok()?;
            (answer.text().await.ok()? == "up").then_some(())
        },
    )
    .await;
    func.stop().await;
}

/// host.md §7.1 `port`: the handler listens where host.json says; a port that is taken is an error that names it.
#[tokio::test]
async fn a_fixed_port_is_used_or_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let handler =
        Handler::new("'/fn': (res, body, req) => reply(res, { Outputs: { res: req.headers.host } }),")
            .with("port", port)
            .http("fn");
    let mut func = handler.launch().spawn();
    func.wait_for_line(&format!("Unable to bind to port {port} specified in configuration. Please specify a different port or remove the section to allow dynamic binding of port.")).await;
    drop(taken);
    func.wait_for_state("Running").await;
    assert_eq!(func.get("/api/fn").await.text(), format!("127.0.0.1:{port}"));
    func.stop().await;
}

/// host.md §7.1 `http.routes`: functions without function.json.
#[tokio::test]
async fn routes_in_host_json_are_functions() {
    let handler = Handler::new("'/api/x/y': (res, body, req) => res.end('any ' + req.method),")
        .with("enableForwardingHttpRequest", true)
        .with(
            "http",
            json!({ "defaultAuthorizationLevel": "anonymous", "routes": [{ "route": "{*path}" }] }),
        );
    let func = handler.start().await;
    assert_eq!(func.request("DELETE", "/api/x/y").send().await.unwrap().text().await.unwrap(), "any DELETE");
    func.wait_for_line("Executed 'Functions.http-handler1' (Succeeded").await;
    func.stop().await;
}

/// host.md R01, R02 and R03 with functions from files: a timer's own policy wins over host.json's and is honoured, and one
/// without what its strategy needs is the error of its function alone.
#[tokio::test]
async fn r01_r02_r03_retries_from_function_json() {
    let handler = Handler::new("'/tick': (res) => { res.statusCode = 500; res.end(); },")
        .host("retry", json!({ "strategy": "fixedDelay", "maxRetryCount": 9, "delayInterval": "00:10:00" }));
    let timer = json!({ "type": "timerTrigger", "direction": "in", "name": "timer", "schedule": "0 0 0 1 1 *", "runOnStartup": true });
    let own = json!({ "strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:00.05" });
    handler.app.write("tick/function.json", &json!({ "bindings": [timer], "retry": own }).to_string());
    let broken =
        json!({ "strategy": "exponentialBackoff", "maxRetryCount": 1, "maximumInterval": "00:01:00" });
    let bindings = json!([trigger(json!({})), response()]);
    handler.app.write("broken/function.json", &json!({ "bindings": bindings, "retry": broken }).to_string());
    let func = handler.launch().arg("--storage").arg("off").start().await;
    func.wait_for_line("Function execution failed after '2' retries.").await;
    let notes = handler.received("/tick");
    let contexts: Vec<Value> =
        notes.iter().map(|note| message(note)["Metadata"]["RetryContext"].clone()).collect();
    let counts: Vec<&Value> = contexts.iter().map(|context| &context["RetryCount"]).collect();
    assert_eq!(counts, [0, 1, 2]);
    assert!(contexts.iter().all(|context| context["MaxRetryCount"] == 2), "{contexts:?}");
    assert_eq!(contexts[0].get("Exception"), None);
    let exception = contexts[1]["Exception"]["Message"].as_str().expect("the failure before");
    assert!(exception.contains("500 (Internal Server Error)"), "{exception}");
    let id = |note: &Value| note["headers"]["x-azure-functions-invocationid"].clone();
    assert!(notes.iter().all(|note| id(note) == id(&notes[0])), "{notes:#?}");
    let line = func.wait_for_line("The 'broken' function is in error").await;
    assert!(line.contains("'minimumInterval' is required"), "{line}");
    func.stop().await;
}

/// The sample in Node: an order goes from HTTP through a queue and is shipped through another.
#[tokio::test]
async fn the_node_sample_runs() {
    let azurite = Azurite::in_memory();
    let app = App::copy("samples/custom-node");
    let func = Launch::of(&app.root()).env("AzureWebJobsStorage", azurite.connection_string()).start().await;
    let answer = func.post_json("/api/orders", &json!({ "item": "teapot", "quantity": 2 })).await;
    assert_eq!(answer.status, 202, "{}", func.transcript());
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    func.wait_for_line(&format!("Order {id} packed: 2 x teapot (try 1).")).await;
    func.wait_for_line(&format!("Order {id} is on its way.")).await;
    assert_eq!(func.post_json("/api/orders", &json!({})).await.status, 400);
    func.stop().await;
}

/// The sample in Python: a page from a forwarded request, a queue and a timer from messages.
#[tokio::test]
async fn the_python_sample_runs() {
    let azurite = Azurite::in_memory();
    let app = App::copy("samples/custom-python");
    let func = Launch::of(&app.root()).env("AzureWebJobsStorage", azurite.connection_string()).start().await;
    let page = func.get("/api/hello/Ada").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, "text/html; charset=utf-8"),
        "{}",
        func.transcript()
    );
    assert!(page.text().contains("Hello, Ada!"), "{}", page.text());
    assert_eq!(func.post_json("/api/greetings", &json!({ "name": "Grace" })).await.status, 202);
    func.wait_for_line("A greeting for Grace (try 1).").await;
    func.wait_for_line("1 greeting so far.").await;
    func.stop().await;
}

/// The sample in Rust: orders go through a queue as messages, events stream to the client as they come.
#[tokio::test]
async fn the_axum_sample_runs() {
    let app = App::copy("samples/custom-axum");
    let target = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("custom-axum");
    let built = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--locked", "--manifest-path"])
        .arg(repository().join("samples/custom-axum/app/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the sample cannot be built: {built}");
    std::fs::copy(target.join("debug/handler"), app.root().join("handler")).expect("it can be copied");
    let launch = Launch::of(&app.root());
    let store = Store::start(&launch);
    let func = launch.env("AzureWebJobsStorage", store.connection_string()).start().await;
    let answer = func.post_json("/api/orders", &json!({ "item": "teapot", "quantity": 2 })).await;
    assert_eq!(answer.status, 202, "{}", func.transcript());
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    func.wait_for_line(&format!("Order {id} accepted.")).await;
    func.wait_for_line(&format!("Order {id} packed: 2 x teapot (try 1).")).await;
    assert_eq!(func.post_json("/api/orders", &json!({ "quantity": 2 })).await.status, 400);

    let mut events = func.request("GET", "/api/events/3").send().await.expect("an answer");
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let (mut text, mut parts) = (String::new(), 0);
    while let Some(part) = events.chunk().await.expect("a part") {
        text.push_str(std::str::from_utf8(&part).expect("text"));
        parts += 1;
    }
    assert_eq!(text, "data: 1 of 3\n\ndata: 2 of 3\n\ndata: 3 of 3\n\n");
    assert_eq!(parts, 3, "each event comes when it is sent");
    func.stop().await;
}
