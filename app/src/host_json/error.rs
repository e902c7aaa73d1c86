//! What can be wrong with host.json (spec host.md §1.4).

use std::path::PathBuf;

use crate::json::{Position, SyntaxError};

/// Why host.json cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HostJsonError {
    /// The text is no JSON object. A transient start failure in the reference: tried again with back-off.
    #[error("Unable to parse host configuration file '{path}'. {error}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What and where.
        error: SyntaxError,
    },
    /// The file is there but cannot be read.
    #[error("Unable to read host configuration file '{path}': {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `version` is missing or not 2.0: a configuration error, the host stays up without functions.
    #[error("{0}")]
    Version(String),
    /// A custom handler without a `description`: a configuration error as well.
    #[error("Missing worker Description.")]
    MissingWorkerDescription,
    /// A property has a value of the wrong type or outside its range.
    #[error("{message}{}", origin(.property, .source_of_value))]
    Invalid {
        /// Path of the property, dots between names.
        property: String,
        /// What is wrong; the platform's words where it has some.
        message: String,
        /// Where the value comes from.
        source_of_value: Origin,
    },
}

/// Where a value of host.json comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The file.
    File {
        /// The file.
        path: PathBuf,
        /// Where in it, if the property is there.
        position: Option<Position>,
    },
    /// An override from the environment.
    Setting(String),
}

fn origin(property: &str, origin: &Origin) -> String {
    match origin {
        Origin::Setting(name) => format!(" (setting '{name}')"),
        Origin::File { path, position: Some(position) } => {
            format!(" ('{property}' in '{}', {position})", path.display())
        }
        Origin::File { path, position: None } => format!(" ('{property}' in '{}')", path.display()),
    }
}

impl HostJsonError {
    /// Whether the host goes into the configuration-error mode: no functions, no retries until the file changes.
    pub fn is_configuration_error(&self) -> bool {
        matches!(self, Self::Version(_) | Self::MissingWorkerDescription)
    }

    /// The platform's diagnostic code, if it has one.
    pub fn diagnostic_code(&self) -> Option<&'static str> {
        matches!(self, Self::Parse { .. }).then_some("AZFD0009")
    }
}
