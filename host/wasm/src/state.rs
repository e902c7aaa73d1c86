//! What belongs to one instance on the host's side.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::call::{Limited, SharedSink};
use crate::http::Gate;
use crate::limits::Meter;
use crate::{Grants, Level};

/// State of a component's instance.
pub(crate) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    http: WasiHttpCtx,
    gate: Gate,
    meter: Meter,
    deadline: Option<Instant>,
    /// Bytes that may still be logged by this call.
    log_left: usize,
    log_limit: usize,
}

impl State {
    pub(crate) fn new(
        wasi: WasiCtx,
        grants: Arc<Grants>,
        sink: SharedSink,
        meter: Meter,
        deadline: Option<Instant>,
        output: usize,
    ) -> Self {
        let gate = Gate { grants, sink };
        let (table, http) = (ResourceTable::new(), WasiHttpCtx::new());
        Self { wasi, table, http, gate, meter, deadline, log_left: output, log_limit: output }
    }

    /// The next call begins.
    pub(crate) fn begin(&mut self, sink: SharedSink, deadline: Option<Instant>) {
        self.gate.sink = sink;
        self.deadline = deadline;
        self.log_left = self.log_limit;
    }

    /// Resources that the guest has handles of.
    pub(crate) fn resources(&mut self) -> usize {
        self.table.iter_mut().count()
    }

    /// Passes a log record on while there is room.
    pub(crate) fn say(&mut self, level: Level, category: &str, message: &str) {
        if self.log_left == 0 {
            return;
        }
        let size = category.len() + message.len() + 1;
        self.log_left = self.log_left.saturating_sub(size);
        if self.log_left == 0 {
            let limit = self.log_limit;
            let remark = format!("(more than {limit} bytes were logged; the rest is dropped)");
            self.gate.sink.record(Level::Warning, "", &remark);
            return;
        }
        self.gate.sink.record(level, category, message);
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.gate }
    }
}

impl Limited for State {
    fn meter(&mut self) -> &mut Meter {
        &mut self.meter
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// State of a core module's instance.
pub(crate) struct CoreState {
    pub(crate) wasi: WasiP1Ctx,
    pub(crate) meter: Meter,
    pub(crate) deadline: Option<Instant>,
}

impl Limited for CoreState {
    fn meter(&mut self) -> &mut Meter {
        &mut self.meter
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}
