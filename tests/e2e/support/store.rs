//! The embedded store in a process of its own: the real ports of this machine stay free for others.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use regex::Regex;

use super::Launch;

/// The emulators' public key (<https://learn.microsoft.com/azure/storage/common/storage-use-azurite>).
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Exit code, standard output and standard error of a verb.
pub(crate) type Ended = (Option<i32>, String, String);

/// A `func storage` that runs, and the options by which verbs find it. Ends with its value.
pub(crate) struct Store {
    pub(crate) child: Child,
    /// `--queue-port`, its number, and so on for each service.
    ports: Vec<String>,
}

impl Store {
    /// On free ports, without a data folder.
    pub(crate) fn start(launch: &Launch) -> Self {
        let mut command = launch.command();
        command.args(["storage", "--in-memory"]);
        for kind in ["blob", "queue", "table", "document"] {
            command.args([format!("--{kind}-port"), "0".into()]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("func starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let endpoint =
            Regex::new(r"^  (blob|queue|table|document)s +http://127\.0\.0\.1:(\d+)/").expect("a pattern");
        let mut ports = Vec::new();
        for line in out.lines().map_while(Result::ok) {
            if let Some(found) = endpoint.captures(&line) {
                ports.extend([format!("--{}-port", &found[1]), found[2].to_owned()]);
            }
            if line.starts_with("Press Ctrl+C") {
                break;
            }
        }
        assert_eq!(ports.len(), 8, "all endpoints are printed");
        Self { child, ports }
    }

    /// Runs a verb against it: exit code, standard output, standard error.
    pub(crate) fn verb(&self, launch: &Launch, words: &[&str], input: &str) -> Ended {
        storage_verb(launch, &self.ports, words, input)
    }

    /// For apps and clients that use its queues, blobs and tables.
    pub(crate) fn connection_string(&self) -> String {
        let endpoint = |kind: &str| {
            let name = format!("--{kind}-port");
            let at = self.ports.iter().position(|word| *word == name).expect("every service has a port");
            format!("http://127.0.0.1:{}/devstoreaccount1", self.ports[at + 1])
        };
        format!(
            "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={KEY};\
             BlobEndpoint={};QueueEndpoint={};TableEndpoint={};",
            endpoint("blob"),
            endpoint("queue"),
            endpoint("table"),
        )
    }
}

/// Runs `func storage WORDS PORTS`: exit code, standard output, standard error.
pub(crate) fn storage_verb(launch: &Launch, ports: &[String], words: &[&str], input: &str) -> Ended {
    let mut command: Command = launch.command();
    command.arg("storage").args(words).args(ports);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("func starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("input is read");
    let output = child.wait_with_output().expect("func ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
