//! One worker process: how it is started, what it prints, how it ends.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use horus_app::log::{Level, Log};
use horus_app::settings::Settings;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use super::WorkerConfig;
use super::logs::{Pipe, classify};

/// Error lines kept for the message about an exit.
const KEPT_LINES: usize = 3;
/// A line longer than this is cut: a worker that floods must not fill memory.
const LONGEST_LINE: usize = 64 * 1024;
/// How long the pipes of a dead process may still hold text (a grandchild can keep them open).
const PIPE_GRACE: Duration = Duration::from_millis(500);

/// A running worker process. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pipes: JoinSet<()>,
    errors: Arc<Mutex<VecDeque<String>>>,
    program: String,
}

/// What a worker is started with.
pub(super) struct Launch<'a> {
    pub(super) config: &'a WorkerConfig,
    pub(super) settings: &'a Settings,
    pub(super) root: &'a Path,
    pub(super) address: SocketAddr,
    pub(super) worker_id: &'a str,
    pub(super) log: &'a Log,
}

impl Process {
    /// Starts the process, both spellings of every argument on its command line (spec host.md §6.2).
    pub(super) fn start(launch: &Launch<'_>) -> std::io::Result<Self> {
        let Launch { config, settings, root, address, worker_id, log } = launch;
        let request_id = uuid::Uuid::new_v4().to_string();
        let port = address.port().to_string();
        let uri = format!("http://{address}/");
        let limit = i32::MAX.to_string();
        let mut command = Command::new(&config.executable);
        command.args(&config.arguments);
        if let Some(path) = &config.worker_path {
            command.arg(path);
        }
        command
            .args(["--host", "127.0.0.1", "--port", &port, "--workerId", worker_id])
            .args(["--requestId", &request_id, "--grpcMaxMessageLength", &limit])
            .args(["--functions-uri", &uri, "--functions-worker-id", worker_id])
            .args(["--functions-request-id", &request_id, "--functions-grpc-max-message-length", &limit])
            .current_dir(root)
            .env_clear()
            .envs(settings.iter())
            .env("FUNCTIONS_WORKER_DIRECTORY", &config.directory)
            .env("FUNCTIONS_APPLICATION_DIRECTORY", root)
            .env("FUNCTIONS_WORKER_RUNTIME_VERSION", &config.runtime_version)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that children of the worker end with it and Ctrl+C reaches the host alone.
            .process_group(0)
            .kill_on_drop(true);
        let bound = match config.language.as_str() {
            "python" => Some("PYTHON_THREADPOOL_THREAD_COUNT"),
            "powershell" => Some("PSWorkerInProcConcurrencyUpperBound"),
            _ => None,
        };
        if let Some(bound) = bound.filter(|name| settings.text(name).is_none()) {
            command.env(bound, "1000");
        }
        let mut child = command.spawn()?;
        let errors = Arc::new(Mutex::new(VecDeque::new()));
        let mut pipes = JoinSet::new();
        let system = format!("Worker.rpcWorkerProcess.{}.{worker_id}", config.language);
        if let Some(out) = child.stdout.take() {
            let reader = Reader::new(log, &system, Pipe::Out, config.stderr_is_errors, errors.clone());
            pipes.spawn(reader.run(out));
        }
        if let Some(err) = child.stderr.take() {
            let reader = Reader::new(log, &system, Pipe::Err, config.stderr_is_errors, errors.clone());
            pipes.spawn(reader.run(err));
        }
        Ok(Self { child, pipes, errors, program: config.executable.clone() })
    }

    /// Process id, while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Resolves when the process has ended and its output is read.
    pub(super) async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        let pipes = async { while self.pipes.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(PIPE_GRACE, pipes).await;
        Ok(status)
    }

    /// What the platform says about an exit: program, code and the last error lines.
    pub(super) fn exit_text(&self, status: ExitStatus) -> String {
        let mut text = match status.code() {
            Some(code) => format!("{} exited with code {code} (0x{code:X})", self.program),
            None => format!("{} was ended by a signal ({status})", self.program),
        };
        for line in self.errors.lock().iter() {
            text.push('\n');
            text.push_str(line);
        }
        text
    }

    /// Kills the process with its children and waits for it to be gone.
    pub(super) async fn kill(&mut self) {
        let group =
            self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            // Fails only when the group is gone already.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.start_kill();
        let _ = tokio::time::timeout(Duration::from_secs(1), self.child.wait()).await;
    }
}

/// Turns one pipe into log records.
struct Reader {
    log: Log,
    system: String,
    pipe: Pipe,
    errors_only: bool,
    errors: Arc<Mutex<VecDeque<String>>>,
}

impl Reader {
    fn new(
        log: &Log,
        system: &str,
        pipe: Pipe,
        errors_only: bool,
        errors: Arc<Mutex<VecDeque<String>>>,
    ) -> Self {
        Self { log: log.clone(), system: system.to_owned(), pipe, errors_only, errors }
    }

    async fn run(self, pipe: impl AsyncRead + Unpin) {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        loop {
            let Ok(available) = pipe.fill_buf().await else { return };
            if available.is_empty() {
                break;
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(available.len(), |end| end + 1);
            line.extend_from_slice(&available[..taken]);
            pipe.consume(taken);
            if end.is_some() || line.len() >= LONGEST_LINE {
                self.take(&line);
                line.clear();
            }
        }
        self.take(&line);
    }

    fn take(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return;
        }
        let (level, category, message) = classify(text, self.pipe, self.errors_only);
        if level == Level::Error {
            let mut errors = self.errors.lock();
            if errors.len() == KEPT_LINES {
                errors.pop_front();
            }
            errors.push_back(message.to_owned());
        }
        self.log.write(level, category.unwrap_or(&self.system), message);
    }
}
