//! The embedded store beside the app: started when the app's settings point at the well-known local endpoints and
//! nothing else listens there.

mod plan;
mod transport;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use horus_app::log::Log;
use horus_app::log::category::STARTUP;
use horus_app::settings::Settings;
use horus_bindings::storage::Storage;
use horus_storage::documents::{self, Documents};
use horus_storage::{Listeners, Service, Store};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use plan::{Choice, Plan};

use crate::commands::Failed;

/// The store of this process, while it runs.
#[derive(Debug, Default)]
pub(crate) struct Embedded {
    /// Storage services that reach it without a socket; over the network when there is no store.
    pub(crate) storage: Storage,
    store: Option<Store>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Embedded {
    /// Opens the store and serves what `plan` asks for. Does nothing when it asks for nothing.
    pub(crate) async fn start(plan: &Plan, folder: &Path, log: &Log) -> Result<Self, Failed> {
        let loopback = |service: Service| SocketAddr::from((Ipv4Addr::LOCALHOST, service.usual_port()));
        let mut listeners = Listeners::none();
        let mut services = Vec::new();
        if plan.storage {
            for service in [Service::Blob, Service::Queue, Service::Table] {
                match listeners.with(service, loopback(service)).await {
                    Ok(more) => listeners = more,
                    // Somebody listens there: an emulator that the user started is the one to use.
                    Err(error) => {
                        log.debug(STARTUP, || format!("The embedded store leaves storage alone: {error}"));
                        listeners = Listeners::none();
                        services.clear();
                        break;
                    }
                }
                services.push(service);
            }
        }
        let documents_listener = match plan.documents {
            true => TcpListener::bind(loopback(Service::Documents)).await.ok(),
            false => None,
        };
        if services.is_empty() && documents_listener.is_none() {
            return Ok(Self::default());
        }
        let store = open(folder)?;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        if let Some(listener) = documents_listener {
            let documents = Documents::new(store.engine().clone(), documents::Options::default());
            let (stop, log) = (stop.clone(), log.clone());
            tasks.spawn(async move {
                if let Err(error) = documents::serve(documents, listener, stop).await {
                    log.error(STARTUP, format!("The embedded document store has stopped: {error}"));
                }
            });
            services.push(Service::Documents);
        }
        let storage = match services.contains(&Service::Queue) {
            true => Storage::with_transport(Arc::new(transport::InProcess::new(store.clone()))),
            false => Storage::new(),
        };
        let (serving, stopped, problems) = (store.clone(), stop.clone(), log.clone());
        tasks.spawn(async move {
            if let Err(error) = serving.serve(listeners, stopped.cancelled_owned()).await {
                problems.error(STARTUP, format!("The embedded store has stopped: {error}"));
            }
        });
        let names: Vec<String> =
            services.iter().map(|service| format!("{}:{}", name(*service), service.usual_port())).collect();
        log.info(STARTUP, format!("Embedded store in {} ({})", folder.display(), names.join(", ")));
        Ok(Self { storage, store: Some(store), tasks, stop })
    }

    /// Lets open requests finish and closes the store.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        if let Some(store) = self.store {
            store.close().await;
        }
    }
}

fn open(folder: &Path) -> Result<Store, Failed> {
    Store::open(horus_storage::Options::in_folder(folder)).map_err(|error| {
        Failed::new(format!("The embedded store cannot be opened: {error}"))
            .hint("Use `--storage off` to run without it, or `--storage DIR` for another data folder.")
    })
}

fn name(service: Service) -> &'static str {
    match service {
        Service::Blob => "blobs",
        Service::Queue => "queues",
        Service::Table => "tables",
        Service::Documents => "documents",
    }
}

/// Where the store of the app in `root` keeps its data; the folder is ignored by git.
pub(crate) fn folder(root: &Path, choice: &Choice) -> PathBuf {
    match choice {
        Choice::Folder(folder) => folder.clone(),
        Choice::Auto | Choice::Off => root.join(".func").join("store"),
    }
}

/// Settings with `AzureWebJobsStorage` pointing at the store, where the app has none.
pub(crate) fn with_default_storage(settings: Settings, choice: &Choice) -> Settings {
    const NAME: &str = "AzureWebJobsStorage";
    let has_none = settings.text(NAME).is_none() && settings.section(NAME).is_empty();
    match choice {
        Choice::Off => settings,
        Choice::Auto | Choice::Folder(_) if has_none => settings.with(NAME, "UseDevelopmentStorage=true"),
        Choice::Auto | Choice::Folder(_) => settings,
    }
}
