//! What workers say on their stream, as log records (spec host.md §6.10).

use horus_app::log::{Level, Log};
use horus_worker_protocol as rpc;
use rpc::RpcLog;
use rpc::rpc_log::{Level as RpcLevel, RpcLogCategory};

/// Severity on the wire to ours.
pub(super) fn level(level: RpcLevel) -> Level {
    match level {
        RpcLevel::Trace => Level::Trace,
        RpcLevel::Debug => Level::Debug,
        RpcLevel::Information => Level::Information,
        RpcLevel::Warning => Level::Warning,
        RpcLevel::Error => Level::Error,
        RpcLevel::Critical => Level::Critical,
        RpcLevel::None => Level::None,
    }
}

/// Writes one `RpcLog`. `user` is the category of the invocation's function; `None` when the invocation is not
/// open, which drops user logs.
pub(super) fn write(log: &Log, entry: &RpcLog, user: Option<&str>, system: &str) {
    let mut message = entry.message.as_str();
    let with_exception;
    if let Some(exception) = &entry.exception {
        with_exception = format!("{message}\n{}\n{}", exception.message, exception.stack_trace);
        message = with_exception.trim_end();
    }
    match entry.log_category() {
        RpcLogCategory::User => match user {
            Some(category) => {
                log.write_for(level(entry.level()), category, message, Some(&entry.invocation_id));
            }
            None => log.write(Level::Trace, system, message),
        },
        RpcLogCategory::System => {
            let level = match entry.level() {
                RpcLevel::Warning => Level::Warning,
                RpcLevel::Error => Level::Error,
                _ => Level::Information,
            };
            log.write(level, system, message);
        }
        // Metrics have no sink of their own yet: they are kept where a user of the host can find them.
        RpcLogCategory::CustomMetric => log.write(Level::Debug, "Host.Metrics", message),
    }
}
