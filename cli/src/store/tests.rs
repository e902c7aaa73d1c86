use std::sync::Mutex;

use azure_core::http::{HttpClient as _, Method, Request, Url};
use bytes::Bytes;
use futures::TryStreamExt as _;
use horus_app::connection::{Connection, ConnectionString};
use horus_app::log::{Level, Record, Sink};

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

fn store() -> (Store, Documents) {
    let store = Store::open(horus_storage::Options::in_memory()).unwrap();
    let documents = Documents::new(store.engine().clone(), documents::Options::default());
    (store, documents)
}

/// Issue: the clients of the bindings work without a socket, and a service that is not the store's stays alone.
#[tokio::test]
async fn clients_reach_the_store_without_a_socket() {
    let (store, documents) = store();
    // Nothing listens on these ports here, or somebody else does: no request may go there.
    let served = vec![(Service::Queue, 10_001), (Service::Blob, 10_000)];
    let storage = Storage::with_transport(Arc::new(InProcess::new(store, documents, served)));
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

/// Documents go the same way, and faults come back as the service's answers.
#[tokio::test]
async fn documents_answer_without_a_socket() {
    let (store, documents) = store();
    let transport = InProcess::new(store, documents, vec![(Service::Documents, 4711)]);
    let mut create = Request::new(Url::parse("http://localhost:4711/dbs").unwrap(), Method::Post);
    create.set_body(r#"{"id": "shop"}"#);
    assert_eq!(transport.execute_request(&create).await.unwrap().status(), 201);
    let missing = Request::new(Url::parse("http://127.0.0.1:4711/dbs/none").unwrap(), Method::Get);
    let answer = transport.execute_request(&missing).await.unwrap();
    assert_eq!(answer.status(), 404);
    let body: Vec<Bytes> = answer.into_body().try_collect().await.unwrap();
    assert!(String::from_utf8_lossy(&body.concat()).contains("NotFound"));
}

/// Only what is served here is taken from the network: same port on another machine, another port on this one.
#[test]
fn other_addresses_are_the_networks() {
    let (store, documents) = store();
    let transport = InProcess::new(store, documents, vec![(Service::Queue, 10_001)]);
    let service = |url: &str| transport.service(&Request::new(Url::parse(url).unwrap(), Method::Get));
    assert_eq!(service("http://127.0.0.1:10001/devstoreaccount1/q"), Some(Service::Queue));
    assert_eq!(service("http://localhost:10001/devstoreaccount1/q"), Some(Service::Queue));
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

/// A data folder that another store holds is named together with its holder.
#[test]
fn a_held_folder_names_its_holder() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(horus_storage::Options::in_folder(folder.path())).unwrap();
    let error = open(horus_storage::Options::in_folder(folder.path())).unwrap_err();
    assert!(error.message.contains(&format!("process {}", std::process::id())), "{}", error.message);
    assert!(error.message.contains(folder.path().to_str().unwrap()));
}
