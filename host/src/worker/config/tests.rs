use super::*;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    Settings::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn worker(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("worker.js"), "").unwrap();
    std::fs::write(folder.path().join("worker.config.json"), config).unwrap();
    folder
}

fn read(config: &str, pairs: &[(&str, &str)]) -> Result<WorkerConfig, ConfigError> {
    let folder = worker(config);
    WorkerConfig::read(folder.path(), &settings(pairs), "4.1.0")
}

const NODE: &str = r#"{"description": {"language": "node", "extensions": [".js"], "defaultExecutablePath": "node",
    "defaultWorkerPath": "worker.js", "workerIndexing": "true", "arguments": ["--a --b", "%GONE%"]},
    "processOptions": {"initializationTimeout": "00:02:00"}}"#;

/// host.md W20 and cli.md item 66: extra arguments go between the program and the worker's path.
#[test]
fn w20_arguments_come_from_the_file_and_then_from_the_setting() {
    let config = read(NODE, &[("languageWorkers__node__arguments", "--inspect=9229 --x")]).unwrap();
    assert_eq!(config.arguments, ["--a", "--b", "--inspect=9229", "--x"]);
    assert_eq!(config.executable, "node");
    assert!(config.worker_path.unwrap().ends_with("worker.js"));
    assert!(config.indexing);
    assert_eq!(config.initialization_timeout, Duration::from_secs(120));
    assert_eq!((config.processes, config.startup_timeout), (1, Duration::from_secs(60)));
}

/// host.md W07 and §6.1: the setting overrides the file and has bounds.
#[test]
fn w07_the_process_count_is_bounded() {
    assert_eq!(read(NODE, &[("FUNCTIONS_WORKER_PROCESS_COUNT", "3")]).unwrap().processes, 3);
    for bad in ["0", "11", "x"] {
        let error = read(NODE, &[("FUNCTIONS_WORKER_PROCESS_COUNT", bad)]).unwrap_err().to_string();
        assert!(error.contains("FUNCTIONS_WORKER_PROCESS_COUNT") && error.contains("1 to 10"), "{error}");
    }
}

/// host.md §6.1: executable, version and placeholders.
#[test]
fn placeholders_and_overrides_are_filled_in() {
    let config = r#"{"description": {"language": "python", "extensions": [".py"],
        "defaultExecutablePath": "%PY%", "defaultRuntimeVersion": "3.11", "supportedRuntimeVersions": ["3.11"],
        "defaultWorkerPath": "%FUNCTIONS_WORKER_RUNTIME_VERSION%/{os}/worker.py"}}"#;
    let folder = worker(config);
    let inner = folder.path().join("3.11").join(platform());
    std::fs::create_dir_all(&inner).unwrap();
    std::fs::write(inner.join("worker.py"), "").unwrap();
    let read = |pairs: &[(&str, &str)]| WorkerConfig::read(folder.path(), &settings(pairs), "4");
    assert_eq!(read(&[("PY", "/usr/bin/py")]).unwrap().executable, "/usr/bin/py");
    let given = read(&[("languageWorkers__python__defaultExecutablePath", "python3.11")]).unwrap();
    assert_eq!(given.executable, "python3.11");
    let error = read(&[("FUNCTIONS_WORKER_RUNTIME_VERSION", "2.7")]).unwrap_err().to_string();
    assert!(error.contains("2.7 is not supported for language python"), "{error}");
}

/// host.md §6.1 profiles: the first whose conditions all hold is laid over; unknown conditions never hold.
#[test]
fn profiles_apply_under_their_conditions() {
    let config = r#"{"description": {"language": "x", "defaultExecutablePath": "a"}, "profiles": [
        {"profileName": "no", "conditions": [{"conditionType": "moon", "conditionName": "phase", "conditionExpression": ".*"}],
         "description": {"defaultExecutablePath": "b"}},
        {"profileName": "yes", "conditions": [{"conditionType": "environment", "conditionName": "MODE", "conditionExpression": "^fast$"}],
         "description": {"defaultExecutablePath": "c"}}]}"#;
    assert_eq!(read(config, &[]).unwrap().executable, "a");
    assert_eq!(read(config, &[("MODE", "FAST")]).unwrap().executable, "c");
}

#[test]
fn broken_files_are_named() {
    for (config, what) in [
        ("{", "EOF"),
        (r#"{"description": {"defaultExecutablePath": "a"}}"#, "description.language is required"),
        (r#"{"description": {"language": "x"}}"#, "description.defaultExecutablePath is required"),
        (
            r#"{"description": {"language": "x", "defaultExecutablePath": "a", "defaultWorkerPath": "gone.js"}}"#,
            "gone.js",
        ),
        (
            r#"{"description": {"language": "x", "defaultExecutablePath": "a", "isDisabled": true}}"#,
            "disabled",
        ),
    ] {
        let error = read(config, &[]).unwrap_err().to_string();
        assert!(error.contains("worker.config.json") && error.contains(what), "{error}");
    }
}

/// host.md §6.1: one folder for a language, then a folder of workers, then what ships inside.
#[test]
fn workers_are_found_in_order() {
    let (app, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let find = |pairs: &[(&str, &str)], language: &str| {
        WorkerConfig::find(language, &settings(pairs), "4", app.path(), cache.path())
    };
    let built_in = find(&[], "node").unwrap();
    assert!(built_in.directory.starts_with(cache.path()));
    // Laid out once: the second time the same files are used.
    assert_eq!(find(&[], "node").unwrap().worker_path, built_in.worker_path);
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("mine");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(
        own.join("worker.config.json"),
        r#"{"description": {"language": "lua", "defaultExecutablePath": "lua"}}"#,
    )
    .unwrap();
    let workers = folder.path().to_str().unwrap();
    assert_eq!(find(&[("languageWorkers__workersDirectory", workers)], "lua").unwrap().executable, "lua");
    let direct = own.to_str().unwrap();
    assert_eq!(find(&[("languageWorkers__lua__workerDirectory", direct)], "lua").unwrap().directory, own);
    let in_app = app.path().join("worker.config.json");
    std::fs::write(
        &in_app,
        r#"{"description": {"language": "dotnet-isolated", "defaultExecutablePath": "app"}}"#,
    )
    .unwrap();
    assert_eq!(find(&[], "dotnet-isolated").unwrap().directory, app.path());
    let error = find(&[], "cobol").unwrap_err().to_string();
    assert!(error.contains("'cobol'") && error.contains("node"), "{error}");
}
