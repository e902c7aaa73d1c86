//! The one log pipeline: a [`Record`] carries a platform category, and a [`Sink`] decides what becomes of it.
//!
//! Categories are data (`Function.Orders.User`), not code locations, and tools parse the text, so this is a
//! small pipeline of its own instead of a tracing subscriber (spec host.md §11.1).

use std::fmt;
use std::sync::Arc;

/// Categories that several rooms write to (spec host.md §11.1).
pub mod category {
    /// Everything until the host runs: configuration, indexing, errors of functions.
    pub const STARTUP: &str = "Host.Startup";
}

/// Category of the few lines that tools wait for and that are always shown (spec cli.md §4.5).
pub const ANNOUNCE: &str = "Host.Announcement";

/// Severity, in the platform's names and order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Everything, per event.
    Trace,
    /// Details for whoever debugs the host.
    Debug,
    /// Life-cycle and executions.
    Information,
    /// Unexpected, nothing lost.
    Warning,
    /// Somebody must act.
    Error,
    /// The host cannot go on.
    Critical,
    /// Only in filters: nothing passes.
    None,
}

impl Level {
    /// The level called `name` in host.json or on the command line, ignoring case.
    pub fn parse(name: &str) -> Option<Self> {
        const NAMES: [(&str, Level); 7] = [
            ("trace", Level::Trace),
            ("debug", Level::Debug),
            ("information", Level::Information),
            ("warning", Level::Warning),
            ("error", Level::Error),
            ("critical", Level::Critical),
            ("none", Level::None),
        ];
        NAMES.iter().find(|(text, _)| text.eq_ignore_ascii_case(name)).map(|(_, level)| *level)
    }
}

/// One log entry on its way to a [`Sink`].
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Severity.
    pub level: Level,
    /// Platform category, for example `Host.Startup` or `Function.Orders.User` (spec host.md §11.1).
    pub category: &'a str,
    /// The text; may hold several lines. Never contains a secret.
    pub message: &'a str,
    /// The invocation that it belongs to, when there is one.
    pub invocation: Option<&'a str>,
}

/// Where log entries end up. Called from hot paths: it must not block; what it cannot take it drops and counts.
pub trait Sink: Send + Sync + 'static {
    /// Whether a record of this category and level would be kept; lets callers skip formatting.
    fn accepts(&self, category: &str, level: Level) -> bool;
    /// Takes one record.
    fn write(&self, record: Record<'_>);
}

/// A cheap handle on the process's sink.
#[derive(Clone)]
pub struct Log(Arc<dyn Sink>);

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

impl Log {
    /// A log that ends in `sink`.
    pub fn new(sink: impl Sink) -> Self {
        Self(Arc::new(sink))
    }

    /// A log that keeps nothing.
    pub fn discard() -> Self {
        Self::new(Discard)
    }

    /// Whether anybody would see such a record.
    pub fn accepts(&self, category: &str, level: Level) -> bool {
        self.0.accepts(category, level)
    }

    /// Writes a record that belongs to no invocation.
    pub fn write(&self, level: Level, category: &str, message: &str) {
        self.write_for(level, category, message, None);
    }

    /// Writes a record that belongs to `invocation`.
    pub fn write_for(&self, level: Level, category: &str, message: &str, invocation: Option<&str>) {
        if self.0.accepts(category, level) {
            self.0.write(Record { level, category, message, invocation });
        }
    }

    /// Somebody must act.
    pub fn error(&self, category: &str, message: impl AsRef<str>) {
        self.write(Level::Error, category, message.as_ref());
    }

    /// Unexpected, nothing lost.
    pub fn warning(&self, category: &str, message: impl AsRef<str>) {
        self.write(Level::Warning, category, message.as_ref());
    }

    /// Life-cycle.
    pub fn info(&self, category: &str, message: impl AsRef<str>) {
        self.write(Level::Information, category, message.as_ref());
    }

    /// Details; formatted only when somebody listens.
    pub fn debug(&self, category: &str, message: impl FnOnce() -> String) {
        if self.0.accepts(category, Level::Debug) {
            self.0.write(Record { level: Level::Debug, category, message: &message(), invocation: None });
        }
    }
}

struct Discard;

impl Sink for Discard {
    fn accepts(&self, _category: &str, _level: Level) -> bool {
        false
    }

    fn write(&self, _record: Record<'_>) {}
}
