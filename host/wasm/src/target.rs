//! Processors that code is compiled for.

use std::sync::OnceLock;

use wasmtime::{Config, Engine};

use crate::digest;

/// Which processors compiled code is to run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cpu {
    /// Those that have all features of this one.
    #[default]
    Native,
    /// Every one of this architecture.
    Baseline,
}

/// The names of code that can be used here, by what it was compiled for.
#[derive(Debug)]
pub(crate) struct Targets {
    config: Config,
    native: String,
    /// Asked for only where there is no native code.
    baseline: OnceLock<Option<String>>,
}

impl Targets {
    /// Those of `engine`, which was made from `config`.
    pub(crate) fn new(engine: &Engine, mut config: Config) -> Self {
        // Engines that only compile, or are only asked for their names, need no pool.
        config.allocation_strategy(wasmtime::InstanceAllocationStrategy::OnDemand);
        Self { config, native: digest::compatibility(engine), baseline: OnceLock::new() }
    }

    /// The name of code for `cpu`; `None` where nothing can be compiled for it.
    pub(crate) fn name(&self, cpu: Cpu) -> Option<&str> {
        match cpu {
            Cpu::Native => Some(&self.native),
            Cpu::Baseline => {
                let named = || Some(digest::compatibility(&self.engine(cpu).ok()?));
                self.baseline.get_or_init(named).as_deref()
            }
        }
    }

    /// The name of native code.
    pub(crate) fn native(&self) -> &str {
        &self.native
    }

    /// An engine that compiles for `cpu`; not to be run on.
    pub(crate) fn engine(&self, cpu: Cpu) -> wasmtime::Result<Engine> {
        let mut config = self.config.clone();
        if cpu == Cpu::Baseline {
            // Naming the architecture, even this one, leaves out what this processor has beyond it.
            config.target(TRIPLE)?;
        }
        Engine::new(&config)
    }
}

/// This architecture and system, in the compiler's words. The part after the system does not matter to the engine.
const TRIPLE: &str = if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
    "x86_64-unknown-linux-gnu"
} else if cfg!(all(target_arch = "aarch64", target_os = "linux")) {
    "aarch64-unknown-linux-gnu"
} else if cfg!(all(target_arch = "aarch64", target_os = "macos")) {
    "aarch64-apple-darwin"
} else if cfg!(all(target_arch = "x86_64", target_os = "macos")) {
    "x86_64-apple-darwin"
} else {
    ""
};
