//! From `.wasm` files to callable guests, when the app is loaded.

use std::sync::Arc;
use std::time::Instant;

use horus_app::log::{ANNOUNCE, Log};
use horus_app::{Function, FunctionError, Settings};
use horus_wasm::{Cache, Engine, EngineOptions, Guest, GuestOptions, Limits, LoadError};

use super::Options;
use super::describe::Allowance;
use super::invoker::{Callee, Guests};
use crate::invoke::Invoker;

const CATEGORY: &str = "Host.Wasm";

/// Where compiled code is kept, under the app's root: an image can be built with it.
pub(super) const BESIDE_APP: &str = ".func/wasm";
/// Its folder among the host's own files, for apps whose root cannot be written to.
const ELSEWHERE: &str = "wasm";

/// Files of more bytes take long enough to compile that a person should be told.
const WORTH_A_LINE: usize = 1 << 20;

/// What guests are loaded from.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) options: Options,
    pub(crate) settings: Settings,
    /// The app.
    pub(crate) host: crate::Options,
}

/// What became of an app's functions that run in the host.
pub(crate) struct Loaded {
    /// Runs those that can be; their order is its index.
    pub(crate) invoker: Arc<dyn Invoker>,
    /// Functions that cannot, and why.
    pub(crate) errors: Vec<FunctionError>,
}

/// Loads `functions`; each one that fails does so on its own.
pub(crate) async fn load(parts: Parts, functions: Vec<Arc<Function>>) -> Result<Loaded, LoadError> {
    // Reads files and compiles: too long for a thread that serves others.
    let loading = tokio::task::spawn_blocking(move || load_all(&parts, functions));
    loading.await.unwrap_or_else(|error| Err(LoadError::Engine(error.to_string())))
}

fn load_all(parts: &Parts, functions: Vec<Arc<Function>>) -> Result<Loaded, LoadError> {
    let Parts { options, settings, host } = parts;
    let limits: Vec<_> = functions.iter().map(|function| options.limits(&function.name)).collect();
    let engine = Engine::new(engine_options(options, &limits, cache(host)))?;
    let (mut callees, mut errors) = (Vec::new(), Vec::new());
    let mut allowance = Allowance::default();
    for (function, limits) in functions.into_iter().zip(limits) {
        let guest = allowance.of(&function).and_then(|allows_reuse| {
            let guest = GuestOptions {
                name: function.name.clone(),
                limits,
                grants: options.grants(&function.name, &host.root, settings),
                reuse: options.reuse(&function.name, allows_reuse),
            };
            guest_of(&engine, &function, guest, &host.log).map_err(|error| error.to_string())
        });
        match guest {
            Ok(guest) => callees.push(Callee::new(&function, guest)),
            Err(message) => errors.push(FunctionError { function: function.name.clone(), message }),
        }
    }
    let invoker = Arc::new(Guests { callees, log: host.log.clone(), host_version: host.version });
    Ok(Loaded { invoker, errors })
}

/// The engine for guests with these limits.
pub(super) fn engine_options(options: &Options, limits: &[Limits], cache: Option<Cache>) -> EngineOptions {
    let defaults = EngineOptions::default();
    EngineOptions {
        instances: options.total_instances(),
        largest_memory: limits.iter().map(|limits| limits.memory).fold(defaults.largest_memory, usize::max),
        largest_table: limits
            .iter()
            .map(|limits| limits.table_elements)
            .fold(defaults.largest_table, usize::max),
        fuel: limits.iter().any(|limits| limits.fuel.is_some()),
        cache,
    }
}

fn guest_of(
    engine: &Arc<Engine>,
    function: &Function,
    options: GuestOptions,
    log: &Log,
) -> Result<Guest, LoadError> {
    let file = &function.script_file;
    let mut compiling = None;
    let guest = engine.load(file, options, |size| {
        compiling = Some(Instant::now());
        if size >= WORTH_A_LINE {
            let megabytes = size as f64 / f64::from(1 << 20);
            let shown = file.file_name().unwrap_or_default().to_string_lossy();
            // Shown without --verbose: nothing answers meanwhile, and a person would wonder.
            log.info(
                ANNOUNCE,
                format!(
                    "Compiling {shown} ({megabytes:.1} MiB) for function '{}'; only the first start takes this long.",
                    function.name
                ),
            );
        }
    })?;
    if let Some(since) = compiling {
        log.debug(CATEGORY, || format!("Compiled '{}' in {:?}", file.display(), since.elapsed()));
    }
    Ok(guest)
}

/// Every folder that can be used: what an image was built with is read beside the app, and what is new is kept
/// elsewhere when nothing can be written there. Without a folder, code is compiled at every start.
fn cache(host: &crate::Options) -> Option<Cache> {
    let folders = [host.root.join(BESIDE_APP), host.worker_cache.join(ELSEWHERE)];
    let (mut usable, mut refused) = (None::<Cache>, Vec::new());
    for folder in folders {
        match Cache::open(&folder) {
            Ok(cache) => {
                usable = Some(match usable {
                    Some(first) => first.or(cache),
                    None => cache,
                });
            }
            Err(error) => refused.push(format!("'{}': {error}", folder.display())),
        }
    }
    if usable.is_some() {
        return usable;
    }
    let refused = refused.join("; ");
    host.log
        .warning(CATEGORY, format!("Compiled WebAssembly is not kept, every start compiles anew. {refused}"));
    None
}
