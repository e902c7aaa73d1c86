//! The verbs of the command line, one file each.

mod build;
mod catalog;
mod folder;
mod help;
pub(crate) mod start;
mod storage;
mod version;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::args::{BadOption, Given};
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
            if tokens.iter().any(|token| token == "--pause-on-error") && std::io::stdin().is_terminal() {
                let _ = write!(err, "Press any key to continue....");
                let _ = std::io::stdin().read_line(&mut String::new());
            }
            ExitCode::from(FAILED)
        }
    }
}

/// Says which options have no effect.
fn warn_unknown(given: &Given) {
    for option in &given.unknown {
        let note = format!("Option '{option}' is not known and has no effect.");
        crate::console::warn(Style::stderr(), &note);
    }
}

fn dispatch(tokens: &[String]) -> Result<ExitCode, Failed> {
    let lower: Vec<String> = tokens.iter().map(|token| token.to_ascii_lowercase()).collect();
    match lower.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => return help::general(),
        ["--version" | "-v" | "version" | "v"] => return version::print(),
        ["--help" | "-h" | "-?" | "help", words @ ..] => return help::of(words),
        _ => {}
    }
    // Options may stand before the action: they belong to it.
    let is_leading = tokens[0].starts_with('-');
    let at =
        if is_leading { tokens.iter().position(|token| catalog::find(token).is_some()) } else { Some(0) };
    let Some(at) = at else { return help::unknown(&tokens[0]) };
    let words: Vec<&str> =
        lower[at..].iter().map(String::as_str).take_while(|word| !word.starts_with('-')).collect();
    let rest = |words: usize| [&tokens[at + words..], &tokens[..at]].concat();
    if tokens[at..].iter().any(|token| matches!(token.as_str(), "--help" | "-h" | "-?")) {
        return help::of(&words);
    }
    match words.as_slice() {
        ["start", ..] => start::run(&rest(1)),
        ["host", "start", ..] => start::run(&rest(2)),
        ["host", ..] => help::unknown(words.get(1).unwrap_or(&"host")),
        ["build", ..] => build::run(&rest(1)),
        ["storage", ..] => storage::run(&rest(1)),
        [word, ..] => match catalog::find(word).and_then(|entry| catalog::refusal(entry, &words)) {
            Some(line) => Err(Failed::new(line)),
            None => help::unknown(&tokens[at]),
        },
        [] => help::unknown(&tokens[at]),
    }
}
