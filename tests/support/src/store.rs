//! The embedded store on sockets, in a thread of the test: what the emulators are compared with.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;

use horus_storage::documents::{self, WELL_KNOWN_KEY};
use horus_storage::{Listeners, Options, Service, Store};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::azurite::storage_connection_string;

/// A running store on ports of its own. Ends with its value.
#[derive(Debug)]
pub struct EmbeddedStore {
    /// Ports of blobs, queues, tables and documents.
    ports: [u16; 4],
    /// Where it keeps its data; `None` is in memory.
    folder: Option<TempDir>,
    end: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedStore {
    /// One that forgets everything when it ends.
    pub fn in_memory() -> Self {
        Self::start(None)
    }

    /// One that can be stopped and started again with its data.
    pub fn on_disk() -> Self {
        Self::start(Some(tempfile::tempdir().expect("a temporary folder")))
    }

    fn start(folder: Option<TempDir>) -> Self {
        let mut store = Self { ports: [0; 4], folder, end: CancellationToken::new(), thread: None };
        store.start_again();
        store
    }

    /// Connection string with explicit endpoints for blobs, queues and tables.
    pub fn connection_string(&self) -> String {
        let [blob, queue, table, _] = self.ports;
        storage_connection_string([blob, queue, table])
    }

    /// Connection string for documents.
    pub fn document_connection_string(&self) -> String {
        format!("AccountEndpoint=http://127.0.0.1:{}/;AccountKey={WELL_KNOWN_KEY};", self.ports[3])
    }

    /// Ends it in order; the ports are used again by [`EmbeddedStore::start_again`].
    pub fn stop(&mut self) {
        self.end.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the store ends well");
        }
    }

    /// Starts it on its ports, with its data if it is on disk.
    pub fn start_again(&mut self) {
        self.stop();
        self.end = CancellationToken::new();
        let options = match &self.folder {
            Some(folder) => Options::in_folder(folder.path()),
            None => Options::in_memory(),
        };
        let (ready, ports) = std::sync::mpsc::channel();
        let (end, wanted) = (self.end.clone(), self.ports);
        // A thread and a runtime of its own: it serves whatever the test does with its clock.
        self.thread = Some(std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime for the store");
            runtime.block_on(serve(options, wanted, ready, end));
        }));
        self.ports = ports.recv().expect("the store starts");
    }
}

async fn serve(
    options: Options,
    wanted: [u16; 4],
    ready: std::sync::mpsc::Sender<[u16; 4]>,
    end: CancellationToken,
) {
    let store = Store::open(options).expect("the store opens");
    let mut listeners = Listeners::none();
    let mut ports = wanted;
    for (port, service) in ports.iter_mut().zip([Service::Blob, Service::Queue, Service::Table]) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
        listeners = listeners.with(service, address).await.expect("a free port");
        *port = listeners.address(service).expect("a bound socket has an address").port();
    }
    let documents = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted[3])).await.expect("a free port");
    ports[3] = documents.local_addr().expect("a bound socket has an address").port();
    ready.send(ports).expect("the test waits for the ports");
    let (storage, documents) = tokio::join!(
        store.serve(listeners, end.cancelled()),
        documents::serve(store.documents().clone(), documents, None, end.clone()),
    );
    storage.expect("blobs, queues and tables are served");
    documents.expect("documents are served");
    store.close().await;
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.end.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
