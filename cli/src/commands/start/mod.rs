//! `func start` (= `func host start`): runs the app in this folder (spec cli.md §4).

mod checks;
mod listing;
mod port;
mod services;
mod settings;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use horus_app::local_settings::LocalSettings;
use horus_app::log::{Level, Log};
use horus_bindings::Drain;
use horus_host::{Auth, Cors, Exit, Handle, Host, Options, State};

use super::{Failed, help, version};
use crate::args::{Given, Known, Takes};
use crate::console::{Console, Filter, FilterOptions, JsonOutput, Style};
use crate::store::{self, Choice, Embedded, Plan};

const fn known(long: &'static str, short: Option<char>, takes: Takes, help: &'static str) -> Known {
    Known { long, short, takes, help }
}

/// Options of `func start` (spec cli.md §1.4). Those that mean nothing here are accepted, since editors pass them.
pub(crate) const KNOWN: &[Known] = &[
    known("port", Some('p'), Takes::Value, "Local port to listen on. Default: 7071"),
    known("address", None, Takes::Value, "IP address to listen on. Default: 127.0.0.1"),
    known(
        "cors",
        None,
        Takes::Value,
        "A comma separated list of CORS origins. Example: https://a.example,https://b.example",
    ),
    known(
        "cors-credentials",
        None,
        Takes::Flag,
        "Allow cross-origin authenticated requests (cookies, Authorization)",
    ),
    known("enableAuth", None, Takes::Flag, "Check keys as a deployed app does"),
    known("functions", None, Takes::List, "Space separated functions to load; all others are left out"),
    known(
        "language-worker",
        None,
        Takes::Value,
        "Arguments for the language worker, e.g. --language-worker \"--inspect=9229\"",
    ),
    known(
        "user-log-level",
        None,
        Takes::Value,
        "Level of function logs: Trace, Debug, Information, Warning, Error, Critical, None",
    ),
    known("verbose", None, Takes::Flag, "Show the host's own logs as well"),
    known("enable-json-output", None, Takes::Flag, "Print lines that start with azfuncjsonlog: for tools"),
    known("json-output-file", None, Takes::Value, "Append those lines to this file instead"),
    known("storage", None, Takes::Value, "Embedded store: auto (default), off, or the folder of its data"),
    known("script-root", None, Takes::Value, "Folder of the app. Default: the current one"),
    known("prefix", None, Takes::Value, "Same as --script-root"),
    known("timeout", Some('t'), Takes::Value, "Accepted; has no effect"),
    known("no-build", None, Takes::Flag, "Accepted; nothing is built"),
    known("runtime", None, Takes::Value, "Accepted; has no effect"),
    known("offline", None, Takes::Flag, "Accepted; the network is never needed"),
    known("debug", None, Takes::Flag, "Accepted; errors are always printed in full"),
    known("pause-on-error", None, Takes::Flag, "Accepted; has no effect"),
    known("javascript", None, Takes::Flag, "Accepted"),
    known("typescript", None, Takes::Flag, "Accepted"),
    known("node", None, Takes::Flag, "Accepted"),
    known("python", None, Takes::Flag, "Accepted"),
    known("custom", None, Takes::Flag, "Accepted"),
];

/// The platform's default port.
const DEFAULT_PORT: u16 = 7071;

pub(super) fn run(tokens: &[String]) -> Result<ExitCode, Failed> {
    let given = Given::parse(tokens, KNOWN)?;
    let style = Style::stderr();
    for option in &given.unknown {
        let note = format!("Option '{option}' is not known and has no effect.");
        crate::console::warn(style, &note);
    }
    let root = find_root(&given)?;
    let local = LocalSettings::load(&root).map_err(|error| Failed::new(error.to_string()))?;
    let address = listen_address(&given, &local)?;
    let verbose = given.flag("verbose")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::new(format!("The runtime cannot start: {error}")))?;
    runtime.block_on(async {
        let listener = port::bind(address).await?;
        // Port 0 means any free one: from here on the real one counts.
        let address = listener.local_addr()?;
        let mut assembled = settings::assemble(&root, &local, &given, address.port());
        let choice = Choice::parse(given.value("storage"));
        assembled.settings = store::with_default_storage(assembled.settings, &choice);
        let plan = Plan::of(&assembled.settings, &choice);
        let host_json = checks::host_json(&root, &assembled.settings);
        let filter = Filter::new(FilterOptions {
            verbose,
            user_level: settings::user_log_level(&given)?,
            ci: settings::is_ci(),
            tooling: given.flag("enable-json-output")? == Some(true) || given.value("json-output-file").is_some(),
            default_level: host_json.default_level,
            levels: host_json.levels,
        });
        let (console, log) = Console::start(filter, Style::stdout(), json_output(&given, &root)?);
        console.print(style_banner());
        for message in assembled.messages {
            log.write(Level::Warning, "Host.Startup", &message);
        }
        checks::connections(&root, &assembled.settings, &log);
        let embedded = Embedded::start(&plan, &store::folder(&root, &choice), &log).await?;
        let options = Options {
            root: root.clone(),
            settings: assembled.settings,
            log: log.clone(),
            auth: if given.flag("enableAuth")? == Some(true) { Auth::Keys } else { Auth::Open },
            cors: cors(&given, &local)?,
            version: version::HOST,
            development: true,
            secrets: root.join(".func").join("secrets"),
            worker_cache: worker_cache(),
        };
        let host = Host::new(options, services::Everything { storage: embedded.storage.clone() });
        let handle = host.handle();
        let drain = Drain::new();
        let exit = {
            let running = host.run(listener, drain.clone());
            let listing = show_functions(handle, &console, address, verbose.unwrap_or(false));
            let signals = stop_on_signal(drain, &log);
            tokio::pin!(running, listing, signals);
            loop {
                tokio::select! {
                    exit = &mut running => break exit,
                    () = &mut listing => {}
                    () = &mut signals => {}
                }
            }
        };
        embedded.stop().await;
        console.flush();
        match exit? {
            Exit::Stopped => Ok(ExitCode::SUCCESS),
            Exit::Recycle(why) => {
                log.warning("Host.General", why);
                console.flush();
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

fn find_root(given: &Given) -> Result<PathBuf, Failed> {
    let folder = match given.value("script-root").or_else(|| given.value("prefix")) {
        Some(folder) => {
            let path = PathBuf::from(folder);
            if !path.is_dir() {
                return Err(Failed::new(format!("\"{folder}\" doesn't exist.")));
            }
            path
        }
        None => PathBuf::from("."),
    };
    let folder = folder.canonicalize()?;
    folder
        .ancestors()
        .find(|folder| ["host.json", "local.settings.json"].iter().any(|name| folder.join(name).is_file()))
        .map(Path::to_owned)
        .ok_or_else(|| {
            Failed::new("Unable to find project root. Expecting to find one of host.json, local.settings.json in project root.")
                .hint("Run `func start` in the folder of your app, or name it with --script-root.")
        })
}

fn listen_address(given: &Given, local: &LocalSettings) -> Result<SocketAddr, Failed> {
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

fn cors(given: &Given, local: &LocalSettings) -> Result<Option<Cors>, Failed> {
    let origins: Vec<String> = match given.value("cors") {
        Some(origins) => origins.split(',').map(|origin| origin.trim().to_owned()).collect(),
        None => local.host.cors.clone(),
    };
    let credentials = given.flag("cors-credentials")?.unwrap_or(local.host.cors_credentials);
    let origins: Vec<String> = origins.into_iter().filter(|origin| !origin.is_empty()).collect();
    Ok((!origins.is_empty()).then_some(Cors { origins, credentials }))
}

fn json_output(given: &Given, root: &Path) -> Result<JsonOutput, Failed> {
    let Some(path) = given.value("json-output-file") else { return Ok(JsonOutput::Stdout) };
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(root.join(path))
        .map_err(|error| Failed::new(format!("--json-output-file {path}: {error}")))?;
    Ok(JsonOutput::File(file))
}

fn style_banner() -> String {
    Style::stdout().paint(crate::console::DARK_GRAY, &help::version_lines())
}

/// Where built-in workers are laid out: the user's cache folder, or a temporary one.
fn worker_cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    base.join("horus").join("workers")
}

/// Prints the function list each time the host gets as far as running.
async fn show_functions(handle: Handle, console: &Console, address: SocketAddr, verbose: bool) {
    let mut status = handle.status();
    let mut shown = None;
    loop {
        let current = status.borrow_and_update().clone();
        if let (State::Running, Some(job)) = (current.state, &current.job) {
            let id = std::sync::Arc::as_ptr(job) as usize;
            if shown != Some(id) {
                shown = Some(id);
                console.print(listing::text(job, address.port(), verbose, Style::stdout()));
            }
        }
        if status.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Ctrl+C and SIGTERM drain; a second one ends the process at once.
async fn stop_on_signal(drain: Drain, log: &Log) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        log.warning("Host.General", "Signals cannot be received; the host ends without draining.");
        return std::future::pending().await;
    };
    for first in [true, false] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if first {
            drain.start();
        }
    }
    std::process::exit(130);
}
