//! One loaded app: everything between two restarts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use horus_app::log::Log;
use horus_app::{Function, FunctionError, HostJson, Settings};
use horus_bindings::state::PrimaryLock;
use horus_bindings::{Drain, Webhook, http as binding};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use crate::invoke::{Activity, Runner};
use crate::runtime::Runtime;
use crate::worker::Pool;

const CATEGORY: &str = "Host.General";

/// Pauses before a listener that gave up is started again.
const RELISTEN: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15), Duration::from_secs(60)];

/// A loaded app with its functions, routes, workers and listeners.
pub struct Job {
    /// host.json, overrides applied.
    pub host: HostJson,
    /// What identifies all instances of the app in shared storage.
    pub host_id: String,
    /// Functions that can run, in the platform's order (by name).
    pub functions: Vec<Arc<Runner>>,
    /// Functions that host.json's allow-list leaves out: listed, never run.
    pub excluded: Vec<Function>,
    /// Functions that cannot, and why.
    pub errors: Vec<FunctionError>,
    /// Settings of `extensions.http`.
    pub http: binding::Options,
    /// Which function answers which request.
    pub routes: binding::route::Table<usize>,
    /// Extensions that answer requests themselves, by the name in their URL.
    pub(crate) webhooks: Vec<(&'static str, Arc<dyn Webhook>)>,
    /// App settings as this job sees them: host.json is reachable through them.
    pub settings: Settings,
    /// The job's end.
    pub drain: Drain,
    /// How much is going on.
    pub activity: Arc<Activity>,
    /// Owns invocations whose caller may go away.
    pub(crate) tasks: TaskTracker,
    /// Which of the app's instances is the primary one.
    pub primary: Arc<PrimaryLock>,
    pub(crate) runtime: Option<Runtime>,
    pub(crate) listeners: Mutex<JoinSet<()>>,
    pub(crate) log: Log,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("functions", &self.functions).finish_non_exhaustive()
    }
}

impl Job {
    /// The function called `name`, ignoring case.
    pub fn runner(&self, name: &str) -> Option<&Arc<Runner>> {
        self.functions.iter().find(|runner| runner.function().name.eq_ignore_ascii_case(name))
    }

    /// Script extensions whose change means a restart.
    pub(crate) fn script_extensions(&self) -> Vec<String> {
        let mut extensions = vec![".wasm".to_owned()];
        if self.renewable().is_none() {
            extensions.extend(self.runtime.iter().flat_map(|runtime| runtime.extensions().to_vec()));
        }
        extensions
    }

    /// Script extensions whose change means new workers.
    pub(crate) fn worker_extensions(&self) -> &[String] {
        self.renewable().map_or(&[], |pool| pool.extensions())
    }

    /// The workers, when they can be replaced while the rest of the job goes on.
    pub(crate) fn renewable(&self) -> Option<&Arc<Pool>> {
        match &self.runtime {
            Some(Runtime::Workers(pool)) if pool.is_renewable() => Some(pool),
            _ => None,
        }
    }

    /// Starts the listener of every enabled function that has an event source.
    pub(crate) fn listen(&self) {
        let mut listeners = self.listeners.lock();
        let (primary, drain) = (self.primary.clone(), self.drain.clone());
        listeners.spawn(async move { primary.run(&drain).await });
        for runner in self.functions.iter().filter(|runner| !runner.is_disabled()) {
            listeners.spawn(listen(runner.clone(), self.drain.clone(), self.log.clone()));
        }
    }

    /// Takes no new events and waits, at most `limit`, for the open ones; then asks them to stop and ends the
    /// workers. What is still open afterwards goes back to its source.
    pub(crate) async fn stop(&self, limit: Duration) {
        self.drain.start();
        let mut listeners = std::mem::take(&mut *self.listeners.lock());
        let drained = async {
            while listeners.join_next().await.is_some() {}
            self.activity.idle(limit).await;
        };
        let in_time = tokio::time::timeout(limit, drained).await.is_ok() && self.activity.invocations() == 0;
        self.drain.cancel();
        if let Some(runtime) = &self.runtime {
            runtime.stop().await;
        }
        if !in_time {
            // The workers are gone, so every open invocation is lost by now and its trigger settles accordingly.
            let settle = async { while listeners.join_next().await.is_some() {} };
            let _ = tokio::time::timeout(Duration::from_secs(2), settle).await;
        }
        self.tasks.close();
        let _ = tokio::time::timeout(Duration::from_secs(2), self.tasks.wait()).await;
    }
}

async fn listen(runner: Arc<Runner>, drain: Drain, log: Log) {
    let name = &runner.function().name;
    let mut pauses = RELISTEN.iter();
    let mut pause = RELISTEN[0];
    loop {
        let ended = runner.trigger().clone().listen(runner.dispatch(), drain.clone()).await;
        let Err(error) = ended else { return };
        if drain.is_draining() {
            return;
        }
        log.error(CATEGORY, format!("The listener for function '{name}' was unable to start: {error}"));
        pause = pauses.next().copied().unwrap_or(pause);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = drain.draining() => return,
        }
    }
}
