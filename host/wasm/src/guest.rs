//! A loaded guest: everything that does not depend on the call is done.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use wasmtime::InstancePre;
use wasmtime::component::types::Component as ComponentType;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::aot::Code;
use crate::state::{CoreState, State};
use crate::{CallError, Engine, Grants, Limits, LoadError};

/// Interfaces that guests may import; versions 0.2.x are compatible with each other.
const PROVIDED: [&str; 7] = [
    "wasi:io/",
    "wasi:clocks/",
    "wasi:random/",
    "wasi:cli/",
    "wasi:filesystem/",
    "wasi:sockets/",
    "wasi:http/",
];
/// Their version.
const PROVIDED_VERSION: &str = "@0.2.";

/// How a guest is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// It answers HTTP requests ([`Guest::call_http`]).
    Http,
    /// It reads standard input and writes standard output ([`Guest::call_command`]).
    Command,
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
}

/// What a guest has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Calls that were begun.
    pub calls: u64,
    /// Calls that ended in a trap or at a limit.
    pub traps: u64,
    /// Most linear memory that one call had, in bytes.
    pub peak_memory: usize,
    /// Calls that have an instance right now.
    pub running: usize,
}

pub(crate) enum Pre {
    Http(ProxyPre<State>),
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
    pub(crate) turns: Arc<Semaphore>,
    pub(crate) waiting: AtomicUsize,
    pub(crate) calls: AtomicU64,
    pub(crate) traps: AtomicU64,
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
        let pre = link(&engine, file, &code)?;
        // What cannot be opened at load could not be opened by any call.
        options.grants.context(&options.name)?;
        Ok(Self {
            turns: Arc::new(Semaphore::new(options.limits.instances.max(1))),
            name: options.name,
            engine,
            pre,
            limits: options.limits,
            grants: Arc::new(options.grants),
            waiting: AtomicUsize::new(0),
            calls: AtomicU64::new(0),
            traps: AtomicU64::new(0),
            peak: AtomicUsize::new(0),
            _code: code,
        })
    }

    /// How it is called.
    pub fn contract(&self) -> Contract {
        match self.pre {
            Pre::Http(_) => Contract::Http,
            Pre::Command(_) | Pre::Core(_) => Contract::Command,
        }
    }

    /// What it has done so far.
    pub fn usage(&self) -> Usage {
        Usage {
            calls: self.calls.load(Ordering::Relaxed),
            traps: self.traps.load(Ordering::Relaxed),
            peak_memory: self.peak.load(Ordering::Relaxed),
            running: self.limits.instances.max(1) - self.turns.available_permits(),
        }
    }

    pub(crate) fn context(&self) -> Result<WasiCtxBuilder, CallError> {
        self.grants
            .context(&self.name)
            .map_err(|error| CallError::Trap { message: error.to_string(), backtrace: String::new() })
    }
}

fn link(engine: &Engine, file: &Path, code: &Code) -> Result<Pre, LoadError> {
    let invalid =
        |error: wasmtime::Error| LoadError::Invalid { file: file.to_owned(), reason: format!("{error:#}") };
    match code {
        Code::Module(module) => {
            let missing: Vec<String> = module
                .imports()
                .filter(|import| import.module() != "wasi_snapshot_preview1")
                .map(|import| format!("{}.{}", import.module(), import.name()))
                .collect();
            if !missing.is_empty() {
                return Err(imports(file, missing));
            }
            if module.get_export("_start").is_none() {
                let names = module.exports().map(|export| export.name().to_owned());
                return Err(contract(file, "module", names));
            }
            Ok(Pre::Core(engine.module_linker()?.instantiate_pre(module).map_err(invalid)?))
        }
        Code::Component(component) => {
            let shape: ComponentType = component.component_type();
            let missing: Vec<String> = shape
                .imports(&engine.inner)
                .map(|(name, _)| name)
                .filter(|name| !is_provided(name))
                .map(str::to_owned)
                .collect();
            if !missing.is_empty() {
                return Err(imports(file, missing));
            }
            let exports: Vec<String> =
                shape.exports(&engine.inner).map(|(name, _)| name.to_owned()).collect();
            let exports_one = |prefix: &str| exports.iter().any(|name| name.starts_with(prefix));
            let is_http = exports_one("wasi:http/incoming-handler@0.2.");
            if !is_http && !exports_one("wasi:cli/run@0.2.") {
                return Err(contract(file, "component", exports.into_iter()));
            }
            let pre = engine.component_linker()?.instantiate_pre(component).map_err(invalid)?;
            Ok(match is_http {
                true => Pre::Http(ProxyPre::new(pre).map_err(invalid)?),
                false => Pre::Command(CommandPre::new(pre).map_err(invalid)?),
            })
        }
    }
}

fn is_provided(import: &str) -> bool {
    PROVIDED.iter().any(|prefix| import.starts_with(prefix)) && import.contains(PROVIDED_VERSION)
}

fn imports(file: &Path, imports: Vec<String>) -> LoadError {
    let hint = if imports.iter().any(|name| name.starts_with("wasi:")) {
        "WASI is provided in version 0.2 for components and as preview 1 for core modules; build the guest for one of these."
    } else if imports.iter().any(|name| name.starts_with("wasi_unstable.")) {
        "The guest was built for an outdated WASI; build it for wasm32-wasip1 or wasm32-wasip2."
    } else if imports.iter().any(|name| name.starts_with("env.")) {
        "The guest was linked without a libc or leaves symbols undefined; build it for wasm32-wasip1 or wasm32-wasip2."
    } else {
        "No grant supplies them: only WASI (0.2 for components, preview 1 for core modules) and wasi:http 0.2 are provided."
    };
    LoadError::Imports { file: file.to_owned(), imports, hint }
}

fn contract(file: &Path, what: &str, exports: impl Iterator<Item = String>) -> LoadError {
    let names: Vec<String> = exports.collect();
    let has = match names.len() {
        0 => format!("the {what} exports nothing"),
        _ => format!("the {what} exports {}", names.join(", ")),
    };
    LoadError::Contract { file: file.to_owned(), has }
}
