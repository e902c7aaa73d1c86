//! What the tests stand on: apps on disk, a running `func`, a scripted worker, a client.

mod app;
mod client;
mod func;
mod stub;
mod wait;

pub(crate) use app::{App, node_app, repository};
pub(crate) use client::Answer;
pub(crate) use func::{Func, Launch, Mode, is_running};
pub(crate) use stub::{Stub, binding, http, http_with, queue, timer};
pub(crate) use wait::{PATIENCE, until};
