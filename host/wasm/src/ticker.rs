//! The clock by which guests are interrupted and idle instances are given up.

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use wasmtime::EngineWeak;

use crate::warm::Keeper;

/// How often a computing guest is made to give way to others, and how exact time limits are.
pub(crate) const TICK: Duration = Duration::from_millis(10);
/// How often idle instances are looked through.
const TIDY: Duration = Duration::from_secs(1);

/// Raises the engine's epoch while guests run; ends with the engine.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    keepers: Mutex<Vec<Weak<dyn Keeper>>>,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    stopped: bool,
}

/// One running guest; the clock stands still when there is none.
pub(crate) struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.state.lock().running -= 1;
    }
}

impl Ticker {
    pub(crate) fn start(engine: EngineWeak) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let clock = shared.clone();
        let thread =
            std::thread::Builder::new().name("wasm-epoch".into()).spawn(move || run(&clock, &engine))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Counts a guest as running.
    pub(crate) fn running(&self) -> Running {
        let mut state = self.shared.state.lock();
        state.running += 1;
        if state.running == 1 {
            self.shared.changed.notify_one();
        }
        drop(state);
        Running(self.shared.clone())
    }

    /// Looks through the instances of `keeper` from now on.
    pub(crate) fn watch(&self, keeper: Weak<dyn Keeper>) {
        let mut keepers = self.shared.keepers.lock();
        keepers.retain(|keeper| keeper.strong_count() > 0);
        keepers.push(keeper);
    }

    /// Ends one idle instance, whosever it is; `false` when there is none.
    pub(crate) fn reclaim(&self) -> bool {
        self.shared.keepers().iter().any(|keeper| keeper.give_up_one())
    }
}

impl Shared {
    fn keepers(&self) -> Vec<Arc<dyn Keeper>> {
        self.keepers.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// Gives up what nobody uses any more; says how many instances are still kept.
    fn tidy(&self) -> usize {
        let now = Instant::now();
        self.keepers().iter().map(|keeper| keeper.tidy(now)).sum()
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.state.lock().stopped = true;
        self.shared.changed.notify_one();
        let Some(thread) = self.thread.take() else { return };
        // The engine may go with the last instance, which the clock itself may have given up.
        if thread.thread().id() != std::thread::current().id() {
            // The thread only ever sleeps, counts and tidies; a panic in it would be a bug that tests show.
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared, engine: &EngineWeak) {
    let (mut kept, mut tidied) = (0, Instant::now());
    loop {
        let mut state = shared.state.lock();
        if state.stopped {
            return;
        }
        match (state.running, kept) {
            (0, 0) => shared.changed.wait(&mut state),
            (0, _) => {
                shared.changed.wait_for(&mut state, TIDY);
            }
            _ => {
                shared.changed.wait_for(&mut state, TICK);
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        }
        let is_idle = state.running == 0;
        drop(state);
        // When the last guest ends its instance may just have been kept.
        if is_idle || tidied.elapsed() >= TIDY {
            kept = shared.tidy();
            tidied = Instant::now();
        }
    }
}
