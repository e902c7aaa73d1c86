//! What a changed file means for the host (spec host.md §9.3): pure.

use std::path::{Component, Path};

/// What to do about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    /// Start other workers for the same app.
    Renew,
    /// Build the app anew.
    Restart,
    /// End the process; whoever supervises it starts it again.
    Shutdown,
}

/// Which files matter to this app.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Names that matter anywhere.
    names: Vec<String>,
    /// Folders under the root in which everything matters.
    directories: Vec<String>,
    /// Script extensions of the app's language, dots included.
    extensions: Vec<String>,
    /// Those of scripts that nobody but workers reads.
    scripts: Vec<String>,
}

/// Folders nobody edits by hand: never looked into, since walking them is slow and their changes come in floods.
pub(crate) const IGNORED: [&str; 7] =
    ["node_modules", ".git", ".venv", ".func", "__pycache__", ".python_packages", ".vscode"];

impl Rules {
    pub(crate) fn new(watch_files: &[String], watch_directories: &[String], extensions: &[String]) -> Self {
        let mut names: Vec<String> =
            ["host.json", "function.json", "proxies.json"].iter().map(ToString::to_string).collect();
        names.extend(watch_files.iter().map(|name| name.to_lowercase()));
        Self {
            names,
            directories: watch_directories.iter().map(|name| name.trim_matches('/').to_lowercase()).collect(),
            extensions: extensions.iter().map(|ext| ext.to_lowercase()).collect(),
            scripts: Vec::new(),
        }
    }

    /// The same for an app whose workers alone read files with these extensions.
    #[must_use]
    pub(crate) fn with_scripts(mut self, extensions: &[String]) -> Self {
        self.scripts = extensions.iter().map(|ext| ext.to_lowercase()).collect();
        self
    }

    /// What a change of `path`, relative to the root, means. `is_folder` tells of a folder that came or went.
    pub(crate) fn action(&self, path: &Path, is_folder: bool) -> Option<Action> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let first = path.components().next().and_then(|component| match component {
            Component::Normal(name) => Some(name.to_string_lossy().to_lowercase()),
            _ => None,
        })?;
        if self.directories.iter().any(|directory| path_starts_with(path, directory)) {
            return Some(Action::Restart);
        }
        if IGNORED.contains(&first.as_str()) {
            return None;
        }
        let depth = path.components().count();
        if is_folder {
            // A function came or went; other folders are the app's own business.
            return (depth == 1 && !name.starts_with('.')).then_some(Action::Restart);
        }
        if depth == 1 && name == "app_offline.htm" {
            return Some(Action::Restart);
        }
        if self.names.contains(&name) {
            return Some(Action::Restart);
        }
        let extension = name.rfind('.').map(|dot| &name[dot..])?;
        if matches!(extension, ".dll" | ".exe") && (depth == 1 || first == "bin") {
            return Some(Action::Shutdown);
        }
        if self.extensions.iter().any(|known| known == extension) {
            return Some(Action::Restart);
        }
        self.scripts.iter().any(|known| known == extension).then_some(Action::Renew)
    }
}

fn path_starts_with(path: &Path, directory: &str) -> bool {
    let text = path.to_string_lossy().to_lowercase();
    text.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// host.md L01 and §9.3.
    #[test]
    fn l01_only_files_that_matter_restart_the_host() {
        let rules = Rules::new(&["Data.csv".into()], &["shared/".into()], &[".js".into(), ".mjs".into()]);
        let restart = Some(Action::Restart);
        let table = [
            ("host.json", false, restart),
            ("orders/function.json", false, restart),
            ("deep/down/HOST.JSON", false, restart),
            ("src/index.js", false, restart),
            ("src/index.MJS", false, restart),
            ("readme.md", false, None),
            ("sub/data.csv", false, restart),
            ("shared/anything.bin", false, restart),
            ("shared2/anything.bin", false, None),
            ("node_modules/x/index.js", false, None),
            (".git/HEAD", false, None),
            (".func/store.db", false, None),
            ("newFunction", true, restart),
            ("src/sub", true, None),
            ("bin/app.dll", false, Some(Action::Shutdown)),
            ("app_offline.htm", false, restart),
            // Settings are read once, when the process starts.
            ("local.settings.json", false, None),
            (".env", false, None),
        ];
        for (path, is_folder, expected) in table {
            assert_eq!(rules.action(Path::new(path), is_folder), expected, "{path}");
        }
    }

    /// A script that only workers read concerns them alone, unless something else says that it matters.
    #[test]
    fn scripts_of_workers_renew_them() {
        let rules = Rules::new(&["settings.py".into()], &["shared".into()], &[".wasm".into()]);
        let rules = rules.with_scripts(&[".PY".into()]);
        let table = [
            ("function_app.py", Some(Action::Renew)),
            ("fn/__init__.py", Some(Action::Renew)),
            ("settings.py", Some(Action::Restart)),
            ("shared/lib.py", Some(Action::Restart)),
            ("fn/function.json", Some(Action::Restart)),
            ("guest.wasm", Some(Action::Restart)),
            ("readme.md", None),
        ];
        for (path, expected) in table {
            assert_eq!(rules.action(Path::new(path), false), expected, "{path}");
        }
        assert!(Action::Renew < Action::Restart && Action::Restart < Action::Shutdown);
    }

    #[test]
    fn a_watched_directory_may_be_node_modules() {
        let rules = Rules::new(&[], &["node_modules".into()], &[]);
        assert_eq!(rules.action(Path::new("node_modules/a/index.js"), false), Some(Action::Restart));
    }
}
