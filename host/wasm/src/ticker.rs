//! The clock by which guests are interrupted and idle instances are given up.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

/// Ticks for which the clock goes on when no guest runs. Guests often come one after the other, and waking a thread for
/// each of them costs more than many of them do.
const LINGER: usize = 10;

/// Raises the engine's epoch while guests run; ends with the engine.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    running: AtomicUsize,
    /// The clock waits until it is woken. Set before it looks at `running` for the last time, and read after `running`
    /// has been raised: one of both sees the other.
    is_asleep: AtomicBool,
    is_stopped: Mutex<bool>,
    changed: Condvar,
    keepers: Mutex<Vec<Weak<dyn Keeper>>>,
}

/// One running guest; the clock stands still some time after the last one.
pub(crate) struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
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
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.is_asleep.load(Ordering::SeqCst) {
            self.shared.wake();
        }
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
    fn is_idle(&self) -> bool {
        self.running.load(Ordering::SeqCst) == 0
    }

    fn wake(&self) {
        // Whoever is about to sleep has the lock until it does.
        drop(self.is_stopped.lock());
        self.changed.notify_one();
    }

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
        *self.shared.is_stopped.lock() = true;
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
    let (mut quiet, mut tidied) = (LINGER, Instant::now());
    loop {
        let sleeps = quiet >= LINGER && shared.is_idle();
        // What the last guests have left behind decides how long to sleep.
        let kept = if sleeps || tidied.elapsed() >= TIDY {
            tidied = Instant::now();
            shared.tidy()
        } else {
            0
        };
        let mut is_stopped = shared.is_stopped.lock();
        if *is_stopped {
            return;
        }
        if sleeps {
            shared.is_asleep.store(true, Ordering::SeqCst);
            match kept {
                _ if !shared.is_idle() => {}
                0 => shared.changed.wait(&mut is_stopped),
                _ => drop(shared.changed.wait_for(&mut is_stopped, TIDY)),
            }
            shared.is_asleep.store(false, Ordering::SeqCst);
            if !shared.is_idle() {
                // Its first tick comes like every other.
                quiet = 0;
            }
            continue;
        }
        shared.changed.wait_for(&mut is_stopped, TICK);
        if *is_stopped {
            return;
        }
        drop(is_stopped);
        if shared.is_idle() {
            quiet += 1;
            continue;
        }
        quiet = 0;
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
    }
}
