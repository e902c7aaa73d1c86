//! The clock by which guests are interrupted.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use wasmtime::EngineWeak;

/// How often a computing guest is made to give way to others, and how exact time limits are.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Raises the engine's epoch while guests run; ends with the engine.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    stopped: bool,
}

/// One running guest; the clock stands still when there is none.
#[derive(Debug)]
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
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.state.lock().stopped = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // The thread only ever sleeps or counts; a panic in it would be a bug that tests show.
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared, engine: &EngineWeak) {
    let mut state = shared.state.lock();
    loop {
        if state.stopped {
            return;
        }
        if state.running == 0 {
            shared.changed.wait(&mut state);
            continue;
        }
        shared.changed.wait_for(&mut state, TICK);
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
    }
}
