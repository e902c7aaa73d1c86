//! Apps whose functions run on the scripted worker.

use std::path::{Path, PathBuf};
use std::process::Command;

use horus_stub_worker::{Function, Index, SCRIPT_VARIABLE, Script, Step};
use serde_json::{Map, Value, json};

use super::{App, Func, Launch, until};

/// An app, the worker's script and its worker.config.json.
#[derive(Debug)]
pub(crate) struct Stub {
    pub(crate) app: App,
    pub(crate) script: Script,
    /// `processOptions` of worker.config.json.
    pub(crate) process: Map<String, Value>,
    /// `description` of worker.config.json, beyond what it needs.
    pub(crate) description: Map<String, Value>,
}

impl Stub {
    /// For `app`; the worker lets the host read function.json files until functions are added.
    pub(crate) fn of(app: App) -> Self {
        let script = Script { record: Some(app.beside("record.jsonl")), ..Script::default() };
        Self { app, script, process: Map::new(), description: Map::new() }
    }

    /// An app without any file but host.json.
    pub(crate) fn new() -> Self {
        Self::of(App::new())
    }

    /// Adds a function to the worker's index; it echoes unless it is told more.
    pub(crate) fn function(mut self, function: Function, steps: &[Step]) -> Self {
        if !steps.is_empty() {
            self.script.functions.insert(function.name.clone(), steps.to_vec());
        }
        match &mut self.script.index {
            Index::Functions(all) => all.push(function),
            index => *index = Index::Functions(vec![function]),
        }
        self
    }

    pub(crate) fn capability(mut self, name: &str) -> Self {
        self.script.capabilities.insert(name.to_owned(), "true".to_owned());
        self
    }

    /// Sets one of worker.config.json's `processOptions`.
    pub(crate) fn process(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.process.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn script(mut self, change: impl FnOnce(&mut Script)) -> Self {
        change(&mut self.script);
        self
    }

    pub(crate) fn host_json(self, text: &str) -> Self {
        self.app.write("host.json", text);
        self
    }

    /// Writes the worker's folder and script, and says how to start the host.
    pub(crate) fn launch(&self) -> Launch {
        let folder = self.app.beside("worker");
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let mut description = json!({
            "language": "stub",
            "extensions": [".stub"],
            "defaultExecutablePath": program(),
            "workerIndexing": "true",
        });
        if let Value::Object(known) = &mut description {
            known.extend(self.description.clone());
        }
        let config = json!({ "description": description, "processOptions": self.process });
        std::fs::write(folder.join("worker.config.json"), config.to_string()).expect("a file can be written");
        let script = self.app.beside("script.json");
        self.write_script();
        Launch::of(&self.app.root())
            .env("FUNCTIONS_WORKER_RUNTIME", "stub")
            .env("languageWorkers__stub__workerDirectory", folder.to_string_lossy())
            .env(SCRIPT_VARIABLE, script.to_string_lossy())
    }

    /// Writes the script again; workers that start from now on follow it.
    pub(crate) fn write_script(&self) {
        let text = serde_json::to_string(&self.script).expect("a script is JSON");
        std::fs::write(self.app.beside("script.json"), text).expect("a file can be written");
    }

    pub(crate) async fn start(&self) -> Func {
        self.launch().start().await
    }

    /// What the workers received so far, with kind and process id.
    pub(crate) fn records(&self) -> Vec<Value> {
        let path = self.script.record.as_deref().expect("stubs record");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        // The last line may still be on its way.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Messages of one kind.
    pub(crate) fn received(&self, kind: &str) -> Vec<Value> {
        self.records()
            .into_iter()
            .filter(|entry| entry["kind"] == kind)
            .map(|mut entry| entry["message"].take())
            .collect()
    }

    /// Waits until `count` messages of this kind have reached workers.
    pub(crate) async fn wait_received(&self, kind: &str, count: usize) -> Vec<Value> {
        until(
            || format!("{count} messages of kind {kind}; received {:#?}", self.records()),
            || async {
                let found = self.received(kind);
                (found.len() >= count).then_some(found)
            },
        )
        .await
    }
}

/// The worker's program; built when a test run did not include its package.
fn program() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_func"));
    let program = beside.with_file_name("horus-stub-worker");
    if !program.exists() {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["build", "--quiet", "--package", "horus-stub-worker"]).current_dir(super::repository());
        if beside.parent().is_some_and(|folder| folder.ends_with("release")) {
            command.arg("--release");
        }
        let status = command.status().expect("cargo runs");
        assert!(status.success(), "the stub worker cannot be built: {status}");
    }
    program
}

/// A binding.
pub(crate) fn binding(kind: &str, direction: &str, name: &str, more: Value) -> Value {
    let mut binding = json!({ "type": kind, "direction": direction, "name": name });
    if let (Value::Object(binding), Value::Object(more)) = (&mut binding, more) {
        binding.extend(more);
    }
    binding
}

/// An anonymous HTTP function that answers with its return value.
pub(crate) fn http(name: &str) -> Function {
    http_with(name, json!({}))
}

/// As [`http`], with more members of its trigger.
pub(crate) fn http_with(name: &str, more: Value) -> Function {
    let mut trigger = binding("httpTrigger", "in", "req", json!({ "authLevel": "anonymous" }));
    if let (Value::Object(trigger), Value::Object(more)) = (&mut trigger, more) {
        trigger.extend(more);
    }
    let bindings = vec![trigger, binding("http", "out", "$return", json!({}))];
    Function { name: name.to_owned(), bindings, ..Function::default() }
}

/// A function on a queue of the app's storage account.
pub(crate) fn queue(name: &str, queue: &str) -> Function {
    let more = json!({ "queueName": queue, "connection": "AzureWebJobsStorage" });
    let bindings = vec![binding("queueTrigger", "in", "message", more)];
    Function { name: name.to_owned(), bindings, ..Function::default() }
}

/// A function on a schedule.
pub(crate) fn timer(name: &str, more: Value) -> Function {
    let bindings = vec![binding("timerTrigger", "in", "timer", more)];
    Function { name: name.to_owned(), bindings, ..Function::default() }
}
