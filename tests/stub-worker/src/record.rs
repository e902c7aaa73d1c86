//! What the worker noticed, for a test to read.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

/// Appends JSON lines to a file, if there is one.
#[derive(Debug, Clone)]
pub(crate) struct Record(Option<PathBuf>);

impl Record {
    pub(crate) fn new(path: Option<PathBuf>) -> Self {
        Self(path)
    }

    /// Whether anybody reads it.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Notes `what` of kind `kind`, with the process id.
    pub(crate) fn note(&self, kind: &str, what: &Value) {
        let Some(path) = &self.0 else { return };
        let mut line = json!({ "pid": std::process::id(), "kind": kind, "message": what }).to_string();
        line.push('\n');
        let file = OpenOptions::new().create(true).append(true).open(path);
        // One write per line: several workers share the file.
        if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
            let _ = writeln!(std::io::stderr(), "error: {}: {error}", path.display());
        }
    }

    /// Notes how the process was started.
    pub(crate) fn note_start(&self) {
        if !self.is_on() {
            return;
        }
        let environment: serde_json::Map<String, Value> = std::env::vars_os()
            .filter_map(|(name, value)| {
                Some((name.into_string().ok()?, Value::from(value.into_string().ok()?)))
            })
            .collect();
        let what = json!({
            "arguments": std::env::args().collect::<Vec<_>>(),
            "directory": std::env::current_dir().ok(),
            "environment": environment,
        });
        self.note("start", &what);
    }
}
