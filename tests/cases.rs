//! One test per folder of `tests/cases`: an app, the requests it gets, and what they must come to.
//!
//! `app/` is started with `func start`, `requests.http` is sent request by request, and what comes back is compared
//! with `expect.txt`. `BLESS=1` writes what came back instead: read the difference before you commit it.
//!
//! Requests are separated by lines that start with `###`; the rest of such a line names the request. A line
//! `# log: TEXT` before a request waits after it for a log line that contains the text, and notes the line.

#[allow(dead_code, unused_imports, reason = "the cases need a part of what the end-to-end tests share")]
#[path = "e2e/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

use support::transcript::{answer_text, difference, neutral};
use support::{App, Func, Launch, repository, until, with_node_library};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let folder = repository().join("tests/cases");
    let has_node = Command::new("node").arg("--version").output().is_ok();
    let mut trials: Vec<Trial> = std::fs::read_dir(&folder)
        .expect("the cases can be listed")
        .filter_map(|entry| {
            let path = entry.expect("the cases can be listed").path();
            let name = path.file_name()?.to_str()?.to_owned();
            path.join("requests.http")
                .is_file()
                .then(|| Trial::test(name, move || run(&path)).with_ignored_flag(!has_node))
        })
        .collect();
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn run(case: &Path) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let transcript = runtime.block_on(transcript(case));
    let expected: PathBuf = case.join("expect.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&expected, transcript)?;
        return Ok(());
    }
    let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
    match difference(&wanted, &transcript) {
        None => Ok(()),
        Some(difference) => Err(format!("{}:\n{difference}", expected.display()).into()),
    }
}

/// Starts the app, sends everything, and writes down what came back.
async fn transcript(case: &Path) -> String {
    let app = App::copy(case.join("app").to_str().expect("the repository's paths are text"));
    with_node_library(&app);
    let func = Launch::of(&app.root()).spawn();
    let status = until(
        || format!("the app to run or to fail\n{}", func.transcript()),
        || async {
            func.status().await.filter(|status| status["state"] == "Running" || status["state"] == "Error")
        },
    )
    .await;
    let mut text = format!("State: {}\n", status["state"].as_str().unwrap_or_default());
    for error in status["errors"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "Error: {}", error.as_str().unwrap_or_default());
    }
    let requests = std::fs::read_to_string(case.join("requests.http")).expect("the case has requests");
    for request in Request::parse(&requests) {
        let _ = write!(text, "\n### {}\n{}", request.name, request.send(&func).await);
    }
    func.stop().await;
    neutral(&text, &app)
}

/// One request of a case.
#[derive(Debug, Default)]
struct Request {
    name: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    logs: Vec<String>,
}

impl Request {
    fn parse(text: &str) -> Vec<Self> {
        let mut requests: Vec<Self> = Vec::new();
        let mut is_body = false;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("###") {
                is_body = false;
                requests.push(Self { name: name.trim().to_owned(), ..Self::default() });
                continue;
            }
            let Some(request) = requests.last_mut() else { continue };
            if is_body {
                request.body.push_str(line);
                request.body.push('\n');
            } else if let Some(log) = line.strip_prefix("# log: ") {
                request.logs.push(log.to_owned());
            } else if line.is_empty() {
                // Empty lines before the request line separate nothing.
                is_body = !request.method.is_empty();
            } else if request.method.is_empty() {
                let (method, path) = line.split_once(' ').unwrap_or((line, "/"));
                (request.method, request.path) = (method.to_owned(), path.to_owned());
            } else if let Some((name, value)) = line.split_once(':') {
                request.headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
        for request in &mut requests {
            request.body.truncate(request.body.trim_end().len());
        }
        requests
    }

    async fn send(&self, func: &Func) -> String {
        let mut seen: Vec<usize> = self.logs.iter().map(|log| func.count(log)).collect();
        let mut request = func.request(&self.method, &self.path);
        let mut is_chunked = false;
        for (name, value) in &self.headers {
            match name.eq_ignore_ascii_case("transfer-encoding") {
                true => is_chunked = true,
                false => request = request.header(name, value),
            }
        }
        if is_chunked {
            let pieces: Vec<Result<String, std::io::Error>> =
                self.body.split_inclusive('\n').map(|piece| Ok(piece.to_owned())).collect();
            request = request.body(reqwest::Body::wrap_stream(futures::stream::iter(pieces)));
        } else if !self.body.is_empty() {
            request = request.body(self.body.clone());
        }
        let mut text = answer_text(&func.send(request).await);
        for (log, count) in self.logs.iter().zip(&mut seen) {
            let line = func.wait_for_lines(log, *count + 1).await.swap_remove(*count);
            let line = line.split_once("] ").map_or(line.as_str(), |(_, message)| message);
            let _ = writeln!(text, "log: {line}");
        }
        text
    }
}
