//! Things that go wrong: workers that misbehave in every way the wire allows, and clients that do.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use horus_stub_worker::{Data, Http, Index, Init, Response, Start, Status, Step};
use serde_json::json;

use crate::support::{Stub, http};

/// The stub answers 200 with this text.
fn says(text: &str) -> Step {
    respond(Data::Http(Box::new(Http {
        status: "200".into(),
        body: Data::String(text.into()),
        ..Http::default()
    })))
}

fn respond(value: Data) -> Step {
    Step::Respond(Box::new(Response { value, ..Response::default() }))
}

/// A worker whose program does not exist is named, with what to do; the admin API stays up.
#[tokio::test]
async fn a_missing_program_is_named() {
    let mut stub = Stub::new().function(http("fn"), &[]);
    stub.description.insert("defaultExecutablePath".into(), json!("no-such-program"));
    let mut func = stub.launch().spawn();
    let status = func.wait_for_state("Error").await;
    let error = status["errors"][0].as_str().unwrap();
    assert!(
        error.contains("no-such-program") && error.contains("languageWorkers__stub__defaultExecutablePath"),
        "{error}"
    );
    let answer = func.get("/api/fn").await;
    assert_eq!((answer.status, answer.text().as_str()), (503, "Function host is not running."));
    func.stop().await;
}

/// A worker that never connects is given up after its time, and the next one is tried.
#[tokio::test]
async fn a_worker_that_never_connects_is_replaced() {
    let mut stub = Stub::new()
        .function(http("fn"), &[])
        .script(|script| script.start = Start::Silent)
        .process("processStartupTimeout", "00:00:00.5")
        .process("processRestartInterval", "00:00:00.1");
    let mut func = stub.launch().spawn();
    stub.wait_received("start", 1).await;
    stub.script.start = Start::Connect;
    stub.write_script();
    func.wait_for_state("Running").await;
    func.wait_for_line("processOptions.processStartupTimeout").await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    assert_eq!(func.children().len(), 1, "the silent one is gone");
}

/// host.md W09: a worker that always exits ends the host, orderly, and the reason is told.
#[tokio::test]
async fn w09_a_worker_that_always_exits_ends_the_host() {
    let starts = [
        ("exits before it connects", Start::Exit(3), Init::Succeed),
        ("exits at init", Start::Connect, Init::Exit(4)),
    ];
    for (what, start, init) in starts {
        let code = if start == Start::Connect { 4 } else { 3 };
        let stub = Stub::new()
            .script(|script| {
                (script.start, script.init) = (start, init);
                script.print_error = vec!["error: the flux is low".into()];
            })
            .process("processRestartInterval", "00:00:00.1");
        let mut func = stub.launch().spawn();
        let ended = func.ended().await;
        assert!(ended.success(), "{what}: {ended}\n{}", func.transcript());
        assert_eq!(stub.received("start").len(), 3, "{what}");
        let lines = func.out().join("\n");
        assert!(lines.contains(&format!("exited with code {code} (0x{code:X})")), "{what}: {lines}");
        assert!(lines.contains("the flux is low"), "{what}: {lines}");
        assert!(
            lines.contains("Exceeded language worker restart retry count for runtime:stub. Shutting down and proactively recycling the Functions Host to recover"),
            "{what}: {lines}"
        );
    }
}

/// worker-protocol.md §19.13: a worker that never answers its init request is given up after its time, and the next one is
/// tried.
#[tokio::test]
async fn a_worker_that_never_initializes_is_replaced() {
    let mut stub = Stub::new()
        .function(http("fn"), &[])
        .script(|script| script.init = Init::Silent)
        .process("initializationTimeout", "00:00:00.5")
        .process("processRestartInterval", "00:00:00.1");
    let mut func = stub.launch().spawn();
    stub.wait_received("init", 1).await;
    stub.script.init = Init::Succeed;
    stub.write_script();
    func.wait_for_state("Running").await;
    func.wait_for_line("processOptions.initializationTimeout").await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    assert_eq!(func.children().len(), 1, "the silent one is gone");
}

/// A worker that refuses to initialise says why.
#[tokio::test]
async fn a_failed_init_is_told() {
    let stub = Stub::new()
        .script(|script| script.init = Init::Fail("licence expired".into()))
        .process("processRestartInterval", "00:00:00.1");
    let mut func = stub.launch().spawn();
    func.wait_for_line("licence expired").await;
    func.ended().await;
}

/// A worker that cannot index the app leaves the host in error, told in full, and a mended app starts.
#[tokio::test]
async fn a_failed_index_is_told_and_mended() {
    let mut stub =
        Stub::new().script(|script| script.index = Index::Fail("syntax error in main.stub:7".into()));
    let mut func = stub.launch().spawn();
    let status = func.wait_for_state("Error").await;
    assert!(status["errors"][0].as_str().unwrap().contains("syntax error in main.stub:7"), "{status}");
    stub.script.index = Index::Functions(vec![http("fn")]);
    stub.write_script();
    stub.app.write("host.json", r#"{"version": "2.0", "functions": []}"#);
    func.wait_for_state("Running").await;
}

/// host.md W08: a worker that dies takes its invocations with it and is replaced; requests meanwhile wait.
#[tokio::test]
async fn w08_a_worker_that_dies_is_replaced() {
    let stub = Stub::new()
        .function(http("dies"), &[Step::PrintError("error: out of luck".into()), Step::Exit(1)])
        .function(http("fn"), &[])
        .function(http("waits"), &[Step::AwaitFile("/nowhere/never".into())]);
    let func = stub.start().await;
    let (bystander, culprit) = tokio::join!(func.get("/api/waits"), async {
        stub.wait_received("invoke", 1).await;
        func.get("/api/dies").await
    });
    assert_eq!((bystander.status, culprit.status), (500, 500));
    func.wait_for_line("Language Worker Process exited. Pid=").await;
    func.wait_for_line("exited with code 1 (0x1)").await;
    assert!(func.count("out of luck") >= 2, "as it was printed, and in the message of the exit");
    assert_eq!(func.get("/api/fn").await.status, 200);
    assert_eq!(stub.received("start").len(), 2);
}

/// The second answer to an invocation is ignored, and so is one that nobody asked for. Answers find their invocation by
/// its id alone: the stub leaves `request_id` empty throughout (worker-protocol.md §19.2).
#[tokio::test]
async fn answering_twice_changes_nothing() {
    let stub = Stub::new().function(http("fn"), &[says("first"), says("second"), Step::Fail("third".into())]);
    let func = stub.start().await;
    for _ in 0..20 {
        let answer = func.get("/api/fn").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "first"));
    }
    assert_eq!(stub.received("start").len(), 1);
}

/// A frame that is no message, or larger than any message may be, ends that worker; the app goes on.
#[tokio::test]
async fn broken_frames_cost_the_worker_not_the_app() {
    let frames = [
        ("not a message", Step::Malformed(vec![0xff; 32])),
        ("a message cut short", Step::Malformed(vec![0x2a, 0x7f, 0x0a])),
        ("larger than allowed", Step::Oversized(u32::MAX)),
    ];
    for (what, frame) in frames {
        let stub = Stub::new()
            .function(http("breaks"), &[frame, says("too late")])
            .function(http("fn"), &[])
            .process("processRestartInterval", "00:00:00.1");
        let func = stub.start().await;
        assert_eq!(func.get("/api/breaks").await.status, 500, "{what}");
        assert_eq!(func.get("/api/fn").await.status, 200, "{what}");
        assert_eq!(stub.received("start").len(), 2, "{what}");
        assert_eq!(func.children().len(), 1, "{what}: the broken worker is gone");
    }
}

/// host.md H27: failures are 500 without a body; the log has the error, its message and its stack.
#[tokio::test]
async fn h27_failures_are_logged_not_told() {
    let stub = Stub::new()
        .function(http("throws"), &[Step::Fail("kaboom".into())])
        .function(
            http("silent"),
            &[Step::Respond(Box::new(Response { status: Status::Missing, ..Response::default() }))],
        )
        .function(
            http("cancelled"),
            &[Step::Respond(Box::new(Response { status: Status::Cancelled, ..Response::default() }))],
        );
    let func = stub.start().await;
    for name in ["throws", "silent", "cancelled"] {
        let answer = func.get(&format!("/api/{name}")).await;
        assert_eq!((answer.status, answer.body.len()), (500, 0), "{name}");
        func.wait_for_line(&format!("Executed 'Functions.{name}' (Failed, Id=")).await;
        func.wait_for_line(&format!("Exception while executing function: Functions.{name}")).await;
    }
    for text in ["Result: Failure", "Exception: kaboom", "Stack: at stub"] {
        func.wait_for_line(text).await;
    }
}

/// Values that cannot be read fail their invocation and nothing else.
#[tokio::test]
async fn unreadable_values_fail_the_invocation() {
    let stub = Stub::new()
        .function(http("broken"), &[respond(Data::Json("{\"a\":".into()))])
        .function(
            http("nested"),
            &[respond(Data::Http(Box::new(Http { body: Data::Json("]".into()), ..Http::default() })))],
        )
        .function(http("fn"), &[]);
    let func = stub.start().await;
    for name in ["broken", "nested"] {
        assert_eq!(func.get(&format!("/api/{name}")).await.status, 500, "{name}");
    }
    func.wait_for_lines("that is not JSON", 2).await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    assert_eq!(stub.received("start").len(), 1);
}

/// host.md H28: a body of exactly 100 MiB arrives, one more byte is refused, and the limit can be raised.
#[tokio::test]
async fn h28_bodies_end_at_the_limit() {
    const LIMIT: usize = 104_857_600;
    let stub = Stub::new()
        .function(http("fn"), &[])
        .capability("RawHttpBodyBytes")
        .capability("RpcHttpBodyOnly")
        .capability("RpcHttpTriggerMetadataRemoved");
    let func = stub.start().await;
    let body = bytes::Bytes::from(vec![b'x'; LIMIT + 1]);
    let seen = func.post("/api/fn", body.slice(..LIMIT)).await.json();
    assert_eq!(seen["inputs"]["req"]["http"]["body"], json!({ "bytes": LIMIT }));
    assert_eq!(func.post("/api/fn", body.clone()).await.status, 413);
    drop(func);
    let func = stub.launch().env("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", (LIMIT + 1).to_string()).start().await;
    assert_eq!(func.post("/api/fn", body).await.status, 200);
}

/// Clients that dawdle keep nobody waiting, and one that comes to its end after all is served.
#[tokio::test]
async fn slow_clients_keep_nobody_waiting() {
    let stub = Stub::new().function(http("fn"), &[]).capability("RpcHttpBodyOnly");
    let func = stub.start().await;
    let connect = || {
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, func.port)).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client
    };
    let mut slow: Vec<TcpStream> = (0..50).map(|_| connect()).collect();
    for (n, client) in slow.iter_mut().enumerate() {
        // Some stop in the head, some in the body.
        let text = match n % 2 {
            0 => "POST /api/fn HTTP/1.1\r\nHost: x\r\nContent-",
            _ => "POST /api/fn HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\n12345",
        };
        client.write_all(text.as_bytes()).unwrap();
    }
    assert_eq!(func.get("/api/fn").await.status, 200);
    assert_eq!(stub.received("invoke").len(), 1, "half a request is no request");
    let finished = &mut slow[1];
    finished.write_all(b"67890").unwrap();
    let mut answer = String::new();
    finished.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains(r#""body":{"string":"1234567890"}"#), "{answer}");
    drop(slow);
    assert_eq!(func.get("/api/fn").await.status, 200);
    func.stop().await;
}

/// What is not HTTP is turned away without harm.
#[tokio::test]
async fn rubbish_on_the_socket_is_turned_away() {
    let stub = Stub::new().function(http("fn"), &[]);
    let func = stub.start().await;
    let rubbish: [&[u8]; 4] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /api/fn HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /api/fn HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ];
    for bytes in rubbish {
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, func.port)).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
    }
    assert_eq!(func.get("/api/fn").await.status, 200);
}

/// host.md §6.8: the host's sudden death takes its workers with it, those that do not notice, too, and what they have
/// forked.
#[tokio::test]
async fn workers_end_with_a_killed_host() {
    for stubborn in [false, true] {
        let stub = Stub::new()
            .function(http("fn"), &[])
            .script(|script| (script.stubborn, script.forks) = (stubborn, true));
        let mut func = stub.start().await;
        let children = func.children();
        assert_eq!(children.len(), 2, "the worker and its child");
        func.signal("KILL");
        func.ended().await;
        crate::support::until(
            || format!("processes {children:?} end"),
            || async { children.iter().all(|id| !crate::support::is_running(*id)).then_some(()) },
        )
        .await;
    }
}

/// Issue "Bad input", worker-protocol.md §19.8: a worker that ignores its terminate message, as one of the reference workers does, is killed with
/// its children after its grace period, and the host ends well.
#[tokio::test]
async fn a_worker_that_ignores_terminate_is_killed() {
    let stub = Stub::new()
        .function(http("fn"), &[])
        .capability("HandlesWorkerTerminateMessage")
        .script(|script| (script.stubborn, script.forks) = (true, true));
    let mut func = stub.start().await;
    let children = func.children();
    let started = std::time::Instant::now();
    func.signal("TERM");
    assert_eq!(func.ended().await.code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
    assert_eq!(stub.received("terminate").len(), 1);
    assert!(children.iter().all(|id| !crate::support::is_running(*id)), "{children:?}");
}

/// Issue "Bad input": a worker that floods both its pipes and its stream keeps nobody from being served.
#[tokio::test]
async fn a_flood_of_logs_is_survived() {
    use horus_stub_worker::Log;
    let line = "x".repeat(500);
    let flood = |n: usize| match n % 3 {
        0 => Step::Print(line.clone()),
        1 => Step::PrintError(line.clone()),
        _ => Step::Log(Log { message: line.clone(), ..Log::default() }),
    };
    let mut steps: Vec<Step> = (0..6000).map(flood).collect();
    steps.push(Step::Print("y".repeat(3 << 20)));
    steps.push(says("through"));
    let stub = Stub::new().function(http("floods"), &steps).function(http("fn"), &[]);
    let func = stub.start().await;
    let (flooded, calm) = tokio::join!(func.get("/api/floods"), func.get("/api/fn"));
    assert_eq!((flooded.status, flooded.text().as_str(), calm.status), (200, "through", 200));
    assert_eq!(stub.received("start").len(), 1);
    func.stop().await;
}

/// Issue "Bad input": a worker that stops answering is named with what it logged last, and what a worker uses of memory
/// can be read.
#[tokio::test]
async fn a_silent_worker_is_named_with_its_last_lines() {
    let stub = Stub::new()
        .function(http("hangs"), &[Step::Print("about to divide".into()), Step::Block])
        .capability("WorkerStatus")
        .host_json(r#"{"version": "2.0", "logging": {"logLevel": {"Host.General": "Debug"}}}"#);
    let func = stub.launch().arg("--verbose").start().await;
    let request = func.request("GET", "/api/hangs").timeout(Duration::from_secs(60)).send();
    tokio::select! {
        _ = request => panic!("it never answers"),
        line = func.wait_for_line("has not answered for 5s; it runs 1 invocations.") => {
            assert!(line.contains("The stub worker"), "{line}");
        }
    }
    func.wait_for_line("Its last log lines:").await;
    func.wait_for_line("MiB of memory and runs 1 invocations.").await;
    assert!(func.count("about to divide") >= 2, "printed, and told again: {}", func.transcript());
}
