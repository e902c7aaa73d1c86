use std::sync::Mutex;

use azure_core::http::{Method, Request, Url};
use bytes::Bytes;
use futures::TryStreamExt as _;
use horus_app::connection::{Connection, ConnectionString};
use horus_app::log::{Level, Record, Sink};
use horus_cosmos_client::{Account, Credential, Error};
use horus_storage::documents::WELL_KNOWN_KEY;
use serde_json::{Value, json};

use super::*;

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

impl Sink for Lines {
    fn accepts(&self, _: &str, _: Level) -> bool {
        true
    }

    fn write(&self, record: Record<'_>) {
        self.0.lock().unwrap().push((record.level, record.message.to_owned()));
    }
}

fn store() -> Store {
    Store::open(horus_storage::Options::in_memory()).unwrap()
}

/// Issue: the clients of the bindings work without a socket, and a service that is not the store's stays alone.
#[tokio::test]
async fn clients_reach_the_store_without_a_socket() {
    let store = store();
    // Nothing listens on these ports here, or somebody else does: no request may go there.
    let served = vec![(Service::Queue, 10_001), (Service::Blob, 10_000)];
    let storage = Storage::with_store(Arc::new(InProcess::new(store, served)));
    let connection = Connection::ConnectionString(ConnectionString::lenient("UseDevelopmentStorage=true"));
    let queue = storage.queues(&connection).unwrap().queue("orders").unwrap();
    queue.create().await.unwrap();
    queue.send("hello & <goodbye>".into()).await.unwrap();
    let received = queue.receive(1, std::time::Duration::from_secs(5)).await.unwrap();
    assert_eq!(received[0].text, "hello & <goodbye>");

    let blobs = storage.blobs(&connection).unwrap();
    blobs.create_container("photos").await.unwrap();
    let blob = blobs.blob("photos", "a/b c.bin");
    let content = Bytes::from(vec![7u8; 3 << 20]);
    blob.write(content.clone()).await.unwrap();
    assert_eq!(blob.read().await.unwrap(), Some(content));
    assert_eq!(blobs.blob("photos", "none").read().await.unwrap(), None);
}

/// Connects to the documents of `store` in every way there is: without a socket under both schemes, and with one.
async fn document_accounts(store: &Store, key: &str) -> (Vec<(String, Account)>, Running) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sockets = Sockets::default().holding(Service::Documents, listener);
    // Other crates of a build may bring a second provider, so that the choice has to be made.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls::new(tls::own(folder.path()).unwrap().config);
    let account = |endpoint: &str| {
        let key = Credential::Key(key.to_owned().into());
        Account::new(endpoint, key, Vec::new(), Some("tests".into())).unwrap()
    };
    let mut accounts = Vec::new();
    for scheme in ["http", "https"] {
        let address = format!("{scheme}://localhost:{port}/");
        accounts.push((format!("{address} by socket"), account(&address)));
        // Nobody listens on port 1.
        let transport = Arc::new(InProcess::new(store.clone(), vec![(Service::Documents, 1)]));
        let address = format!("{scheme}://127.0.0.1:1/");
        accounts.push((format!("{address} in-process"), account(&address).in_process(transport)));
    }
    (accounts, Running::serve(store.clone(), sockets, Some(tls)))
}

/// Issue, point 7: documents without a socket, behind the same client and with the same semantics.
#[tokio::test]
async fn documents_are_the_same_without_a_socket() {
    let store = store();
    let (accounts, running) = document_accounts(&store, WELL_KNOWN_KEY).await;
    for (number, (way, account)) in accounts.into_iter().enumerate() {
        let name = format!("c{number}");
        assert_eq!(account.container("shop", &name).await.unwrap_err(), Error::NotFound, "{way}");
        account.create_container("shop", &name, "/region", None).await.unwrap();
        account.create_container("shop", &name, "/region", None).await.unwrap();
        let container = account.container("shop", &name).await.unwrap();
        // More than two pages.
        for number in 0..250 {
            let Value::Object(item) = json!({"id": format!("{number:03}"), "region": "ü \"1\"", "n": number})
            else {
                unreachable!()
            };
            container.upsert(&item).await.unwrap();
        }
        let read = container.read("007", Some("ü \"1\"")).await.unwrap();
        assert!(read["n"] == 7 && read["_etag"].is_string(), "{way}: {read}");
        assert_eq!(container.read("007", Some("elsewhere")).await.unwrap_err(), Error::NotFound, "{way}");
        let parameters = vec![("@least".to_owned(), json!(10))];
        let query = "SELECT VALUE c.n FROM c WHERE c.n >= @least ORDER BY c.n DESC";
        let found = container.query(query, parameters.clone(), None).await.unwrap();
        assert_eq!(found, (10..250).rev().map(Value::from).collect::<Vec<_>>(), "{way}");
        assert_eq!(container.query(query, parameters, Some("elsewhere")).await.unwrap(), Vec::<Value>::new());
        let error = container.query("SELECT * FROM c WHERE", Vec::new(), None).await.unwrap_err();
        assert!(matches!(error, Error::Refused { status: 400, .. }), "{way}: {error:?}");
        let too_large = json!({"id": "1", "region": "x", "text": "x".repeat(3 << 20)});
        let error = container.upsert(too_large.as_object().unwrap()).await.unwrap_err();
        assert!(matches!(error, Error::Refused { status: 413, .. }), "{way}: {error:?}");
    }
    running.stop(&Log::discard()).await;
}

/// A key that opens nothing on a socket opens nothing without one.
#[tokio::test]
async fn a_wrong_document_key_is_refused_without_a_socket() {
    let store = store();
    let (accounts, running) = document_accounts(&store, "bm90IHRoZSBrZXk=").await;
    for (way, account) in accounts {
        let error = account.container("shop", "orders").await.unwrap_err();
        assert!(matches!(error, Error::Refused { status: 401, .. }), "{way}: {error:?}");
    }
    running.stop(&Log::discard()).await;
}

/// The `cosmosDB` bindings of a host take the way of its storage: no port is open here.
#[tokio::test]
async fn the_bindings_take_the_short_way() {
    let storage = Storage::with_store(Arc::new(InProcess::new(store(), vec![(Service::Documents, 8081)])));
    let reached = |url: &str| storage.in_process(&Url::parse(url).unwrap()).is_some();
    assert!(reached("https://localhost:8081/") && reached("http://127.0.0.1:8081/"));
    assert!(!reached("https://localhost:8082/") && !reached("https://me.documents.azure.com/"));
    let transport = storage.in_process(&Url::parse("https://localhost:8081/").unwrap()).unwrap();
    let unsigned = Request::new(Url::parse("https://localhost:8081/dbs").unwrap(), Method::Get);
    let answer = transport.execute_request(&unsigned).await.unwrap();
    assert_eq!(answer.status(), 401);
    let body: Vec<Bytes> = answer.into_body().try_collect().await.unwrap();
    assert!(String::from_utf8_lossy(&body.concat()).contains("Unauthorized"));
    assert!(Storage::new().in_process(&Url::parse("http://localhost:8081/").unwrap()).is_none());
}

/// Only what is served here is taken from the network: same port on another machine, another port on this one.
#[test]
fn other_addresses_are_the_networks() {
    let transport = InProcess::new(store(), vec![(Service::Queue, 10_001), (Service::Documents, 8081)]);
    let service = |url: &str| transport.service(&Url::parse(url).unwrap());
    assert_eq!(service("http://127.0.0.1:10001/devstoreaccount1/q"), Some(Service::Queue));
    assert_eq!(service("http://localhost:10001/devstoreaccount1/q"), Some(Service::Queue));
    assert_eq!(service("https://localhost:8081/dbs"), Some(Service::Documents));
    for url in [
        "http://127.0.0.1:10000/devstoreaccount1/c",
        "https://127.0.0.1:10001/devstoreaccount1/q",
        "http://10.0.0.1:10001/devstoreaccount1/q",
        "https://acct.queue.core.windows.net/q",
    ] {
        assert_eq!(service(url), None, "{url}");
    }
}

/// Who serves a part of the storage is said loudly, an emulator that serves all of it quietly.
#[test]
fn services_that_others_have_are_reported() {
    const ALL: [Service; 3] = [Service::Blob, Service::Queue, Service::Table];
    let folder = Choice::Folder("data".into());
    for (free, taken, choice, expected) in [
        (&ALL[..], &[][..], &Choice::Auto, None),
        (
            &[],
            &ALL[..],
            &Choice::Auto,
            Some((Level::Information, "is not needed: blobs on port 10000 is served by")),
        ),
        (
            &ALL[1..],
            &ALL[..1],
            &Choice::Auto,
            Some((Level::Warning, "serves a part only: blobs on port 10000")),
        ),
        (
            &ALL[..],
            &[Service::Documents],
            &Choice::Auto,
            Some((Level::Information, "documents on port 8081")),
        ),
        (&[], &ALL[..], &folder, Some((Level::Warning, "The data in data is not used"))),
    ] {
        let lines = Lines::default();
        report_taken(free, taken, choice, &Log::new(lines.clone()));
        let lines = lines.0.lock().unwrap();
        match expected {
            None => assert!(lines.is_empty(), "{lines:?}"),
            Some((level, text)) => assert!(lines[0].0 == level && lines[0].1.contains(text), "{lines:?}"),
        }
    }
}

/// An unset AzureWebJobsStorage means the embedded store; one that is set, as text or section, stays.
#[test]
fn the_app_gets_storage_where_it_has_none() {
    let with = |pairs: &[(&str, &str)], choice: &Choice| {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings = with_default_storage(Settings::from_pairs(pairs), choice);
        settings.text("AzureWebJobsStorage").map(str::to_owned)
    };
    assert_eq!(with(&[], &Choice::Auto).as_deref(), Some("UseDevelopmentStorage=true"));
    assert_eq!(
        with(&[("AzureWebJobsStorage", "")], &Choice::Auto).as_deref(),
        Some("UseDevelopmentStorage=true")
    );
    assert_eq!(with(&[("AzureWebJobsStorage", "x")], &Choice::Auto).as_deref(), Some("x"));
    assert_eq!(with(&[("AzureWebJobsStorage__accountName", "a")], &Choice::Auto), None);
    assert_eq!(with(&[], &Choice::Off), None);
}

/// A connection for an account that nobody gave the key of is said to be the reason why it will fail.
#[tokio::test]
async fn connections_for_unknown_accounts_are_named() {
    let settings = Settings::from_pairs([(
        "Photos".to_owned(),
        "AccountName=other;AccountKey=aHVudGVyMg==;BlobEndpoint=http://127.0.0.1:10000/other".to_owned(),
    )]);
    let keys = Keys::parse(Some("mine:c2VjcmV0"), None).unwrap();
    let lines = Lines::default();
    report_refused(&Plan::of(&settings, &keys), &[Service::Queue], &Log::new(lines.clone())).await;
    let lines = lines.0.lock().unwrap();
    assert!(lines[0].0 == Level::Warning && lines[0].1.contains("'Photos' names the account 'other'"));
    assert!(lines[0].1.contains("FUNC_STORAGE_ACCOUNTS") && !lines[0].1.contains("aHVudGVyMg"), "{lines:?}");
}

/// Settings that name no account stop the start, and say which setting it is and never what it holds.
#[tokio::test]
async fn malformed_accounts_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in [
        ("FUNC_STORAGE_ACCOUNTS", "hunter2"),
        ("FUNC_STORAGE_ACCOUNTS", "mine:hunter2!"),
        ("FUNC_STORAGE_ACCOUNTS", "My_Account:aHVudGVyMg=="),
        ("FUNC_STORAGE_DOCUMENT_KEY", "hunter2!"),
    ] {
        let settings = Settings::from_pairs([(name.to_owned(), value.to_owned())]);
        let started = Embedded::start(&settings, &Choice::Auto, folder.path(), &Log::discard()).await;
        let message = started.unwrap_err().message;
        assert!(message.contains(name), "{message}");
        assert!(!message.contains("hunter2") && !message.contains("aHVudGVyMg"), "{message}");
    }
}

/// A data folder that another store holds is named together with its holder.
#[test]
fn a_held_folder_names_its_holder() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(horus_storage::Options::in_folder(folder.path())).unwrap();
    let error = open(horus_storage::Options::in_folder(folder.path())).unwrap_err();
    assert!(error.message.contains(&format!("process {}", std::process::id())), "{}", error.message);
    assert!(error.message.contains(folder.path().to_str().unwrap()));
}
