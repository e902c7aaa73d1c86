//! The JSON messages by which a function body outside of any language library is called (spec host.md §7.2):
//! `{"Data", "Metadata"}` goes in, `{"Outputs", "Logs", "ReturnValue"}` comes back. Pure: how the messages travel
//! (HTTP to a custom handler's process, memory of a guest in this one) is somebody else's business.
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>
//!
//! [`Shape`] holds what is fixed about one function's messages; [`Shape::request`] writes one and [`Shape::reply`]
//! reads the other.

mod http;
mod reply;
mod request;

use chrono::{SecondsFormat, Utc};
use horus_app::{DataType, Function};

use crate::invoke::Outputs;

/// What is fixed about the messages of one function.
#[derive(Debug, Clone)]
pub struct Shape {
    function: String,
    trigger: String,
    /// Names in the order of [`Function::inputs`].
    inputs: Vec<String>,
    outputs: Vec<Output>,
}

/// One output binding, `$return` included.
#[derive(Debug, Clone)]
struct Output {
    name: String,
    is_http: bool,
    is_binary: bool,
}

impl Shape {
    /// What to say about an output that `function` does not have.
    pub fn unknown_output(&self, name: &str) -> String {
        let known: Vec<&str> = self.outputs.iter().map(|output| output.name.as_str()).collect();
        let known = if known.is_empty() { "it has none".to_owned() } else { known.join(", ") };
        let function = &self.function;
        format!(
            "The output '{name}' is not among the bindings of function '{function}' ({known}) and is left out. Rename it or declare a binding of that name."
        )
    }

    /// The shape of `function`'s messages.
    pub fn of(function: &Function) -> Self {
        Self {
            function: function.name.clone(),
            trigger: function.trigger().name.clone(),
            inputs: function.inputs().map(|binding| binding.name.clone()).collect(),
            outputs: function
                .outputs()
                .map(|binding| Output {
                    name: binding.name.clone(),
                    is_http: binding.is("http"),
                    is_binary: binding.data_type == DataType::Binary,
                })
                .collect(),
        }
    }
}

/// What `sys` in the metadata of one invocation tells besides the function's name.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The time, in ISO 8601 with a `Z`.
    pub utc_now: String,
    /// A fresh GUID.
    pub rand_guid: String,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        Self {
            utc_now: Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true),
            rand_guid: uuid::Uuid::new_v4().to_string(),
        }
    }
}

/// A reply, read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    /// Values of the output bindings, and the return value where the function has a `$return` binding.
    pub outputs: Outputs,
    /// What the function wants to see in its log, at level Information.
    pub logs: Vec<String>,
    /// Outputs that were named but are not among the function's bindings, to be warned of; they are left out.
    pub unknown: Vec<String>,
}

/// Why a reply cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// It is no JSON object, or one of its members has the wrong type.
    #[error("{0}")]
    Malformed(String),
    /// The value of an `http` output describes no response.
    #[error(
        "Failed while trying to Deserialize to httpOutputBindingResponse. Output is not in expected format: the value of '{name}' is {found}, but it must be an object with 'statusCode', 'headers' and 'body', or a text."
    )]
    HttpOutput {
        /// The binding.
        name: String,
        /// What it got.
        found: &'static str,
    },
}

#[cfg(test)]
mod tests;
