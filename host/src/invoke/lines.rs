//! The execution lines that tools parse (spec host.md §11.2), with everything fixed at load already in place.

use std::fmt::Write as _;
use std::time::Duration;

use horus_app::log::{Level, Log};

/// Log lines of one function.
#[derive(Debug)]
pub(super) struct Lines {
    log: Log,
    /// `Function.{name}`.
    category: String,
    /// `Function.{name}.User`.
    pub(super) user_category: String,
    /// `Executing 'Functions.{name}' (Reason='`.
    executing: String,
    /// `Executed 'Functions.{name}' (`.
    executed: String,
}

impl Lines {
    pub(super) fn new(log: Log, name: &str) -> Self {
        Self {
            log,
            category: format!("Function.{name}"),
            user_category: format!("Function.{name}.User"),
            executing: format!("Executing 'Functions.{name}' (Reason='"),
            executed: format!("Executed 'Functions.{name}' ("),
        }
    }

    pub(super) fn started(&self, reason: &str, id: &str, details: &[(&'static str, String)]) {
        if !self.log.accepts(&self.category, Level::Information) {
            return;
        }
        let mut line = String::with_capacity(self.executing.len() + reason.len() + id.len() + 8);
        line.push_str(&self.executing);
        line.push_str(reason);
        line.push_str("', Id=");
        line.push_str(id);
        line.push(')');
        self.log.write_for(Level::Information, &self.category, &line, Some(id));
        if !details.is_empty() {
            line.clear();
            line.push_str("Trigger Details: ");
            for (n, (key, value)) in details.iter().enumerate() {
                let _ = write!(line, "{}{key}: {value}", if n == 0 { "" } else { ", " });
            }
            self.log.write_for(Level::Information, &self.category, &line, Some(id));
        }
    }

    pub(super) fn succeeded(&self, id: &str, took: Duration) {
        if self.log.accepts(&self.category, Level::Information) {
            let line = self.ended("Succeeded", id, took);
            self.log.write_for(Level::Information, &self.category, &line, Some(id));
        }
    }

    pub(super) fn failed(&self, id: &str, took: Duration, name: &str, error: &str) {
        if self.log.accepts(&self.category, Level::Error) {
            let mut line = self.ended("Failed", id, took);
            let _ = write!(line, "\nException while executing function: Functions.{name}\n{error}");
            self.log.write_for(Level::Error, &self.category, &line, Some(id));
        }
    }

    pub(super) fn note(&self, level: Level, id: &str, message: &str) {
        self.log.write_for(level, &self.category, message, Some(id));
    }

    fn ended(&self, how: &str, id: &str, took: Duration) -> String {
        let mut line = String::with_capacity(self.executed.len() + id.len() + 40);
        line.push_str(&self.executed);
        line.push_str(how);
        line.push_str(", Id=");
        line.push_str(id);
        let _ = write!(line, ", Duration={}ms)", took.as_millis());
        line
    }
}
