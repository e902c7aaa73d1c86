//! What the tests stand on: apps on disk, a running `func`, a scripted worker, a client.

mod app;
mod client;
mod clients;
mod func;
mod store;
mod stub;
#[allow(dead_code, reason = "for the tests that compare texts")]
pub(crate) mod transcript;
mod wait;
mod workers;

pub(crate) use app::{App, node_modules, repository, with_node_library};
pub(crate) use client::Answer;
pub(crate) use clients::Clients;
pub(crate) use func::{Func, Launch, Mode, is_running};
pub(crate) use store::{Ended, Store, storage_verb};
pub(crate) use stub::{Stub, binding, http, http_with, queue, timer};
pub(crate) use wait::{PATIENCE, until};
pub(crate) use workers::{is_worker, with_process_options, with_python_library};
