//! The Node.js language worker as embedded files: write both into one folder and it is a worker directory that the host
//! can start like any other (spec worker-protocol.md §2.3).

/// The worker, one self-contained CommonJS script without dependencies. Runs on Node.js 18 and newer.
pub const WORKER_JS: &str = include_str!(concat!(env!("OUT_DIR"), "/worker.js"));

/// The name [`WORKER_CONFIG_JSON`] expects [`WORKER_JS`] to have.
pub const WORKER_FILE_NAME: &str = "worker.js";

/// The `worker.config.json` that belongs to [`WORKER_JS`].
pub const WORKER_CONFIG_JSON: &str = include_str!("../worker.config.json");

#[cfg(test)]
mod tests;
