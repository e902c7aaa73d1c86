//! Options of `func storage`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use horus_app::local_settings::{self, LocalSettings};
use horus_app::settings::Settings;
use horus_storage::Service;

use crate::args::{Given, Known, Takes};
use crate::commands::{Failed, folder};
use crate::store::{self, Choice};

const fn known(long: &'static str, takes: Takes, help: &'static str) -> Known {
    Known { long, short: None, takes, help }
}

/// What `func storage` and its verbs take.
pub(super) const KNOWN: &[Known] = &[
    known("address", Takes::Value, "IP address of the store. Default: 127.0.0.1"),
    known("blob-port", Takes::Value, "Port of blobs; 0 picks a free one. Default: 10000"),
    known("queue-port", Takes::Value, "Port of queues. Default: 10001"),
    known("table-port", Takes::Value, "Port of tables. Default: 10002"),
    known("document-port", Takes::Value, "Port of documents. Default: 8081"),
    known("data", Takes::Value, "Data folder. Default: .func/store of the app, or of this folder"),
    known("in-memory", Takes::Flag, "Keep nothing on disk"),
    known("count", Takes::Value, "queue peek: how many messages, 1 to 32. Default: 32"),
    known(
        "encoding",
        Takes::Value,
        "queue put, peek: base64 or none. Default: what host.json says, else base64",
    ),
    known("create", Takes::Value, "document put: partition key path of the container to make, e.g. /id"),
    known("script-root", Takes::Value, "Folder of the app. Default: the current one"),
    known("prefix", Takes::Value, "Same as --script-root"),
];

/// `--address`.
pub(super) fn address(given: &Given) -> Result<IpAddr, Failed> {
    match given.value("address") {
        None => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Some(text) => text.parse().map_err(|_| {
            Failed::new(format!(
                "Invalid --address value '{text}'. Expected an IP address, for example 127.0.0.1 or 0.0.0.0."
            ))
        }),
    }
}

/// The port of `service`.
pub(super) fn port(given: &Given, service: Service) -> Result<u16, Failed> {
    let option = match service {
        Service::Blob => "blob-port",
        Service::Queue => "queue-port",
        Service::Table => "table-port",
        Service::Documents => "document-port",
    };
    match given.value(option) {
        None => Ok(service.usual_port()),
        Some(text) => text.parse().map_err(|_| {
            Failed::new(format!("Invalid --{option} value '{text}'. Expected a number from 0 to 65535."))
        }),
    }
}

/// `--data`, else the folder that `func start` uses here.
pub(super) fn data(given: &Given) -> Result<PathBuf, Failed> {
    if let Some(folder) = given.value("data") {
        return Ok(folder.into());
    }
    Ok(store::folder(&home(given)?, &Choice::Auto))
}

/// The folder that `.func` is in: the root of the app, or the current folder.
pub(super) fn home(given: &Given) -> Result<PathBuf, Failed> {
    let here = folder::given(given)?;
    Ok(folder::app_root(&here).unwrap_or(here))
}

/// Settings of the app that the command is called in, below those of the environment. An app whose settings cannot be
/// read has none here: its store can be looked into all the same.
pub(super) fn settings(given: &Given) -> Result<Settings, Failed> {
    let environment = Settings::from_env();
    Ok(match LocalSettings::load(&home(given)?) {
        Ok(local) => local_settings::merge(&local, &environment).0,
        Err(_) => environment,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(line: &str) -> Given {
        let tokens: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Given::parse(&tokens, KNOWN).unwrap()
    }

    #[test]
    fn ports_and_addresses_are_the_usual_ones_unless_given() {
        let one = given("--queue-port 11 --address ::1");
        assert_eq!(port(&one, Service::Queue).unwrap(), 11);
        assert_eq!(port(&one, Service::Documents).unwrap(), 8081);
        assert_eq!(address(&one).unwrap().to_string(), "::1");
        assert!(port(&given("--blob-port x"), Service::Blob).unwrap_err().message.contains("--blob-port"));
        assert!(address(&given("--address x")).is_err());
    }

    /// Verbs find the store of the app they are called in, from any folder of it.
    #[test]
    fn the_data_folder_is_the_apps() {
        let root = tempfile::tempdir().unwrap();
        let below = root.path().join("src");
        std::fs::create_dir(&below).unwrap();
        std::fs::write(root.path().join("host.json"), "{}").unwrap();
        let line = format!("--script-root {}", below.display());
        assert_eq!(data(&given(&line)).unwrap(), root.path().canonicalize().unwrap().join(".func/store"));
        assert_eq!(data(&given("--data d")).unwrap(), PathBuf::from("d"));
        assert!(data(&given("--script-root /nowhere")).unwrap_err().message.contains("doesn't exist."));
    }
}
