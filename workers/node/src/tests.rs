use super::{WORKER_CONFIG_JSON, WORKER_FILE_NAME, WORKER_JS};

#[test]
fn the_bundle_is_self_contained() {
    assert!(WORKER_JS.contains("load('main.js')"));
    for line in WORKER_JS.lines().filter(|line| line.contains("require('")) {
        // The one package name that appears is the module the worker itself provides.
        let is_builtin = line.contains("require('node:") || line.contains("require('@azure/functions-core')");
        assert!(is_builtin, "not bundled: {line}");
    }
}

#[test]
fn the_config_names_the_bundle() {
    assert!(WORKER_CONFIG_JSON.contains(&format!("\"defaultWorkerPath\": \"{WORKER_FILE_NAME}\"")));
    assert!(WORKER_CONFIG_JSON.contains("\"workerIndexing\": \"true\""));
}
