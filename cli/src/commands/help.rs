//! `func --help`.

use std::io::Write as _;
use std::process::ExitCode;

use super::{Failed, start, version};

/// Actions that run, in the platform's order.
const ACTIONS: [(&str, &str); 1] =
    [("start", "Launches the functions runtime host for the app in this folder")];

pub(super) fn general() -> Result<ExitCode, Failed> {
    print(&general_text())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn start() -> Result<ExitCode, Failed> {
    let mut text = format!("{}Usage: func start [-/--options]\n\n", version_lines());
    for option in start::KNOWN {
        let short = option.short.map(|short| format!(" [-{short}]")).unwrap_or_default();
        text.push_str(&format!("    {:<34} {}\n", format!("--{}{short}", option.long), option.help));
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn unknown(word: &str) -> Result<ExitCode, Failed> {
    Err(Failed::new(format!("Error: unknown argument {word}")).hint("`func --help` lists what there is."))
}

/// The two lines that tools look for (spec cli.md §4.2).
pub(super) fn version_lines() -> String {
    format!(
        "\nAzure Functions Core Tools\nCore Tools Version:       {} (64-bit)\nFunction Runtime Version: {}\n\n",
        version::TOOL,
        version::HOST
    )
}

fn general_text() -> String {
    let mut text = format!(
        "{}Horus runs Azure Functions apps anywhere.\n\nUsage: func [context] [context] <action> [-/--options]\n\nActions:\n",
        version_lines()
    );
    for (name, what) in ACTIONS {
        text.push_str(&format!("{name:<12} {what}\n"));
    }
    text.push_str("\n`func start --help` lists the options of an action.\n");
    text
}

fn print(text: &str) -> Result<(), Failed> {
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}
