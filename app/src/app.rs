//! The whole app in one value, validated.

use std::path::PathBuf;

use crate::function::{Function, FunctionError};
use crate::host_json::HostJson;
use crate::settings::Settings;

/// A function app, ready to be hosted. Functions in error are left out of `functions`; the rest runs.
#[derive(Debug, Clone, Default)]
pub struct App {
    /// Directory that holds host.json.
    pub root: PathBuf,
    /// All settings.
    pub settings: Settings,
    /// The host's configuration.
    pub host: HostJson,
    /// Functions to run, ordered by name.
    pub functions: Vec<Function>,
    /// Why others do not.
    pub errors: Vec<FunctionError>,
    /// Identity shared by all instances of the app.
    pub host_id: String,
}

/// What is wrong with the app as a whole: the host stays up for admin calls, no function runs, nothing is tried
/// again until a file changes (spec host.md §2.4).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    /// No function is written in the language that the app is set to.
    #[error("Did not find functions with language [{0}].")]
    OtherLanguage(String),
    /// Functions are written in several languages and nothing says which one counts.
    #[error(
        "Found functions with more than one language. Select a language for your function app by specifying FUNCTIONS_WORKER_RUNTIME AppSetting"
    )]
    SeveralLanguages,
}
