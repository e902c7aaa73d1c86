//! Keys that a cluster mounts into the file system, one file per key (spec host.md §5.4).

use std::path::{Path, PathBuf};

use horus_app::Secret;

use super::{HostKeys, Key, KeysError};

/// Where a secret named `functions-keys` is mounted by the platform's manifests.
pub(super) const FOLDER: &str = "/run/secrets/functions-keys";

/// A folder of keys that only the cluster may change.
#[derive(Debug)]
pub(super) struct Mount(pub(super) PathBuf);

impl Mount {
    /// The host's keys. Without a master key nobody is an administrator, so a key nobody knows stands in for it.
    pub(super) async fn host(&self) -> Result<HostKeys, KeysError> {
        let mut keys = HostKeys {
            master: super::document::new_host().master,
            functions: Vec::new(),
            systems: Vec::new(),
        };
        for (entry, value) in entries(&self.0).await? {
            if entry.eq_ignore_ascii_case("host.master") {
                keys.master.value = value;
            } else if let Some(name) = below(&entry, "host.function.") {
                keys.functions.push(Key { name: name.into(), value });
            } else if let Some(name) = below(&entry, "host.systemKey.") {
                keys.systems.push(Key { name: name.into(), value });
            }
        }
        Ok(keys)
    }

    /// The keys of `function`.
    pub(super) async fn function(&self, function: &str) -> Result<Vec<Key>, KeysError> {
        let prefix = format!("functions.{}.", function.to_lowercase());
        let entries = entries(&self.0).await?.into_iter();
        Ok(entries
            .filter_map(|(entry, value)| Some(Key { name: below(&entry, &prefix)?.into(), value }))
            .collect())
    }
}

fn below<'a>(entry: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, name) = entry.split_at_checked(prefix.len())?;
    (start.eq_ignore_ascii_case(prefix) && !name.is_empty()).then_some(name)
}

/// All entries with their values, sorted by name. A folder that is not there has none.
async fn entries(folder: &Path) -> Result<Vec<(String, Secret)>, KeysError> {
    let failed =
        |path: &Path, error: std::io::Error| KeysError::Store(format!("'{}': {error}", path.display()));
    let mut reader = match tokio::fs::read_dir(folder).await {
        Ok(reader) => reader,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(folder, error)),
    };
    let mut found = Vec::new();
    while let Some(entry) = reader.next_entry().await.map_err(|error| failed(folder, error))? {
        let Ok(name) = entry.file_name().into_string() else { continue };
        // The cluster keeps its versions in hidden folders and links to them.
        if name.starts_with('.') {
            continue;
        }
        let value =
            tokio::fs::read_to_string(entry.path()).await.map_err(|error| failed(&entry.path(), error))?;
        let value = value.trim_end_matches(['\r', '\n']);
        if !value.is_empty() {
            found.push((name, Secret::new(value)));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}
