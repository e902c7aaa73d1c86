//! Changed scripts: new workers for the same app where that is enough, and the whole app anew where it is not (spec
//! host.md §6.11 and §9.3).

use std::collections::BTreeSet;

use horus_stub_worker::{Data, Http, Index, Response, Step};

use crate::support::{App, Clients, Launch, Store, Stub, http, queue, until, with_python_library};

const RESTART: &str = "Host configuration has changed. Signaling restart";
const RENEWAL: &str = "Scripts of the app have changed. Starting new workers";

fn says(text: &str) -> Vec<Step> {
    let body = Data::String(text.into());
    let http = Http { status: "200".into(), body, ..Http::default() };
    vec![Step::Respond(Box::new(Response { value: Data::Http(Box::new(http)), ..Response::default() }))]
}

/// Workers that run a changed script take over from those that run the old one; what these have begun, they end.
#[tokio::test]
async fn changed_scripts_renew_the_workers_only() {
    let mut stub = Stub::new();
    let gate = stub.app.beside("gate");
    stub = stub
        .function(http("fn"), &says("old"))
        .function(http("slow"), &[Step::AwaitFile(gate.clone()), says("old")[0].clone()]);
    let func = stub.launch().arg("--verbose").start().await;
    assert_eq!(func.get("/api/fn").await.text(), "old");
    let before = func.children();
    stub.script.functions.insert("fn".into(), says("new"));
    stub.write_script();
    let (slow, ()) = tokio::join!(func.get("/api/slow"), async {
        stub.wait_received("invoke", 2).await;
        stub.app.write("main.stub", "changed");
        func.wait_for_lines("Worker process started and initialized.", 2).await;
        assert_eq!(func.get("/api/fn").await.text(), "new");
        assert!(func.children().contains(&before[0]), "the old worker ends what it has begun");
        std::fs::write(&gate, "").unwrap();
    });
    assert_eq!((slow.status, slow.text().as_str()), (200, "old"));
    until(
        || format!("the end of the old worker\n{}", func.transcript()),
        || async { (func.children().len() == 1 && func.children() != before).then_some(()) },
    )
    .await;
    assert_eq!((func.count(RENEWAL), func.count(RESTART)), (1, 0), "{}", func.transcript());
    assert_eq!((func.count("Job host started"), func.count("Job host stopped")), (1, 0));
    assert_eq!(stub.received("start").len(), 2);
    func.stop().await;
}

/// New workers cannot add routes or listeners: other functions mean that the app is built anew.
#[tokio::test]
async fn changed_functions_restart_the_host() {
    let mut stub = Stub::new().function(http("fn"), &says("fn"));
    let func = stub.launch().arg("--verbose").start().await;
    stub.script.index = Index::Functions(vec![http("fn"), http("more")]);
    stub.script.functions.insert("more".into(), says("more"));
    stub.write_script();
    stub.app.write("main.stub", "changed");
    func.wait_for_line("New workers are not enough: the functions of the app have changed.").await;
    func.wait_for_lines("Job host started", 2).await;
    assert_eq!(func.get("/api/more").await.text(), "more");
    until(|| "one worker is left".into(), || async { (func.children().len() == 1).then_some(()) }).await;
    func.stop().await;
}

/// A debugger's port cannot be shared by two workers: the old one ends first.
#[tokio::test]
async fn debugged_workers_are_not_doubled() {
    let stub = Stub::new().function(http("fn"), &[]);
    let func = stub
        .launch()
        .env("languageWorkers__stub__arguments", "--inspect=9229")
        .arg("--verbose")
        .start()
        .await;
    stub.app.write("main.stub", "changed");
    func.wait_for_line(RESTART).await;
    func.wait_for_lines("Job host started", 2).await;
    assert_eq!(func.count(RENEWAL), 0);
    func.stop().await;
}

/// No queue message is lost or set aside while scripts change under load.
#[tokio::test]
async fn changed_scripts_lose_no_message() {
    const MESSAGES: usize = 300;
    let stub = Stub::new();
    let stub = stub.function(queue("work", "work"), &[Step::Delay(20), Step::Respond(Box::default())]);
    let store = Store::start(&Launch::of(&stub.app.root()));
    let storage = store.connection_string();
    let clients = Clients::start(&storage, "");
    let texts: Vec<String> = (0..MESSAGES).map(|n| format!("message {n}")).collect();
    let func = stub.launch().env("AzureWebJobsStorage", &storage).start().await;
    texts.iter().for_each(|text| clients.put("work", text));
    for round in 1..=4 {
        stub.app.write("main.stub", &format!("round {round}"));
        func.wait_for_lines("Worker process started and initialized.", round + 1).await;
    }
    clients.wait_for_length("work", 0).await;
    let seen: BTreeSet<String> = stub
        .received("invoke")
        .iter()
        .filter_map(|invocation| Some(invocation["inputs"]["message"]["string"].as_str()?.to_owned()))
        .collect();
    assert_eq!(seen, texts.into_iter().collect());
    assert_eq!(clients.length("work-poison"), None, "nothing is set aside");
    assert_eq!((func.count("(Failed, Id="), func.count(RESTART)), (0, 0), "{}", func.transcript());
    func.stop().await;
}

const PYTHON: &str = "import azure.functions as func\n\
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)\n\n\
    @app.route('fn')\n\
    def fn(req: func.HttpRequest) -> str:\n    return ANSWER\n";

/// A changed Python file is seen at once; one with a syntax error is a clear error of the app, which the next save heals.
#[tokio::test]
async fn python_files_are_read_again_when_saved() {
    let text = |answer: &str| PYTHON.replace("ANSWER", answer);
    let app = App::new().file("function_app.py", &text("'one'"));
    let launch = Launch::of(&app.root()).env("FUNCTIONS_WORKER_RUNTIME", "python");
    let mut func = with_python_library(launch).start().await;
    assert_eq!(func.get("/api/fn").await.text(), "one");
    // Of another size: Python takes a file of the same second and size for the one that it has compiled.
    app.write("function_app.py", &text("'two, longer'"));
    func.wait_for_lines("Worker process started and initialized.", 2).await;
    assert_eq!(func.get("/api/fn").await.text(), "two, longer");
    assert_eq!((func.count(RENEWAL), func.count(RESTART)), (1, 0), "{}", func.transcript());
    app.write("function_app.py", &text("'three"));
    let status = func.wait_for_state("Error").await;
    let error = status["errors"][0].as_str().unwrap();
    assert!(error.contains("SyntaxError") && error.contains("function_app.py"), "{error}");
    app.write("function_app.py", &text("'four'"));
    func.wait_for_state("Running").await;
    assert_eq!(func.get("/api/fn").await.text(), "four");
    func.stop().await;
}
