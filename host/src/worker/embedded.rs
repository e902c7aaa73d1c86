//! Workers that ship inside the binary, laid out as files because a language runtime can only run files.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Languages whose worker ships inside.
pub(super) const LANGUAGES: &[&str] = &["node", "python"];

/// Lays the worker of `language` out under `cache` and returns its folder; `None` when none ships.
///
/// The folder is named by content, so a newer binary never runs an older worker, and files are moved into place
/// whole, so two hosts that start at once never see half a file.
pub(super) fn lay_out(language: &str, cache: &Path) -> Option<io::Result<PathBuf>> {
    let files: Vec<(&str, &str)> = match language.to_ascii_lowercase().as_str() {
        "node" => vec![
            ("worker.js", horus_node_worker::WORKER_JS),
            ("worker.config.json", horus_node_worker::WORKER_CONFIG_JSON),
        ],
        "python" => horus_python_worker::FILES
            .iter()
            .copied()
            .chain([("worker.config.json", horus_python_worker::WORKER_CONFIG_JSON)])
            .collect(),
        _ => return None,
    };
    Some(place(language, &files, cache))
}

fn place(language: &str, files: &[(&str, &str)], cache: &Path) -> io::Result<PathBuf> {
    let mut digest = Sha256::new();
    for (name, content) in files {
        digest.update(name.as_bytes());
        digest.update([0]);
        digest.update(content.as_bytes());
    }
    let digest = digest.finalize();
    let version: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = cache.join(format!("{}-{version}", language.to_ascii_lowercase()));
    for (name, content) in files {
        let path = folder.join(name);
        if std::fs::read(&path).is_ok_and(|present| present == content.as_bytes()) {
            continue;
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let partial = path.with_extension(format!("{}.partial", std::process::id()));
        std::fs::write(&partial, content)?;
        std::fs::rename(&partial, &path)?;
    }
    Ok(folder)
}
