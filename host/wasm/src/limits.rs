//! How much one call of a guest may take.

use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::error::OverLimit;

/// Limits of one guest; each call is held to them on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance in bytes, all its memories together.
    pub memory: usize,
    /// Elements of one table.
    pub table_elements: usize,
    /// Wall time of one call, waiting included; `None` leaves it to the caller.
    pub time: Option<Duration>,
    /// Calls at once.
    pub instances: usize,
    /// Calls that may wait for their turn; more are refused.
    pub waiting: usize,
    /// Bytes of standard output, of standard error and of log records, each.
    pub output: usize,
    /// Work of one call, about one unit per instruction; needs an engine made with
    /// [`EngineOptions::fuel`](crate::EngineOptions::fuel). `None` is unlimited.
    pub fuel: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            table_elements: 50_000,
            time: None,
            instances: 100,
            waiting: 10_000,
            output: 4 << 20,
            fuel: None,
        }
    }
}

/// Holds one instance to its limits and remembers its high-water mark.
#[derive(Debug)]
pub(crate) struct Meter {
    memory: usize,
    table_elements: usize,
    used: usize,
    /// Most linear memory in use at once, in bytes.
    pub(crate) peak: usize,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { memory: limits.memory, table_elements: limits.table_elements, used: 0, peak: 0 }
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let asked = self.used.saturating_add(desired.saturating_sub(current));
        if asked > self.memory {
            // An error instead of a refusal: allocators answer a refusal with an abort that says nothing.
            return Err(OverLimit::Memory { asked, limit: self.memory }.into());
        }
        self.used = asked;
        self.peak = self.peak.max(asked);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.table_elements {
            return Err(OverLimit::Table { asked: desired, limit: self.table_elements }.into());
        }
        Ok(true)
    }
}
