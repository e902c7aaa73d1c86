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
/// Lines kept for the message about a process that does not answer.
const SHOWN_LINES: usize = 5;
/// Characters of a kept line.
const LONGEST_SHOWN: usize = 1000;
/// A line longer than this is cut: a process that floods must not fill memory.
const LONGEST_LINE: usize = 64 * 1024;

/// Which of the two pipes a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pipe {
    Out,
    Err,
}

/// What a process said last, for messages about it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recent(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    /// Lines that read like errors.
    errors: VecDeque<String>,
    /// Lines on standard error, whatever they say.
    stderr: VecDeque<String>,
    /// Lines of any kind, those logged over a stream included.
    all: VecDeque<String>,
}

impl Recent {
    fn keep(&self, pipe: Pipe, level: Level, line: &str) {
        let mut lines = self.0.lock();
        if level == Level::Error {
            push(&mut lines.errors, KEPT_LINES, line);
        }
        if pipe == Pipe::Err {
            push(&mut lines.stderr, KEPT_LINES, line);
        }
        push(&mut lines.all, SHOWN_LINES, line);
    }

    /// Notes a line that did not come through a pipe.
    pub(crate) fn note(&self, line: &str) {
        push(&mut self.0.lock().all, SHOWN_LINES, line);
    }

    /// Adds what the process said before it ended to `text`: its error lines, or failing those whatever it wrote to
    /// standard error last.
    pub(super) fn append_errors_to(&self, text: &mut String) {
        let lines = self.0.lock();
        let last = if lines.errors.is_empty() { &lines.stderr } else { &lines.errors };
        for line in last {
            text.push('\n');
            text.push_str(line);
        }
    }

    /// Adds the last lines of any kind to `text`; says nothing when there are none.
    pub(crate) fn append_to(&self, text: &mut String) {
        let lines = self.0.lock();
        if !lines.all.is_empty() {
            text.push_str("\nIts last log lines:");
        }
        for line in &lines.all {
            text.push_str("\n  ");
            text.push_str(line);
        }
    }
}

/// Adds a line, cut to what a message can show, and forgets the oldest beyond `most`.
fn push(lines: &mut VecDeque<String>, most: usize, line: &str) {
    if lines.len() == most {
        lines.pop_front();
    }
    lines.push_back(line.chars().take(LONGEST_SHOWN).collect());
}

/// Turns one pipe into log records.
pub(super) struct Reader {
    log: Log,
    category: String,
    pipe: Pipe,
    stderr_is_errors: bool,
    recent: Recent,
}

impl Reader {
    pub(super) fn new(output: &Output<'_>, pipe: Pipe, recent: &Recent) -> Self {
        Self {
            log: output.log.clone(),
            category: output.category.to_owned(),
            pipe,
            stderr_is_errors: output.stderr_is_errors,
            recent: recent.clone(),
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
        self.recent.keep(self.pipe, level, message);
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

    /// host.md §6.7: the message about an exit has the error lines; a crash whose last words do not look like an error
    /// keeps those.
    #[test]
    fn the_last_words_of_a_process_are_kept() {
        let recent = Recent::default();
        let text = |recent: &Recent| {
            let mut text = String::from("it ended");
            recent.append_errors_to(&mut text);
            text
        };
        assert_eq!(text(&recent), "it ended");
        for line in ["one", "two", "three", "four"] {
            recent.keep(Pipe::Err, Level::Information, line);
        }
        assert_eq!(text(&recent), "it ended\ntwo\nthree\nfour");
        recent.keep(Pipe::Err, Level::Error, "error: five");
        recent.keep(Pipe::Out, Level::Information, "six");
        assert_eq!(text(&recent), "it ended\nerror: five");
        recent.note("seven");
        let mut all = String::new();
        recent.append_to(&mut all);
        assert_eq!(all, "\nIts last log lines:\n  three\n  four\n  error: five\n  six\n  seven");
    }

    /// A process that floods costs no memory.
    #[test]
    fn kept_lines_are_short_and_few() {
        let recent = Recent::default();
        for _ in 0..100 {
            recent.keep(Pipe::Err, Level::Error, &"ü".repeat(LONGEST_LINE));
        }
        let lines = recent.0.lock();
        assert_eq!((lines.errors.len(), lines.all.len()), (KEPT_LINES, SHOWN_LINES));
        assert_eq!(lines.errors[0].chars().count(), LONGEST_SHOWN);
    }
}
