//! The verbs of the command line, one file each.

mod help;
pub(crate) mod start;
mod version;

use std::io::Write as _;
use std::process::ExitCode;

use crate::args::BadOption;
use crate::console::Style;

/// Exit code of every error (spec cli.md §1.3).
const FAILED: u8 = 1;

/// An error for a person: a line, and perhaps what to do next.
#[derive(Debug)]
pub(crate) struct Failed {
    /// One line, in the platform's words where tools parse them.
    pub(crate) message: String,
    /// What to try.
    pub(crate) hint: Option<String>,
}

impl Failed {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<BadOption> for Failed {
    fn from(error: BadOption) -> Self {
        Self::new(error.0)
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// Runs the command line and gives the process's exit code.
pub(crate) fn run(tokens: &[String]) -> ExitCode {
    let done = dispatch(tokens);
    match done {
        Ok(code) => code,
        Err(error) => {
            let style = Style::stderr();
            let mut err = std::io::stderr().lock();
            let _ = writeln!(err, "{}", style.paint(crate::console::BRIGHT_RED, &error.message));
            if let Some(hint) = error.hint {
                let _ = writeln!(err, "hint: {hint}");
            }
            ExitCode::from(FAILED)
        }
    }
}

fn dispatch(tokens: &[String]) -> Result<ExitCode, Failed> {
    let lower: Vec<String> = tokens.iter().map(|token| token.to_ascii_lowercase()).collect();
    let words: Vec<&str> = lower.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => help::general(),
        ["--version" | "-v" | "version" | "v"] => version::print(),
        ["--help" | "-h" | "-?" | "help"] => help::general(),
        ["--help" | "-h" | "help", "start", ..] | ["start", "--help" | "-h" | "-?"] => help::start(),
        ["host", "start", "--help" | "-h" | "-?"] => help::start(),
        ["start", ..] => start::run(&tokens[1..]),
        ["host", "start", ..] => start::run(&tokens[2..]),
        // Options before the action belong to the action.
        [first, ..] if first.starts_with('-') && words.contains(&"start") => {
            let at = words.iter().position(|word| *word == "start").expect("it is contained");
            let mut rest: Vec<String> = tokens[..at].iter().filter(|t| *t != "host").cloned().collect();
            rest.extend_from_slice(&tokens[at + 1..]);
            start::run(&rest)
        }
        _ => help::unknown(&tokens[0]),
    }
}
