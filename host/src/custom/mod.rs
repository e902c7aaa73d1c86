//! Custom handlers: functions behind an HTTP server of the app's own, in any language (spec host.md §7).
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>
//!
//! [`options`] says which program, [`instance`] is one run of it, [`handler`] keeps one running, [`call`] sends it
//! the JSON messages of [`crate::envelope`] and [`relay`] whole HTTP requests.

mod call;
mod handler;
mod instance;
mod options;
mod relay;
mod routes;

use std::path::Path;

use horus_app::Settings;
use horus_app::index::{self, Index};

pub use handler::{CustomHandler, HandlerError, HandlerParts};
pub use options::{HttpMode, Options};

/// Language of functions that a custom handler runs, as the platform names it.
const LANGUAGE: &str = "http";

/// Both kinds of description at once, which the platform does not allow.
const TWO_SOURCES: &str = "Detected both function.json files and custom handler HTTP route configuration definition in host.json. Only one configuration source is supported. Remove either the function.json files or the HTTP routes entries in host.json.";

/// The functions of an app with a custom handler: from function.json files, or from the routes in host.json.
///
/// # Errors
/// When there are both.
pub(crate) fn functions(options: &Options, root: &Path, settings: &Settings) -> Result<Index, &'static str> {
    let files = index::from_files(root, settings, &[], None, true);
    match options.routes.as_slice() {
        [] => Ok(files),
        _ if !files.functions.is_empty() || !files.errors.is_empty() => Err(TWO_SOURCES),
        routes => Ok(routes::functions(routes, settings)),
    }
}

#[cfg(test)]
mod tests;
