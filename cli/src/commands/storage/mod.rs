//! `func storage`: the embedded store alone, and a look into it for people without a storage explorer.

mod blob;
mod client;
mod document;
mod options;
mod queue;
mod serve;
mod sign;
mod xml;

#[cfg(test)]
mod tests;

use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;

use super::{Failed, help as texts};
use crate::args::Given;

/// One verb: what is typed, and what it does.
const VERBS: [(&str, &str); 12] = [
    ("queue put NAME [TEXT]", "Put a message; without TEXT it is read from standard input"),
    ("queue peek NAME", "Show the next messages without taking them"),
    ("queue list [PREFIX]", "List queues with the number of their messages"),
    ("queue clear NAME", "Delete all messages"),
    ("blob put CONTAINER/NAME [FILE]", "Upload a file, or standard input"),
    ("blob get CONTAINER/NAME [FILE]", "Download to a file, or to standard output"),
    ("blob list [CONTAINER[/PREFIX]]", "List containers, or the blobs of one"),
    ("blob delete CONTAINER/NAME", "Delete a blob"),
    ("document list [DATABASE[/CONTAINER]]", "List databases, containers, or all documents of one"),
    ("document get DATABASE/CONTAINER/ID", "Show a document"),
    ("document put DATABASE/CONTAINER [JSON]", "Create or replace a document; --create makes the container"),
    ("document query DATABASE/CONTAINER SQL", "Run a query"),
];

/// `func storage …`.
pub(super) fn run(tokens: &[String]) -> Result<ExitCode, Failed> {
    let at = tokens.iter().position(|token| is_option(token)).unwrap_or(tokens.len());
    let (words, rest) = tokens.split_at(at);
    let given = Given::parse(rest, options::KNOWN)?;
    super::warn_unknown(&given);
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    let kinds: Vec<String> = words.iter().take(2).map(|word| word.to_ascii_lowercase()).collect();
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    let values = words.split_off(words.len().min(2));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::new(format!("The runtime cannot start: {error}")))?;
    runtime.block_on(async {
        match (kinds.as_slice(), values.as_slice()) {
            ([], []) => serve::run(&given).await,
            (["queue", "put"], [name]) => queue::put(&given, name, &input()?).await,
            (["queue", "put"], [name, text]) => queue::put(&given, name, text).await,
            (["queue", "peek"], [name]) => queue::peek(&given, name).await,
            (["queue", "list"], []) => queue::list(&given, "").await,
            (["queue", "list"], [prefix]) => queue::list(&given, prefix).await,
            (["queue", "clear"], [name]) => queue::clear(&given, name).await,
            (["blob", "put"], [place]) => blob::put(&given, place, None).await,
            (["blob", "put"], [place, file]) => blob::put(&given, place, Some(file)).await,
            (["blob", "get"], [place]) => blob::get(&given, place, None).await,
            (["blob", "get"], [place, file]) => blob::get(&given, place, Some(file)).await,
            (["blob", "list"], []) => blob::list(&given, "").await,
            (["blob", "list"], [place]) => blob::list(&given, place).await,
            (["blob", "delete"], [place]) => blob::delete(&given, place).await,
            (["document", "list"], []) => document::list(&given, "").await,
            (["document", "list"], [place]) => document::list(&given, place).await,
            (["document", "get"], [place]) => document::get(&given, place).await,
            (["document", "put"], [place]) => document::put(&given, place, &input()?).await,
            (["document", "put"], [place, json]) => document::put(&given, place, json).await,
            (["document", "query"], [place, sql]) => document::query(&given, place, sql).await,
            _ => misuse(&kinds),
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Help for words that do not fit: of the verb when there is one, else of everything (cli.md item 8).
fn misuse(kinds: &[&str]) -> Result<(), Failed> {
    let typed = kinds.join(" ");
    let usages: Vec<&str> =
        VERBS.iter().map(|(usage, _)| *usage).filter(|usage| usage.starts_with(&typed)).collect();
    if usages.is_empty() {
        return Err(Failed::new(format!("Error: unknown argument {typed}"))
            .hint("`func storage --help` lists what there is."));
    }
    let lines: Vec<String> = usages.iter().map(|usage| format!("func storage {usage}")).collect();
    Err(Failed::new(format!("Usage: {}", lines.join("\n       "))))
}

/// `func storage --help`, for all verbs or those of one kind.
pub(super) fn help(kinds: &[&str]) -> Result<ExitCode, Failed> {
    let typed = kinds.iter().take(2).copied().collect::<Vec<_>>().join(" ");
    let mut text = texts::action("func storage [verb] [-/--options]", options::KNOWN);
    text.push_str("\nWithout a verb the store is run until Ctrl+C. Verbs:\n\n");
    for (usage, what) in VERBS.iter().filter(|(usage, _)| usage.starts_with(&typed)) {
        text.push_str(&format!("    {usage:<40} {what}\n"));
    }
    text.push_str("\nVerbs work on the store that runs, or on the data folder of the app when none does.\n");
    texts::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn is_option(token: &str) -> bool {
    token
        .strip_prefix('-')
        .and_then(|rest| rest.chars().next())
        .is_some_and(|c| c == '-' || c.is_ascii_alphabetic())
}

/// All of standard input as text, without the line end that a shell adds.
fn input() -> Result<String, Failed> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
        eprint_hint("Reading from the terminal; end with Ctrl+D.");
    }
    let mut text = String::new();
    input.read_to_string(&mut text)?;
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

/// A remark beside the data.
fn eprint_hint(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// One line of data on standard output.
fn say(line: &str) -> Result<(), Failed> {
    texts::print(&format!("{line}\n"))
}
