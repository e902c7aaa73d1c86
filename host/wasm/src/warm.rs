//! Instances of components that serve: made ready, and where the guest allows it, kept for the next call.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};

use crate::call::{Limited as _, SharedSink, store};
use crate::limits::Meter;
use crate::output::{Lines, Writer};
use crate::state::State;
use crate::world::{Functions, FunctionsPre};
use crate::{CallError, Guest, Source};

/// How much longer an instance's table of resources may get from one call to the next, all in all: whoever leaves more
/// behind leaks.
const LEFT_BEHIND: usize = 64;

/// How an instance may be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reuse {
    /// Calls that one instance serves.
    pub uses: u32,
    /// How long an instance waits for its next call.
    pub idle: Duration,
}

impl Default for Reuse {
    fn default() -> Self {
        Self { uses: 10_000, idle: Duration::from_secs(60) }
    }
}

/// A component, linked: what is left to do is per instance.
pub(crate) trait Linked: Send + Sync {
    /// An instance's exports.
    type Exports: Send + 'static;

    fn instantiate(
        &self,
        store: &mut Store<State>,
    ) -> impl Future<Output = wasmtime::Result<Self::Exports>> + Send;
}

impl Linked for ProxyPre<State> {
    type Exports = Proxy;

    async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Proxy> {
        self.instantiate_async(store).await
    }
}

impl Linked for FunctionsPre<State> {
    type Exports = Functions;

    async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Functions> {
        self.instantiate_async(store).await
    }
}

/// An instance with what stays with it between calls.
pub(crate) struct Instance<E> {
    pub(crate) store: Store<State>,
    pub(crate) exports: E,
    /// Its standard error.
    pub(crate) said: Lines,
    stdout: Lines,
    uses: u32,
    /// Resources it had after its first call.
    resources: Option<usize>,
    idle_since: Instant,
    _slot: OwnedSemaphorePermit,
}

impl<E> Instance<E> {
    /// Most linear memory that it had so far, in bytes.
    pub(crate) fn peak(&mut self) -> usize {
        self.store.data_mut().meter().peak
    }
}

/// A linked component and the instances of it that wait for a call.
pub(crate) struct Served<P: Linked> {
    pre: P,
    reuse: Option<Reuse>,
    shelf: Arc<Shelf<P::Exports>>,
}

impl<P: Linked> Served<P> {
    /// Registers with the engine's clock where instances are to be kept.
    pub(crate) fn new(pre: P, reuse: Option<Reuse>, engine: &crate::Engine) -> Self {
        let shelf = Arc::new(Shelf {
            waiting: Mutex::default(),
            idle: reuse.map_or(Duration::ZERO, |reuse| reuse.idle),
        });
        if reuse.is_some() {
            let keeper: Arc<dyn Keeper> = shelf.clone();
            engine.ticker.watch(Arc::downgrade(&keeper));
        }
        Self { pre, reuse, shelf }
    }

    /// Instances that wait for a call.
    pub(crate) fn idle(&self) -> usize {
        self.shelf.waiting.lock().len()
    }

    /// An instance for one call: the one that was used last, else a fresh one.
    pub(crate) async fn instance(
        &self,
        guest: &Guest,
        sink: SharedSink,
        deadline: Option<Instant>,
    ) -> Result<Instance<P::Exports>, CallError> {
        if self.reuse.is_some() {
            let waiting = self.shelf.waiting.lock().pop_back();
            if let Some(mut instance) = waiting {
                instance.said.begin(sink.clone());
                instance.stdout.begin(sink.clone());
                instance.store.data_mut().begin(sink, deadline);
                guest.refuel(&mut instance.store);
                return Ok(instance);
            }
        }
        let slot = guest.slot().await?;
        let started = Instant::now();
        let output = guest.limits.output;
        let said = Lines::new(sink.clone(), Source::Stderr, output);
        let stdout = Lines::new(sink.clone(), Source::Stdout, output);
        let mut context = guest.context()?;
        context.stdout(Writer(stdout.clone())).stderr(Writer(said.clone()));
        let meter = Meter::new(&guest.limits);
        let state = State::new(context.build(), guest.grants.clone(), sink, meter, deadline, output);
        let mut store = store(guest, state);
        let exports = match self.pre.instantiate(&mut store).await {
            Ok(exports) => exports,
            Err(error) => {
                guest.saw(store.data_mut().meter().peak);
                return Err(guest.failure(&error, &said.last_words()));
            }
        };
        guest.starts.note(started.elapsed());
        Ok(Instance {
            store,
            exports,
            said,
            stdout,
            uses: 0,
            resources: None,
            idle_since: started,
            _slot: slot,
        })
    }

    /// Keeps an instance whose call has ended well, if it may be used again. Whoever waits for a place in the pool
    /// comes first.
    pub(crate) fn put_back(&self, guest: &Guest, mut instance: Instance<P::Exports>) {
        let Some(reuse) = self.reuse else { return };
        instance.uses += 1;
        instance.said.end();
        instance.stdout.end();
        let resources = instance.store.data_mut().resources();
        let first = *instance.resources.get_or_insert(resources);
        let is_spent = instance.uses >= reuse.uses || resources > first.saturating_add(LEFT_BEHIND);
        if is_spent || guest.engine.wanting.load(Ordering::Acquire) > 0 {
            return;
        }
        instance.idle_since = Instant::now();
        self.shelf.waiting.lock().push_back(instance);
        // A call may have looked for a place between the question above and this line.
        if guest.engine.wanting.load(Ordering::Acquire) > 0 {
            self.shelf.give_up_one();
        }
    }
}

/// Instances that wait for a call, the one that waits longest first.
struct Shelf<E> {
    waiting: Mutex<VecDeque<Instance<E>>>,
    idle: Duration,
}

/// Something that keeps instances which nobody uses.
pub(crate) trait Keeper: Send + Sync {
    /// Gives up those that have waited too long; says how many are left.
    fn tidy(&self, now: Instant) -> usize;
    /// Gives one up, if there is one.
    fn give_up_one(&self) -> bool;
}

impl<E: Send + 'static> Keeper for Shelf<E> {
    fn tidy(&self, now: Instant) -> usize {
        let mut waiting = self.waiting.lock();
        let is_late =
            |instance: &Instance<E>| now.saturating_duration_since(instance.idle_since) >= self.idle;
        let late = waiting.iter().take_while(|instance| is_late(instance)).count();
        let given_up: Vec<_> = waiting.drain(..late).collect();
        let left = waiting.len();
        drop(waiting);
        // Ending an instance takes a while; calls need not wait for it.
        drop(given_up);
        left
    }

    fn give_up_one(&self) -> bool {
        let instance = self.waiting.lock().pop_front();
        instance.is_some()
    }
}
