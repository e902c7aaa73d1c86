//! The engine: compiler, instance pool, clock and code cache of one process.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use wasmtime::component::Linker as ComponentLinker;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, Linker, PoolingAllocationConfig};

use crate::aot::Code;
use crate::state::{CoreState, State};
use crate::target::Targets;
use crate::ticker::Ticker;
use crate::{Cache, Guest, GuestOptions, LoadError, world};

/// Deepest stack of a guest in bytes; interpreters compiled to WebAssembly recurse deeply.
const GUEST_STACK: usize = 1 << 20;
/// Memory that stays mapped in a pool slot between calls, so that small guests cause no page faults.
const KEPT_MEMORY: usize = 256 << 10;

/// How an engine is to be made.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Instances at once, of all guests together.
    pub instances: usize,
    /// Linear memory that any one guest may be granted, in bytes.
    pub largest_memory: usize,
    /// Elements that any one table may be granted.
    pub largest_table: usize,
    /// Where compiled code is kept; `None` compiles at every load.
    pub cache: Option<Cache>,
    /// Whether work is counted, which [`Limits::fuel`](crate::Limits::fuel) needs. Costs every guest a few per cent and
    /// code compiled of its own.
    pub fuel: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { instances: 500, largest_memory: 512 << 20, largest_table: 50_000, cache: None, fuel: false }
    }
}

/// Compiles, keeps and runs guests. One per process is enough.
pub struct Engine {
    pub(crate) inner: wasmtime::Engine,
    pub(crate) ticker: Ticker,
    pub(crate) slots: Arc<Semaphore>,
    /// Calls that wait for one of the slots.
    pub(crate) wanting: AtomicUsize,
    pub(crate) counts_fuel: bool,
    pub(crate) cache: Option<Cache>,
    pub(crate) targets: Targets,
    pooled: bool,
    components: OnceLock<ComponentLinker<State>>,
    modules: OnceLock<Linker<CoreState>>,
    /// Code in use, by the hash of its file: several functions may share one.
    pub(crate) loaded: Mutex<HashMap<String, Weak<Code>>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("pooled", &self.pooled)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Makes the engine and starts its clock. Where the address space does not suffice for a pool, instances are
    /// allocated one by one, which is slower.
    pub fn new(options: EngineOptions) -> Result<Arc<Self>, LoadError> {
        let failed = |error: wasmtime::Error| LoadError::Engine(format!("{error:#}"));
        let mut config = config();
        config.consume_fuel(options.fuel);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(&options)));
        let (inner, pooled) = match wasmtime::Engine::new(&config) {
            Ok(engine) => (engine, true),
            Err(_) => {
                config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
                (wasmtime::Engine::new(&config).map_err(failed)?, false)
            }
        };
        let ticker = Ticker::start(inner.weak()).map_err(|error| LoadError::Engine(error.to_string()))?;
        Ok(Arc::new(Self {
            targets: Targets::new(&inner, config),
            inner,
            ticker,
            slots: Arc::new(Semaphore::new(options.instances.max(1))),
            wanting: AtomicUsize::new(0),
            counts_fuel: options.fuel,
            cache: options.cache,
            pooled,
            components: OnceLock::new(),
            modules: OnceLock::new(),
            loaded: Mutex::default(),
        }))
    }

    /// Whether instances come out of a pool.
    pub fn is_pooled(&self) -> bool {
        self.pooled
    }

    /// Loads `file`. Blocks: reads the file and compiles it, unless compiled code is in the cache. A file that has not
    /// changed since it was last loaded is not read. `compiling` is called with the file's size in bytes before a
    /// compilation begins.
    pub fn load(
        self: &Arc<Self>,
        file: &Path,
        options: GuestOptions,
        compiling: impl FnOnce(usize),
    ) -> Result<Guest, LoadError> {
        let code = self.code(file, compiling)?;
        Guest::new(self.clone(), file, code, options)
    }

    pub(crate) fn component_linker(&self) -> Result<&ComponentLinker<State>, LoadError> {
        if let Some(linker) = self.components.get() {
            return Ok(linker);
        }
        let failed = |error: wasmtime::Error| LoadError::Engine(format!("{error:#}"));
        let mut linker = ComponentLinker::new(&self.inner);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(failed)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).map_err(failed)?;
        world::add_to_linker(&mut linker).map_err(failed)?;
        Ok(self.components.get_or_init(|| linker))
    }

    pub(crate) fn module_linker(&self) -> Result<&Linker<CoreState>, LoadError> {
        if let Some(linker) = self.modules.get() {
            return Ok(linker);
        }
        let mut linker = Linker::new(&self.inner);
        wasmtime_wasi::p1::add_to_linker_async(&mut linker, |state: &mut CoreState| &mut state.wasi)
            .map_err(|error| LoadError::Engine(format!("{error:#}")))?;
        Ok(self.modules.get_or_init(|| linker))
    }
}

/// Everything about the engine that compiled code depends on.
fn config() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.max_wasm_stack(GUEST_STACK);
    config.async_stack_size(2 * GUEST_STACK);
    config.memory_init_cow(true);
    // Only profilers and debuggers read it; traps find their way by frame pointers.
    config.native_unwind_info(false);
    config
}

/// The pool; its counts fit components made of many modules, such as those with an interpreter inside.
fn pool(options: &EngineOptions) -> PoolingAllocationConfig {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let instances = options.instances.max(1);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(count(instances))
        .total_core_instances(count(instances.saturating_mul(64)))
        .total_memories(count(instances.saturating_mul(2)))
        .total_tables(count(instances.saturating_mul(8)))
        .total_stacks(count(instances))
        .max_core_instances_per_component(64)
        .max_memories_per_component(8)
        .max_tables_per_component(32)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .max_memory_size(options.largest_memory)
        .table_elements(options.largest_table)
        .linear_memory_keep_resident(KEPT_MEMORY)
        .table_keep_resident(16 << 10)
        .max_unused_warm_slots(64)
        // One system call finds the pages that a call has touched, and only these are put back; half as fast again.
        .pagemap_scan(Enabled::Auto);
    pool
}
