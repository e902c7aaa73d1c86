//! The Horus Python language worker, embedded as files.
//!
//! The worker is plain Python without dependencies. The host writes [`FILES`] and [`WORKER_CONFIG_JSON`] into one
//! folder and starts `worker.py` there with the app's interpreter (spec worker-protocol.md §2).

/// A file of this folder as `(relative path, contents)`.
macro_rules! source {
    ($path:literal) => {
        ($path, include_str!(concat!("../", $path)))
    };
}

/// The worker's sources: path relative to the worker's folder, with `/` as separator, and contents.
pub const FILES: &[(&str, &str)] = &[
    source!("worker.py"),
    source!("horus_worker/__init__.py"),
    source!("horus_worker/context.py"),
    source!("horus_worker/converters.py"),
    source!("horus_worker/datum.py"),
    source!("horus_worker/dispatch.py"),
    source!("horus_worker/environment.py"),
    source!("horus_worker/failures.py"),
    source!("horus_worker/function.py"),
    source!("horus_worker/hooks.py"),
    source!("horus_worker/http2.py"),
    source!("horus_worker/indexing.py"),
    source!("horus_worker/invocation.py"),
    source!("horus_worker/loading.py"),
    source!("horus_worker/log.py"),
    source!("horus_worker/messages.py"),
    source!("horus_worker/pool.py"),
    source!("horus_worker/runner.py"),
    source!("horus_worker/shared_memory.py"),
    source!("horus_worker/startup.py"),
    source!("horus_worker/streaming.py"),
    source!("horus_worker/telemetry.py"),
    source!("horus_worker/wire.py"),
];

/// `worker.config.json` of the worker, to be written beside [`FILES`].
pub const WORKER_CONFIG_JSON: &str = include_str!("../worker.config.json");

#[cfg(test)]
mod tests;
