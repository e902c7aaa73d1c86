//! The language workers that ship, in a folder of their own with other times; and the Python they run on.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{App, Launch, repository};

/// Lays the shipped worker of `language` out beside `app`, with `options` as its `processOptions`, and has `launch`
/// use it: starting or replacing processes every ten seconds, as by default, would be most of a short test.
pub(crate) fn with_process_options(launch: Launch, app: &App, language: &str, options: &Value) -> Launch {
    let files: Vec<(&str, &str)> = match language {
        "node" => vec![(horus_node_worker::WORKER_FILE_NAME, horus_node_worker::WORKER_JS)],
        "python" => horus_python_worker::FILES.to_vec(),
        other => panic!("no worker for {other} ships"),
    };
    let config = match language {
        "node" => horus_node_worker::WORKER_CONFIG_JSON,
        _ => horus_python_worker::WORKER_CONFIG_JSON,
    };
    let mut config: Value = serde_json::from_str(config).expect("a worker.config.json is JSON");
    let shipped = config["processOptions"].as_object_mut().expect("the shipped workers set some");
    shipped.extend(options.as_object().expect("options have names").clone());
    let folder = app.beside("shipped-worker");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("folders can be made");
        std::fs::write(path, text).expect("a file can be written");
    };
    files.iter().for_each(|(name, text)| write(name, text));
    write("worker.config.json", &json!(config).to_string());
    launch
        .env(&format!("languageWorkers__{language}__workerDirectory"), folder.to_string_lossy())
        .env("FUNCTIONS_WORKER_RUNTIME", language)
}

/// A virtual environment with the public Functions library for Python, made when it is missing.
pub(crate) fn python_environment() -> PathBuf {
    let folder = repository().join("tests/parity");
    let environment = folder.join(".venv");
    let requirements = folder.join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).expect("the requirements are in the repository");
    let stamp = environment.join("requirements.txt");
    // Tests run in many processes at once; one of them installs.
    let lock =
        std::fs::File::create(std::env::temp_dir().join("horus-e2e-python.lock")).expect("a lock file");
    lock.lock().expect("the lock of the packages");
    if !std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment));
        let pip = environment.join("bin/pip");
        run(Command::new(pip)
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&requirements));
        std::fs::write(&stamp, wanted).expect("a file can be written");
    }
    environment
}

fn run(command: &mut Command) {
    let status =
        command.stdout(Stdio::null()).status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?} ended with {status}; `tests/run rust` installs what it needs");
}

/// Makes `launch` run Python apps in [`python_environment`].
pub(crate) fn with_python_library(launch: Launch) -> Launch {
    let environment = python_environment();
    launch.env("VIRTUAL_ENV", environment.to_string_lossy())
}

/// Whether a process is a language worker: its command line says so.
pub(crate) fn is_worker(id: u32) -> bool {
    let arguments =
        std::fs::read(Path::new("/proc").join(id.to_string()).join("cmdline")).unwrap_or_default();
    arguments.split(|byte| *byte == 0).any(|word| word == b"--functions-worker-id")
}
