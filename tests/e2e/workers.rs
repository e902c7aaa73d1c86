//! Language workers on the wire (host.md W01–W20, worker-protocol.md).

use std::time::Duration;

use horus_stub_worker::{Data, Http, Log, LogCategory, LogLevel, Response, Start, Step};
use serde_json::json;

use crate::support::{Stub, http};

/// host.md W01 and W02, worker-protocol.md §19.3: both families of arguments with the same ids, the app as working directory, every setting
/// inherited.
#[tokio::test]
async fn w01_w02_workers_are_launched_as_the_platform_does() {
    let mut stub = Stub::new().function(http("fn"), &[]);
    stub.description.insert("arguments".into(), json!(["--from-config"]));
    let app = &stub.app;
    app.write(
        "local.settings.json",
        r#"{"IsEncrypted": false, "Values": {"MY_SETTING": "from the file", "EMPTY": ""}}"#,
    );
    let launch = stub.launch().env("languageWorkers__stub__arguments", "--inspect --more");
    let func = launch.start().await;

    let start = &stub.received("start")[0];
    let words: Vec<&str> =
        start["arguments"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(words[1..4], ["--from-config", "--inspect", "--more"], "host.md W20: arguments come first");
    let value = |name: &str| {
        let at = words.iter().position(|word| *word == name).unwrap_or_else(|| panic!("{name} in {words:?}"));
        words[at + 1]
    };
    assert_eq!(value("--host"), "127.0.0.1");
    assert_eq!(value("--functions-uri"), format!("http://127.0.0.1:{}/", value("--port")));
    assert_eq!(value("--workerId"), value("--functions-worker-id"));
    assert_eq!(value("--requestId"), value("--functions-request-id"));
    assert_eq!(value("--grpcMaxMessageLength"), "2147483647");
    assert_eq!(value("--functions-grpc-max-message-length"), "2147483647");
    for id in [value("--workerId"), value("--requestId")] {
        assert_eq!(id.len(), 36, "a GUID: {id}");
    }
    assert_eq!(start["directory"], json!(app.root()));
    let environment = &start["environment"];
    assert_eq!(environment["FUNCTIONS_WORKER_DIRECTORY"], json!(app.beside("worker")));
    assert_eq!(environment["FUNCTIONS_APPLICATION_DIRECTORY"], json!(app.root()));
    assert_eq!(environment["MY_SETTING"], "from the file");
    // cli.md items 42, 43 and 44.
    assert_eq!(environment["EMPTY"], "");
    assert_eq!(environment["AZURE_FUNCTIONS_ENVIRONMENT"], "Development");
    assert_eq!(environment["WEBSITE_HOSTNAME"], format!("localhost:{}", func.port));
    func.stop().await;
}

/// host.md W03: a stranger on the stream is ignored and the real worker still starts.
#[tokio::test]
async fn w03_streams_of_unknown_workers_are_ignored() {
    let stub = Stub::new().function(http("fn"), &[]).script(|script| script.start = Start::AsStrangerFirst);
    let func = stub.start().await;
    assert_eq!(stub.received("stranger"), [json!({ "accepted": false })]);
    assert_eq!(func.get("/api/fn").await.status, 200);
}

/// host.md W04: the order of the messages of a start.
#[tokio::test]
async fn w04_messages_come_in_order() {
    let stub = Stub::new().function(http("a"), &[]).function(http("b"), &[]);
    let func = stub.start().await;
    assert_eq!(func.get("/api/b").await.status, 200);
    let kinds: Vec<String> =
        stub.records().iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["start", "init", "index", "load", "load", "invoke"]);
    let init = &stub.received("init")[0];
    assert_eq!(init["functionAppDirectory"], json!(stub.app.root()));
    assert_eq!(init["workerDirectory"], json!(stub.app.beside("worker")));
    assert!(init["hostVersion"].as_str().unwrap().starts_with("4."), "{init}");
}

/// host.md W05: one collection for workers that take it, otherwise one request per function; disabled ones are last.
#[tokio::test]
async fn w05_functions_are_loaded_together_or_one_by_one() {
    let off = [("AzureWebJobs.a.Disabled", "true")];
    for collects in [true, false] {
        let mut stub = Stub::new().function(http("a"), &[]).function(http("b"), &[]).function(http("c"), &[]);
        if collects {
            stub = stub.capability("SupportsLoadResponseCollection");
        }
        let launch = off.iter().fold(stub.launch(), |launch, (name, value)| launch.env(name, *value));
        let func = launch.start().await;
        assert_eq!(func.get("/api/c").await.status, 200);
        let loads = match collects {
            true => stub.received("loadAll")[0].as_array().unwrap().clone(),
            false => stub.received("load"),
        };
        assert_eq!(stub.received("loadAll").len(), usize::from(collects));
        let names: Vec<&str> = loads.iter().map(|load| load["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["b", "c", "a"]);
    }
}

/// worker-protocol.md §5.3: what a load request says about a function of a function.json file.
#[tokio::test]
async fn w05_load_requests_describe_the_function() {
    let stub = Stub::of(crate::support::App::new().function_json(
        "fn",
        r#"{"entryPoint": "main", "bindings": [
            {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous", "dataType": "binary"},
            {"type": "http", "direction": "out", "name": "$return"}]}"#,
    ));
    let _func = stub.start().await;
    let load = &stub.received("load")[0];
    let root = stub.app.root();
    assert_eq!(load["name"], "fn");
    assert_eq!(load["entryPoint"], "main");
    assert_eq!(load["directory"], json!(root.join("fn")));
    assert_eq!(load["scriptFile"], json!(root.join("fn/run.stub")));
    assert_eq!(load["bindings"]["req"], json!({ "type": "httpTrigger", "direction": "in", "dataType": 2 }));
    assert_eq!(load["bindings"]["$return"]["direction"], "out");
    assert_eq!(load["properties"]["FunctionId"], load["functionId"]);
}

/// worker-protocol.md §5.2 and §19.4: a worker's own id and properties come back in load requests.
#[tokio::test]
async fn w05_indexed_functions_keep_their_id_and_properties() {
    let mut function = http("fn");
    function.properties.insert("worker_indexed".into(), "True".into());
    let stub = Stub::new().function(function, &[]);
    let _func = stub.start().await;
    let load = &stub.received("load")[0];
    assert_eq!(load["functionId"], "fn");
    assert_eq!(load["properties"]["worker_indexed"], "True");
}

/// host.md W06: a function that cannot be loaded fails with that error each time; the others run.
#[tokio::test]
async fn w06_load_failures_are_replayed() {
    let stub = Stub::new()
        .function(http("bad"), &[])
        .function(http("good"), &[])
        .script(|script| drop(script.load_failures.insert("bad".into(), "no such module 'left-pad'".into())));
    let func = stub.start().await;
    for attempt in 1..=2 {
        let answer = func.get("/api/bad").await;
        assert_eq!((answer.status, answer.text()), (500, String::new()));
        func.wait_for_lines("no such module 'left-pad'", attempt).await;
    }
    assert_eq!(func.get("/api/good").await.status, 200);
    let invoked = stub.received("invoke");
    assert!(invoked.iter().all(|invocation| invocation["functionId"] == "good"), "{invoked:?}");
}

/// host.md W07: several processes, started one after the other, take turns.
#[tokio::test]
async fn w07_invocations_rotate_over_processes() {
    let stub = Stub::new().function(http("fn"), &[]).process("processStartupInterval", "00:00:00.1");
    let func = stub.launch().env("FUNCTIONS_WORKER_PROCESS_COUNT", "3").start().await;
    stub.wait_received("load", 3).await;
    let workers = || {
        let invoked = stub.records().into_iter().filter(|entry| entry["kind"] == "invoke");
        let mut ids: Vec<u64> = invoked.map(|entry| entry["pid"].as_u64().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    };
    // A worker that has loaded its functions takes turns a moment later.
    while workers() < 3 {
        assert_eq!(func.get("/api/fn").await.status, 200);
        assert!(stub.received("invoke").len() < 1000, "one of three workers is never chosen");
    }
    assert_eq!(stub.received("index").len(), 1, "only the first worker is asked for the functions");
    func.stop().await;
}

/// host.md W10: exit code 200 is no error, however often; exit code 0 is not made up for.
#[tokio::test]
async fn w10_intended_exits_cost_nothing() {
    let stub = Stub::new()
        .function(http("fn"), &[])
        .function(http("recycle"), &[Step::Exit(200)])
        .function(http("leave"), &[Step::Exit(0)])
        .process("initializationTimeout", "00:00:00.5");
    let mut func = stub.start().await;
    for _ in 0..5 {
        assert_eq!(func.get("/api/recycle").await.status, 500);
        assert_eq!(func.get("/api/fn").await.status, 200);
    }
    assert_eq!(stub.received("start").len(), 6);
    assert_eq!(func.get("/api/leave").await.status, 500);
    assert_eq!(func.get("/api/fn").await.status, 500, "no worker is left to wait for");
    assert_eq!(stub.received("start").len(), 6);
    func.wait_for_line("Did not find any initialized language workers").await;
    func.ended().await;
}

/// host.md W11: what workers log and print, and who gets to see it.
#[tokio::test]
async fn w11_logs_go_to_their_categories() {
    let log = |category, level, message: &str, invocation: Option<&str>| {
        Step::Log(Log { category, level, message: message.into(), invocation: invocation.map(str::to_owned) })
    };
    let steps = [
        log(LogCategory::User, LogLevel::Information, "user information", None),
        log(LogCategory::User, LogLevel::Debug, "user debug", None),
        log(LogCategory::User, LogLevel::Information, "of a stranger", Some("unknown-invocation")),
        log(LogCategory::System, LogLevel::Information, "system information", None),
        log(LogCategory::System, LogLevel::Warning, "system warning", None),
        Step::Print("printed".into()),
        Step::Print("LanguageWorkerConsoleLogof the worker".into()),
        Step::Print("azfuncjsonlog:{\"name\":\"event\"}".into()),
        Step::PrintError("error: on stderr".into()),
        Step::Echo,
    ];
    let stub = Stub::new().function(http("fn"), &steps);
    let func = stub.start().await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    for text in ["user information", "system warning", "printed", "error: on stderr"] {
        func.wait_for_line(text).await;
    }
    func.wait_for_line("Executed 'Functions.fn'").await;
    let lines = func.out();
    let place = |text: &str| lines.iter().position(|line| line.contains(text)).unwrap();
    assert!(place("user information") < place("Executed 'Functions.fn' (Succeeded"), "logs precede the end");
    for hidden in ["user debug", "of a stranger", "system information", "of the worker", "azfuncjsonlog"] {
        assert_eq!(func.count(hidden), 0, "{hidden:?} in {lines:#?}");
    }
    drop(func);

    let func = stub.launch().arg("--verbose").arg("--enable-json-output").start().await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    let line = func.wait_for_line("azfuncjsonlog").await;
    assert_eq!(line, r#"azfuncjsonlog:{"name":"event"}"#, "tools get it as it is");
    let line = func.wait_for_line("of the worker").await;
    assert!(line.ends_with("] of the worker"), "the prefix is gone: {line}");
    func.wait_for_line("system information").await;
    assert_eq!(func.count("of a stranger"), 0);
}

/// host.md W14, worker-protocol.md §19.14: only bindings of the function are sent; the request is not sent twice to workers that do not want it, and `sys` never.
#[tokio::test]
async fn w14_trigger_metadata_is_free_of_the_request_and_sys() {
    for removed in [true, false] {
        let mut stub = Stub::new().function(http("fn"), &[]);
        if removed {
            stub = stub.capability("RpcHttpTriggerMetadataRemoved");
        }
        let func = stub.start().await;
        let seen = func.get("/api/fn?name=Ada&code=secret").await.json();
        let metadata = seen["metadata"].as_object().unwrap();
        assert_eq!(metadata["name"], json!({ "string": "Ada" }));
        assert!(metadata.contains_key("Query") && metadata.contains_key("Headers"), "{metadata:?}");
        assert_eq!(metadata.contains_key("$request"), !removed);
        assert_eq!(metadata.contains_key("req"), !removed);
        assert!(!metadata.contains_key("sys") && !metadata.contains_key("code"), "{metadata:?}");
        assert_eq!(seen["inputs"].as_object().unwrap().keys().collect::<Vec<_>>(), ["req"]);
    }
}

/// host.md W15: a function that runs too long fails, and its worker is replaced.
#[tokio::test]
async fn w15_timeouts_replace_the_worker() {
    let stub = Stub::new()
        .function(http("fn"), &[])
        .function(http("hangs"), &[Step::AwaitFile("/nowhere/never".into())])
        .host_json(r#"{"version": "2.0", "functionTimeout": "00:00:01"}"#);
    let func = stub.start().await;
    let started = std::time::Instant::now();
    assert_eq!(func.get("/api/hangs").await.status, 500);
    let took = started.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(8)).contains(&took), "{took:?}");
    let id = stub.received("invoke")[0]["invocationId"].as_str().unwrap().to_owned();
    func.wait_for_line(&format!(
        "Timeout value of 00:00:01 exceeded by function 'Functions.hangs' (Id: '{id}'). Initiating cancellation."
    ))
    .await;
    func.wait_for_line("Timeout value of 00:00:01 was exceeded by function: Functions.hangs").await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    let workers: Vec<_> = stub.records().into_iter().filter(|entry| entry["kind"] == "start").collect();
    assert_eq!(workers.len(), 2);
    assert_ne!(workers[0]["pid"], workers[1]["pid"]);
}

/// host.md W16: workers that can are asked to terminate; the host ends with code 0 either way.
#[tokio::test]
async fn w16_workers_are_asked_to_terminate() {
    for capable in [true, false] {
        let mut stub = Stub::new().function(http("fn"), &[]);
        if capable {
            stub = stub.capability("HandlesWorkerTerminateMessage");
        }
        let mut func = stub.start().await;
        let children = func.children();
        assert_eq!(children.len(), 1);
        func.signal("TERM");
        assert_eq!(func.ended().await.code(), Some(0));
        assert!(func.children().is_empty());
        let asked = stub.received("terminate");
        let expected = [json!({ "graceSeconds": 5 })];
        assert_eq!(asked, if capable { &expected[..] } else { &[] });
    }
}

/// host.md W17: the invocation is a new span in the caller's trace; without a caller the trace is new.
#[tokio::test]
async fn w17_traces_are_continued() {
    let stub = Stub::new().function(http("fn"), &[]);
    let func = stub.start().await;
    let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request =
        func.request("GET", "/api/fn").header("traceparent", caller).header("tracestate", "vendor=1");
    let trace = func.send(request).await.json()["trace"].clone();
    let parent = trace["parent"].as_str().unwrap();
    assert!(
        parent.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && parent.ends_with("-01"),
        "{parent}"
    );
    assert_ne!(parent, caller, "the host's span is a new one");
    assert_eq!(trace["state"], "vendor=1");
    let trace = func.get("/api/fn").await.json()["trace"].clone();
    let parts: Vec<usize> = trace["parent"].as_str().unwrap().split('-').map(str::len).collect();
    assert_eq!(parts, [2, 32, 16, 2]);
}

/// host.md W18, worker-protocol.md §19.12: no message is too large at 20 MiB, in either direction.
#[tokio::test]
async fn w18_large_messages_pass_both_ways() {
    const SIZE: usize = 20 << 20;
    let large = Http { status: "200".into(), body: Data::Zeros(SIZE), ..Http::default() };
    let response = Response { value: Data::Http(Box::new(large)), ..Response::default() };
    let stub = Stub::new()
        .function(http("up"), &[])
        .function(http("down"), &[Step::Respond(Box::new(response))])
        .capability("RawHttpBodyBytes")
        .capability("RpcHttpBodyOnly")
        .capability("RpcHttpTriggerMetadataRemoved");
    let func = stub.start().await;
    let seen = func.post("/api/up", vec![b'x'; SIZE]).await.json();
    assert_eq!(seen["inputs"]["req"]["http"]["body"], json!({ "bytes": SIZE }));
    let answer = func.get("/api/down").await;
    assert_eq!((answer.status, answer.body.len()), (200, SIZE));
    assert!(answer.body.iter().all(|byte| *byte == 0));
}

/// host.md W19: an invocation whose client has gone before a worker was there is never sent.
#[tokio::test]
async fn w19_invocations_cancelled_before_dispatch_are_not_sent() {
    let mut stub = Stub::new()
        .function(http("fn"), &[])
        .function(http("die"), &[Step::Exit(1)])
        .process("processRestartInterval", "00:00:00.1")
        .process("processStartupTimeout", "00:00:02");
    let func = stub.start().await;
    // The next worker never connects, so that invocations wait.
    stub.script.start = Start::Silent;
    stub.write_script();
    assert_eq!(func.get("/api/die").await.status, 500);
    stub.wait_received("start", 2).await;
    // The client goes once the host has its request.
    tokio::select! {
        answer = func.get("/api/fn?first") => panic!("nobody can answer: {answer:?}"),
        _ = func.wait_for_line("Executing 'Functions.fn'") => {}
    }
    stub.script.start = Start::Connect;
    stub.write_script();
    assert_eq!(func.get("/api/fn?second").await.status, 200);
    func.wait_for_line("This invocation was not sent to the worker.").await;
    let urls: Vec<String> = stub
        .received("invoke")
        .iter()
        .map(|invocation| invocation["inputs"]["req"]["http"]["url"].as_str().unwrap().to_owned())
        .collect();
    assert!(urls.iter().all(|url| !url.contains("first")) && urls.len() == 2, "{urls:?}");
}

/// host.md H35: an invocation that runs when its client goes is cancelled where the worker can be told.
#[tokio::test]
async fn h35_running_invocations_hear_of_the_clients_end() {
    let stub = Stub::new()
        .function(http("fn"), &[Step::AwaitCancel, Step::Fail("stopped early".into())])
        .capability("HandlesInvocationCancelMessage");
    let func = stub.start().await;
    tokio::select! {
        answer = func.get("/api/fn") => panic!("it waits to be cancelled: {answer:?}"),
        _ = stub.wait_received("invoke", 1) => {}
    }
    let cancelled = stub.wait_received("cancel", 1).await;
    assert_eq!(cancelled[0]["invocationId"], stub.received("invoke")[0]["invocationId"]);
    func.wait_for_line("stopped early").await;
}

/// host.md §8.2 and worker-protocol.md §18: who has a policy gets a retry context each time, others never.
#[tokio::test]
async fn r01_retries_carry_their_context() {
    use crate::support::timer;
    let mut function = timer("fn", json!({ "schedule": "0 0 0 1 1 *", "runOnStartup": true }));
    function.retry = Some(horus_stub_worker::Retry { count: 2, seconds: 1 });
    let stub = Stub::new();
    let marker = stub.app.beside("failed-once");
    let stub = stub
        .function(function, &[Step::Once(marker, vec![Step::Fail("the first time".into())]), Step::Echo])
        .function(http("other"), &[]);
    let func = stub.start().await;
    let invoked = stub.wait_received("invoke", 2).await;
    assert_eq!(invoked[0]["retry"], json!({ "count": 0, "max": 2, "exception": null }));
    assert_eq!(invoked[1]["retry"]["count"], 1);
    let exception = invoked[1]["retry"]["exception"].as_str().unwrap();
    assert!(exception.contains("the first time"), "{exception}");
    assert_eq!(invoked[0]["invocationId"], invoked[1]["invocationId"]);
    assert_eq!(func.get("/api/other").await.json()["retry"], serde_json::Value::Null);
}
