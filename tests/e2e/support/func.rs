//! A running `func`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::{Answer, PATIENCE, until};

/// Whether requests count as an administrator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As on a developer's machine.
    Open,
    /// `--enableAuth`.
    Keys,
}

/// How `func start` is to be started.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    root: PathBuf,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    mode: Mode,
    port: Option<u16>,
    user: Option<u32>,
}

/// The process, what it printed, and a client for it. Ends with its value.
pub(crate) struct Func {
    child: Child,
    output: Arc<Output>,
    /// Read the pipes to their ends.
    readers: [JoinHandle<()>; 2],
    client: reqwest::Client,
    root: PathBuf,
    mode: Mode,
    /// Where it listens.
    pub(crate) port: u16,
}

#[derive(Debug, Default)]
struct Output {
    out: Mutex<Vec<String>>,
    err: Mutex<Vec<String>>,
}

impl Launch {
    /// For the app in `root`, with an environment that has nothing of the caller's but the path.
    pub(crate) fn of(root: &Path) -> Self {
        let keep = ["PATH", "HOME", "LANG"];
        let environment =
            keep.into_iter().filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
        let launch = Self {
            root: root.to_owned(),
            arguments: Vec::new(),
            environment: environment.collect(),
            mode: Mode::Open,
            port: None,
            user: None,
        };
        launch.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    pub(crate) fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Listens here instead of on a free port.
    pub(crate) fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Runs as this user, which only root can ask for.
    #[cfg(feature = "wasm")]
    pub(crate) fn user(mut self, id: u32) -> Self {
        self.user = Some(id);
        self
    }

    /// A command for `func` with this environment and no arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_func"));
        command.current_dir(&self.root).env_clear().envs(&self.environment).stdin(Stdio::null());
        if let Some(id) = self.user {
            std::os::unix::process::CommandExt::uid(&mut command, id);
        }
        command
    }

    /// Starts it and returns at once.
    pub(crate) fn spawn(&self) -> Func {
        let port = self.port.unwrap_or_else(free_port);
        let mut command = self.command();
        // The embedded store has well-known ports, which tests that run side by side would fight over.
        command.args(["start", "--port", &port.to_string(), "--storage", "off"]).args(&self.arguments);
        if self.mode == Mode::Keys {
            command.arg("--enableAuth");
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("func starts");
        let output = Arc::new(Output::default());
        let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        let readers = [
            read(out, output.clone(), |output| &output.out),
            read(err, output.clone(), |output| &output.err),
        ];
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .expect("a client");
        Func { child, output, readers, client, root: self.root.clone(), mode: self.mode, port }
    }

    /// Starts it and waits until it runs.
    pub(crate) async fn start(&self) -> Func {
        let mut func = self.spawn();
        func.wait_for_state("Running").await;
        func
    }

    /// Runs it to its end: for starts that fail.
    pub(crate) async fn fail(&self) -> (ExitStatus, String, String) {
        let mut func = self.spawn();
        let status = func.ended().await;
        let text = |lines: &Mutex<Vec<String>>| lines.lock().expect("no panic").join("\n");
        (status, text(&func.output.out), text(&func.output.err))
    }
}

/// How long the pipes of an ended process are read when somebody else holds them open.
const LAST_LINES: Duration = Duration::from_secs(1);

/// A port that nobody uses right now. Not one of those that the system gives to connections: a test beside this one
/// could get it before `func` does.
fn free_port() -> u16 {
    std::iter::repeat_with(|| rand::random_range(20_000..32_000))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("the search does not end without one")
}

fn read(
    pipe: impl Read + Send + 'static,
    output: Arc<Output>,
    lines: fn(&Output) -> &Mutex<Vec<String>>,
) -> JoinHandle<()> {
    // Ends with the pipe.
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            lines(&output).lock().expect("no panic").push(String::from_utf8_lossy(&line).into_owned());
        }
    })
}

impl Func {
    /// A request to this host, ready to be added to.
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.client.request(method, format!("http://127.0.0.1:{}{path}", self.port))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        match request.send().await {
            Ok(response) => Answer::of(response).await,
            Err(error) => panic!("no answer: {error:?}\n{}", self.transcript()),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.request("POST", path).body(body)).await
    }

    /// `POST` with a JSON content type.
    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        let request = self.request("POST", path).header("content-type", "application/json");
        self.send(request.body(body.to_string())).await
    }

    /// `GET` with a key.
    pub(crate) async fn get_with_key(&self, path: &str, key: &str) -> Answer {
        self.send(self.request("GET", path).header("x-functions-key", key)).await
    }

    /// The status document; `None` while nothing answers.
    pub(crate) async fn status(&self) -> Option<Value> {
        let mut request = self.request("GET", "/admin/host/status");
        if self.mode == Mode::Keys {
            request = request.header("x-functions-key", self.try_master_key()?);
        }
        let response = request.send().await.ok()?;
        let answer = Answer::of(response).await;
        (answer.status == 200).then(|| answer.json())
    }

    /// Waits until the host reports `state`; a host that ends meanwhile is a failure.
    pub(crate) async fn wait_for_state(&mut self, state: &str) -> Value {
        let started = Instant::now();
        loop {
            if self.mode == Mode::Keys && self.try_master_key().is_none() {
                // Keys are made when one is first asked for.
                let _ = self.request("GET", "/admin/host/status").header("x-functions-key", "?").send().await;
            }
            let status = self.status().await;
            if let Some(status) = status.filter(|status| status["state"] == state) {
                return status;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("func ended with {status} before its state was {state}\n{}", self.transcript());
            }
            assert!(started.elapsed() < PATIENCE, "the state is not {state}\n{}", self.transcript());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn try_master_key(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.root.join(".func/secrets/host.json")).ok()?;
        let document: Value = serde_json::from_str(&text).ok()?;
        Some(document["masterKey"]["value"].as_str()?.to_owned())
    }

    /// The master key of a host that keeps its keys in files.
    pub(crate) fn master_key(&self) -> String {
        self.try_master_key().expect("keys are made by the first call that shows one")
    }

    /// Lines of standard output so far.
    pub(crate) fn out(&self) -> Vec<String> {
        self.output.out.lock().expect("no panic").clone()
    }

    /// Lines of standard error so far.
    pub(crate) fn err(&self) -> Vec<String> {
        self.output.err.lock().expect("no panic").clone()
    }

    /// How many lines contain `text`.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.out().iter().filter(|line| line.contains(text)).count()
    }

    /// Waits for a line of standard output that contains `text`, and returns it.
    pub(crate) async fn wait_for_line(&self, text: &str) -> String {
        self.wait_for_lines(text, 1).await.pop().expect("one line")
    }

    /// Waits until `count` lines contain `text`.
    pub(crate) async fn wait_for_lines(&self, text: &str, count: usize) -> Vec<String> {
        until(
            || format!("{count} lines with {text:?}\n{}", self.transcript()),
            || async {
                let found: Vec<String> = self.out().into_iter().filter(|line| line.contains(text)).collect();
                (found.len() >= count).then_some(found)
            },
        )
        .await
    }

    /// Everything printed, for messages.
    pub(crate) fn transcript(&self) -> String {
        let mut text = String::new();
        for (name, lines) in [("stdout", self.out()), ("stderr", self.err())] {
            let _ = writeln!(text, "--- {name} of func {} ---\n{}", self.id(), lines.join("\n"));
        }
        text
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Running processes that descend from it.
    pub(crate) fn children(&self) -> Vec<u32> {
        descendants(self.id())
    }

    /// Sends a signal, as in `kill -s`.
    pub(crate) fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args(["-s", name, &self.id().to_string()]).status().expect("kill runs");
        assert!(status.success(), "func {} takes {name}", self.id());
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                // The last lines are still on their way. A process that was left behind may hold a pipe open for longer.
                let ended = Instant::now();
                while !self.readers.iter().all(JoinHandle::is_finished) && ended.elapsed() < LAST_LINES {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "func does not end\n{}", self.transcript());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops it as Ctrl+C does and checks that it ends well and leaves no process behind.
    pub(crate) async fn stop(mut self) {
        let children = self.children();
        self.signal("INT");
        let status = self.ended().await;
        assert!(status.success(), "func ended with {status}\n{}", self.transcript());
        let left: Vec<u32> = children.into_iter().filter(|id| is_running(*id)).collect();
        assert!(left.is_empty(), "processes {left:?} are left\n{}", self.transcript());
    }
}

impl Drop for Func {
    fn drop(&mut self) {
        let children = self.children();
        let _ = self.child.kill();
        let _ = self.child.wait();
        for id in children.into_iter().filter(|id| is_running(*id)) {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).stderr(Stdio::null()).status();
        }
    }
}

/// Parent and state of a process, from the kernel's table.
fn parent_and_state(id: u32) -> Option<(u32, char)> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name is in parentheses and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, state))
}

/// Whether a process still does something.
pub(crate) fn is_running(id: u32) -> bool {
    parent_and_state(id).is_some_and(|(_, state)| state != 'Z' && state != 'X')
}

/// Whether a process is one of those that end the host's children when the host is killed.
fn is_guard(id: u32) -> bool {
    let command = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&command).starts_with("sh\0-c\0read -r _;")
}

/// Running processes that descend from `root`, guards left out.
fn descendants(root: u32) -> Vec<u32> {
    let all: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|id: u32| Some((id, parent_and_state(id).filter(|(_, state)| *state != 'Z')?.0)))
        .filter(|(id, _)| !is_guard(*id))
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(all.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        next += 1;
    }
    found.split_off(1)
}
