//! What workers say, by stream or by standard output, as log records (spec host.md §6.10).

use horus_app::log::{Level, Log};
use horus_worker_protocol as rpc;
use rpc::RpcLog;
use rpc::rpc_log::{Level as RpcLevel, RpcLogCategory};

/// Category of what user code prints.
const CONSOLE: &str = "Host.Function.Console";
/// Category of lines meant for tools.
const TOOLING: &str = "Host.Function.ToolingConsoleLog";
/// Prefix of a worker's own lines among its output.
const SYSTEM_PREFIX: &str = "LanguageWorkerConsoleLog";
/// Prefix of lines meant for tools; printed as they are.
pub(super) const TOOLING_PREFIX: &str = "azfuncjsonlog:";

/// Which of the two pipes a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pipe {
    Out,
    Err,
}

/// Where one line of a worker's output goes: level, category (`None`: the worker's own) and text.
pub(super) fn classify(line: &str, pipe: Pipe, errors_only: bool) -> (Level, Option<&'static str>, &str) {
    let level = match pipe {
        Pipe::Out => Level::Information,
        Pipe::Err => stderr_level(line, errors_only),
    };
    if let Some(rest) = line.strip_prefix(SYSTEM_PREFIX) {
        return (level, None, rest);
    }
    if line.starts_with(TOOLING_PREFIX) {
        return (Level::Information, Some(TOOLING), line);
    }
    (level, Some(CONSOLE), line)
}

fn stderr_level(line: &str, errors_only: bool) -> Level {
    let lower = line.to_lowercase();
    if lower.contains("warn") {
        Level::Warning
    } else if errors_only
        || ["error", "fail", "severe", "unhandled exception"].iter().any(|word| lower.contains(word))
    {
        Level::Error
    } else {
        Level::Information
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// host.md W12 and W11, and the rule for workers that use stderr for errors only.
    #[test]
    fn w12_lines_get_their_level_and_category() {
        let table = [
            ("warning: x", Pipe::Err, false, Level::Warning, Some(CONSOLE), "warning: x"),
            ("error: x", Pipe::Err, false, Level::Error, Some(CONSOLE), "error: x"),
            ("Unhandled Exception", Pipe::Err, false, Level::Error, Some(CONSOLE), "Unhandled Exception"),
            ("x", Pipe::Err, false, Level::Information, Some(CONSOLE), "x"),
            ("x", Pipe::Err, true, Level::Error, Some(CONSOLE), "x"),
            ("a warning", Pipe::Err, true, Level::Warning, Some(CONSOLE), "a warning"),
            ("error: x", Pipe::Out, false, Level::Information, Some(CONSOLE), "error: x"),
            ("LanguageWorkerConsoleLogfoo", Pipe::Out, false, Level::Information, None, "foo"),
            ("azfuncjsonlog:{}", Pipe::Out, false, Level::Information, Some(TOOLING), "azfuncjsonlog:{}"),
        ];
        for (line, pipe, errors_only, level, category, text) in table {
            assert_eq!(classify(line, pipe, errors_only), (level, category, text), "{line}");
        }
    }
}
