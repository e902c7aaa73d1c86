//! The right number of workers, kept alive, and the way to invoke on one of them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use horus_app::Function;
use horus_app::index::Index;
use horus_app::log::Log;
use horus_app::settings::Settings;
use horus_worker_protocol as rpc;
use parking_lot::{Mutex, RwLock};
use rpc::{FunctionLoadRequest, FunctionMetadataResponse};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::budget::{Budget, Ending, Verdict};
use super::shared_memory::SharedMemory;
use super::slot::{self, Worker};
use super::{Connection, Server, WorkerConfig, load, probe};
use crate::http::Client;

/// Category of the host's own lines about workers.
pub(super) const CATEGORY: &str = "Host.General";

/// The platform's words for a pool without workers.
pub(super) const NO_WORKERS: &str = "Did not find any initialized language workers";

/// Why there is no pool.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PoolError {
    /// The program cannot be started at all.
    #[error("{program}: {error}. {hint}")]
    Program {
        /// What was to be started.
        program: String,
        /// Why it could not.
        error: String,
        /// What to do.
        hint: String,
    },
    /// The worker started but did not get as far as taking functions.
    #[error("{0}")]
    Start(String),
    /// It failed too often.
    #[error("{0}")]
    Exhausted(String),
    /// The host is going down.
    #[error("the host is stopping")]
    Stopped,
}

/// What a pool is made of.
#[derive(Debug)]
pub struct PoolOptions {
    /// Which worker.
    pub config: WorkerConfig,
    /// What it inherits.
    pub settings: Settings,
    /// The app's root.
    pub root: PathBuf,
    /// Version told to the worker.
    pub host_version: &'static str,
    /// Where its stream ends.
    pub server: Arc<Server>,
    /// Longest wait for all functions to load; `None` is unlimited.
    pub load_timeout: Option<Duration>,
    /// host.json `sendCanceledInvocationsToWorker`.
    pub send_canceled_invocations: bool,
    /// Where log lines go.
    pub log: Log,
}

/// A supervised pool of worker processes of one language.
#[derive(Debug)]
pub struct Pool {
    pub(super) options: PoolOptions,
    pub(super) ready: RwLock<Vec<Arc<Connection>>>,
    pub(super) changed: Notify,
    pub(super) next: AtomicUsize,
    pub(super) functions: OnceLock<Functions>,
    pub(super) stop: CancellationToken,
    /// Ends with the workers that read the app's files as they were; a child of `stop`.
    generation: Mutex<CancellationToken>,
    /// Workers that only finish what they run.
    retiring: Mutex<Vec<Arc<Connection>>>,
    /// The app's functions as first found.
    found: OnceLock<Index>,
    memory: Option<Arc<SharedMemory>>,
    slots: AtomicUsize,
    pub(super) client: Client,
    budget: Mutex<Budget>,
    first: Mutex<Option<Worker>>,
    tasks: Mutex<JoinSet<()>>,
    fatal: watch::Sender<Option<String>>,
}

/// A worker that has read changed files and is in no pool yet.
#[derive(Debug)]
pub(crate) struct Renewed {
    worker: Worker,
    /// What it says about the app's functions, where it is asked.
    pub(crate) index: Option<FunctionMetadataResponse>,
}

/// A worker chosen for one invocation. One that is to go waits until nobody holds it.
#[derive(Debug)]
pub(super) struct Chosen(Arc<Connection>);

impl Chosen {
    fn new(connection: &Arc<Connection>) -> Self {
        connection.holders.fetch_add(1, Ordering::AcqRel);
        Self(connection.clone())
    }
}

impl std::ops::Deref for Chosen {
    type Target = Arc<Connection>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Chosen {
    fn drop(&mut self) {
        self.0.holders.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What every worker of the pool is loaded with.
#[derive(Debug)]
pub(super) struct Functions {
    pub(super) loads: Vec<FunctionLoadRequest>,
    /// By invoker index: what to say per invocation.
    pub(super) callees: Vec<Callee>,
}

/// What is fixed about one function's invocations.
#[derive(Debug)]
pub(super) struct Callee {
    pub(super) trigger: String,
    pub(super) inputs: Vec<String>,
    pub(super) user_category: Arc<str>,
}

impl Callee {
    fn of(function: &Function) -> Self {
        Self {
            trigger: function.trigger().name.clone(),
            inputs: function.inputs().map(|binding| binding.name.clone()).collect(),
            user_category: format!("Function.{}.User", function.name).into(),
        }
    }
}

impl Pool {
    /// Starts the first worker and waits until it is initialised, within the error budget.
    pub async fn start(options: PoolOptions) -> Result<Arc<Self>, PoolError> {
        let budget = Budget::new(options.config.processes, options.config.restart_interval);
        let stop = CancellationToken::new();
        let generation = stop.child_token();
        let pool = Arc::new(Self {
            ready: RwLock::default(),
            changed: Notify::new(),
            next: AtomicUsize::new(0),
            functions: OnceLock::new(),
            stop,
            generation: Mutex::new(generation.clone()),
            retiring: Mutex::default(),
            found: OnceLock::new(),
            memory: SharedMemory::open(&options.settings, &options.log),
            slots: AtomicUsize::new(0),
            client: crate::http::client(),
            budget: Mutex::new(budget),
            first: Mutex::default(),
            tasks: Mutex::default(),
            fatal: watch::channel(None).0,
            options,
        });
        let worker = pool.start_within_budget(None, &generation).await?;
        *pool.first.lock() = Some(worker);
        Ok(pool)
    }

    /// Asks the first worker for the app's functions (spec host.md §2.7).
    pub async fn index(&self, limit: Duration) -> Result<FunctionMetadataResponse, PoolError> {
        let Some(mut worker) = self.first.lock().take() else { return Err(PoolError::Stopped) };
        let indexed = worker.index(&self.options, limit).await;
        if let Err(error) = &indexed {
            worker.process.kill().await;
            return Err(PoolError::Start(error.clone()));
        }
        *self.first.lock() = Some(worker);
        indexed.map_err(PoolError::Start)
    }

    /// Loads `functions` into the first worker and starts to supervise as many as configured. Their order is the
    /// invoker's index.
    pub(crate) async fn serve(self: &Arc<Self>, functions: &[Arc<Function>]) -> Result<(), PoolError> {
        let callees = functions.iter().map(|function| Callee::of(function)).collect();
        let loads = load::requests(functions);
        let functions = Functions { loads, callees };
        if self.functions.set(functions).is_err() {
            return Err(PoolError::Start("the pool serves already".into()));
        }
        let Some(worker) = self.first.lock().take() else { return Err(PoolError::Stopped) };
        let worker = match self.load(worker).await {
            Ok(worker) => worker,
            Err(error) => {
                self.note_failure(&error);
                let generation = self.generation.lock().clone();
                self.start_within_budget(Some(Ending::Error), &generation).await?
            }
        };
        self.admit(&worker);
        self.add_slots(worker);
        self.tasks.lock().spawn(probe::run(self.clone()));
        Ok(())
    }

    /// Keeps `worker` and as many others as configured alive.
    fn add_slots(self: &Arc<Self>, worker: Worker) {
        self.add_slot(Some(worker), Duration::ZERO);
        for n in 1..self.options.config.processes {
            let delay = self.options.config.startup_interval * u32::try_from(n).unwrap_or(u32::MAX);
            self.add_slot(None, delay);
        }
    }

    /// Remembers the app's functions as found, to compare them with what changed files make of them.
    pub(crate) fn remember(&self, found: &Index) {
        let _ = self.found.set(found.clone());
    }

    /// The app's functions as they were first found.
    pub(crate) fn found(&self) -> Option<&Index> {
        self.found.get()
    }

    /// Whether workers can be replaced while they run. A debugger waits on one port, which two workers cannot share.
    pub(crate) fn is_renewable(&self) -> bool {
        let debuggers = ["--inspect", "debugpy", "-agentlib:jdwp", "-Xrunjdwp"];
        !self.options.config.arguments.iter().any(|word| debuggers.iter().any(|name| word.contains(name)))
    }

    /// Starts a worker that reads the app's files as they are now, and asks it for the functions where this pool does.
    /// The pool goes on as it was; dropping the worker ends it.
    pub(crate) async fn renew(&self, limit: Duration) -> Result<Renewed, PoolError> {
        let mut worker = slot::start(&self.options, self.memory.as_ref()).await?;
        let index = match self.indexes() {
            true => Some(worker.index(&self.options, limit).await.map_err(PoolError::Start)?),
            false => None,
        };
        Ok(Renewed { worker, index })
    }

    /// Whether invocations reach the new worker the way they reach the others.
    pub(crate) fn is_alike(&self, renewed: &Renewed) -> bool {
        let http = |capabilities: &rpc::Capabilities| capabilities.http_uri.is_some();
        http(renewed.worker.connection.capabilities()) == http(&self.capabilities())
    }

    /// Puts the new worker in the place of all others, which finish what they are running and end. No moment passes
    /// without a worker.
    pub(crate) async fn replace(self: &Arc<Self>, renewed: Renewed) -> Result<(), PoolError> {
        let worker = self.load(renewed.worker).await.map_err(PoolError::Start)?;
        let old = std::mem::replace(&mut *self.generation.lock(), self.stop.child_token());
        let config = &self.options.config;
        *self.budget.lock() = Budget::new(config.processes, config.restart_interval);
        {
            let mut ready = self.ready.write();
            self.retiring.lock().append(&mut ready);
            ready.push(worker.connection.clone());
        }
        self.changed.notify_waiters();
        self.add_slots(worker);
        old.cancel();
        Ok(())
    }

    /// Keeps one more process alive from now on: `worker`, or a new one after `delay`.
    pub(super) fn add_slot(self: &Arc<Self>, worker: Option<Worker>, delay: Duration) {
        self.slots.fetch_add(1, Ordering::AcqRel);
        let (pool, generation) = (self.clone(), self.generation.lock().clone());
        self.tasks.lock().spawn(async move {
            pool.clone().supervise(worker, delay, generation).await;
            pool.slots.fetch_sub(1, Ordering::AcqRel);
            pool.changed.notify_waiters();
        });
    }

    /// Processes that are kept alive, ready or not.
    pub(super) fn slots(&self) -> usize {
        self.slots.load(Ordering::Acquire)
    }

    /// The workers' language.
    pub fn language(&self) -> &str {
        &self.options.config.language
    }

    /// Script extensions of the language.
    pub fn extensions(&self) -> &[String] {
        &self.options.config.extensions
    }

    /// Whether the worker is asked for the app's functions.
    pub fn indexes(&self) -> bool {
        self.options.config.indexing
    }

    /// The capabilities of the first worker that is up; all workers of a pool are the same program.
    pub fn capabilities(&self) -> rpc::Capabilities {
        if let Some(worker) = self.first.lock().as_ref() {
            return worker.connection.capabilities().clone();
        }
        self.ready.read().first().map(|connection| connection.capabilities().clone()).unwrap_or_default()
    }

    /// Changes to a message once the pool has given up.
    pub fn fatal(&self) -> watch::Receiver<Option<String>> {
        self.fatal.subscribe()
    }

    /// Process ids of the workers that take invocations, for the admin API.
    pub fn workers(&self) -> usize {
        self.ready.read().len()
    }

    /// Stops all workers: drain, ask, kill. Resolves when none is left.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.changed.notify_waiters();
        let first = self.first.lock().take();
        if let Some(worker) = first {
            slot::stop(worker, &self.options).await;
        }
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        while tasks.join_next().await.is_some() {}
    }

    /// One process slot: watch the worker, replace it when it ends, for as long as the budget lasts.
    async fn supervise(
        self: Arc<Self>,
        worker: Option<Worker>,
        delay: Duration,
        generation: CancellationToken,
    ) {
        let mut worker = worker;
        if !delay.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = generation.cancelled() => return,
            }
        }
        loop {
            let running = match worker.take() {
                Some(worker) => worker,
                None => match self.start_within_budget(None, &generation).await {
                    Ok(worker) => {
                        self.admit(&worker);
                        worker
                    }
                    Err(error) => return self.give_up(&error),
                },
            };
            let ending = match slot::watch(running, &self, &generation).await {
                slot::Watched::Stopped => return,
                slot::Watched::Ended(ending) => ending,
            };
            match self.start_after(ending, &generation).await {
                Ok(Some(next)) => {
                    self.admit(&next);
                    worker = Some(next);
                }
                Ok(None) => return,
                Err(error) => return self.give_up(&error),
            }
        }
    }

    /// A replacement for a worker that ended, or `None` when it need not be replaced.
    async fn start_after(
        &self,
        ending: Ending,
        generation: &CancellationToken,
    ) -> Result<Option<Worker>, PoolError> {
        if ending == Ending::Clean {
            return Ok(None);
        }
        self.start_within_budget(Some(ending), generation).await.map(Some)
    }

    /// Starts workers until one is up (and loaded, once the functions are known) or the budget is used up.
    async fn start_within_budget(
        &self,
        mut ending: Option<Ending>,
        generation: &CancellationToken,
    ) -> Result<Worker, PoolError> {
        let mut last = String::new();
        loop {
            if let Some(ending) = ending {
                let verdict = self.budget.lock().on(ending, Instant::now());
                match verdict {
                    Verdict::Restart(pause) => tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = generation.cancelled() => return Err(PoolError::Stopped),
                    },
                    Verdict::Rest => return Err(PoolError::Stopped),
                    Verdict::Exhausted => return Err(PoolError::Exhausted(self.exceeded(&last))),
                }
            }
            let started = tokio::select! {
                started = slot::start(&self.options, self.memory.as_ref()) => started,
                () = generation.cancelled() => return Err(PoolError::Stopped),
            };
            let loaded = match started {
                Ok(worker) => self.load(worker).await,
                Err(error @ PoolError::Program { .. }) => return Err(error),
                Err(error) => Err(error.to_string()),
            };
            match loaded {
                Ok(worker) => return Ok(worker),
                Err(error) => {
                    self.note_failure(&error);
                    last = error;
                    ending = Some(Ending::Error);
                }
            }
        }
    }

    async fn load(&self, mut worker: Worker) -> Result<Worker, String> {
        let Some(functions) = self.functions.get().filter(|functions| !functions.loads.is_empty()) else {
            return Ok(worker);
        };
        match worker.load(&functions.loads, self.options.load_timeout).await {
            Ok(()) => Ok(worker),
            Err(error) => {
                worker.process.kill().await;
                Err(error)
            }
        }
    }

    fn admit(&self, worker: &Worker) {
        self.ready.write().push(worker.connection.clone());
        self.changed.notify_waiters();
    }

    pub(super) fn dismiss(&self, connection: &Arc<Connection>, why: &str) {
        self.ready.write().retain(|other| !Arc::ptr_eq(other, connection));
        self.retiring.lock().retain(|other| !Arc::ptr_eq(other, connection));
        connection.lose(why);
    }

    /// Gives the worker no further invocations.
    pub(super) fn retire(&self, connection: &Arc<Connection>) {
        let mut ready = self.ready.write();
        if let Some(place) = ready.iter().position(|other| Arc::ptr_eq(other, connection)) {
            self.retiring.lock().push(ready.remove(place));
        }
    }

    fn note_failure(&self, error: &str) {
        self.options.log.error(CATEGORY, format!("Language worker process failed: {error}"));
    }

    /// What the platform says when the error budget is used up, and what the last error was.
    fn exceeded(&self, last: &str) -> String {
        let runtime = &self.options.config.language;
        let mut message = format!(
            "Exceeded language worker restart retry count for runtime:{runtime}. Shutting down and proactively recycling the Functions Host to recover"
        );
        if !last.is_empty() {
            message.push('\n');
            message.push_str(last);
        }
        message
    }

    fn give_up(&self, error: &PoolError) {
        if matches!(error, PoolError::Stopped) || !self.ready.read().is_empty() {
            return;
        }
        let message = match error {
            PoolError::Exhausted(message) => message.clone(),
            other => self.exceeded(&other.to_string()),
        };
        self.options.log.error(CATEGORY, &message);
        self.fatal.send_replace(Some(message));
        self.changed.notify_waiters();
    }

    /// The next ready worker, round robin; waits while one is being replaced.
    pub(super) async fn pick(&self) -> Option<Chosen> {
        if let Some(connection) = self.pick_now() {
            return Some(connection);
        }
        let config = &self.options.config;
        let patience =
            config.initialization_timeout * u32::try_from(3 * config.processes + 1).unwrap_or(u32::MAX);
        let wait = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(connection) = self.pick_now() {
                    return Some(connection);
                }
                // Nobody is going to start a worker any more.
                if self.stop.is_cancelled() || self.slots() == 0 {
                    return None;
                }
                changed.await;
            }
        };
        let found = tokio::time::timeout(patience, wait).await.ok().flatten();
        if found.is_none() && !self.stop.is_cancelled() {
            // No worker, and none to come: only a fresh process can help (spec host.md §6.6).
            self.fatal.send_if_modified(|fatal| {
                let is_first = fatal.is_none();
                if is_first {
                    *fatal = Some(NO_WORKERS.to_owned());
                }
                is_first
            });
        }
        found
    }

    fn pick_now(&self) -> Option<Chosen> {
        let ready = self.ready.read();
        let place = match ready.len() {
            0 => return None,
            1 => 0,
            count => self.next.fetch_add(1, Ordering::Relaxed) % count,
        };
        // Under the lock: whoever takes the worker out of the pool sees that it is held.
        Some(Chosen::new(&ready[place]))
    }

    /// Ends the worker that runs `invocation`, if any does; it is replaced at once.
    pub(super) fn end_owner(&self, invocation: &str) {
        let owns = |connection: &&Arc<Connection>| connection.owns(invocation);
        let ready = self.ready.read().iter().find(owns).cloned();
        let owner = ready.or_else(|| self.retiring.lock().iter().find(owns).cloned());
        if let Some(owner) = owner {
            // Out of the pool first: the next invocation must not land on a worker that is about to be killed.
            self.ready.write().retain(|other| !Arc::ptr_eq(other, &owner));
            owner.unwanted.cancel();
        }
    }
}
