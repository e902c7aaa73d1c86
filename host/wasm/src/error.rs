//! Why a guest could not be loaded, and how a call of it ended badly.

use std::path::PathBuf;
use std::time::Duration;

use wasmtime::{Trap, WasmBacktrace};

/// Why a file is no guest. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The runtime itself could not be made.
    #[error("The WebAssembly engine could not be started: {0}")]
    Engine(String),
    /// The file could not be read.
    #[error("'{}' could not be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The bytes are no WebAssembly that this engine understands.
    #[error("'{}' is not valid WebAssembly: {reason}", file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// It imports what is not there.
    #[error("'{}' imports what Horus does not provide: {}. To mend it: {hint}.", file.display(), imports.join(", "))]
    Imports {
        /// The file.
        file: PathBuf,
        /// The imports, by name.
        imports: Vec<String>,
        /// What to do about it.
        hint: String,
    },
    /// It was made for another version of the typed world.
    #[error(
        "'{}' was built for {name} in version {found}, and Horus provides version {provided}: build it with the WIT of this host (workers/wit), or use a host that provides {found}.",
        file.display()
    )]
    World {
        /// The file.
        file: PathBuf,
        /// The interface.
        name: String,
        /// The version it was built for.
        found: String,
        /// The version that is there.
        provided: &'static str,
    },
    /// It exports nothing that can be called.
    #[error(
        "'{}' has no entry point: {has}. A component must export horus:functions/handler@1.0.0, wasi:http/incoming-handler@0.2 or wasi:cli/run@0.2; a core module must be a WASI preview 1 command and export '_start'.",
        file.display()
    )]
    Contract {
        /// The file.
        file: PathBuf,
        /// What it exports.
        has: String,
    },
    /// Compiled code cannot be kept.
    #[error("Compiled code cannot be put into '{}': {source}", folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A granted folder cannot be opened.
    #[error("The folder '{}' that host.json grants cannot be opened: {reason}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
}

/// How a call ended badly.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The guest trapped: its message and, where it has names, its call stack.
    #[error("{message}{}", lines(backtrace))]
    Trap {
        /// What went wrong.
        message: String,
        /// The guest's call stack, innermost first; empty when it has none.
        backtrace: String,
    },
    /// It ran longer than its limit.
    #[error("The guest did not end within its limit of {limit:?} ('timeout').{}", lines(backtrace))]
    TimedOut {
        /// The limit.
        limit: Duration,
        /// Where it was, when it was computing.
        backtrace: String,
    },
    /// It wrote more to standard output than it may.
    #[error("The guest wrote more than {limit} bytes to standard output ('maxOutputKilobytes').")]
    OutputTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// As many calls as allowed are running and waiting.
    #[error("Too many calls of this guest are running and waiting ('maxInstances', 'maxWaiting').")]
    Busy,
    /// A `wasi:http` guest ended without an answer.
    #[error("The guest ended without sending a response.")]
    NoResponse,
    /// A `wasi:http` guest answered with an error of that interface.
    #[error("The guest answered with the error {0}.")]
    Answered(String),
    /// The request cannot be given to a guest.
    #[error("The request cannot be passed to the guest: {0}")]
    Request(String),
    /// The guest has another contract than the one it was called by.
    #[error("The guest cannot be called this way.")]
    Contract,
}

fn lines(backtrace: &str) -> String {
    if backtrace.is_empty() { String::new() } else { format!("\n{backtrace}") }
}

/// Raised from within the guest when its time is up.
#[derive(Debug, thiserror::Error)]
#[error("the guest's time is up")]
pub(crate) struct TimeIsUp;

/// Raised from within the guest when it writes too much.
#[derive(Debug, thiserror::Error)]
#[error("the guest writes too much")]
pub(crate) struct TooMuchOutput;

/// Raised from within the guest when it asks for more memory or table space than it may have.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum OverLimit {
    /// Linear memory.
    #[error("the guest asked for {asked} bytes of memory, its limit is {limit} ('maxMemoryMegabytes')")]
    Memory {
        /// What it wanted in all.
        asked: usize,
        /// What it may have.
        limit: usize,
    },
    /// Tables.
    #[error("the guest asked for a table of {asked} elements, its limit is {limit} ('maxTableElements')")]
    Table {
        /// What it wanted.
        asked: usize,
        /// What it may have.
        limit: usize,
    },
}

impl CallError {
    /// Reads what the engine reports; `time` is the limit that [`TimeIsUp`] speaks of.
    pub(crate) fn from_engine(error: &wasmtime::Error, time: Option<Duration>, output: usize) -> Self {
        let backtrace = error.downcast_ref::<WasmBacktrace>().map(ToString::to_string).unwrap_or_default();
        let backtrace = backtrace.trim_end().to_owned();
        if error.is::<TimeIsUp>() {
            return Self::TimedOut { limit: time.unwrap_or_default(), backtrace };
        }
        if error.is::<TooMuchOutput>() {
            return Self::OutputTooLong { limit: output };
        }
        if error.is::<wasmtime::PoolConcurrencyLimitError>() {
            return Self::Busy;
        }
        let message = match error.downcast_ref::<Trap>() {
            Some(Trap::StackOverflow) => {
                "The guest's call stack is exhausted; it recurses too deeply.".into()
            }
            Some(Trap::OutOfFuel) => "The guest has used up its fuel ('maxFuel').".into(),
            Some(Trap::UnreachableCodeReached) => {
                "The guest aborted (WebAssembly `unreachable` instruction executed).".into()
            }
            Some(trap) => format!("The guest trapped: {trap}"),
            None => format!("The guest failed: {}", error.root_cause()),
        };
        Self::Trap { message, backtrace }
    }
}
