//! The embedded store beside the app: started when the app's settings point at the well-known local endpoints and
//! nothing else listens there.

mod keys;
mod plan;
mod running;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use horus_app::log::category::STARTUP;
use horus_app::log::{Level, Log};
use horus_app::settings::Settings;
use horus_bindings::storage::Storage;
use horus_in_process::InProcess;
use horus_storage::documents::Tls;
use horus_storage::{Service, Store};
use tokio::net::{TcpListener, TcpStream};

pub(crate) use keys::{ACCOUNTS, DOCUMENT_KEY, Keys};
pub(crate) use plan::{Choice, Plan};
pub(crate) use running::{Running, Sockets, usual_address};

use crate::commands::Failed;
use crate::{port, tls};

/// The store of this process, while it runs.
#[derive(Debug, Default)]
pub(crate) struct Embedded {
    /// Storage services that reach it without a socket; over the network when there is no store.
    pub(crate) storage: Storage,
    /// File of the certificate that documents are served with over HTTPS, where they are.
    pub(crate) certificate: Option<PathBuf>,
    running: Option<(Running, Log)>,
}

impl Embedded {
    /// Opens the store of the app in `root` and serves what its settings ask for, where nobody else does. Does nothing
    /// when nothing is asked for.
    ///
    /// # Errors
    /// When the settings name accounts that cannot be, or the store cannot be opened.
    pub(crate) async fn start(
        settings: &Settings,
        choice: &Choice,
        root: &Path,
        log: &Log,
    ) -> Result<Self, Failed> {
        let keys = Keys::of(settings)?;
        let plan = Plan::of(settings, &keys);
        let wanted: Vec<Service> = plan.services().collect();
        if *choice == Choice::Off {
            warn_of_silence(&wanted, log).await;
            return Ok(Self::default());
        }
        let (mut free, mut taken) = (Vec::new(), Vec::new());
        let mut sockets = Sockets::default();
        for service in wanted {
            // Somebody listens there: an emulator, or another app's store. That one is the one to use.
            match TcpListener::bind(usual_address(service)).await {
                Ok(listener) => {
                    sockets = sockets.holding(service, listener);
                    free.push(service);
                }
                Err(_) => taken.push(service),
            }
        }
        report_taken(&free, &taken, choice, log);
        report_refused(&plan, &free, log).await;
        if free.is_empty() {
            return Ok(Self::default());
        }
        let folder = folder(root, choice);
        let keys = keys.beside(&plan);
        let store = open(keys.admitted_to(horus_storage::Options::in_folder(&folder)))?;
        let served: Vec<(Service, u16)> =
            free.iter().map(|service| (*service, service.usual_port())).collect();
        let transport = InProcess::new(store.clone(), served);
        let names: Vec<String> = free.iter().map(|service| place(*service)).collect();
        log.info(STARTUP, format!("Embedded store in {} ({})", folder.display(), names.join(", ")));
        let (tls, certificate) = match free.contains(&Service::Documents) {
            true => secure(root, log),
            false => (None, None),
        };
        Ok(Self {
            storage: Storage::with_store(Arc::new(transport)),
            certificate,
            running: Some((Running::serve(store, sockets, tls), log.clone())),
        })
    }

    /// Lets open requests finish and closes the store.
    pub(crate) async fn stop(self) {
        if let Some((running, log)) = self.running {
            running.stop(&log).await;
        }
    }
}

/// What to serve documents with over HTTPS, and the file of the certificate. Without one they go on over HTTP.
fn secure(root: &Path, log: &Log) -> (Option<Tls>, Option<PathBuf>) {
    match tls::own(&certificates(root)) {
        Ok(own) => {
            let port = Service::Documents.usual_port();
            let file = own.file.as_deref().map(Path::to_string_lossy).unwrap_or_default();
            log.info(
                STARTUP,
                format!("Documents are at https://localhost:{port}/ too, with the certificate in {file}"),
            );
            (Some(Tls::new(own.config)), own.file)
        }
        Err(error) => {
            log.warning(STARTUP, format!("Documents are served over HTTP only. {}", error.message));
            (None, None)
        }
    }
}

/// Warns of connections that the store refuses, where that is why they will fail.
async fn report_refused(plan: &Plan, ours: &[Service], log: &Log) {
    if plan.refused.is_empty() {
        return;
    }
    // Somebody else may well know them.
    if !ours.contains(&Service::Queue) && TcpStream::connect(usual_address(Service::Queue)).await.is_ok() {
        return;
    }
    for plan::Refused { setting, account, is_known } in &plan.refused {
        let why = match is_known {
            true => format!(
                "has another key for the account '{account}' than the embedded store: use the one in {ACCOUNTS}."
            ),
            false => format!(
                "names the account '{account}' on this machine, which the embedded store does not know. Add {account}:KEY to {ACCOUNTS}."
            ),
        };
        log.warning(STARTUP, format!("Setting '{setting}' {why}"));
    }
}

/// Says who serves what the embedded store does not, as loudly as it may surprise.
fn report_taken(free: &[Service], taken: &[Service], choice: &Choice, log: &Log) {
    if taken.is_empty() {
        return;
    }
    let name = |service: &Service| match port::holder(service.usual_port()) {
        Some(holder) => format!("{} is served by {holder}", place(*service)),
        None => format!("{} is served by another process", place(*service)),
    };
    // Looking through all processes takes long enough to be seen at a start: only for a line that is shown.
    let theirs = || taken.iter().map(name).collect::<Vec<_>>().join(", ");
    let is_storage = |service: &Service| *service != Service::Documents;
    match choice {
        Choice::Folder(folder) => log.warning(
            STARTUP,
            format!(
                "The data in {} is not used for everything: {}. Stop it to use this store.",
                folder.display(),
                theirs()
            ),
        ),
        // One half here and one half there is hardly what anybody wants.
        _ if free.iter().any(is_storage) && taken.iter().any(is_storage) => log.warning(
            STARTUP,
            format!(
                "The embedded store serves a part only: {}. If that is not a storage emulator, stop it.",
                theirs()
            ),
        ),
        _ if log.accepts(STARTUP, Level::Information) => {
            log.info(STARTUP, format!("The embedded store is not needed: {}.", theirs()));
        }
        _ => {}
    }
}

/// With `--storage off`: says, once, which of the services that the app needs nobody serves.
async fn warn_of_silence(wanted: &[Service], log: &Log) {
    let mut silent = Vec::new();
    for service in wanted {
        if TcpStream::connect(usual_address(*service)).await.is_err() {
            silent.push(place(*service));
        }
    }
    if !silent.is_empty() {
        log.warning(
            STARTUP,
            format!(
                "The app's settings point at local services where nothing listens: {}. Start an emulator, or leave out `--storage off` to use the embedded store.",
                silent.join(", ")
            ),
        );
    }
}

/// Opens a store, or says why not and what helps.
pub(crate) fn open(options: horus_storage::Options) -> Result<Store, Failed> {
    Store::open(options).map_err(|error| {
        Failed::new(format!("The embedded store cannot be opened: {error}")).hint(
            "`func start --storage off` runs without it, `--storage DIR` with another data folder; for `func storage` that is `--data DIR`.",
        )
    })
}

fn place(service: Service) -> String {
    format!("{} on port {}", name(service), service.usual_port())
}

/// What people call what the service keeps.
pub(crate) fn name(service: Service) -> &'static str {
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

/// Where the certificate of the machine is kept for the app in `root`.
pub(crate) fn certificates(root: &Path) -> PathBuf {
    root.join(".func").join("https")
}

/// Keeps what lies in `.func` below `root` out of version control. A folder that cannot be written stays without.
pub(crate) fn ignore_in_git(root: &Path) {
    let folder = root.join(".func");
    let file = folder.join(".gitignore");
    if !file.exists() && std::fs::create_dir_all(&folder).is_ok() {
        let _ = std::fs::write(file, "# Local data of func: the embedded store, keys, certificates.\n*\n");
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
