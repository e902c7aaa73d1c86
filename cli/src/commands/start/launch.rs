//! From options and local.settings.json to what the host is started with.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use horus_app::local_settings::LocalSettings;
use horus_host::Cors;

use crate::args::Given;
use crate::commands::{Failed, folder};
use crate::console::JsonOutput;
use crate::store;
use crate::tls::{self, Served};

/// The platform's default port.
const DEFAULT_PORT: u16 = 7071;

/// The app's root.
pub(super) fn find_root(given: &Given) -> Result<PathBuf, Failed> {
    folder::app_root(&folder::given(given)?).ok_or_else(|| {
        Failed::new("Unable to find project root. Expecting to find one of host.json, local.settings.json in project root.")
            .hint("Run `func start` in the folder of your app, or name it with --script-root.")
    })
}

/// Where to listen.
pub(super) fn listen_address(given: &Given, local: &LocalSettings) -> Result<SocketAddr, Failed> {
    let port = match given.value("port") {
        Some(text) => text.parse().map_err(|_| {
            Failed::new(format!("Invalid --port value '{text}'. Expected a number from 0 to 65535."))
        })?,
        None => local.host.port.unwrap_or(DEFAULT_PORT),
    };
    let address = match given.value("address").or(local.host.address.as_deref()) {
        Some(text) => text.parse::<IpAddr>().map_err(|_| {
            Failed::new(format!(
                "Invalid --address value '{text}'. Expected an IP address, for example 127.0.0.1 or 0.0.0.0."
            ))
        })?,
        None => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    Ok(SocketAddr::new(address, port))
}

/// Cross-origin rules, where there are any.
pub(super) fn cors(given: &Given, local: &LocalSettings) -> Result<Option<Cors>, Failed> {
    let origins: Vec<String> = match given.value("cors") {
        Some(origins) => origins.split(',').map(|origin| origin.trim().to_owned()).collect(),
        None => local.host.cors.clone(),
    };
    let credentials = given.flag("cors-credentials")?.unwrap_or(local.host.cors_credentials);
    let origins: Vec<String> = origins.into_iter().filter(|origin| !origin.is_empty()).collect();
    Ok((!origins.is_empty()).then_some(Cors { origins, credentials }))
}

/// What to serve HTTPS with, when that is asked for.
pub(super) fn tls(given: &Given, root: &Path) -> Result<Option<Served>, Failed> {
    if given.flag("useHttps")? != Some(true) {
        return match given.value("cert").or(given.value("password")) {
            None => Ok(None),
            Some(_) => Err(Failed::new("--cert and --password have no effect without --useHttps.")),
        };
    }
    let cert = given.value("cert").map(Path::new);
    tls::serve_with(cert, given.value("password"), &store::certificates(root)).map(Some)
}

/// Where lines for tools go.
pub(super) fn json_output(given: &Given, root: &Path) -> Result<JsonOutput, Failed> {
    let Some(path) = given.value("json-output-file") else { return Ok(JsonOutput::Stdout) };
    let file = File::options()
        .create(true)
        .append(true)
        .open(root.join(path))
        .map_err(|error| Failed::new(format!("--json-output-file {path}: {error}")))?;
    Ok(JsonOutput::File(file))
}

/// `--runtime` chooses between the hosts of .NET in-process apps, of which there are none here.
pub(super) fn check_runtime(given: &Given) -> Result<(), Failed> {
    let Some(runtime) = given.value("runtime") else { return Ok(()) };
    match runtime.to_ascii_lowercase().as_str() {
        "default" => Ok(()),
        "inproc6" | "inproc8" => Err(Failed::new(format!(
            "--runtime {runtime} is for .NET in-process apps, which Horus does not run. Use the isolated worker model, and leave --runtime out."
        ))),
        _ => Err(Failed::new(format!(
            "Invalid --runtime value '{runtime}'. Expected inproc6, inproc8 or default."
        ))),
    }
}

/// Where built-in workers are laid out: the user's cache folder, or a temporary one.
pub(super) fn worker_cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    base.join("horus").join("workers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::start::KNOWN;

    fn given(line: &str) -> Given {
        let tokens: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Given::parse(&tokens, KNOWN).unwrap()
    }

    /// cli.md items 45 and 47.
    #[test]
    fn c45_c47_the_option_beats_the_file_and_the_file_the_default() {
        let mut local = LocalSettings::default();
        let address =
            |line: &str, local: &LocalSettings| listen_address(&given(line), local).map(|a| a.to_string());
        assert_eq!(address("", &local).unwrap(), "127.0.0.1:7071");
        local.host.port = Some(7075);
        local.host.address = Some("0.0.0.0".into());
        assert_eq!(address("", &local).unwrap(), "0.0.0.0:7075");
        assert_eq!(address("-p 80 --address ::1", &local).unwrap(), "[::1]:80");
        let error = address("--address here", &local).unwrap_err().message;
        assert_eq!(
            error,
            "Invalid --address value 'here'. Expected an IP address, for example 127.0.0.1 or 0.0.0.0."
        );
        assert!(address("--port many", &local).unwrap_err().message.contains("'many'"));
    }

    /// cli.md §1.4 `--cors`, `--cors-credentials`.
    #[test]
    fn origins_come_from_the_option_or_the_file() {
        let mut local = LocalSettings::default();
        assert_eq!(cors(&given("--cors-credentials"), &local).unwrap(), None);
        local.host.cors = vec!["https://file".into()];
        let one = |origins: &[&str], credentials| {
            Some(Cors { origins: origins.iter().map(|o| (*o).to_owned()).collect(), credentials })
        };
        assert_eq!(cors(&given(""), &local).unwrap(), one(&["https://file"], false));
        let options = given("--cors https://a,,https://b --cors-credentials");
        assert_eq!(cors(&options, &local).unwrap(), one(&["https://a", "https://b"], true));
    }

    /// cli.md §1.4 `--runtime`.
    #[test]
    fn there_is_one_runtime() {
        assert!(check_runtime(&given("--runtime Default")).is_ok());
        let error = |line| check_runtime(&given(line)).unwrap_err().message;
        assert!(error("--runtime inproc8").contains("isolated worker model"));
        assert!(error("--runtime fast").contains("Expected inproc6, inproc8 or default"));
    }
}
