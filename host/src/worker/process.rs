//! How a worker process is started: both spellings of every argument, and its environment (spec host.md §6.2).

use std::net::SocketAddr;
use std::path::Path;

use horus_app::log::Log;
use horus_app::settings::Settings;
use tokio::process::Command;

use super::WorkerConfig;
use super::shared_memory::{DIRECTORIES_SETTING, Room};
use crate::process::{Output, Process};

/// What a worker is started with.
pub(super) struct Launch<'a> {
    pub(super) config: &'a WorkerConfig,
    pub(super) settings: &'a Settings,
    pub(super) root: &'a Path,
    pub(super) address: SocketAddr,
    pub(super) worker_id: &'a str,
    pub(super) room: Option<&'a Room>,
    pub(super) log: &'a Log,
}

impl Launch<'_> {
    /// Starts the process.
    pub(super) fn start(&self) -> std::io::Result<Process> {
        let Self { config, settings, root, address, worker_id, room, log } = self;
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
            .env("FUNCTIONS_WORKER_RUNTIME_VERSION", &config.runtime_version);
        let bound = match config.language.as_str() {
            "python" => Some("PYTHON_THREADPOOL_THREAD_COUNT"),
            "powershell" => Some("PSWorkerInProcConcurrencyUpperBound"),
            _ => None,
        };
        if let Some(bound) = bound.filter(|name| settings.text(name).is_none()) {
            command.env(bound, "1000");
        }
        if let Some(room) = room {
            command.env(DIRECTORIES_SETTING, room.setting());
        }
        let category = format!("Worker.rpcWorkerProcess.{}.{worker_id}", config.language);
        let output = Output { log, category: &category, stderr_is_errors: config.stderr_is_errors };
        let mut process = Process::start(command, &config.executable, &output)?;
        process.guard();
        Ok(process)
    }
}
