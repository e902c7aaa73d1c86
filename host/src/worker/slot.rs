//! One worker's life: launched, initialised, indexed, loaded, watched, stopped.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use horus_app::log::Level;
use horus_worker_protocol as rpc;
use rpc::{FunctionLoadRequest, FunctionMetadataResponse, WorkerInitResponse};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Connection;
use super::budget::Ending;
use super::connection::{Origin, Signal};
use super::pool::{CATEGORY, Pool, PoolError, PoolOptions};
use super::process::Launch;
use super::shared_memory::SharedMemory;
use crate::process::{Process, memory};

/// How long a process may take to exit after its stream has ended.
const EXIT_GRACE: Duration = Duration::from_secs(1);
/// How long a worker that was asked to terminate may take (spec host.md §6.8).
const TERMINATE_GRACE: Duration = Duration::from_secs(5);

/// A worker that is up.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) process: Process,
    pub(super) connection: Arc<Connection>,
    signals: mpsc::Receiver<Signal>,
    /// Pumps the stream; ends with the worker.
    pump: JoinSet<()>,
}

/// Launches a process and takes it as far as `WorkerInitResponse`.
pub(super) async fn start(
    options: &PoolOptions,
    memory: Option<&Arc<SharedMemory>>,
) -> Result<Worker, PoolError> {
    let config = &options.config;
    let worker_id = uuid::Uuid::new_v4().to_string();
    let stream = options.server.expect(&worker_id);
    let room = memory.map(|memory| memory.room(&worker_id));
    let launch = Launch {
        config,
        settings: &options.settings,
        root: &options.root,
        address: options.server.address(),
        worker_id: &worker_id,
        room: room.as_deref(),
        log: &options.log,
    };
    let mut process = launch.start().map_err(|error| PoolError::Program {
        program: config.executable.clone(),
        error: error.to_string(),
        hint: format!(
            "Install it, add it to PATH, or set languageWorkers__{}__defaultExecutablePath to its path.",
            config.language
        ),
    })?;
    let connected = tokio::select! {
        connected = tokio::time::timeout(config.startup_timeout, stream) => connected,
        status = process.ended() => return Err(PoolError::Start(exit_text(&process, status))),
    };
    let Ok(Ok(stream)) = connected else {
        process.kill().await;
        let limit = config.startup_timeout;
        return Err(PoolError::Start(format!(
            "the {} worker did not open its stream within {limit:?} (processOptions.processStartupTimeout)",
            config.language
        )));
    };
    let origin = Origin { worker_id, process: process.id(), recent: process.recent(), room };
    let (connection, signals, pump) = Connection::open(origin, &config.language, stream, &options.log);
    let mut tasks = JoinSet::new();
    tasks.spawn(pump);
    let mut worker = Worker { process, connection, signals, pump: tasks };
    match worker.initialize(options).await {
        Ok(response) => {
            let metadata = response.worker_metadata.unwrap_or_default();
            options.log.debug(CATEGORY, || {
                format!("{} {} worker is initialized.", metadata.runtime_name, metadata.runtime_version)
            });
            Ok(worker)
        }
        Err(error) => {
            worker.process.kill().await;
            Err(PoolError::Start(error))
        }
    }
}

impl Worker {
    async fn initialize(&mut self, options: &PoolOptions) -> Result<Box<WorkerInitResponse>, String> {
        let config = &options.config;
        let root = options.root.to_string_lossy();
        self.connection.initialize(options.host_version, &config.directory.to_string_lossy(), &root).await;
        let limit = Some(config.initialization_timeout);
        let what = "WorkerInitRequest (processOptions.initializationTimeout)";
        match self.signal(limit, what).await? {
            Signal::Initialized(response) => Ok(response),
            Signal::InitFailed(error) => {
                Err(format!("the {} worker could not initialize: {error}", config.language))
            }
            Signal::Indexed(_) | Signal::Loaded => Err("the worker answered out of order".into()),
        }
    }

    pub(super) async fn index(
        &mut self,
        options: &PoolOptions,
        limit: Duration,
    ) -> Result<FunctionMetadataResponse, String> {
        self.connection.request_index(&options.root.to_string_lossy()).await;
        loop {
            let what = "FunctionsMetadataRequest (host.json metadataProviderTimeout)";
            if let Signal::Indexed(response) = self.signal(Some(limit), what).await? {
                return Ok(*response);
            }
        }
    }

    pub(super) async fn load(
        &mut self,
        loads: &[FunctionLoadRequest],
        limit: Option<Duration>,
    ) -> Result<(), String> {
        self.connection.load(loads).await;
        loop {
            if let Signal::Loaded = self.signal(limit, "its FunctionLoadRequests").await? {
                return Ok(());
            }
        }
    }

    /// The next signal, unless the worker ends first or stays silent for longer than `limit`.
    async fn signal(&mut self, limit: Option<Duration>, what: &str) -> Result<Signal, String> {
        let next = async {
            match limit {
                Some(limit) => tokio::time::timeout(limit, self.signals.recv()).await.map_err(|_| limit),
                None => Ok(self.signals.recv().await),
            }
        };
        let silent = tokio::select! {
            biased;
            next = next => match next {
                Ok(Some(signal)) => return Ok(signal),
                Ok(None) => None,
                Err(limit) => Some(limit),
            },
            status = self.process.ended() => return Err(exit_text(&self.process, status)),
        };
        match silent {
            Some(limit) => Err(format!("the worker did not answer {what} within {limit:?}")),
            None => {
                let ended = tokio::time::timeout(EXIT_GRACE, self.process.ended()).await;
                Err(match ended {
                    Ok(status) => exit_text(&self.process, status),
                    Err(_) => "the worker closed its stream".into(),
                })
            }
        }
    }
}

/// How a watch ended.
pub(super) enum Watched {
    /// The pool stops or has other workers now; the worker is gone.
    Stopped,
    /// The worker ended by itself or was ended because of a timeout.
    Ended(Ending),
}

/// Watches a ready worker to its end, takes it out of the pool and fails what it was running.
pub(super) async fn watch(mut worker: Worker, pool: &Pool, generation: &CancellationToken) -> Watched {
    let connection = worker.connection.clone();
    let log = &pool.options.log;
    let pid = worker.process.id().unwrap_or_default();
    let status = tokio::select! {
        () = generation.cancelled() => {
            let why = match pool.stop.is_cancelled() {
                true => "the host is stopping",
                false => {
                    pool.retire(&connection);
                    "the language worker was replaced because a file of the app has changed"
                }
            };
            pool.drain(&connection).await;
            stop(worker, &pool.options).await;
            pool.dismiss(&connection, why);
            return Watched::Stopped;
        }
        () = connection.unwanted.cancelled() => {
            worker.process.kill().await;
            pool.dismiss(&connection, "the language worker was restarted because of a function timeout");
            return Watched::Ended(Ending::Intended);
        }
        status = worker.process.ended() => Some(status),
        () = connection.ended.cancelled() => {
            tokio::time::timeout(EXIT_GRACE, worker.process.ended()).await.ok()
        }
    };
    let (ending, text) = match status {
        Some(Ok(status)) => {
            let (ending, mut text) = (Ending::of(status), worker.process.exit_text(status));
            let used = connection.memory.load(Ordering::Relaxed);
            if ending == Ending::Killed && used > 0 {
                text.push_str(&format!("\nIt used {} of memory when last looked at.", memory::text(used)));
            }
            (ending, text)
        }
        Some(status) => (Ending::Error, exit_text(&worker.process, status)),
        None => {
            worker.process.kill().await;
            (Ending::Error, "the language worker closed its stream without exiting".to_owned())
        }
    };
    let (level, note) = match ending {
        Ending::Error => (Level::Error, ""),
        Ending::Killed => (
            Level::Error,
            "\nIt did not end by itself: somebody killed it, or memory ran out. It is started again.",
        ),
        Ending::Intended => (Level::Information, ""),
        // Somebody in the app has called exit(): without a worker nothing runs any more.
        Ending::Clean => {
            (Level::Warning, "\nIt ended by itself, so it is not started again. Does the app call exit?")
        }
    };
    log.write(level, CATEGORY, &format!("Language Worker Process exited. Pid={pid}.\n{text}{note}"));
    pool.dismiss(&connection, &text);
    Watched::Ended(ending)
}

/// Asks the worker to terminate where it can, then kills it with its children.
pub(super) async fn stop(mut worker: Worker, _options: &PoolOptions) {
    if worker.connection.capabilities().handles_worker_terminate_message {
        worker.connection.terminate(TERMINATE_GRACE).await;
        let _ = tokio::time::timeout(TERMINATE_GRACE, worker.process.ended()).await;
    }
    worker.process.kill().await;
    worker.pump.abort_all();
}

fn exit_text(process: &Process, status: std::io::Result<std::process::ExitStatus>) -> String {
    match status {
        Ok(status) => process.exit_text(status),
        Err(error) => format!("the worker process cannot be watched: {error}"),
    }
}

impl Pool {
    /// Waits until the worker has answered everything, for as long as the configuration allows.
    async fn drain(&self, connection: &Connection) {
        let idle = async {
            while connection.in_flight() + connection.holders.load(Ordering::Acquire) > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            _ = tokio::time::timeout(self.options.config.shutdown_timeout, idle) => {}
            // Whatever it was running is lost: nothing is left to wait for.
            () = connection.ended.cancelled() => {}
            () = connection.unwanted.cancelled() => {}
        }
    }
}
