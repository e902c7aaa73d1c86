//! The public client libraries, in a process of their own.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::app::node_modules;
use super::{repository, until};

/// An independent client of queues and documents. Ends with its value.
pub(crate) struct Clients {
    process: Child,
    pipes: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Clients {
    /// For these connection strings.
    pub(crate) fn start(storage: &str, cosmos: &str) -> Self {
        const FOLDER: &str = "tests/e2e/clients";
        node_modules(FOLDER);
        let mut process = Command::new("node")
            .arg(repository().join(FOLDER).join("client.js"))
            .env("STORAGE", storage)
            .env("COSMOS", cosmos)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node must be installed");
        let (input, output) = (process.stdin.take().expect("piped"), process.stdout.take().expect("piped"));
        Self { process, pipes: RefCell::new((input, BufReader::new(output))) }
    }

    fn call(&self, command: &Value) -> Value {
        let mut pipes = self.pipes.borrow_mut();
        writeln!(pipes.0, "{command}").expect("the client listens");
        let mut line = String::new();
        pipes.1.read_line(&mut line).expect("the client answers");
        let answer: Value = serde_json::from_str(&line).expect("the client answers in JSON");
        assert_eq!(answer.get("error"), None, "{command}");
        answer["value"].clone()
    }

    /// Puts a message in a queue, which is created if it does not exist.
    pub(crate) fn put(&self, queue: &str, text: &str) {
        self.call(&json!({ "command": "put", "queue": queue, "text": text }));
    }

    /// Puts many messages in a queue.
    pub(crate) fn put_all(&self, queue: &str, texts: &[String]) {
        self.call(&json!({ "command": "putAll", "queue": queue, "texts": texts }));
    }

    /// Puts a message of any bytes in a queue.
    #[allow(dead_code, reason = "for the parity suite")]
    pub(crate) fn put_base64(&self, queue: &str, bytes: &[u8]) {
        self.call(&json!({ "command": "putBase64", "queue": queue, "text": BASE64_STANDARD.encode(bytes) }));
    }

    /// Receives a message and deletes it.
    #[allow(dead_code, reason = "for the parity suite")]
    pub(crate) fn take(&self, queue: &str) -> Option<Vec<u8>> {
        let text = self.call(&json!({ "command": "take", "queue": queue }));
        text.as_str().map(|text| BASE64_STANDARD.decode(text).expect("messages are base64"))
    }

    /// How many messages a queue has, those that are being processed included.
    pub(crate) fn length(&self, queue: &str) -> Option<u64> {
        self.call(&json!({ "command": "length", "queue": queue })).as_u64()
    }

    /// The visible messages of a queue.
    pub(crate) fn peek(&self, queue: &str) -> Value {
        self.call(&json!({ "command": "peek", "queue": queue }))
    }

    /// Makes a received message visible again, as the service does when its time is over.
    pub(crate) fn release(&self, queue: &str, id: &str, receipt: &str, text: &str) {
        let command =
            json!({ "command": "release", "queue": queue, "id": id, "receipt": receipt, "text": text });
        self.call(&command);
    }

    /// Waits until a document of the shop exists, and returns it.
    pub(crate) async fn wait_for_order(&self, id: &str) -> Value {
        let command = json!({ "command": "document", "database": "shop", "container": "orders", "id": id });
        until(
            || format!("document {id}"),
            || async { Some(self.call(&command)).filter(|document| !document.is_null()) },
        )
        .await
    }

    /// Waits until a queue has this many messages.
    pub(crate) async fn wait_for_length(&self, queue: &str, length: u64) {
        until(
            || format!("{length} messages in {queue}, which has {:?}", self.length(queue)),
            || async { (self.length(queue) == Some(length)).then_some(()) },
        )
        .await;
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
