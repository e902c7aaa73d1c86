//! The handler's process, kept alive, and the way to invoke on it (spec host.md §7.5).

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use horus_app::log::{Level, Log};
use horus_app::{Function, Settings};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::call::Callee;
use super::instance::{Instance, Launch};
use super::options::Options;
use crate::http::Client;
use crate::process::Process;
use crate::process::budget::{Budget, Ending, Verdict};

/// Category of the host's own lines about the handler.
pub(super) const CATEGORY: &str = "Host.General";
/// Pause before the handler is started again after its second error in a row; the first is repaired at once.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// How long a handler that was asked to end may take.
const TERMINATE_GRACE: Duration = Duration::from_secs(2);
const EXHAUSTED: &str = "Exceeded http worker restart retry count. Shutting down Functions Host";

/// Why there is no handler.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HandlerError {
    /// The program cannot be started at all.
    #[error("custom handler '{program}': {error}. {hint}")]
    Program {
        /// What was to be started.
        program: String,
        /// Why it could not.
        error: String,
        /// What to do.
        hint: String,
    },
    /// There is no port for it.
    #[error("{0}")]
    Port(String),
    /// It started but never answered.
    #[error("{0}")]
    Start(String),
    /// It failed too often.
    #[error("{0}")]
    Exhausted(String),
    /// The host is going down.
    #[error("the host is stopping")]
    Stopped,
}

/// What a handler is made of.
#[derive(Debug)]
pub struct HandlerParts {
    /// Which program, and how.
    pub options: Options,
    /// What it inherits.
    pub settings: Settings,
    /// The app's root.
    pub root: PathBuf,
    /// Version told to it.
    pub host_version: &'static str,
    /// Where log lines go.
    pub log: Log,
}

/// A supervised custom handler.
#[derive(Debug)]
pub struct CustomHandler {
    pub(super) parts: HandlerParts,
    pub(super) client: Client,
    pub(super) callees: OnceLock<Vec<Callee>>,
    state: watch::Sender<State>,
    budget: Mutex<Budget>,
    stop: CancellationToken,
    tasks: Mutex<JoinSet<()>>,
    fatal: watch::Sender<Option<String>>,
}

/// Whether invocations can be sent.
#[derive(Debug, Clone)]
enum State {
    /// Not right now: the process is being started.
    Starting,
    Ready(Arc<Instance>),
    /// Not any more, and why.
    Ended(String),
}

impl CustomHandler {
    /// A handler whose process is not started yet.
    pub fn new(parts: HandlerParts) -> Arc<Self> {
        Arc::new(Self {
            client: crate::http::client(),
            callees: OnceLock::new(),
            state: watch::channel(State::Starting).0,
            budget: Mutex::new(Budget::new(1, RESTART_PAUSE)),
            stop: CancellationToken::new(),
            tasks: Mutex::default(),
            fatal: watch::channel(None).0,
            parts,
        })
    }

    /// Starts the process, waits until it answers and supervises it from then on. The order of `functions` is the
    /// invoker's index; without any there is nothing to start.
    pub(crate) async fn serve(self: &Arc<Self>, functions: &[Arc<Function>]) -> Result<(), HandlerError> {
        let http = self.parts.options.http;
        let callees = functions.iter().map(|function| Callee::of(function, http)).collect();
        if self.callees.set(callees).is_err() {
            return Err(HandlerError::Start("the handler serves already".into()));
        }
        if functions.is_empty() {
            return Ok(());
        }
        let first = self.start_within_budget(None).await?;
        self.tasks.lock().spawn(self.clone().supervise(first));
        Ok(())
    }

    /// How it is run.
    pub fn options(&self) -> &Options {
        &self.parts.options
    }

    /// Changes to a message once the handler has failed too often.
    pub fn fatal(&self) -> watch::Receiver<Option<String>> {
        self.fatal.subscribe()
    }

    /// Asks the process to end, kills what is left of it, and resolves when it is gone.
    pub async fn stop(&self) {
        self.stop.cancel();
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        while tasks.join_next().await.is_some() {}
    }

    /// The running instance; waits while it is being replaced. An error says why there is none.
    pub(super) async fn ready(&self) -> Result<Arc<Instance>, String> {
        let mut state = self.state.subscribe();
        loop {
            match &*state.borrow_and_update() {
                State::Ready(instance) => return Ok(instance.clone()),
                State::Ended(why) => return Err(why.clone()),
                State::Starting => {}
            }
            tokio::select! {
                changed = state.changed() => changed.map_err(|_| "the custom handler has ended")?,
                () = self.stop.cancelled() => return Err("the host is stopping".into()),
            }
        }
    }

    /// Kills the instance that runs `invocation`, if it still does; it is replaced at once.
    pub(super) fn end_owner(&self, invocation: &str) {
        if let State::Ready(instance) = &*self.state.borrow()
            && instance.owns(invocation)
        {
            instance.unwanted.cancel();
        }
    }

    /// Watches one process after the other, for as long as the error budget lasts.
    async fn supervise(self: Arc<Self>, first: (Process, Arc<Instance>)) {
        let mut running = first;
        loop {
            let Some(ending) = self.watch(running).await else { return };
            if ending == Ending::Clean {
                return;
            }
            running = match self.start_within_budget(Some(ending)).await {
                Ok(next) => next,
                Err(error) => return self.give_up(&error),
            };
        }
    }

    /// Watches a process to its end and fails what it was running; `None` when the host stops.
    async fn watch(&self, (mut process, instance): (Process, Arc<Instance>)) -> Option<Ending> {
        let pid = process.id().unwrap_or_default();
        let status = tokio::select! {
            () = self.stop.cancelled() => {
                self.state.send_replace(State::Ended("the host is stopping".into()));
                process.terminate(TERMINATE_GRACE).await;
                instance.lose("the host is stopping");
                return None;
            }
            () = instance.unwanted.cancelled() => {
                self.state.send_replace(State::Starting);
                process.kill().await;
                instance.lose("the custom handler was restarted because of a function timeout");
                return Some(Ending::Intended);
            }
            status = process.ended() => status,
        };
        let (ending, text) = match status {
            Ok(status) => (Ending::of(status), process.exit_text(status)),
            Err(error) => (Ending::Error, format!("the custom handler cannot be watched: {error}")),
        };
        self.state.send_replace(match ending {
            Ending::Clean => State::Ended(format!("{text}. It is not started again after exit code 0.")),
            _ => State::Starting,
        });
        let level = match ending {
            Ending::Error | Ending::Killed => Level::Error,
            Ending::Clean | Ending::Intended => Level::Information,
        };
        self.parts.log.write(level, CATEGORY, &format!("Custom handler process exited. Pid={pid}.\n{text}"));
        instance.lose(&text);
        Some(ending)
    }

    /// Starts processes until one answers or the budget is used up.
    async fn start_within_budget(
        &self,
        mut ending: Option<Ending>,
    ) -> Result<(Process, Arc<Instance>), HandlerError> {
        let HandlerParts { options, settings, root, log, .. } = &self.parts;
        let launch = Launch { options, settings, root, log };
        let mut last = String::new();
        loop {
            if let Some(ending) = ending {
                let verdict = self.budget.lock().on(ending, Instant::now());
                match verdict {
                    Verdict::Restart(pause) => tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.stop.cancelled() => return Err(HandlerError::Stopped),
                    },
                    Verdict::Rest => return Err(HandlerError::Stopped),
                    Verdict::Exhausted => {
                        return Err(HandlerError::Exhausted(match last.as_str() {
                            "" => EXHAUSTED.to_owned(),
                            last => format!("{EXHAUSTED}\n{last}"),
                        }));
                    }
                }
            }
            let started = tokio::select! {
                started = launch.start() => started,
                () = self.stop.cancelled() => return Err(HandlerError::Stopped),
            };
            match started {
                Ok((process, instance)) => {
                    self.state.send_replace(State::Ready(instance.clone()));
                    return Ok((process, instance));
                }
                Err(HandlerError::Start(error)) => {
                    log.error(CATEGORY, format!("Failed to start the custom handler: {error}"));
                    last = error;
                    ending = Some(Ending::Error);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn give_up(&self, error: &HandlerError) {
        let message = error.to_string();
        self.state.send_replace(State::Ended(message.clone()));
        if !matches!(error, HandlerError::Stopped) {
            self.parts.log.error(CATEGORY, &message);
            self.fatal.send_replace(Some(message));
        }
    }
}
