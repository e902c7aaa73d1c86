//! `func storage`: runs the store alone until it is told to stop.

use std::net::SocketAddr;

use horus_app::log::Log;
use horus_storage::documents::{Tls, WELL_KNOWN_KEY};
use horus_storage::{Options, ServeError, Service};

use super::{eprint_hint, options, say};
use crate::args::Given;
use crate::commands::Failed;
use crate::port;
use crate::store::{self, ACCOUNTS, DOCUMENT_KEY, Keys, Plan, Running, Sockets};
use crate::tls;

/// Serves until Ctrl+C or SIGTERM, then lets open requests finish.
pub(super) async fn run(given: &Given) -> Result<(), Failed> {
    let address = options::address(given)?;
    let settings = options::settings(given)?;
    let mut keys = Keys::of(&settings)?;
    if address.is_loopback() {
        keys = keys.clone().beside(&Plan::of(&settings, &keys));
    }
    if !address.is_loopback() && (keys.is_well_known || keys.documents_are_well_known) {
        return Err(Failed::new(format!(
            "Refusing to listen on {address} with the emulators' well-known keys, which protect nothing beyond this machine."
        ))
        .hint(format!("Set {ACCOUNTS}=NAME:KEY and {DOCUMENT_KEY}=KEY (base64 keys of your own), or listen on 127.0.0.1.")));
    }
    // Sockets first, so that a clash shows before any data is touched.
    let mut sockets = Sockets::default();
    for service in Service::ALL {
        let socket = SocketAddr::new(address, options::port(given, service)?);
        sockets = sockets.with(service, socket).await.map_err(|error| taken(&error))?;
    }
    let is_in_memory = given.flag("in-memory")? == Some(true);
    let (store_options, place) = match is_in_memory {
        true if given.value("data").is_some() => {
            return Err(Failed::new("--data and --in-memory exclude each other."));
        }
        true => (Options::in_memory(), "memory; it ends with this process".to_owned()),
        false => {
            let folder = options::data(given)?;
            let place = folder.display().to_string();
            (Options::in_folder(folder), place)
        }
    };
    let store = store::open(keys.admitted_to(store_options))?;
    let home = options::home(given)?;
    let certificates = store::certificates(&home);
    let certificate = match is_in_memory {
        true => tls::own_or_improvised(&certificates),
        false => {
            store::ignore_in_git(&home);
            tls::own(&certificates)
        }
    };
    let (tls, secure) = match certificate {
        Ok(own) => {
            let what =
                own.file.map_or("a certificate of this run".to_owned(), |file| file.display().to_string());
            (Some(Tls::new(own.config)), format!("HTTPS as well, with {what}"))
        }
        Err(error) => (None, format!("without HTTPS: {}", error.message)),
    };
    say(&format!("Embedded store in {place}\n\n{}", overview(&sockets, &keys, &secure)))?;
    let mut running = Running::serve(store, sockets, tls);
    let failure = tokio::select! {
        problem = running.failed() => Some(problem),
        () = told_to_stop() => None,
    };
    eprint_hint("Stopping; open requests may finish.");
    let log = Log::discard();
    tokio::select! {
        () = running.stop(&log) => {}
        // A second signal ends it at once; whatever was acknowledged is on disk.
        () = told_to_stop() => {}
    }
    match failure {
        None => Ok(()),
        Some(problem) => Err(Failed::new(format!("The store has stopped: {problem}"))),
    }
}

fn taken(error: &ServeError) -> Failed {
    let failed = Failed::new(format!("The store {error}"));
    let ServeError::Bind { address, service, .. } = error else { return failed };
    let other = format!("choose another port with --{}-port", option(*service));
    match port::holder(address.port()) {
        Some(holder) => failed.hint(format!("The port is held by {holder}: stop it, or {other}.")),
        None => failed.hint(format!("Free the port, or {other}.")),
    }
}

fn option(service: Service) -> &'static str {
    match service {
        Service::Blob => "blob",
        Service::Queue => "queue",
        Service::Table => "table",
        Service::Documents => "document",
    }
}

/// Endpoints, and connection strings to paste into local.settings.json.
fn overview(sockets: &Sockets, keys: &Keys, secure: &str) -> String {
    let at = |service| sockets.address(service).map(|address| address.to_string()).unwrap_or_default();
    let account = keys.account.name();
    let mut text = String::new();
    for service in Service::ALL {
        let path = if service == Service::Documents { "" } else { account };
        let remark = if service == Service::Documents { format!("  ({secure})") } else { String::new() };
        text.push_str(&format!("  {:<10} http://{}/{path}{remark}\n", store::name(service), at(service)));
    }
    let is_usual = [Service::Blob, Service::Queue, Service::Table]
        .iter()
        .all(|service| sockets.address(*service) == Some(store::usual_address(*service)));
    let storage = match keys.is_well_known && is_usual {
        true => "UseDevelopmentStorage=true".to_owned(),
        false => format!(
            "DefaultEndpointsProtocol=http;AccountName={account};AccountKey={};BlobEndpoint=http://{}/{account};QueueEndpoint=http://{}/{account};TableEndpoint=http://{}/{account}",
            if keys.is_well_known { EMULATOR_KEY } else { HIDDEN },
            at(Service::Blob),
            at(Service::Queue),
            at(Service::Table),
        ),
    };
    let key = if keys.documents_are_well_known { WELL_KNOWN_KEY } else { HIDDEN };
    text.push_str(&format!(
        "\nConnection strings:\n\n  storage    {storage}\n  documents  AccountEndpoint=http://{}/;AccountKey={key};\n\nPress Ctrl+C to stop.",
        at(Service::Documents)
    ));
    text
}

/// Instead of a key that is somebody's secret.
const HIDDEN: &str = "<your key>";
/// Key of the emulators' account: public, the same everywhere
/// (<https://learn.microsoft.com/azure/storage/common/storage-use-azurite>).
const EMULATOR_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Resolves with the next Ctrl+C or SIGTERM.
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}
