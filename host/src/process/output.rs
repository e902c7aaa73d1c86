//! What child processes print, as log records (spec host.md §6.10).

use std::collections::VecDeque;
use std::sync::Arc;

use horus_app::log::{Level, Log};
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

use super::Output;

/// Category of what user code prints.
const CONSOLE: &str = "Host.Function.Console";
/// Category of lines meant for tools.
const TOOLING: &str = "Host.Function.ToolingConsoleLog";
/// Prefix of a worker's own lines among its output.
const SYSTEM_PREFIX: &str = "LanguageWorkerConsoleLog";
/// Prefix of lines meant for tools; printed as they are.
const TOOLING_PREFIX: &str = "azfuncjsonlog:";
/// Error lines kept for the message about an exit.
const KEPT_LINES: usize = 3;
/// A line longer than this is cut: a process that floods must not fill memory.
const LONGEST_LINE: usize = 64 * 1024;

/// Which of the two pipes a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pipe {
    Out,
    Err,
}

/// The last error lines of a process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Errors(Arc<Mutex<VecDeque<String>>>);

impl Errors {
    fn keep(&self, line: &str) {
        let mut lines = self.0.lock();
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// Adds the lines to `text`, each on a line of its own.
    pub(super) fn append_to(&self, text: &mut String) {
        for line in self.0.lock().iter() {
            text.push('\n');
            text.push_str(line);
        }
    }
}

/// Turns one pipe into log records.
pub(super) struct Reader {
    log: Log,
    category: String,
    pipe: Pipe,
    stderr_is_errors: bool,
    errors: Errors,
}

impl Reader {
    pub(super) fn new(output: &Output<'_>, pipe: Pipe, errors: &Errors) -> Self {
        Self {
            log: output.log.clone(),
            category: output.category.to_owned(),
            pipe,
            stderr_is_errors: output.stderr_is_errors,
            errors: errors.clone(),
        }
    }

    /// Reads to the end of the pipe.
    pub(super) async fn run(self, pipe: impl AsyncRead + Unpin) {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        loop {
            let Ok(available) = pipe.fill_buf().await else { return };
            if available.is_empty() {
                break;
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(available.len(), |end| end + 1);
            line.extend_from_slice(&available[..taken]);
            pipe.consume(taken);
            if end.is_some() || line.len() >= LONGEST_LINE {
                self.take(&line);
                line.clear();
            }
        }
        self.take(&line);
    }

    fn take(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return;
        }
        let (level, category, message) = classify(text, self.pipe, self.stderr_is_errors);
        if level == Level::Error {
            self.errors.keep(message);
        }
        self.log.write(level, category.unwrap_or(&self.category), message);
    }
}

/// Where one line goes: level, category (`None`: the process's own) and text.
fn classify(line: &str, pipe: Pipe, stderr_is_errors: bool) -> (Level, Option<&'static str>, &str) {
    let level = match pipe {
        Pipe::Out => Level::Information,
        Pipe::Err => stderr_level(line, stderr_is_errors),
    };
    if let Some(rest) = line.strip_prefix(SYSTEM_PREFIX) {
        return (level, None, rest);
    }
    if line.starts_with(TOOLING_PREFIX) {
        return (Level::Information, Some(TOOLING), line);
    }
    (level, Some(CONSOLE), line)
}

fn stderr_level(line: &str, stderr_is_errors: bool) -> Level {
    let lower = line.to_lowercase();
    if lower.contains("warn") {
        Level::Warning
    } else if stderr_is_errors
        || ["error", "fail", "severe", "unhandled exception"].iter().any(|word| lower.contains(word))
    {
        Level::Error
    } else {
        Level::Information
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
