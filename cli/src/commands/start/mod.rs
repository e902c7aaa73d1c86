//! `func start` (= `func host start`): runs the app in this folder (spec cli.md §4).

mod checks;
mod known;
mod launch;
mod listing;
mod logo;
mod preflight;
mod services;
mod settings;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use horus_app::local_settings::LocalSettings;
use horus_app::log::{Level, Log};
use horus_app::settings::Settings;
use horus_bindings::Drain;
use horus_host::{Auth, Exit, Handle, Host, Options, State};

use super::{Failed, help, version};
use crate::args::Given;
use crate::console::{Console, Filter, FilterOptions, Style};
use crate::port;
use crate::store::{self, Choice, Embedded};

pub(crate) use known::KNOWN;

const STARTUP: &str = "Host.Startup";

pub(super) fn run(tokens: &[String]) -> Result<ExitCode, Failed> {
    let given = Given::parse(tokens, KNOWN)?;
    super::warn_unknown(&given);
    let root = launch::find_root(&given)?;
    let local = LocalSettings::load(&root).map_err(|error| Failed::new(error.to_string()))?;
    let address = launch::listen_address(&given, &local)?;
    launch::check_runtime(&given)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::new(format!("The runtime cannot start: {error}")))?;
    runtime.block_on(start(&given, root, &local, address))
}

async fn start(
    given: &Given,
    root: PathBuf,
    local: &LocalSettings,
    address: SocketAddr,
) -> Result<ExitCode, Failed> {
    let listener = port::bind(address).await?;
    // Port 0 means any free one: from here on the real one counts.
    let address = listener.local_addr()?;
    let environment = Settings::from_env();
    let mut assembled = settings::assemble(&root, local, &environment, given, address.port())?;
    preflight::check_settings(local, &assembled.settings)?;
    if let Some((name, value)) = preflight::python(&root, &assembled.settings)? {
        assembled.settings = assembled.settings.with(name, value);
    }
    let choice = Choice::parse(given.value("storage"));
    assembled.settings = store::with_default_storage(assembled.settings, &choice);
    store::ignore_in_git(&root);
    let tls = launch::tls(given, &root)?;

    let levels = Levels::read(given)?;
    let verbose = levels.verbose;
    let filter = Filter::new(levels.with(checks::host_json(&root, &assembled.settings)));
    let (console, log) = Console::start(filter, Style::stdout(), launch::json_output(given, &root)?);
    console.print(logo::text(verbose, &environment));
    console.print(style_banner());
    for message in assembled.messages {
        log.write(Level::Warning, STARTUP, &message);
    }
    checks::connections(&root, &assembled.settings, &log);
    if let Some(message) = preflight::unbuilt(&root) {
        log.warning(STARTUP, message);
    }
    if let Some(served) = &tls
        && let Some(note) = &served.note
    {
        // A new certificate is not only for --verbose: clients fail until somebody acts on it.
        let level = if served.is_new { Level::Warning } else { Level::Information };
        log.write(level, STARTUP, note);
    }
    let embedded = Embedded::start(&assembled.settings, &choice, &root, &log).await?;
    assembled.settings = settings::trusting(assembled.settings, embedded.certificate.as_deref());
    let scheme = if tls.is_some() { "https" } else { "http" };
    let options = Options {
        root: root.clone(),
        settings: assembled.settings.clone(),
        log: log.clone(),
        auth: if given.flag("enableAuth")? == Some(true) { Auth::Keys } else { Auth::Open },
        cors: launch::cors(given, local)?,
        tls: tls.map(|served| served.tls),
        version: version::HOST,
        development: true,
        secrets: root.join(".func").join("secrets"),
        worker_cache: launch::worker_cache(),
    };
    let host = Host::new(options, services::Everything { storage: embedded.storage.clone() });
    let shown =
        Shown { root: &root, settings: &assembled.settings, console: &console, levels, scheme, address };
    let handle = host.handle();
    let drain = Drain::new();
    let exit = {
        let running = host.run(listener, drain.clone());
        let showing = shown.follow(handle);
        let signals = stop_on_signal(drain, &log);
        tokio::pin!(running, showing, signals);
        loop {
            tokio::select! {
                exit = &mut running => break exit,
                () = &mut showing => {}
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
}

/// How much is shown, as far as the command line says.
#[derive(Debug, Clone, Copy)]
struct Levels {
    given: Option<bool>,
    ci: bool,
    user: Option<Level>,
    tooling: bool,
    /// The host's own lines are shown.
    verbose: bool,
}

impl Levels {
    fn read(given: &Given) -> Result<Self, Failed> {
        let (verbose, ci) = (given.flag("verbose")?, settings::is_ci());
        Ok(Self {
            given: verbose,
            ci,
            user: settings::user_log_level(given)?,
            tooling: given.flag("enable-json-output")? == Some(true)
                || given.value("json-output-file").is_some(),
            verbose: verbose.unwrap_or(ci),
        })
    }

    /// Together with what host.json says.
    fn with(self, host_json: checks::HostJsonLevels) -> FilterOptions {
        FilterOptions {
            verbose: self.given,
            user_level: self.user,
            ci: self.ci,
            tooling: self.tooling,
            default_level: host_json.default_level,
            levels: host_json.levels,
        }
    }
}

/// What the console shows of the host's life besides its log.
struct Shown<'a> {
    root: &'a Path,
    settings: &'a Settings,
    console: &'a Console,
    levels: Levels,
    scheme: &'static str,
    address: SocketAddr,
}

impl Shown<'_> {
    /// Prints the function list each time the host gets as far as running, and reads the levels of host.json each
    /// time it starts anew.
    async fn follow(&self, handle: Handle) {
        let mut status = handle.status();
        let mut shown = None;
        let mut was_shown = false;
        loop {
            let current = status.borrow_and_update().clone();
            match (current.state, &current.job) {
                (State::Starting, _) if was_shown => {
                    let host_json = checks::host_json(self.root, self.settings);
                    self.console.filter_by(Filter::new(self.levels.with(host_json)));
                }
                (State::Running, Some(job)) => {
                    let id = Arc::as_ptr(job) as usize;
                    if shown != Some(id) {
                        shown = Some(id);
                        was_shown = true;
                        let base = format!("{}://localhost:{}", self.scheme, self.address.port());
                        self.console.print(listing::text(job, &base, self.levels.verbose, Style::stdout()));
                    }
                }
                _ => {}
            }
            if status.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

fn style_banner() -> String {
    Style::stdout().paint(crate::console::DARK_GRAY, &help::version_lines())
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
