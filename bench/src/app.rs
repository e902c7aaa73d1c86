//! Function apps for the measurements, written into temporary folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use horus_stub_worker::{Data, Function, Http, Index, Response, SCRIPT_VARIABLE, Script, Step};
use serde_json::json;
use tempfile::TempDir;

use crate::arguments::Arguments;
use crate::load::Target;
use crate::process::{Process, free_address};

/// An app's folder and how it is to be started.
#[derive(Debug)]
pub(crate) struct App {
    folder: TempDir,
    runtime: &'static str,
    environment: BTreeMap<String, String>,
}

impl App {
    fn new(runtime: &'static str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("app"))?;
        let app = Self { folder, runtime, environment: BTreeMap::new() };
        let host = json!({
            "version": "2.0",
            "extensions": { "queues": { "batchSize": BATCH, "newBatchThreshold": THRESHOLD, "maxPollingInterval": "00:00:00.100" } },
        });
        app.file("host.json", &host.to_string())?;
        Ok(app)
    }

    /// An app whose functions are answered by the native worker.
    pub(crate) fn stub(arguments: &Arguments, functions: &[Function]) -> anyhow::Result<Self> {
        let index = match functions.is_empty() {
            true => Index::Default,
            false => Index::Functions(functions.to_vec()),
        };
        let http = Data::Http(Box::new(Http {
            status: "200".into(),
            headers: [("content-type".to_owned(), "text/plain".to_owned())].into(),
            body: Data::String("hello".into()),
            ..Http::default()
        }));
        let respond = |value| vec![Step::Respond(Box::new(Response { value, ..Response::default() }))];
        let script = Script {
            index,
            functions: functions
                .iter()
                .map(|function| {
                    let is_http = function.bindings.iter().any(|binding| binding["type"] == "http");
                    (function.name.clone(), respond(if is_http { http.clone() } else { Data::Absent }))
                })
                .collect(),
            capabilities: [
                "UseNullableValueDictionaryForHttp",
                "RpcHttpBodyOnly",
                "RpcHttpTriggerMetadataRemoved",
                "SupportsLoadResponseCollection",
            ]
            .map(|name| (name.to_owned(), "true".to_owned()))
            .into(),
            ..Script::default()
        };
        let mut app = Self::new("stub")?;
        let worker = app.folder.path().join("workers/stub");
        fs::create_dir_all(&worker)?;
        let config = json!({ "description": {
            "language": "stub",
            "extensions": [".stub"],
            "defaultExecutablePath": arguments.stub,
            "workerIndexing": "true",
        } });
        fs::write(worker.join("worker.config.json"), config.to_string())?;
        let script_file = app.folder.path().join("script.json");
        fs::write(&script_file, serde_json::to_string(&script)?)?;
        app.set(SCRIPT_VARIABLE, &script_file.to_string_lossy());
        app.set("languageWorkers__workersDirectory", &app.folder.path().join("workers").to_string_lossy());
        Ok(app)
    }

    /// An app in the Node v4 model; the library comes from bench/node.
    pub(crate) fn node_v4(arguments: &Arguments, source: &str) -> anyhow::Result<Self> {
        let app = Self::new("node")?;
        app.file("package.json", &json!({ "name": "bench", "main": "index.js" }).to_string())?;
        app.file("index.js", source)?;
        let modules = arguments.repository.join("bench/node/node_modules");
        std::os::unix::fs::symlink(modules, app.folder.path().join("app/node_modules"))?;
        Ok(app)
    }

    /// An app in the Python v2 model; the library comes from bench/python.
    pub(crate) fn python(arguments: &Arguments, source: &str) -> anyhow::Result<Self> {
        let mut app = Self::new("python")?;
        app.file("function_app.py", source)?;
        app.set("VIRTUAL_ENV", &python_environment(arguments)?.to_string_lossy());
        Ok(app)
    }

    /// An app of `count` HTTP functions with function.json files, the first of them called `hello`.
    pub(crate) fn with_files(self, count: usize, script: &str, source: &str) -> anyhow::Result<Self> {
        for n in 0..count {
            let name = if n == 0 { "hello".to_owned() } else { format!("hello{n}") };
            let function = json!({ "scriptFile": script, "bindings": http_bindings("res") });
            fs::create_dir(self.folder.path().join("app").join(&name))?;
            self.file(&format!("{name}/function.json"), &function.to_string())?;
            self.file(&format!("{name}/{script}"), source)?;
        }
        Ok(self)
    }

    /// An app of functions in WebAssembly, compiled as for an image: each guest is a name and its file, served at
    /// `/api/<name>`. `section` is `extensions.wasm` of host.json.
    pub(crate) fn wasm(
        arguments: &Arguments,
        guests: &[(String, PathBuf)],
        section: &serde_json::Value,
    ) -> anyhow::Result<Self> {
        let app = Self::new("wasm")?;
        app.file("host.json", &json!({ "version": "2.0", "extensions": { "wasm": section } }).to_string())?;
        for (name, file) in guests {
            fs::create_dir(app.folder.path().join("app").join(name))?;
            let function =
                json!({ "scriptFile": format!("../{name}.wasm"), "bindings": http_bindings("res") });
            app.file(&format!("{name}/function.json"), &function.to_string())?;
            app.guest(name, file)?;
        }
        app.build_wasm(arguments)
    }

    /// The same with one guest that says itself which functions it has; only `function` is loaded.
    pub(crate) fn wasm_described(
        arguments: &Arguments,
        file: &Path,
        function: &str,
        section: &serde_json::Value,
    ) -> anyhow::Result<Self> {
        let app = Self::new("wasm")?;
        let host = json!({ "version": "2.0", "functions": [function], "extensions": { "wasm": section } });
        app.file("host.json", &host.to_string())?;
        app.guest("guest", file)?;
        app.build_wasm(arguments)
    }

    fn guest(&self, name: &str, file: &Path) -> anyhow::Result<()> {
        fs::copy(file, self.folder.path().join("app").join(format!("{name}.wasm")))
            .with_context(|| format!("{} is missing; bench/run builds it", file.display()))?;
        Ok(())
    }

    fn build_wasm(self, arguments: &Arguments) -> anyhow::Result<Self> {
        let built = Command::new(&arguments.func)
            .args(["build", "--wasm"])
            .current_dir(self.folder.path().join("app"))
            .output()?;
        let said = String::from_utf8_lossy(&built.stderr);
        anyhow::ensure!(built.status.success(), "func build --wasm failed: {said}");
        Ok(self)
    }

    /// An empty app for the Node worker.
    pub(crate) fn node() -> anyhow::Result<Self> {
        Self::new("node")
    }

    /// Adds a setting.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    fn file(&self, name: &str, text: &str) -> anyhow::Result<()> {
        Ok(fs::write(self.folder.path().join("app").join(name), text)?)
    }

    /// Runs `func start` in it.
    pub(crate) fn start(&self, arguments: &Arguments) -> anyhow::Result<(Process, Target)> {
        let folder = self.folder.path().join("app");
        let mut environment = self.environment.clone();
        environment.insert("FUNCTIONS_WORKER_RUNTIME".into(), self.runtime.into());
        start(arguments, &folder, &environment, &self.folder.path().join("log"))
    }
}

/// The virtual environment of bench/python.
pub(crate) fn python_environment(arguments: &Arguments) -> anyhow::Result<PathBuf> {
    let folder = arguments.repository.join("bench/python/.venv");
    anyhow::ensure!(
        folder.join("bin/functions-framework").exists(),
        "{} is missing; bench/run makes it",
        folder.display()
    );
    Ok(folder)
}

/// Messages per receive, and open messages at which the next are received; the reference uses the same.
pub(crate) const BATCH: u32 = 16;
pub(crate) const THRESHOLD: usize = 8;

/// Runs `func start` in `folder` on a free port; its output goes into the file `log`.
pub(crate) fn start(
    arguments: &Arguments,
    folder: &Path,
    environment: &BTreeMap<String, String>,
    log: &Path,
) -> anyhow::Result<(Process, Target)> {
    let address = free_address()?;
    let mut command = Command::new(&arguments.func);
    // The embedded store is another matter: it would start beside apps that name no storage, or look for who has its
    // ports.
    command.args(["start", "--storage", "off", "--port", &address.port().to_string()]);
    command.current_dir(folder).envs(environment);
    // A build server gets other log levels than a user.
    for name in ["CI", "CONTINUOUS_INTEGRATION", "BUILD_NUMBER", "RUN_ID"] {
        command.env_remove(name);
    }
    let process = Process::start(&mut command, log)?;
    Ok((process, Target { address, path: "/api/hello".into() }))
}

/// The function that the references are compared with.
pub(crate) fn hello() -> Function {
    Function { name: "hello".into(), bindings: http_bindings("$return"), ..Function::default() }
}

/// A function that takes messages from a queue and does nothing.
pub(crate) fn drain() -> Function {
    let trigger = json!({ "type": "queueTrigger", "name": "message", "direction": "in", "queueName": "bench", "connection": "Bench" });
    Function { name: "drain".into(), bindings: vec![trigger], ..Function::default() }
}

fn http_bindings(output: &str) -> Vec<serde_json::Value> {
    vec![
        json!({ "type": "httpTrigger", "name": "req", "direction": "in", "authLevel": "anonymous", "methods": ["get"] }),
        json!({ "type": "http", "name": output, "direction": "out" }),
    ]
}
