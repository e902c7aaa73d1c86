//! Nothing but Node, and no network: the samples on the embedded store at its usual ports (issue of the embedded store).
//!
//! Each scenario runs in a network of its own, which has a loopback and nothing else, made by `unshare`. So it may use the
//! ports that every developer's machine has, and a request to anywhere else fails. Where a sandbox forbids that, the
//! scenario runs on this machine's network and says so; `HORUS_OFFLINE=require` makes that a failure.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::support::{App, Func, Launch, node_modules, until, with_node_library};

/// What people paste from the emulator's documentation
/// (<https://learn.microsoft.com/azure/cosmos-db/emulator>).
const WELL_KNOWN: &str = "AccountEndpoint=https://localhost:8081/;AccountKey=C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==";

/// The usual ports of the store.
const PORTS: [u16; 4] = [10_000, 10_001, 10_002, 8081];
/// Set for scenarios that have a network of their own.
const ALONE: &str = "HORUS_OFFLINE_ALONE";

/// Whether this machine lets a user have networks.
fn can_unshare() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let tried = Command::new("unshare")
            .args(["-rn", "sh", "-c", "ip link set lo up"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    })
}

/// Runs the ignored test `name` of this file without a network, and fails with its output.
fn alone(name: &str) {
    let test = std::env::current_exe().expect("the test's own program");
    let name = format!("offline::{name}");
    let arguments = ["--exact", &name, "--ignored", "--nocapture"];
    let _turn;
    let mut command = match can_unshare() {
        true => {
            let mut command = Command::new("unshare");
            command.args(["-rn", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]).arg(&test);
            command.env(ALONE, "1");
            command
        }
        false => {
            let required = std::env::var("HORUS_OFFLINE").is_ok_and(|value| value == "require");
            assert!(!required, "unshare(1) cannot make a network here");
            // One at a time, since they share the ports.
            _turn = File::create(std::env::temp_dir().join("horus-e2e-ports.lock")).expect("a lock file");
            _turn.lock().expect("the lock of the ports");
            if let Some(taken) =
                PORTS.into_iter().find(|port| TcpListener::bind(("127.0.0.1", *port)).is_err())
            {
                return warn(&format!("{name} is SKIPPED: somebody else has port {taken}"));
            }
            warn(&format!("{name} runs with the network on"));
            Command::new(&test)
        }
    };
    let output = command.args(arguments).output().expect("the test's own program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

#[expect(clippy::print_stderr, reason = "a weaker test must not pass in silence")]
fn warn(what: &str) {
    eprintln!("WARNING: unshare(1) cannot make a network here; {what}.");
}

/// A folder for `PATH` with Node in it and nothing else.
fn only_node(app: &App) -> PathBuf {
    let path = std::env::var_os("PATH").expect("a PATH");
    let node = std::env::split_paths(&path).map(|folder| folder.join("node")).find(|node| node.is_file());
    let folder = app.beside("bin");
    std::fs::create_dir(&folder).expect("a folder can be made");
    std::os::unix::fs::symlink(node.expect("node must be installed"), folder.join("node")).expect("a link");
    folder
}

/// The loopback is all there is, where that was asked for.
fn assert_alone() {
    if std::env::var_os(ALONE).is_some() {
        let devices = std::fs::read_to_string("/proc/self/net/dev").expect("Linux lists its networks");
        let names: Vec<&str> =
            devices.lines().filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
        assert_eq!(names, ["lo"]);
    }
}

/// `app` as a person would run it, with the embedded store.
async fn start(app: &App, bin: &Path) -> Func {
    assert_alone();
    let launch = Launch::of(&app.root()).env("PATH", bin.to_string_lossy());
    launch.arg("--storage").arg("auto").start().await
}

async fn wait_for_order(func: &Func, id: &str) -> Value {
    until(
        || format!("order {id}\n{}", func.transcript()),
        || async {
            let answer = func.get(&format!("/api/orders/{id}")).await;
            (answer.status == 200).then(|| answer.json())
        },
    )
    .await
}

/// Orders over HTTP become messages, then documents, and are there after a restart.
async fn sells(app: &App) {
    let bin = only_node(app);
    let func = start(app, &bin).await;
    assert!(app.root().join(".func/store/store.redb").is_file(), "the store is the app's own");
    let order = json!({ "id": "order-1", "item": "tea", "quantity": 2 });
    let answer = func.post_json("/api/orders", &order).await;
    assert_eq!(answer.status, 202, "{}\n{}", answer.text(), func.transcript());
    let document = wait_for_order(&func, "order-1").await;
    assert_eq!((&document["item"], &document["status"]), (&json!("tea"), &json!("processed")));
    assert_eq!(func.get("/api/orders/none").await.status, 404);
    func.stop().await;
    let func = start(app, &bin).await;
    assert_eq!(wait_for_order(&func, "order-1").await["item"], "tea", "it was kept");
    func.stop().await;
}

/// Issue, done when: the orders sample runs with networking off and nothing installed but Node.
#[test]
fn the_orders_sample_runs_without_a_network() {
    alone("orders");
}

/// The same in the v3 model, which needs no package at all.
#[test]
fn the_v3_orders_sample_runs_without_a_network() {
    alone("orders_v3");
}

/// Issue, documents: the emulator's well-known connection string works in an app as it is, for its bindings and for a
/// client of its own.
#[test]
fn the_well_known_connection_string_works_unchanged() {
    alone("well_known_connection_string");
}

/// Issue, auth: accounts and a document key from settings of the app open its store, and the well-known ones do not.
#[test]
fn accounts_of_ones_own_open_the_store() {
    alone("own_accounts");
}

#[tokio::test]
#[ignore = "runs only as a child, in a network of its own"]
async fn orders() {
    let app = App::copy("samples/orders");
    with_node_library(&app);
    sells(&app).await;
}

#[tokio::test]
#[ignore = "runs only as a child, in a network of its own"]
async fn orders_v3() {
    sells(&App::copy("samples/orders-v3")).await;
}

const CLIENT_APP: &str = r"
const { app, input } = require('@azure/functions');
const { CosmosClient } = require('@azure/cosmos');

const client = new CosmosClient(process.env.CosmosDB);

app.http('write', {
    route: 'write', methods: ['POST'], authLevel: 'anonymous',
    handler: async (request) => {
        const { database } = await client.databases.createIfNotExists({ id: 'shop' });
        const { container } = await database.containers.createIfNotExists({ id: 'orders', partitionKey: '/id' });
        const { resource } = await container.items.upsert(await request.json());
        const { resources } = await container.items.query('SELECT VALUE COUNT(1) FROM c').fetchAll();
        return { jsonBody: { etag: resource._etag, count: resources[0] } };
    },
});

const order = input.cosmosDB({
    connection: 'CosmosDB', databaseName: 'shop', containerName: 'orders', id: '{id}', partitionKey: '{id}',
});
app.http('read', {
    route: 'orders/{id}', methods: ['GET'], authLevel: 'anonymous', extraInputs: [order],
    handler: (request, context) => {
        const found = context.extraInputs.get(order);
        return found ? { jsonBody: found } : { status: 404 };
    },
});
";

/// An app with a client of its own, with these settings.
fn client_app(values: &[(&str, &str)]) -> App {
    let mut settings = json!({ "IsEncrypted": false, "Values": { "FUNCTIONS_WORKER_RUNTIME": "node" } });
    for (name, value) in values {
        settings["Values"][name] = json!(value);
    }
    let app = App::new()
        .file("local.settings.json", &settings.to_string())
        .file("package.json", r#"{ "main": "index.js" }"#)
        .file("index.js", CLIENT_APP);
    with_node_library(&app);
    let clients = node_modules("tests/e2e/clients");
    std::os::unix::fs::symlink(clients, app.root().join("node_modules")).expect("a link can be made");
    app
}

#[tokio::test]
#[ignore = "runs only as a child, in a network of its own"]
async fn well_known_connection_string() {
    let app = client_app(&[("CosmosDB", WELL_KNOWN)]);
    let bin = only_node(&app);
    let func = start(&app, &bin).await;
    let written = func.post_json("/api/write", &json!({ "id": "1", "item": "tea" })).await;
    assert_eq!(written.status, 200, "{}\n{}", written.text(), func.transcript());
    assert_eq!(written.json()["count"], 1);
    let read = wait_for_order(&func, "1").await;
    assert_eq!((&read["item"], &read["_etag"]), (&json!("tea"), &written.json()["etag"]), "one store");
    assert_eq!(func.get("/api/orders/2").await.status, 404);

    // Anybody else has to be told about the certificate, and then speaks HTTPS as well.
    let url = "https://localhost:8081/";
    let ask = |ca: Option<PathBuf>| {
        let mut command = Command::new("node");
        command.arg("-e").arg(format!(
            "fetch('{url}').then((answer) => console.log(answer.status), (error) => console.log(error.cause.code))"
        ));
        if let Some(ca) = ca {
            command.env("NODE_EXTRA_CA_CERTS", ca);
        }
        let output = command.output().expect("node starts");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert_eq!(ask(None), "DEPTH_ZERO_SELF_SIGNED_CERT");
    assert_eq!(ask(Some(app.root().join(".func/https/localhost.crt"))), "401", "trusted, but nobody signed");
    func.stop().await;
}

#[tokio::test]
#[ignore = "runs only as a child, in a network of its own"]
async fn own_accounts() {
    const KEY: &str = "YSBrZXkgb2Ygb3VyIG93bg==";
    let storage = format!(
        "AccountName=mine;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:10000/mine;QueueEndpoint=http://127.0.0.1:10001/mine"
    );
    let documents = format!("AccountEndpoint=https://localhost:8081/;AccountKey={KEY}");
    let app = client_app(&[
        ("AzureWebJobsStorage", &storage),
        ("CosmosDB", &documents),
        ("FUNC_STORAGE_ACCOUNTS", &format!("mine:{KEY}")),
    ])
    .file(".env", &format!("FUNC_STORAGE_DOCUMENT_KEY={KEY}\n"));
    let bin = only_node(&app);
    let func = start(&app, &bin).await;
    func.wait_for_line("Host lock lease acquired").await;
    let written = func.post_json("/api/write", &json!({ "id": "1", "item": "tea" })).await;
    assert_eq!(written.status, 200, "{}\n{}", written.text(), func.transcript());
    assert_eq!(wait_for_order(&func, "1").await["item"], "tea");
    // The verbs use the same settings, and so somebody without them stays outside.
    let verb = |words: &[&str], folder: &Path| {
        let output = Launch::of(folder).command().arg("storage").args(words).output().expect("func starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, out, err) = verb(&["document", "get", "shop/orders/1"], &app.root());
    assert!(code == Some(0) && out.contains("tea"), "{out}{err}");
    let (code, out, err) = verb(&["blob", "list"], &app.root());
    assert!(code == Some(0) && out.contains("azure-webjobs-hosts"), "{out}{err}");
    let stranger = App::new();
    let (code, _, err) = verb(&["document", "get", "shop/orders/1"], &stranger.root());
    assert!(code == Some(1) && err.contains("Unauthorized"), "{err}");
    let (code, _, err) = verb(&["blob", "list"], &stranger.root());
    assert!(code == Some(1), "{err}");
    func.stop().await;

    let broken = client_app(&[("FUNC_STORAGE_ACCOUNTS", "mine:hunter2!")]);
    let (status, out, err) = Launch::of(&broken.root()).arg("--storage").arg("auto").fail().await;
    assert_eq!(status.code(), Some(1));
    assert!(
        err.contains("FUNC_STORAGE_ACCOUNTS") && !format!("{out}{err}").contains("hunter2"),
        "{out}{err}"
    );
}
