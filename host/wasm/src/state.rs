//! What belongs to one instance on the host's side.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::Grants;
use crate::call::{Limited, SharedSink};
use crate::http::Gate;
use crate::limits::Meter;

/// State of a component's instance.
pub(crate) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    http: WasiHttpCtx,
    gate: Gate,
    meter: Meter,
    deadline: Option<Instant>,
}

impl State {
    pub(crate) fn new(
        wasi: WasiCtx,
        grants: Arc<Grants>,
        sink: SharedSink,
        meter: Meter,
        deadline: Option<Instant>,
    ) -> Self {
        let gate = Gate { grants, sink };
        Self { wasi, table: ResourceTable::new(), http: WasiHttpCtx::new(), gate, meter, deadline }
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
