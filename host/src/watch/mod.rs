//! Watches the app's files and says when the host has to restart (spec host.md §9.3).

pub(crate) mod rules;

use std::path::{Path, PathBuf};
use std::time::Duration;

use horus_app::log::{ANNOUNCE, Log};
use notify::event::{CreateKind, EventKind, ModifyKind, RemoveKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

pub(crate) use rules::{Action, Rules};

const CATEGORY: &str = "Host.General";
/// Changes within this time of each other count as one.
const DEBOUNCE: Duration = Duration::from_millis(300);
/// Changes waiting to be looked at; more than these mean a restart anyway.
const BACKLOG: usize = 256;
/// Folders watched at most; an app with more should name what matters in `watchDirectories`.
const FOLDERS: usize = 4096;

/// A running watch over one app.
#[derive(Debug)]
pub(crate) struct Watch {
    root: PathBuf,
    rules: Rules,
    /// What the changes seen so far ask for; kept when nobody waits any more while they calm down.
    pending: Option<Action>,
    changes: mpsc::Receiver<notify::Event>,
    watcher: RecommendedWatcher,
    log: Log,
}

impl Watch {
    /// Starts to watch `root`; `None`, with a warning, where the system cannot.
    pub(crate) fn start(root: &Path, rules: Rules, log: &Log) -> Option<Self> {
        let (sender, changes) = mpsc::channel(BACKLOG);
        let handler = move |event: notify::Result<notify::Event>| {
            if let Ok(event) = event {
                // A full queue already holds enough to cause a restart.
                let _ = sender.try_send(event);
            }
        };
        let watcher = match notify::recommended_watcher(handler) {
            Ok(watcher) => watcher,
            Err(error) => {
                log.warning(
                    CATEGORY,
                    format!("File changes cannot be watched: {error}. Restart by hand after a change."),
                );
                return None;
            }
        };
        let mut watch =
            Self { root: root.to_owned(), rules, pending: None, changes, watcher, log: log.clone() };
        watch.add(root.to_owned());
        Some(watch)
    }

    /// Resolves with what the next relevant change asks for, once changes have calmed down.
    pub(crate) async fn changed(&mut self) -> Action {
        while self.pending.is_none() {
            let Some(event) = self.changes.recv().await else {
                return std::future::pending().await;
            };
            self.pending = self.consider(&event);
        }
        while let Ok(Some(event)) = tokio::time::timeout(DEBOUNCE, self.changes.recv()).await {
            self.pending = self.pending.max(self.consider(&event));
        }
        let action = self.pending.take().unwrap_or(Action::Restart);
        let what = match action {
            Action::Renew => "Scripts of the app have changed. Starting new workers",
            Action::Restart => "Host configuration has changed. Signaling restart",
            Action::Shutdown => "Host configuration has changed. Signaling shutdown",
        };
        // Editors follow these lines (spec cli.md §4.10).
        self.log.info(ANNOUNCE, what);
        action
    }

    fn consider(&mut self, event: &notify::Event) -> Option<Action> {
        let (kind, is_folder) = match event.kind {
            EventKind::Create(kind) => ("Created", kind == CreateKind::Folder),
            EventKind::Remove(kind) => ("Deleted", kind == RemoveKind::Folder),
            EventKind::Modify(ModifyKind::Name(_)) => ("Renamed", false),
            EventKind::Modify(ModifyKind::Metadata(_)) | EventKind::Access(_) => return None,
            _ => ("Changed", false),
        };
        let mut action = None;
        for path in &event.paths {
            let is_folder = is_folder || path.is_dir();
            if is_folder && kind != "Deleted" && kind != "Changed" {
                self.add(path.clone());
            }
            let Ok(relative) = path.strip_prefix(&self.root) else { continue };
            if is_folder && kind == "Changed" {
                continue;
            }
            if let Some(found) = self.rules.action(relative, is_folder) {
                let what = if is_folder { "Directory" } else { "File" };
                let note = format!("{what} change of type '{kind}' detected for '{}'", path.display());
                self.log.info(ANNOUNCE, note);
                action = action.max(Some(found));
            }
        }
        action
    }

    /// Watches `folder` and what is below it, except what nobody edits by hand.
    fn add(&mut self, folder: PathBuf) {
        let mut open = vec![folder];
        let mut count = 0;
        while let Some(folder) = open.pop() {
            if self.watcher.watch(&folder, RecursiveMode::NonRecursive).is_err() {
                continue;
            }
            count += 1;
            if count >= FOLDERS {
                let note = format!("Only {FOLDERS} folders of the app are watched for changes.");
                return self.log.warning(CATEGORY, note);
            }
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            for entry in entries {
                let name = entry.file_name();
                let ignored = rules::IGNORED.iter().any(|ignored| name == **ignored);
                if !ignored && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    open.push(entry.path());
                }
            }
        }
    }
}
