//! One function of the app and its bindings, as validated from function.json or from a worker's index.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

/// Which way a binding's value travels (spec host.md §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Into the function.
    In,
    /// Out of the function.
    Out,
    /// Both; only a few storage bindings use it.
    InOut,
}

/// How the app wants the payload delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DataType {
    /// The binding's own default.
    #[default]
    Undefined,
    /// Text.
    String,
    /// Bytes.
    Binary,
    /// The whole content, as bytes.
    Stream,
}

/// One event or a batch per invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cardinality {
    /// One event.
    #[default]
    One,
    /// A batch.
    Many,
}

/// One validated binding of a function.
#[derive(Debug, Clone)]
pub struct Binding {
    /// Parameter name, or `$return`.
    pub name: String,
    /// Binding type as the app spells it; compare with [`Binding::is`].
    pub kind: String,
    /// Which way the value travels.
    pub direction: Direction,
    /// Requested payload shape.
    pub data_type: DataType,
    /// One event or a batch.
    pub cardinality: Cardinality,
    /// The whole JSON object of the binding, untouched. Use the getters: they ignore case.
    pub raw: Map<String, Value>,
}

impl Binding {
    /// Whether the binding is of type `kind`, ignoring case.
    pub fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    /// Whether the binding starts the function: its type ends in `trigger`.
    pub fn is_trigger(&self) -> bool {
        self.kind.len() > 7 && self.kind[self.kind.len() - 7..].eq_ignore_ascii_case("trigger")
    }

    /// A property by name, ignoring case.
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.raw.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// A non-empty text property by name, ignoring case.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.property(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A boolean property; accepts `true` and `"true"` since some libraries write text.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.property(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.parse().ok().or_else(|| {
                (text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"))
                    .then(|| text.eq_ignore_ascii_case("true"))
            }),
            _ => None,
        }
    }

    /// The name of the connection setting, if the binding gives one.
    pub fn connection(&self) -> Option<&str> {
        self.text("connection")
    }
}

/// When a failed invocation is run again by the host (spec host.md §8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryPolicy {
    /// The same pause each time.
    FixedDelay {
        /// Further attempts after the first; `None` is for ever.
        max_retries: Option<u32>,
        /// Pause between attempts.
        delay: Duration,
    },
    /// A randomised, doubling pause.
    ExponentialBackoff {
        /// Further attempts after the first; `None` is for ever.
        max_retries: Option<u32>,
        /// Shortest pause.
        minimum: Duration,
        /// Longest pause.
        maximum: Duration,
    },
}

/// Who described the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionSource {
    /// A function.json file, read by the host.
    Host,
    /// The language worker's index.
    Worker,
}

/// One function of the app, validated.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name, as spelled by the app.
    pub name: String,
    /// Identifier used towards workers: theirs when they indexed it, ours otherwise.
    pub id: String,
    /// Folder of the function (absolute for host-indexed functions).
    pub directory: PathBuf,
    /// Script file; absolute for host-indexed functions, as the worker gave it otherwise. May be empty.
    pub script_file: PathBuf,
    /// Exported name to call; may be empty.
    pub entry_point: String,
    /// Language as the platform names it (`node`, `python`, `custom` …); empty when unknown.
    pub language: String,
    /// All bindings in the app's order; exactly one is a trigger.
    pub bindings: Vec<Binding>,
    /// The function's own retry policy.
    pub retry: Option<RetryPolicy>,
    /// Switched off by a setting: indexed, listed and loaded, but not listened to (spec host.md §2.5).
    pub disabled: bool,
    /// Who described it.
    pub source: FunctionSource,
    /// The parsed function.json, or its worker-indexed equivalent, for the admin API.
    pub config: Value,
    /// Metadata properties that must travel back to workers with the load request.
    pub properties: Vec<(String, String)>,
}

impl Function {
    /// The one trigger binding.
    pub fn trigger(&self) -> &Binding {
        self.bindings
            .iter()
            .find(|binding| binding.is_trigger())
            .expect("validation lets only functions with exactly one trigger pass")
    }

    /// Bindings whose values are read before the function runs, without the trigger.
    pub fn inputs(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter(|b| !b.is_trigger() && b.direction != Direction::Out)
    }

    /// Bindings whose values are written after the function ran.
    pub fn outputs(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter(|b| !b.is_trigger() && b.direction != Direction::In)
    }
}

/// Why one function is left out; the rest of the app runs (spec host.md §2.4).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The '{function}' function is in error: {message}")]
pub struct FunctionError {
    /// Short name of the function.
    pub function: String,
    /// What is wrong, in the platform's words where tools parse them.
    pub message: String,
}
