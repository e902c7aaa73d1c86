//! One run of the handler's program, from launch to its first answer and to its end.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use horus_app::Settings;
use horus_app::log::{Level, Log};
use http::{Request, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::handler::{CATEGORY, HandlerError};
use super::options::Options;
use crate::process::{Output, Process};

/// Pause between two looks at whether the handler answers.
const PING_PAUSE: Duration = Duration::from_millis(25);

/// What the rest of the host knows about a run: where it listens and what it is doing.
#[derive(Debug)]
pub(super) struct Instance {
    /// `http://127.0.0.1:{port}/`.
    pub(super) base: Uri,
    /// Set when it is to be killed and replaced.
    pub(super) unwanted: CancellationToken,
    /// Set when it is gone.
    pub(super) gone: CancellationToken,
    loss: OnceLock<String>,
    invocations: Mutex<HashSet<String>>,
}

/// An invocation on an instance, until dropped.
#[derive(Debug)]
pub(super) struct Entry {
    instance: Arc<Instance>,
    invocation: String,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.instance.invocations.lock().remove(&self.invocation);
    }
}

impl Instance {
    fn on(port: u16) -> Self {
        let base = format!("http://127.0.0.1:{port}/").parse().expect("an address and a port make a URL");
        Self {
            base,
            unwanted: CancellationToken::new(),
            gone: CancellationToken::new(),
            loss: OnceLock::new(),
            invocations: Mutex::default(),
        }
    }

    /// Notes that `invocation` runs here.
    pub(super) fn enter(self: &Arc<Self>, invocation: &str) -> Entry {
        self.invocations.lock().insert(invocation.to_owned());
        Entry { instance: self.clone(), invocation: invocation.to_owned() }
    }

    /// Whether `invocation` runs here.
    pub(super) fn owns(&self, invocation: &str) -> bool {
        self.invocations.lock().contains(invocation)
    }

    /// Notes that the process is gone, and why.
    pub(super) fn lose(&self, why: &str) {
        let _ = self.loss.set(why.to_owned());
        self.gone.cancel();
    }

    /// Why it is gone.
    pub(super) fn loss(&self) -> String {
        self.loss.get().cloned().unwrap_or_else(|| "the custom handler has ended".to_owned())
    }
}

/// What a run is started with.
pub(super) struct Launch<'a> {
    pub(super) options: &'a Options,
    pub(super) settings: &'a Settings,
    pub(super) root: &'a Path,
    pub(super) log: &'a Log,
}

impl Launch<'_> {
    /// Starts the program and waits until it answers.
    pub(super) async fn start(&self) -> Result<(Process, Arc<Instance>), HandlerError> {
        let Self { options, log, .. } = self;
        let port = port(options.port)?;
        let worker_id = uuid::Uuid::new_v4().to_string();
        let mut process = self.spawn(port, &worker_id)?;
        process.guard();
        log.debug(CATEGORY, || format!("Custom handler process started. Pid={}.", process.id().unwrap_or(0)));
        let instance = Arc::new(Instance::on(port));
        let ready = tokio::select! {
            () = until_it_answers(port) => Ok(()),
            status = process.ended() => Err(match status {
                Ok(status) => format!("{} before it answered", process.exit_text(status)),
                Err(error) => format!("the custom handler cannot be watched: {error}"),
            }),
            () = tokio::time::sleep(options.initialization_timeout) => Err(format!(
                "Initializing HttpWorker timed out. '{}' runs, but nothing answers at {} after {:?} (customHandler.initializationTimeout). The handler must listen on 127.0.0.1 and the port in FUNCTIONS_CUSTOMHANDLER_PORT.",
                options.executable, instance.base, options.initialization_timeout
            )),
        };
        match ready {
            Ok(()) => Ok((process, instance)),
            Err(error) => {
                process.kill().await;
                Err(HandlerError::Start(error))
            }
        }
    }

    fn spawn(&self, port: u16, worker_id: &str) -> Result<Process, HandlerError> {
        let Self { options, settings, root, log } = self;
        let port = port.to_string();
        let mut command = Command::new(&options.executable);
        command
            .args(&options.arguments)
            .current_dir(&options.directory)
            .env_clear()
            .envs(settings.iter())
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", &port)
            .env("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", worker_id)
            .env("FUNCTIONS_HTTPWORKER_PORT", &port)
            .env("FUNCTIONS_HTTPWORKER_ID", worker_id)
            .env("FUNCTIONS_APP_ROOT_PATH", root);
        let category = format!("Worker.HttpWorkerChannel.{worker_id}");
        let output = Output { log, category: &category, stderr_is_errors: options.stderr_is_errors };
        Process::start(command, &options.executable, &output).map_err(|error| {
            log.write(Level::Debug, &category, &format!("{}: {error}", options.executable));
            HandlerError::Program {
                program: options.executable.clone(),
                hint: hint(options, error.kind()),
                error: error.to_string(),
            }
        })
    }
}

fn hint(options: &Options, kind: std::io::ErrorKind) -> String {
    if !options.directory.is_dir() {
        return format!(
            "The working directory '{}' does not exist: check customHandler.description.workingDirectory in host.json.",
            options.directory.display()
        );
    }
    match kind {
        std::io::ErrorKind::PermissionDenied => {
            format!("Make it executable: chmod +x '{}'.", options.executable)
        }
        _ => "Build or install it, or correct customHandler.description.defaultExecutablePath in host.json: a file of the app, or a program in PATH.".to_owned(),
    }
}

/// The fixed port if it is free, any free one otherwise.
fn port(fixed: Option<u16>) -> Result<u16, HandlerError> {
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, fixed.unwrap_or(0)));
    match (listener.and_then(|listener| listener.local_addr()), fixed) {
        (Ok(address), _) => Ok(address.port()),
        (Err(_), Some(port)) => Err(HandlerError::Port(format!(
            "Unable to bind to port {port} specified in configuration. Please specify a different port or remove the section to allow dynamic binding of port."
        ))),
        (Err(error), None) => Err(HandlerError::Port(format!("No port is free on 127.0.0.1: {error}"))),
    }
}

/// Resolves with the first answer of any kind to `GET /`. As in the reference host, a server that takes the
/// connection and then breaks it counts as an answer.
async fn until_it_answers(port: u16) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    loop {
        if let Ok(stream) = TcpStream::connect(address).await {
            ping(stream, port).await;
            return;
        }
        tokio::time::sleep(PING_PAUSE).await;
    }
}

async fn ping(stream: TcpStream, port: u16) {
    let request = Request::get("/")
        .header(http::header::HOST, format!("127.0.0.1:{port}"))
        .body(Body::empty())
        .expect("the request is valid");
    let Ok((mut sender, connection)) = http1::handshake(TokioIo::new(stream)).await else { return };
    tokio::select! {
        _ = sender.send_request(request) => {}
        _ = connection => {}
    }
}
