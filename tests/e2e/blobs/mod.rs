//! Blob functions in all four models, on the embedded store in a process of its own (bindings.md §5).

use std::time::Instant;

use horus_stub_worker::Function;
use serde_json::{Value, json};

use crate::support::{
    App, Func, Launch, Mode, Store, Stub, binding, until, with_node_library, with_python_library,
};

/// A host's app and the store it uses.
struct World {
    launch: Launch,
    store: Store,
    _app: App,
}

impl World {
    fn new(model: &str) -> Self {
        let app = App::copy(&format!("tests/e2e/blobs/{model}"));
        let language = model.split('-').next().unwrap_or_default();
        let mut launch = Launch::of(&app.root()).env("FUNCTIONS_WORKER_RUNTIME", language);
        match model.starts_with("node") {
            true => with_node_library(&app),
            false => launch = with_python_library(launch),
        }
        let store = Store::start(&launch);
        let launch = launch.env("AzureWebJobsStorage", store.connection_string());
        Self { launch, store, _app: app }
    }

    /// Runs `func storage` with these words; its output.
    fn storage(&self, words: &[&str], input: &str) -> String {
        let (code, out, err) = self.store.verb(&self.launch, words, input);
        assert_eq!(code, Some(0), "{words:?}: {err}");
        out
    }

    fn put(&self, path: &str, content: &str) {
        self.storage(&["blob", "put", path], content);
    }
}

async fn upload_to(func: &Func, content: &[u8]) -> u16 {
    let request = func.request("POST", "/upload/all.bin").header("content-type", "application/octet-stream");
    func.send(request.body(content.to_vec())).await.status
}

/// Waits until `download` gives `content`.
async fn downloaded(func: &Func, name: &str, content: &[u8]) {
    let path = format!("/download/{name}");
    until(
        || format!("{name} to be copied\n{}", func.transcript()),
        || async {
            let answer = func.get(&path).await;
            (answer.status == 200 && answer.body == content).then_some(())
        },
    )
    .await;
}

/// bindings.md 12, 18, 54 to 58 and 60, through a worker.
async fn blobs_work(model: &str) {
    let world = World::new(model);
    world.put("inbox/before.bin", "before");
    world.put("extras/x-y.txt", "{\"extra\": 1");
    world.put("notes/x-y-z.txt", "grün");
    world.put("bad/apple", "x");
    let func = world.launch.start().await;
    func.wait_for_line("copied inbox/before.bin true 6").await;
    let noted = func.wait_for_line("noted ").await;
    let expected = json!(["grün", "{\"extra\": 1", null, "x-y", "z", 5, "object"]).to_string();
    assert!(noted.contains(&format!("noted {expected} http://127.0.0.1:")), "{noted}");
    assert!(noted.ends_with("/devstoreaccount1/notes/x-y-z.txt"), "{noted}");
    func.wait_for_line("Executing 'Functions.copy' (Reason='New blob detected: inbox/before.bin', Id=").await;

    // Bytes travel unchanged through HTTP, output, trigger, output, input and HTTP. What an output writes is found
    // without waiting for the next sweep.
    assert_eq!(func.get("/download/all.copy").await.status, 404, "an input that does not exist is nothing");
    let bytes: Vec<u8> = (0..=255).collect();
    let uploaded = Instant::now();
    assert_eq!(upload_to(&func, &bytes).await, 201, "{}", func.transcript());
    downloaded(&func, "all.copy", &bytes).await;
    let took = uploaded.elapsed();
    let reversed: Vec<u8> = (0..=255).rev().collect();
    assert_eq!(upload_to(&func, &reversed).await, 201);
    downloaded(&func, "all.copy", &reversed).await;
    assert!(took.as_secs() < 8, "{took:?} is as slow as a sweep");

    // A call by hand names a blob.
    let call = func.post_json("/admin/functions/copy", &json!({ "input": "inbox/before.bin" })).await;
    assert_eq!(call.status, 202);
    func.wait_for_lines("copied inbox/before.bin true 6", 2).await;

    // Five attempts, then poison.
    func.wait_for_line("Moving message to queue 'webjobs-blobtrigger-poison'").await;
    let poison = until(
        || format!("a poison message\n{}", func.transcript()),
        || async {
            let (_, out, _) =
                world.store.verb(&world.launch, &["queue", "peek", "webjobs-blobtrigger-poison"], "");
            let text = out.split_once('{').map(|(_, rest)| format!("{{{rest}"))?;
            serde_json::from_str::<Value>(text.trim()).ok()
        },
    )
    .await;
    let etag = poison["ETag"].clone();
    let documented = json!({
        "Type": "BlobTrigger", "FunctionId": "Host.Functions.fails", "BlobType": "BlockBlob",
        "ContainerName": "bad", "BlobName": "apple", "ETag": etag,
    });
    assert_eq!(poison, documented);
    assert_eq!(func.count("Executed 'Functions.fails' (Failed"), 5, "{}", func.transcript());
    func.stop().await;

    // A restart repeats nothing: the first thing that runs is what is new.
    world.put("inbox/after.bin", "content");
    let func = world.launch.start().await;
    func.wait_for_line("copied inbox/after.bin true 7").await;
    downloaded(&func, "after.copy", b"content").await;
    assert_eq!(func.count("copied "), 1, "{}", func.transcript());
    assert_eq!(func.count("Executing 'Functions.fails'"), 0, "{}", func.transcript());
    func.stop().await;
}

#[tokio::test]
async fn blobs_in_the_node_v4_model() {
    blobs_work("node-v4").await;
}

#[tokio::test]
async fn blobs_in_the_node_v3_model() {
    blobs_work("node-v3").await;
}

/// Spec bindings.md §1.2: a binding of direction inout reads before and writes after.
#[tokio::test]
async fn blobs_that_go_in_and_out() {
    let world = World::new("node-v3");
    let func = world.launch.start().await;
    for expected in ["", "x", "xx"] {
        let answer = func.post("/stamp/a.txt", "").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, expected), "{}", func.transcript());
    }
    assert_eq!(world.storage(&["blob", "get", "stamps/a.txt"], ""), "xxx");
    func.stop().await;
}

#[tokio::test]
async fn blobs_in_the_python_v2_model() {
    blobs_work("python-v2").await;
}

#[tokio::test]
async fn blobs_in_the_python_v1_model() {
    blobs_work("python-v1").await;
}

/// Spec worker-protocol.md §17: the public library makes clients of its own of the references, for a blob, its content
/// and a container.
#[tokio::test]
async fn blobs_as_clients_in_python() {
    let world = World::new("python-sdk");
    world.put("clients/a.txt", "one");
    world.put("streams/b.txt", "two");
    let func = world.launch.start().await;
    func.wait_for_line("client of clients/a.txt: one").await;
    func.wait_for_line("stream of two beside ['a.txt']").await;
    func.stop().await;
}

/// A function of the scripted worker on blobs of the app's storage account.
fn watching(name: &str, more: Value) -> Function {
    let bindings = vec![binding("blobTrigger", "in", "file", more)];
    Function { name: name.to_owned(), bindings, ..Function::default() }
}

/// bindings.md 23: a library with types of its own gets a reference to the blob.
#[tokio::test]
async fn b23_deferred_blobs_travel_as_references() {
    let properties = json!({ "SupportsDeferredBinding": "True" });
    let stub = Stub::new().function(
        watching("sdk", json!({ "path": "refs/{name}", "connection": "Store", "properties": properties })),
        &[],
    );
    let launch = stub.launch();
    let store = Store::start(&launch);
    let (code, ..) = store.verb(&launch, &["blob", "put", "refs/a b.txt"], "content");
    assert_eq!(code, Some(0));
    let connection = store.connection_string();
    let func = launch.env("AzureWebJobsStorage", &connection).env("Store", &connection).start().await;
    let invoked = stub.wait_received("invoke", 1).await.remove(0);
    let reference = &invoked["inputs"]["file"];
    assert_eq!(
        [&reference["version"], &reference["model"], &reference["contentType"]],
        [&json!("1.0"), &json!("AzureStorageBlobs"), &json!("application/json")],
        "{invoked:#}"
    );
    let content: Value = serde_json::from_str(reference["content"].as_str().unwrap()).unwrap();
    assert_eq!(content, json!({ "Connection": "Store", "ContainerName": "refs", "BlobName": "a b.txt" }));
    func.stop().await;
}

/// bindings.md 28 and 59: the webhook takes its own key, and events run the function.
#[tokio::test]
async fn b28_b59_events_come_through_the_webhook() {
    let stub = Stub::new()
        .function(watching("told", json!({ "path": "events/{name}", "source": "EventGrid" })), &[]);
    let launch = stub.launch();
    let store = Store::start(&launch);
    let (code, ..) = store.verb(&launch, &["blob", "put", "events/a.txt"], "content");
    assert_eq!(code, Some(0));
    let func = launch
        .mode(Mode::Keys)
        .env("AzureWebJobsStorage", store.connection_string())
        .env("AzureWebJobsSecretStorageType", "files")
        .start()
        .await;
    let key = until(
        || format!("the webhook's key\n{}", func.transcript()),
        || async {
            let answer =
                func.get_with_key("/admin/host/systemkeys/blobs_extension", &func.master_key()).await;
            (answer.status == 200).then(|| answer.json()["value"].as_str().unwrap().to_owned())
        },
    )
    .await;
    let send = async |path: &str, kind: &str, body: &Value| {
        func.send(func.request("POST", path).header("aeg-event-type", kind).body(body.to_string())).await
    };
    let open = "/runtime/webhooks/blobs?functionName=Host.Functions.told";
    let path = format!("{open}&code={key}");
    let handshake = json!([{ "data": { "validationCode": "0123" } }]);
    assert_eq!(send(open, "SubscriptionValidation", &handshake).await.status, 401);
    let answer = send(&path, "SubscriptionValidation", &handshake).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "validationResponse": "0123" })));
    let other = format!("/runtime/webhooks/eventgrid?functionName=told&code={key}");
    assert_eq!(send(&other, "Notification", &json!([])).await.status, 401);
    let nobody = format!("/runtime/webhooks/blobs?functionName=nobody&code={key}");
    let answer = send(&nobody, "Notification", &json!([])).await;
    assert_eq!((answer.status, answer.text().as_str()), (404, "cannot find function: 'nobody'"));
    let event = json!([{
        "eventType": "Microsoft.Storage.BlobCreated",
        "subject": "/blobServices/default/containers/events/blobs/a.txt",
        "data": { "eTag": "0x1", "blobType": "BlockBlob" },
    }]);
    let answer = send(&path, "Notification", &event).await;
    assert_eq!((answer.status, answer.body.len()), (202, 0));
    func.wait_for_line("Executed 'Functions.told' (Succeeded").await;
    func.stop().await;
}
