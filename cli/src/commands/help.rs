//! `func --help`, and the help of every action.

use std::io::Write as _;
use std::process::ExitCode;

use super::catalog::{self, ENTRIES, Kind};
use super::{Failed, build, start, storage, version};
use crate::args::Known;

/// `func`, `func --help`.
pub(super) fn general() -> Result<ExitCode, Failed> {
    print(&general_text())?;
    Ok(ExitCode::SUCCESS)
}

/// `func help <words>`: the help of what the words name.
pub(super) fn of(words: &[&str]) -> Result<ExitCode, Failed> {
    match words {
        [] => general(),
        ["start", ..] | ["host"] | ["host", "start", ..] => start(),
        ["build", ..] => build::help(),
        ["storage", rest @ ..] => storage::help(rest),
        [word, ..] => match catalog::find(word).and_then(|entry| catalog::refusal(entry, words)) {
            Some(line) => Err(Failed::new(line)),
            None => unknown(word),
        },
    }
}

/// `func start --help`.
pub(super) fn start() -> Result<ExitCode, Failed> {
    print(&action("func start [-/--options]", start::KNOWN))?;
    Ok(ExitCode::SUCCESS)
}

/// The help of an action: how it is called and its options.
pub(super) fn action(usage: &str, options: &[Known]) -> String {
    let mut text = format!("{}Usage: {usage}\n\n", version_lines());
    for option in options.iter().filter(|option| !option.help.is_empty()) {
        let short = option.short.map(|short| format!(" [-{short}]")).unwrap_or_default();
        text.push_str(&format!("    {:<34} {}\n", format!("--{}{short}", option.long), option.help));
    }
    text
}

pub(super) fn unknown(word: &str) -> Result<ExitCode, Failed> {
    Err(Failed::new(format!("Error: unknown argument {word}")).hint("`func --help` lists what there is."))
}

/// The two lines that tools look for (spec cli.md §4.2).
pub(super) fn version_lines() -> String {
    let commit = version::COMMIT.map(|commit| format!("+{commit}")).unwrap_or_default();
    format!(
        "\nAzure Functions Core Tools\nCore Tools Version:       {}{commit} (64-bit)\nFunction Runtime Version: {}\n\n",
        version::TOOL,
        version::HOST
    )
}

fn general_text() -> String {
    let mut text = format!(
        "{}Horus runs Azure Functions apps anywhere.\n\nUsage: func [context] [context] <action> [-/--options]\n",
        version_lines()
    );
    for (heading, is_context) in [("Contexts", true), ("Actions", false)] {
        text.push_str(&format!("\n{heading}:\n"));
        let listed = ENTRIES.iter().filter(|entry| entry.kind == Kind::Runs && !entry.help.is_empty());
        for entry in listed.filter(|entry| entry.is_context == is_context) {
            text.push_str(&format!("{:<12} {}\n", entry.name, entry.help));
        }
    }
    text.push_str("\n`func <action> --help` lists the options of an action.\n");
    text
}

/// Writes to standard output.
pub(super) fn print(text: &str) -> Result<(), Failed> {
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}
