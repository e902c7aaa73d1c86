//! Who ends workers, how, and when exactly: so that each failed request can be blamed on a process that ended.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt as _};
use rand::{Rng as _, RngExt as _, SeedableRng as _};

use super::journal::Journal;
use crate::support::{Func, is_running, is_worker};

/// A process that was ended, or is about to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Death {
    pub(super) pid: u32,
    /// When the request to end it was made.
    pub(super) from: Instant,
    /// When it was seen to be gone.
    pub(super) until: Option<Instant>,
}

/// How a worker is made to suffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    /// SIGKILL, as the kernel does when memory runs out.
    Kill,
    /// SIGSTOP, and SIGCONT after a while: nothing may fail.
    Pause,
    /// SIGSTOP, then SIGKILL: the host sees nothing until the end.
    PauseAndKill,
    /// SIGSTOP for good: `functionTimeout` has to end it.
    Hang,
    /// The app exits with the code that asks for a new process.
    Recycle,
    /// The app exits with an error, as an uncaught exception does. Counts against the error budget.
    Crash,
}

/// Ends workers of `func` at random until a moment comes.
pub(super) struct Monkey<'a> {
    func: &'a Func,
    journal: &'a RefCell<Journal>,
    random: RefCell<rand::rngs::StdRng>,
    deaths: RefCell<Vec<Death>>,
    /// What was done, for the report.
    done: RefCell<BTreeMap<Deed, usize>>,
    /// Crashes that the error budget still has room for.
    crashes: Cell<usize>,
    requests: Cell<usize>,
}

impl<'a> Monkey<'a> {
    pub(super) fn new(func: &'a Func, journal: &'a RefCell<Journal>, seed: u64, crashes: usize) -> Self {
        Self {
            func,
            journal,
            random: RefCell::new(rand::rngs::StdRng::seed_from_u64(seed)),
            deaths: RefCell::default(),
            done: RefCell::default(),
            crashes: Cell::new(crashes),
            requests: Cell::new(0),
        }
    }

    /// Goes about until `end`; every deed is finished when it returns.
    pub(super) async fn rage(&self, end: Instant) {
        let mut open = FuturesUnordered::new();
        loop {
            let pause = Duration::from_millis(self.random.borrow_mut().random_range(100..600));
            let next = tokio::time::Instant::from_std(Instant::now() + pause);
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(next) => break,
                    Some(()) = open.next() => {}
                }
            }
            self.look();
            if Instant::now() >= end {
                break;
            }
            open.push(self.act());
        }
        while open.next().await.is_some() {}
        self.look();
    }

    /// A worker that has shown that it works: one that is killed before that counts as a failed start.
    fn victim(&self) -> Option<u32> {
        self.journal.borrow_mut().refresh();
        let journal = self.journal.borrow();
        let doomed = |id: &u32| self.deaths.borrow().iter().any(|death| death.pid == *id);
        let victims: Vec<u32> = self
            .func
            .children()
            .into_iter()
            .filter(|id| is_worker(*id) && journal.served.contains(id) && !doomed(id))
            .collect();
        let at = self.random.borrow_mut().next_u32() as usize;
        (!victims.is_empty()).then(|| victims[at % victims.len()])
    }

    async fn act(&self) {
        let deed = match self.random.borrow_mut().random_range(0..100) {
            0..50 => Deed::Kill,
            50..65 => Deed::Pause,
            65..75 => Deed::PauseAndKill,
            75..80 => Deed::Hang,
            80..92 => Deed::Recycle,
            _ if self.crashes.get() > 0 => Deed::Crash,
            _ => Deed::Kill,
        };
        let length = Duration::from_millis(self.random.borrow_mut().random_range(200..1500));
        if matches!(deed, Deed::Recycle | Deed::Crash) {
            return self.ask_to_leave(deed).await;
        }
        let Some(pid) = self.victim() else { return };
        *self.done.borrow_mut().entry(deed).or_default() += 1;
        if deed != Deed::Pause {
            self.deaths.borrow_mut().push(Death { pid, from: Instant::now(), until: None });
        }
        match deed {
            Deed::Kill => signal(pid, "KILL"),
            Deed::Hang => signal(pid, "STOP"),
            _ => {
                signal(pid, "STOP");
                tokio::time::sleep(length).await;
                signal(pid, if deed == Deed::Pause { "CONT" } else { "KILL" });
            }
        }
    }

    /// Has whichever worker gets the request exit by itself.
    async fn ask_to_leave(&self, deed: Deed) {
        let code = match deed {
            Deed::Crash => {
                self.crashes.set(self.crashes.get() - 1);
                1
            }
            _ => 200,
        };
        let id = format!("leave-{}", self.requests.replace(self.requests.get() + 1));
        let from = Instant::now();
        let answer = self.func.get(&format!("/api/leave?id={id}&code={code}")).await;
        assert_eq!(answer.status, 500, "nobody is left to answer");
        self.journal.borrow_mut().refresh();
        // A worker that was ended before it came to this has left nothing.
        if let Some(pid) = self.journal.borrow().left.get(&id).copied() {
            *self.done.borrow_mut().entry(deed).or_default() += 1;
            self.deaths.borrow_mut().push(Death { pid, from, until: None });
        }
    }

    /// Notes who is gone by now.
    fn look(&self) {
        for death in self.deaths.borrow_mut().iter_mut().filter(|death| death.until.is_none()) {
            if !is_running(death.pid) {
                death.until = Some(Instant::now());
            }
        }
    }

    pub(super) fn deaths(&self) -> Vec<Death> {
        self.look();
        self.deaths.borrow().clone()
    }

    /// What was done how often.
    pub(super) fn report(&self) -> String {
        format!("{:?}", self.done.borrow())
    }
}

fn signal(pid: u32, name: &str) {
    // The process may have gone by another way.
    let _ = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .stderr(std::process::Stdio::null())
        .status();
}
