//! One app per programming model does the same things under the workers that ship and under the platform's own, with
//! equal results.
//!
//! `steps.txt` says what is asked of the apps, `MODEL/` is an app, and `MODEL/expect.txt` is what came of it when the
//! platform's worker ran it: facts, recorded once. Each run compares the shipped worker with them. With
//! `HORUS_REFERENCE_NODE_WORKER` or `HORUS_REFERENCE_PYTHON_WORKER` (a folder with a worker.config.json) the platform's
//! worker runs beside ours and is compared as well; `BLESS=1` then writes what it came to. See README.md.
//!
//! Steps are separated by lines that start with `###` and a name; models in brackets are the only ones asked. A step is a
//! request as in tests/cases, then commands: `> put QUEUE TEXT`, `> take QUEUE` (waits for one message), `> drain QUEUE`
//! (all there are), `> count QUEUE`, `> blob PATH TEXT`, `> logs` (the lines of this step), `> functions` (the index). The
//! headers `body-hex` and `body-crlf` make bodies that a text file cannot hold.

#[allow(dead_code, unused_imports, reason = "the suite needs a part of what the end-to-end tests share")]
#[path = "../e2e/support/mod.rs"]
mod support;

mod steps;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use regex::Regex;
use serde_json::Value;

use steps::{Command, Step};
use support::transcript::{answer_text, difference};
use support::{App, Clients, Func, Launch, Store, repository, until, with_node_library, with_python_library};

/// The function that marks places in the log, and the line by which it does.
const MARK: &str = "/api/context";
const MARKED: &str = "Executed 'Functions.context'";

const MODELS: [&str; 4] = ["node-v4", "node-v3", "python-v2", "python-v1"];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = MODELS.into_iter().map(|model| Trial::test(model, move || run(model))).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn folder() -> PathBuf {
    repository().join("tests/parity")
}

/// The platform's worker of a language, where somebody has it.
fn reference(language: &str) -> Option<PathBuf> {
    std::env::var_os(format!("HORUS_REFERENCE_{}_WORKER", language.to_uppercase())).map(PathBuf::from)
}

fn run(model: &str) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let language = model.split_once('-').map_or(model, |(language, _)| language);
    let file = folder().join(model).join("expect.txt");
    if let Some(worker) = reference(language) {
        let came = runtime.block_on(transcript(model, language, Some(&worker)));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&file, &came)?;
        }
        let wanted = std::fs::read_to_string(&file).unwrap_or_default();
        if let Some(difference) = difference(&wanted, &came) {
            return Err(format!("the platform's worker, {}:\n{difference}", file.display()).into());
        }
    }
    let came = runtime.block_on(transcript(model, language, None));
    let wanted = std::fs::read_to_string(&file).unwrap_or_default();
    match difference(&wanted, &came) {
        None => Ok(()),
        Some(difference) => Err(format!("the shipped worker, {}:\n{difference}", file.display()).into()),
    }
}

/// Starts the app, does everything, and writes down what came of it.
async fn transcript(model: &str, language: &str, worker: Option<&Path>) -> String {
    let app = App::copy(&format!("tests/parity/{model}"));
    let mut launch = Launch::of(&app.root());
    match language {
        "python" => {
            let shared = std::fs::read_to_string(folder().join("shared.py")).expect("shared.py is there");
            app.write("shared.py", &shared);
            launch = with_python_library(launch);
        }
        _ => with_node_library(&app),
    }
    let store = Store::start(&launch);
    let clients = Clients::start(&store.connection_string(), "");
    launch = launch
        .env("AzureWebJobsStorage", store.connection_string())
        .env("FUNCTIONS_WORKER_RUNTIME", language);
    if let Some(worker) = worker {
        launch =
            launch.env(&format!("languageWorkers__{language}__workerDirectory"), worker.to_string_lossy());
    }
    let func = launch.start().await;
    let mut stage = Stage { func, clients, store: &store, launch: &launch, marks: 0 };
    let text = std::fs::read_to_string(folder().join("steps.txt")).expect("steps.txt is there");
    let mut transcript = String::new();
    for step in Step::parse(&text).into_iter().filter(|step| step.is_for(model)) {
        let _ = writeln!(transcript, "### {}", step.name);
        transcript.push_str(&stage.perform(&step).await);
        transcript.push('\n');
    }
    stage.func.stop().await;
    neutral(&transcript, &app)
}

/// An app that runs, and what talks to it.
struct Stage<'a> {
    func: Func,
    clients: Clients,
    store: &'a Store,
    launch: &'a Launch,
    /// Calls so far of the function that marks a place in the log.
    marks: usize,
}

impl Stage<'_> {
    /// The place in the log behind everything that has happened. Lines come in order, but later than answers.
    async fn mark(&mut self) -> usize {
        self.marks += 1;
        self.func.get(MARK).await;
        self.func.wait_for_lines(MARKED, self.marks).await;
        let lines = self.func.out();
        lines.iter().rposition(|line| line.contains(MARKED)).expect("it was waited for") + 1
    }

    async fn perform(&mut self, step: &Step) -> String {
        let mut text = String::new();
        self.marks += usize::from(step.request.as_ref().is_some_and(|request| request.path == MARK));
        let begin = match step.commands.iter().any(|command| matches!(command, Command::Logs)) {
            true => self.mark().await,
            false => 0,
        };
        if let Some(request) = &step.request {
            text.push_str(&answer_text(&self.func.send(request.build(&self.func)).await));
        }
        for command in &step.commands {
            text.push_str(&self.obey(command, begin).await);
        }
        text
    }

    async fn obey(&mut self, command: &Command, begin: usize) -> String {
        let (func, clients) = (&self.func, &self.clients);
        match command {
            Command::Put(queue, message) => {
                clients.put_base64(queue, message);
                String::new()
            }
            Command::Blob(path, content) => {
                let (code, _, err) = self.store.verb(self.launch, &["blob", "put", path], content);
                assert_eq!(code, Some(0), "{err}");
                String::new()
            }
            Command::Take(queue) => {
                let message = until(
                    || format!("a message in {queue}\n{}", func.transcript()),
                    || async { clients.take(queue) },
                )
                .await;
                format!("{queue}: {}\n", message_text(&message))
            }
            Command::Drain(queue) => {
                let mut messages = Vec::new();
                while let Some(message) = clients.take(queue) {
                    messages.push(message_text(&message));
                }
                messages.sort();
                let mut text = format!("{queue}: {} messages\n", messages.len());
                messages.iter().for_each(|message| {
                    let _ = writeln!(text, "  {message}");
                });
                text
            }
            Command::Count(queue) => {
                clients.wait_for_length(queue, 0).await;
                format!("{queue}: 0 messages\n")
            }
            Command::Logs => {
                let end = self.mark().await;
                let lines = self.func.out().drain(begin..end).collect::<Vec<_>>();
                log_text(&lines)
            }
            Command::Functions => functions(func).await,
        }
    }
}

/// Lines of the log without those of the last invocation, which is the mark. Indented lines are places in somebody's
/// source: they belong to the worker.
fn log_text(lines: &[String]) -> String {
    let mut text = String::new();
    for line in
        lines.iter().filter(|line| !line.contains("Functions.context'") && !line.contains("Host lock lease"))
    {
        let line = line
            .split_once("] ")
            .filter(|_| line.starts_with('['))
            .map_or(line.as_str(), |(_, message)| message);
        // A stack begins on the line that names it, in Python with a place.
        let line = if line.starts_with("Stack:   ") { "Stack: …" } else { line };
        if !line.starts_with([' ', '\t']) && !line.is_empty() {
            let _ = writeln!(text, "log: {line}");
        }
    }
    text
}

/// The names of all functions with their bindings and retry policy.
async fn functions(func: &Func) -> String {
    let listed = func.get("/admin/functions").await.json();
    let mut functions: Vec<&Value> = listed.as_array().expect("a list").iter().collect();
    functions.sort_by_key(|function| function["name"].to_string());
    let mut text = String::new();
    for function in functions {
        let _ = writeln!(text, "{}", function["name"].as_str().expect("a name"));
        for binding in function["config"]["bindings"].as_array().into_iter().flatten() {
            let _ = writeln!(text, "  {binding}");
        }
    }
    text
}

/// A message as text where it is text, indented where it is long JSON.
fn message_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => support::transcript::indented(text),
        Err(_) => bytes.iter().map(|byte| format!("{byte:02x} ")).collect(),
    }
}

/// Ids, ports, durations and paths of this run replaced by what they are.
fn neutral(text: &str, app: &App) -> String {
    let text = support::transcript::neutral(text, app);
    let time = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)").expect("valid");
    time.replace_all(&text, "TIME").into_owned()
}
