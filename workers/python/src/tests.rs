//! The embedded list has to match the folder, or a module would be missing at run time only.

use std::{collections::BTreeSet, fs, path::Path};

use super::{FILES, WORKER_CONFIG_JSON};

#[test]
fn every_source_file_is_embedded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = root.join("horus_worker");
    let on_disk: BTreeSet<String> = fs::read_dir(package)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".py"))
        .map(|name| format!("horus_worker/{name}"))
        .chain(["worker.py".to_owned()])
        .collect();
    let embedded: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(embedded, on_disk);
}

#[test]
fn the_config_starts_an_embedded_file() {
    let path = WORKER_CONFIG_JSON
        .lines()
        .find_map(|line| line.trim().strip_prefix("\"defaultWorkerPath\": \""))
        .and_then(|rest| rest.split('"').next())
        .unwrap();
    assert!(FILES.iter().any(|(name, _)| *name == path), "{path}");
}
