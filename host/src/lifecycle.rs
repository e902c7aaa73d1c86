//! Start, run, restart, drain, stop: the order of everything, in one file (spec host.md §9).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::Fuse;
use horus_app::host_json::is_read_only;
use horus_app::log::{ANNOUNCE, Log};
use horus_app::settings::Settings;
use horus_bindings::storage::Storage;
use horus_bindings::{Drain, HostState, Registry};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::http::FrontEnd;
use crate::keys::Keys;
use crate::runtime::Runtime;
use crate::start::{self, Ground, StartError};
use crate::watch::{Action, Rules, Watch};
use crate::worker::Server;
use crate::{Auth, Job, Options, State, Status};

const GENERAL: &str = "Host.General";
const STARTUP: &str = "Host.Startup";
/// Open invocations get this long on a stop or restart before they are asked to end.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// The gRPC server gets this long to close its streams.
const SERVER_LIMIT: Duration = Duration::from_secs(5);
/// Commands from the admin API that may wait.
const COMMANDS: usize = 16;
/// The file whose presence takes the app offline.
pub(crate) const OFFLINE_FILE: &str = "app_offline.htm";

/// How a host ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// It was asked to stop and drained.
    Stopped,
    /// It ended by itself so that whoever supervises it starts it afresh; carries why.
    Recycle(String),
}

/// What the admin API may ask for.
#[derive(Debug)]
pub(crate) enum Command {
    Restart,
    Drain,
    Resume,
}

/// State of drain mode, as in `GET /admin/host/drain/status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainStatus {
    /// `Disabled`, `InProgress` or `Completed`.
    pub state: &'static str,
    /// Invocations that still run.
    pub outstanding_invocations: usize,
    /// Events that wait for another attempt.
    pub outstanding_retries: usize,
}

/// The way in for the admin API and for whoever runs the host. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    status: watch::Receiver<Status>,
    commands: mpsc::Sender<Command>,
    instance_id: Arc<str>,
    started: Instant,
}

impl Handle {
    /// State, errors and job, as they change.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// This process among all instances of the app.
    pub fn instance_id(&self) -> &str {
        &self.instance_id
    }

    /// How long the process has been up.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Builds the app anew, in the background.
    pub fn restart(&self) {
        // A full queue already holds a restart or what leads to one.
        let _ = self.commands.try_send(Command::Restart);
    }

    /// Stops all listeners; HTTP is still served.
    pub fn drain(&self) {
        // Begins before this returns: whoever asks for its status next must not hear that there is none.
        if let Some(job) = &self.status.borrow().job {
            job.drain.start();
        }
        let _ = self.commands.try_send(Command::Drain);
    }

    /// Ends drain mode by a restart.
    pub fn resume(&self) {
        let _ = self.commands.try_send(Command::Resume);
    }

    /// How far drain mode is.
    pub fn drain_status(&self) -> DrainStatus {
        let status = self.status.borrow();
        let Some(job) = status.job.as_ref().filter(|job| job.drain.is_draining()) else {
            return DrainStatus { state: "Disabled", outstanding_invocations: 0, outstanding_retries: 0 };
        };
        let (invocations, retries) = (job.activity.invocations(), job.activity.retries());
        DrainStatus {
            state: if invocations + retries == 0 { "Completed" } else { "InProgress" },
            outstanding_invocations: invocations,
            outstanding_retries: retries,
        }
    }
}

/// What the host is given by whoever assembles it: its extensions and where instances share state. Asked anew for
/// every start, since settings and host.json may have changed.
pub trait Services: Send + Sync + 'static {
    /// The extensions, not yet configured.
    fn registry(&self) -> Registry;
    /// The storage services of this process; one object for all of them.
    fn storage(&self) -> Storage;
    /// Small state and leases shared between instances.
    fn state(&self, settings: &Settings, log: &Log) -> HostState;
}

/// A host for one app.
pub struct Host {
    options: Arc<Options>,
    services: Box<dyn Services>,
    status: watch::Sender<Status>,
    commands: mpsc::Receiver<Command>,
    handle: Handle,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("root", &self.options.root).finish_non_exhaustive()
    }
}

/// What made a running job end.
enum Turn {
    Restart,
    Stop,
    Recycle(String),
}

impl Host {
    /// A host that is not started yet.
    pub fn new(options: Options, services: impl Services) -> Self {
        let (status, watcher) = watch::channel(Status::of(State::Default));
        let (sender, commands) = mpsc::channel(COMMANDS);
        let handle = Handle {
            status: watcher,
            commands: sender,
            instance_id: uuid::Uuid::new_v4().to_string().into(),
            started: Instant::now(),
        };
        Self { options: Arc::new(options), services: Box::new(services), status, commands, handle }
    }

    /// The way in.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs until `drain` starts or the host has to be recycled. `listener` is already bound, so that a port clash
    /// shows before any other work; requests that come early wait for the app.
    pub async fn run(mut self, listener: TcpListener, drain: Drain) -> std::io::Result<Exit> {
        let server = Arc::new(Server::start().await?);
        let options = &self.options;
        let keys = Keys::open(
            &options.settings,
            &self.services.storage(),
            &horus_app::host_id(&options.settings, &options.root),
            &self.handle.instance_id,
            options.secrets.clone(),
            options.log.clone(),
        );
        let front = FrontEnd::new(self.options.clone(), self.handle.clone(), keys.clone());
        let front_drain = Drain::new();
        let mut serving = tokio::spawn(crate::http::serve(listener, front, front_drain.clone()));
        let exit = self.turns(&server, &keys, &drain).await;
        self.set(State::Stopped);
        front_drain.start();
        if tokio::time::timeout(STOP_LIMIT, &mut serving).await.is_err() {
            // Clients that keep their connections busy are cut off.
            front_drain.cancel();
            let _ = tokio::time::timeout(SERVER_LIMIT, serving).await;
        }
        if let Ok(server) = Arc::try_unwrap(server) {
            server.stop(SERVER_LIMIT).await;
        }
        self.options.log.info(GENERAL, "Host shutdown completed.");
        Ok(exit)
    }

    /// One job after the other.
    async fn turns(&mut self, server: &Arc<Server>, keys: &Keys, drain: &Drain) -> Exit {
        let mut failures: u32 = 0;
        loop {
            if drain.is_draining() {
                return Exit::Stopped;
            }
            if self.options.root.join(OFFLINE_FILE).is_file() {
                let watch = self.watch_any();
                self.set(State::Offline);
                match self.wait_for_change(drain, None, watch).await {
                    Turn::Restart => continue,
                    Turn::Stop => return Exit::Stopped,
                    Turn::Recycle(why) => return Exit::Recycle(why),
                }
            }
            let started = Instant::now();
            self.options.log.info(STARTUP, format!("Initializing Host. ConsecutiveErrors={failures}"));
            self.set(State::Starting);
            let ground = Ground {
                options: &self.options,
                server,
                registry: self.services.registry(),
                state: self.services.state(&self.options.settings, &self.options.log),
                instance_id: &self.handle.instance_id,
            };
            let built = tokio::select! {
                built = start::job(ground) => built,
                () = drain.draining() => return Exit::Stopped,
            };
            let turn = match built {
                Ok(job) => {
                    failures = 0;
                    self.make_webhook_keys(&job, keys);
                    self.run_job(Arc::new(job), started, drain).await
                }
                Err(error) => {
                    failures += 1;
                    self.fail(&error, failures, drain).await
                }
            };
            match turn {
                Turn::Restart => {}
                Turn::Stop => return Exit::Stopped,
                Turn::Recycle(why) => return Exit::Recycle(why),
            }
        }
    }

    async fn run_job(&mut self, job: Arc<Job>, started: Instant, drain: &Drain) -> Turn {
        let log = self.options.log.clone();
        // Before anybody is told that the app is up: whoever hears of it may change a file.
        let watch = self.watch(&job);
        let status = Status { job: Some(job.clone()), ..Status::of(State::Initialized) };
        self.status.send_replace(status.clone());
        log.info(STARTUP, format!("Host initialized ({}ms)", started.elapsed().as_millis()));
        log.info(ANNOUNCE, "Worker process started and initialized.");
        job.listen();
        self.status.send_replace(Status { state: State::Running, ..status });
        log.info(STARTUP, format!("Host started ({}ms)", started.elapsed().as_millis()));
        log.info(GENERAL, "Job host started");
        let turn = self.attend(&job, watch, drain).await;
        self.set_with(State::Stopping, &job);
        if matches!(turn, Turn::Stop) {
            log.info(GENERAL, "Stopping host...");
        }
        job.stop(STOP_LIMIT).await;
        log.info(GENERAL, "Job host stopped");
        turn
    }

    /// Sees to it that whoever calls the app's webhooks finds the keys for that.
    fn make_webhook_keys(&self, job: &Job, keys: &Keys) {
        if self.options.auth == Auth::Open {
            return;
        }
        for (extension, _) in job.webhooks.clone() {
            let (keys, log) = (keys.clone(), self.options.log.clone());
            job.tasks.spawn(async move {
                if let Err(error) = keys.extension(extension).await {
                    log.warning(GENERAL, format!("The webhook of '{extension}' has no key: {error}"));
                }
            });
        }
    }

    /// Starts to watch the files that matter to the job, unless it wants none watched.
    fn watch(&self, job: &Job) -> Option<Watch> {
        let rules = Rules::new(&job.host.watch_files, &job.host.watch_directories, &job.script_extensions())
            .with_scripts(job.worker_extensions());
        (job.host.file_watching_enabled && !is_read_only(&self.options.settings))
            .then(|| Watch::start(&self.options.root, rules, &self.options.log))
            .flatten()
    }

    /// Waits for whatever ends the job.
    async fn attend(&mut self, job: &Arc<Job>, mut watch: Option<Watch>, drain: &Drain) -> Turn {
        let mut fatal = job.runtime.as_ref().map(Runtime::fatal);
        let options = self.options.clone();
        let mut renewal = Fuse::terminated();
        loop {
            let changed = async {
                match &mut watch {
                    Some(watch) => watch.changed().await,
                    None => std::future::pending().await,
                }
            };
            let given_up = async {
                match &mut fatal {
                    Some(fatal) => match fatal.wait_for(Option::is_some).await {
                        Ok(message) => message.clone().unwrap_or_default(),
                        Err(_) => std::future::pending().await,
                    },
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = drain.draining() => return Turn::Stop,
                action = changed => match action {
                    // One that is under way has read files that are old by now: it is dropped.
                    Action::Renew => renewal = start::renew(&options, job).boxed().fuse(),
                    Action::Restart => return Turn::Restart,
                    Action::Shutdown => {
                        return Turn::Recycle("a program file of the app has changed".into());
                    }
                },
                renewed = &mut renewal => match renewed {
                    Ok(()) => self.options.log.info(ANNOUNCE, "Worker process started and initialized."),
                    Err(why) => {
                        self.options.log.info(GENERAL, format!("New workers are not enough: {why} Restarting the host."));
                        return Turn::Restart;
                    }
                },
                message = given_up => return Turn::Recycle(message),
                Some(command) = self.commands.recv() => match command {
                    Command::Restart => return Turn::Restart,
                    Command::Resume if job.drain.is_draining() => return Turn::Restart,
                    Command::Resume => {}
                    Command::Drain => {
                        let log = &self.options.log;
                        log.info(GENERAL, "DrainMode mode enabled");
                        log.info(GENERAL, "Calling StopAsync on the registered listeners");
                        job.drain.start();
                        log.info(GENERAL, "Call to StopAsync complete, registered listeners are now stopped");
                    }
                },
            }
        }
    }

    /// Reports a failed start and waits for what may help: time, a changed file, a command.
    async fn fail(&mut self, error: &StartError, failures: u32, drain: &Drain) -> Turn {
        let log = self.options.log.clone();
        let message = error.to_string();
        log.error(STARTUP, format!("A host error has occurred during startup: {message}"));
        // Before the state tells: whoever sees the error may mend it at once.
        let watch = self.watch_any();
        let status = Status { errors: Arc::new([message.clone()]), ..Status::of(State::Error) };
        self.status.send_replace(status);
        match error {
            StartError::Fatal(_) => Turn::Recycle(message),
            StartError::App(_) => {
                log.info(STARTUP, "Waiting for a file of the app to change before trying again.");
                self.wait_for_change(drain, None, watch).await
            }
            StartError::Transient(_) => self.wait_for_change(drain, Some(back_off(failures)), watch).await,
        }
    }

    /// Starts to watch whatever may matter to an app that is not loaded.
    fn watch_any(&self) -> Option<Watch> {
        let extensions = [".js", ".mjs", ".cjs", ".py"].map(str::to_owned);
        Watch::start(&self.options.root, Rules::new(&[], &[], &extensions), &self.options.log)
    }

    /// Waits for any relevant change, for at most `limit`.
    async fn wait_for_change(
        &mut self,
        drain: &Drain,
        limit: Option<Duration>,
        mut watch: Option<Watch>,
    ) -> Turn {
        let changed = async {
            match &mut watch {
                Some(watch) => watch.changed().await,
                None => std::future::pending().await,
            }
        };
        let time_up = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = drain.draining() => Turn::Stop,
            _ = changed => Turn::Restart,
            () = time_up => Turn::Restart,
            Some(_) = self.commands.recv() => Turn::Restart,
        }
    }

    fn set(&self, state: State) {
        self.status.send_replace(Status::of(state));
    }

    fn set_with(&self, state: State, job: &Arc<Job>) {
        self.status.send_replace(Status { job: Some(job.clone()), ..Status::of(state) });
    }
}

/// `(2ⁿ − 1) / 2` seconds after the nth failure in a row, between 1 second and 2 minutes (spec host.md §9.2).
fn back_off(failures: u32) -> Duration {
    let seconds = (2f64.powi(failures.min(20) as i32) - 1.0) / 2.0;
    Duration::from_secs_f64(seconds.clamp(1.0, 120.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// host.md C06: attempts are spaced by growing delays of at least a second.
    #[test]
    fn c06_starts_back_off_from_one_second_to_two_minutes() {
        let seconds: Vec<f64> = (1..=9).map(|n| back_off(n).as_secs_f64()).collect();
        assert_eq!(seconds, [1.0, 1.5, 3.5, 7.5, 15.5, 31.5, 63.5, 120.0, 120.0]);
        assert_eq!(back_off(u32::MAX), Duration::from_secs(120));
    }
}
