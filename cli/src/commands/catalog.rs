//! Every word of the platform's command line, and what becomes of it here (spec cli.md §1.1, §1.10).

/// What a first word leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It runs.
    Runs,
    /// It manages Azure's cloud, which is not Horus's business.
    Cloud,
    /// The platform's tools had it once.
    Removed,
    /// The platform's tools have it, this build does not.
    Absent,
}

/// One word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    /// Whether actions follow it.
    pub(super) is_context: bool,
    pub(super) kind: Kind,
    /// One line for the help; empty when the help does not list it.
    pub(super) help: &'static str,
}

const fn context(name: &'static str, kind: Kind, help: &'static str) -> Entry {
    Entry { name, is_context: true, kind, help }
}

const fn action(name: &'static str, kind: Kind, help: &'static str) -> Entry {
    Entry { name, is_context: false, kind, help }
}

/// All of them, in the order of the help.
pub(super) const ENTRIES: &[Entry] = &[
    context("storage", Kind::Runs, "Run the embedded store; look at queues, blobs and documents"),
    context("host", Kind::Runs, ""),
    context("azure", Kind::Cloud, ""),
    context("azurecontainerapps", Kind::Cloud, ""),
    context("account", Kind::Removed, ""),
    context("subscriptions", Kind::Removed, ""),
    context("functionapp", Kind::Cloud, ""),
    context("function", Kind::Absent, ""),
    context("settings", Kind::Absent, ""),
    context("templates", Kind::Absent, ""),
    context("extensions", Kind::Absent, ""),
    context("bundles", Kind::Absent, ""),
    context("durable", Kind::Absent, ""),
    context("kubernetes", Kind::Absent, ""),
    action("start", Kind::Runs, "Launch the functions runtime host for the app in this folder"),
    action("build", Kind::Runs, "Compile an app's WebAssembly ahead of time, for an image"),
    action("init", Kind::Absent, ""),
    action("new", Kind::Absent, ""),
    action("create", Kind::Absent, ""),
    action("pack", Kind::Absent, ""),
    action("deploy", Kind::Absent, ""),
    action("logs", Kind::Absent, ""),
    action("run", Kind::Absent, ""),
    action("getextensionbundlepath", Kind::Absent, ""),
];

/// The entry called `word`, in any case.
pub(super) fn find(word: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name.eq_ignore_ascii_case(word))
}

/// The one line that a command which does not run gets. `words` is what was typed, without options.
pub(super) fn refusal(entry: &Entry, words: &[&str]) -> Option<String> {
    let command = words.join(" ").to_ascii_lowercase();
    match entry.kind {
        Kind::Runs => None,
        Kind::Cloud if words.get(1).is_some_and(|word| is_login(word)) => Some(removed(&command)),
        Kind::Cloud => Some(format!(
            "'func {command}' manages Azure's cloud, which is outside of Horus. Use the Azure CLI (az) for it."
        )),
        Kind::Removed => Some(removed(&command)),
        Kind::Absent => {
            let there: Vec<String> = ENTRIES
                .iter()
                .filter(|entry| entry.kind == Kind::Runs && !entry.help.is_empty())
                .map(|entry| format!("'func {}'", entry.name))
                .collect();
            Some(format!("'func {command}' is not part of this version. There are {}.", there.join(", ")))
        }
    }
}

fn is_login(word: &str) -> bool {
    ["login", "logout", "account", "subscriptions"].iter().any(|name| name.eq_ignore_ascii_case(word))
}

fn removed(command: &str) -> String {
    format!("'func {command}': This command has been removed. Please use az-cli (az login, az account).")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// cli.md item 10, and one clear line for what does not exist yet.
    #[test]
    fn c10_commands_that_do_not_run_get_one_line() {
        for (line, expected) in [
            ("azure functionapp publish", "Use the Azure CLI"),
            ("Azure login", "This command has been removed. Please use az-cli"),
            ("azurecontainerapps deploy", "outside of Horus"),
            ("account list", "has been removed"),
            (
                "INIT",
                "'func init' is not part of this version. There are 'func storage', 'func start', 'func build'.",
            ),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let text = refusal(find(words[0]).unwrap(), &words).unwrap();
            assert!(text.contains(expected) && !text.contains('\n'), "{line}: {text}");
        }
        assert!(refusal(find("start").unwrap(), &["start"]).is_none());
        assert!(find("frobnicate").is_none());
    }
}
