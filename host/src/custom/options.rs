//! `customHandler` and the older `httpWorker` of host.json (spec host.md §7.1).

use std::path::{Path, PathBuf};
use std::time::Duration;

use horus_app::log::Log;
use horus_app::log::category::STARTUP;
use horus_app::{HostJson, HostJsonError, Settings, options, timespan};
use serde::Deserialize;
use serde_json::Value;

/// How requests of functions that are nothing but HTTP reach the handler (spec host.md §7.3 and §7.4). All other
/// functions get the JSON messages of [`crate::envelope`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMode {
    /// As the JSON message, like any other event.
    Message,
    /// As they are, with their own path, and whole.
    Forward,
    /// As they are, but to `/{function}`: the way of `httpWorker`.
    ForwardToName,
    /// As they are, streamed in both directions.
    Proxy,
}

/// A function that host.json declares instead of a function.json file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) template: String,
    pub(super) level: String,
}

/// Everything about the handler's process, expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Program: an absolute path, or a name that is looked up in `PATH`.
    pub executable: String,
    /// All arguments in order: `arguments`, the worker path, `workerArguments`.
    pub arguments: Vec<String>,
    /// Directory it runs in.
    pub directory: PathBuf,
    /// Whether every line on stderr is an error unless it says "warn".
    pub stderr_is_errors: bool,
    /// How plain HTTP functions reach it.
    pub http: HttpMode,
    /// From launch to its first answer.
    pub initialization_timeout: Duration,
    /// A fixed port; any free one otherwise.
    pub port: Option<u16>,
    pub(super) routes: Vec<Route>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Section {
    description: Description,
    enable_forwarding_http_request: bool,
    enable_proxying_http_request: bool,
    #[serde(deserialize_with = "timespan::deserialize_option")]
    initialization_timeout: Option<Duration>,
    r#type: Option<String>,
    port: Option<u16>,
    http: Http,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Description {
    default_executable_path: String,
    default_worker_path: String,
    working_directory: String,
    worker_directory: String,
    arguments: Value,
    worker_arguments: Value,
    use_std_error_stream_for_errors_only: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Http {
    default_authorization_level: Option<String>,
    routes: Vec<DeclaredRoute>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DeclaredRoute {
    route: String,
    authorization_level: Option<String>,
}

/// A problem at a property below the section.
struct Wrong(&'static str, String);

impl Options {
    /// The app's custom handler, if host.json describes one.
    ///
    /// # Errors
    /// When the section has a value that cannot be used; the error names the property and its place.
    pub fn read(
        host: &HostJson,
        settings: &Settings,
        root: &Path,
        log: &Log,
    ) -> Result<Option<Self>, HostJsonError> {
        let (name, value) = match (&host.custom_handler, &host.http_worker) {
            (Some(handler), older) => {
                if older.is_some() {
                    log.warning(
                        STARTUP,
                        "Both httpWorker and customHandler sections are specified in host.json file. customHandler takes precedence.",
                    );
                }
                ("customHandler", handler)
            }
            (None, Some(older)) => {
                log.warning(
                    STARTUP,
                    "Section httpWorker will be deprecated. Please use customHandler section.",
                );
                ("httpWorker", older)
            }
            (None, None) => return Ok(None),
        };
        let invalid = |below: &str, message: String| {
            let path = if below.is_empty() { name.to_owned() } else { format!("{name}.{below}") };
            let message = format!("host.json: {path}: {message}");
            host.invalid(path, message)
        };
        let section: Section =
            options::read(value).map_err(|error| invalid(&error.path, format!("{}.", error.message)))?;
        section
            .expanded(name == "customHandler", settings, root)
            .map(Some)
            .map_err(|Wrong(below, message)| invalid(below, message))
    }
}

impl Section {
    fn expanded(self, is_current: bool, settings: &Settings, root: &Path) -> Result<Options, Wrong> {
        let Self { description, http, .. } = self;
        if let Some(kind) = self.r#type.filter(|kind| is_current && !kind.eq_ignore_ascii_case("http")) {
            return Err(Wrong("type", format!("'{kind}' is not supported: use 'http'.")));
        }
        let expand = |text: &str| expand(text, settings);
        let beneath_root = |path: &str| match path {
            "" => root.to_owned(),
            path => root.join(path),
        };
        let program_directory = beneath_root(&expand(&description.worker_directory));
        let executable = expand(&description.default_executable_path);
        if executable.is_empty() {
            let message = "WorkerDescription DefaultExecutablePath cannot be empty. Name the program of your handler, for example 'node', or a file of the app.";
            return Err(Wrong("description.defaultExecutablePath", message.to_owned()));
        }
        let beside = program_directory.join(&executable);
        let mut arguments = list("description.arguments", &description.arguments)?;
        if !description.default_worker_path.is_empty() {
            arguments.push(description.default_worker_path.clone());
        }
        arguments.extend(list("description.workerArguments", &description.worker_arguments)?);
        let default_level = http.default_authorization_level.unwrap_or_else(|| "Function".to_owned());
        let routes = http.routes.into_iter().map(|declared| Route {
            template: declared.route,
            level: declared.authorization_level.unwrap_or_else(|| default_level.clone()),
        });
        Ok(Options {
            executable: match beside.is_file() {
                true => beside.to_string_lossy().into_owned(),
                false => executable,
            },
            arguments: arguments.iter().map(|argument| expand(argument)).collect(),
            directory: beneath_root(&expand(&description.working_directory)),
            stderr_is_errors: description.use_std_error_stream_for_errors_only.unwrap_or(true),
            http: match (is_current, self.enable_proxying_http_request, self.enable_forwarding_http_request) {
                (false, _, _) => HttpMode::ForwardToName,
                (true, true, _) => HttpMode::Proxy,
                (true, false, true) => HttpMode::Forward,
                (true, false, false) => HttpMode::Message,
            },
            initialization_timeout: self.initialization_timeout.unwrap_or(Duration::from_secs(30)),
            port: self.port.filter(|port| is_current && *port != 0),
            routes: routes.filter(|_| is_current).collect(),
        })
    }
}

/// A list of texts, or one text that holds such a list as JSON: settings that override host.json are text.
fn list(property: &'static str, value: &Value) -> Result<Vec<String>, Wrong> {
    let wrong = || Wrong(property, "it must be a list of texts, such as [\"server.js\"].".to_owned());
    let plain = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(if *flag { "True" } else { "False" }.to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(elements) => elements.iter().map(plain).collect::<Option<_>>().ok_or_else(wrong),
        // Overrides name single elements by their number.
        Value::Object(numbered) => {
            let mut elements = numbered
                .iter()
                .map(|(place, value)| Some((place.parse::<usize>().ok()?, plain(value)?)))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(wrong)?;
            elements.sort_by_key(|(place, _)| *place);
            Ok(elements.into_iter().map(|(_, text)| text).collect())
        }
        Value::String(text) if text.trim().is_empty() => Ok(Vec::new()),
        Value::String(text) => serde_json::from_str(text).map_err(|_| wrong()),
        Value::Bool(_) | Value::Number(_) => Err(wrong()),
    }
}

/// Replaces `%Name%` by the variable of that name; names without a value stay as they are.
fn expand(text: &str, settings: &Settings) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('%') {
        let after = &rest[open + 1..];
        expanded.push_str(&rest[..open]);
        let known = after.find('%').and_then(|close| Some((settings.get(&after[..close])?, close)));
        match known {
            Some((value, close)) => {
                expanded.push_str(value);
                rest = &after[close + 1..];
            }
            None => {
                expanded.push('%');
                rest = after;
            }
        }
    }
    expanded.push_str(rest);
    expanded
}
