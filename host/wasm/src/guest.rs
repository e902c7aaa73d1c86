//! A loaded guest: everything that does not depend on the call is done.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::InstancePre;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::aot::Code;
use crate::metrics::Starts;
use crate::state::{CoreState, State};
use crate::warm::Served;
use crate::world::FunctionsPre;
use crate::{CallError, Engine, Grants, Limits, LoadError, Reuse, link};

/// How a guest is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// It answers HTTP requests ([`Guest::call_http`]).
    Http,
    /// It reads standard input and writes standard output ([`Guest::call_command`]).
    Command,
    /// It takes typed invocations ([`Guest::call_typed`]).
    Typed,
}

/// How a guest is to be loaded.
#[derive(Debug, Clone, Default)]
pub struct GuestOptions {
    /// Its name, which it sees as its first argument.
    pub name: String,
    /// What each call may take.
    pub limits: Limits,
    /// What it may touch.
    pub grants: Grants,
    /// Whether and how instances serve more than one call; commands never do.
    pub reuse: Option<Reuse>,
}

/// What a guest has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Calls that were begun.
    pub calls: u64,
    /// Calls that ended in a trap or at a limit.
    pub traps: u64,
    /// Calls that were refused, since too many waited.
    pub refused: u64,
    /// Instances that were made.
    pub starts: u64,
    /// Time within which half of them were ready, rounded up to a power of two in microseconds.
    pub start_p50: Option<Duration>,
    /// The same for 99 of 100.
    pub start_p99: Option<Duration>,
    /// Most linear memory that one call had, in bytes.
    pub peak_memory: usize,
    /// Calls that have an instance right now.
    pub running: usize,
    /// Calls that wait for their turn or for an instance.
    pub waiting: usize,
    /// Instances that wait for a call.
    pub idle: usize,
}

pub(crate) enum Pre {
    Typed(Served<FunctionsPre<State>>),
    Http(Served<ProxyPre<State>>),
    Command(CommandPre<State>),
    Core(InstancePre<CoreState>),
}

/// A guest, ready to be called; many calls may run at once.
pub struct Guest {
    name: String,
    pub(crate) engine: Arc<Engine>,
    pub(crate) pre: Pre,
    pub(crate) limits: Limits,
    pub(crate) grants: Arc<Grants>,
    pub(crate) turns: Semaphore,
    pub(crate) waiting: AtomicUsize,
    pub(crate) calls: AtomicU64,
    pub(crate) traps: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) starts: Starts,
    pub(crate) peak: AtomicUsize,
    /// Keeps compiled code shared with other guests of the same file.
    _code: Arc<Code>,
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest")
            .field("name", &self.name)
            .field("contract", &self.contract())
            .finish_non_exhaustive()
    }
}

impl Guest {
    /// Links compiled code and checks that it can be called.
    pub(crate) fn new(
        engine: Arc<Engine>,
        file: &Path,
        code: Arc<Code>,
        options: GuestOptions,
    ) -> Result<Self, LoadError> {
        let pre = link::link(&engine, file, &code, options.reuse)?;
        // What cannot be opened at load could not be opened by any call.
        options.grants.context(&options.name)?;
        Ok(Self {
            turns: Semaphore::new(options.limits.instances.max(1)),
            name: options.name,
            engine,
            pre,
            limits: options.limits,
            grants: Arc::new(options.grants),
            waiting: AtomicUsize::new(0),
            calls: AtomicU64::new(0),
            traps: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            starts: Starts::default(),
            peak: AtomicUsize::new(0),
            _code: code,
        })
    }

    /// How it is called.
    pub fn contract(&self) -> Contract {
        match self.pre {
            Pre::Typed(_) => Contract::Typed,
            Pre::Http(_) => Contract::Http,
            Pre::Command(_) | Pre::Core(_) => Contract::Command,
        }
    }

    /// What it has done so far.
    pub fn usage(&self) -> Usage {
        Usage {
            calls: self.calls.load(Ordering::Relaxed),
            traps: self.traps.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            starts: self.starts.count(),
            start_p50: self.starts.within(0.5),
            start_p99: self.starts.within(0.99),
            peak_memory: self.peak.load(Ordering::Relaxed),
            running: self.limits.instances.max(1) - self.turns.available_permits(),
            waiting: self.waiting.load(Ordering::Relaxed),
            idle: match &self.pre {
                Pre::Typed(served) => served.idle(),
                Pre::Http(served) => served.idle(),
                Pre::Command(_) | Pre::Core(_) => 0,
            },
        }
    }

    pub(crate) fn context(&self) -> Result<WasiCtxBuilder, CallError> {
        self.grants
            .context(&self.name)
            .map_err(|error| CallError::Trap { message: error.to_string(), backtrace: String::new() })
    }
}
