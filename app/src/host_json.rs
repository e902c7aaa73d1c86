//! host.json: the whole schema of version 2, with overrides from the environment (spec host.md §1).

mod error;
mod overlay;
mod schema;
mod sections;

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

pub use error::{HostJsonError, Origin};
pub use sections::{
    Aggregator, Concurrency, FileLoggingMode, HealthMonitor, Logging, Singleton, TelemetryMode,
};

use crate::bundle::ExtensionBundle;
use crate::function::RetryPolicy;
use crate::json::{self, Position, SyntaxError, property};
use crate::log::{Log, category};
use crate::sanitize::{sanitize, sanitize_json};
use crate::settings::Settings;
use crate::{options, settings};

/// Name of the file.
pub const FILE_NAME: &str = "host.json";
/// How long a function may run when host.json says nothing.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// The same on the Consumption plan (`WEBSITE_SKU=Dynamic`).
const DYNAMIC_TIMEOUT: Duration = Duration::from_secs(5 * 60);
const HELP: &str = "https://aka.ms/functions-hostjson";

/// Top-level properties that the log may show (spec host.md §1.1).
const LOGGED: [&str; 23] = [
    "version",
    "functionTimeout",
    "retry",
    "functions",
    "http",
    "watchDirectories",
    "watchFiles",
    "queues",
    "serviceBus",
    "eventHub",
    "singleton",
    "logging",
    "aggregator",
    "healthMonitor",
    "extensionBundle",
    "managedDependencies",
    "customHandler",
    "httpWorker",
    "extensions",
    "concurrency",
    "telemetryMode",
    "sendCanceledInvocationsToWorker",
    "metadataProviderTimeout",
];

/// The host's configuration, overrides applied and checked.
#[derive(Clone)]
pub struct HostJson {
    /// Schema version; always `2.0`.
    pub version: String,
    /// Allow-list of function names; `None` is all.
    pub functions: Option<Vec<String>>,
    /// How long an invocation may take; `None` is without end.
    pub function_timeout: Option<Duration>,
    /// Policy for functions without their own.
    pub retry: Option<RetryPolicy>,
    /// Directories, relative to the root, whose changes restart the host; always has `node_modules`.
    pub watch_directories: Vec<String>,
    /// File names whose change anywhere restarts the host; always has `host.json` and `function.json`.
    pub watch_files: Vec<String>,
    /// Whether files are watched at all.
    pub file_watching_enabled: bool,
    /// Who gets the telemetry.
    pub telemetry_mode: TelemetryMode,
    /// Whether an invocation that was cancelled before dispatch is still sent.
    pub send_canceled_invocations_to_worker: bool,
    /// Longest wait for a metadata provider.
    pub metadata_provider_timeout: Duration,
    /// Whether a restart stops the old host before it starts the new one.
    pub sequential_restart: bool,
    /// PowerShell's managed dependencies.
    pub managed_dependency: bool,
    /// Lock periods.
    pub singleton: Singleton,
    /// Levels and sinks.
    pub logging: Logging,
    /// Aggregated results.
    pub aggregator: Aggregator,
    /// Health samples.
    pub health_monitor: HealthMonitor,
    /// Dynamic concurrency.
    pub concurrency: Concurrency,
    /// Declared bundle.
    pub extension_bundle: Option<ExtensionBundle>,
    /// `customHandler`, as written.
    pub custom_handler: Option<Value>,
    /// `httpWorker`, the older form of it, as written.
    pub http_worker: Option<Value>,
    /// Whether the host wrote the file itself.
    pub is_default: bool,
    /// Everything, overrides applied. May hold secrets.
    pub raw: Value,
    source: Arc<Source>,
}

/// The file behind a [`HostJson`], kept so that later errors can name a place in it.
#[derive(Default)]
struct Source {
    path: PathBuf,
    text: String,
    overrides: Vec<overlay::Override>,
}

impl HostJson {
    /// Reads host.json below `root`, writes a default one if there is none, and logs both as the platform does.
    ///
    /// # Errors
    /// See [`HostJsonError`]; each names the file, the property or setting, and the place.
    pub fn load(root: &Path, settings: &Settings, log: &Log) -> Result<Self, HostJsonError> {
        let path = root.join(FILE_NAME);
        log.info(category::STARTUP, format!("Reading host configuration file '{}'", path.display()));
        let (text, mut file) = match json::read_text(&path) {
            Ok(text) => {
                let file = parse(&path, &text)?;
                (text, file)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                (String::new(), create_default(&path, settings, log))
            }
            Err(source) => return Err(HostJsonError::Read { path, source }),
        };
        if file.is_empty() {
            log.info(
                category::STARTUP,
                "Empty host configuration file found. Creating a default host.json file.",
            );
            file.insert("version".to_owned(), Value::from("2.0"));
        }
        log.info(category::STARTUP, format!("Host configuration file read:\n{}", shown(&file)));
        check_version(&file)?;
        let overrides = overlay::overrides(settings);
        let mut raw = Value::Object(file);
        overlay::apply(&mut raw, &overrides);
        let source = Source { path, text, overrides };
        let mut host = schema::read(raw, settings).map_err(|refusal| match refusal {
            schema::Refusal::MissingWorkerDescription => HostJsonError::MissingWorkerDescription,
            schema::Refusal::Invalid(problem) => source.invalid(problem.path, problem.message),
        })?;
        host.source = Arc::new(source);
        Ok(host)
    }

    /// The configuration of an app without host.json, as used by the minimal host after a configuration error.
    pub fn minimal(settings: &Settings) -> Self {
        match schema::read(json!({"version": "2.0"}), settings) {
            Ok(host) => host,
            Err(_) => unreachable!("a file that only has a version breaks no rule"),
        }
    }

    /// `extensions.{name}` (ignoring case), or an empty object.
    pub fn extension(&self, name: &str) -> Value {
        self.section("extensions")
            .and_then(|extensions| property(extensions, name))
            .filter(|section| !section.is_null())
            .cloned()
            .unwrap_or_else(|| Value::Object(Map::new()))
    }

    /// `extensions.{name}` as `T`, read by the platform's rules (see [`options::read`]).
    ///
    /// # Errors
    /// When a value does not fit; names the property and the place in the file or the setting.
    pub fn extension_options<T: DeserializeOwned>(&self, name: &str) -> Result<T, HostJsonError> {
        options::read(&self.extension(name)).map_err(|error| {
            let path = match error.path.as_str() {
                "" => format!("extensions.{name}"),
                below => format!("extensions.{name}.{below}"),
            };
            let message = format!("host.json: {path}: {}.", error.message);
            self.source.invalid(path, message)
        })
    }

    /// An error about the property at `path` (dots between names) that names where its value comes from. For
    /// ranges that only an extension knows.
    pub fn invalid(&self, path: impl Into<String>, message: impl Into<String>) -> HostJsonError {
        self.source.invalid(path.into(), message.into())
    }

    /// `settings` through which `%AzureFunctionsJobHost:a:b%` is found too (spec host.md §1.5).
    pub fn beneath(&self, settings: &Settings) -> Settings {
        settings.with_beneath(overlay::flatten(&self.raw))
    }

    fn section(&self, name: &str) -> Option<&Map<String, Value>> {
        property(self.raw.as_object()?, name)?.as_object()
    }
}

impl Default for HostJson {
    fn default() -> Self {
        Self::minimal(&Settings::default())
    }
}

impl fmt::Debug for HostJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostJson")
            .field("path", &self.source.path)
            .field("functions", &self.functions)
            .field("function_timeout", &self.function_timeout)
            .field("extension_bundle", &self.extension_bundle)
            .finish_non_exhaustive()
    }
}

impl Source {
    fn invalid(&self, property: String, message: String) -> HostJsonError {
        let path: Vec<&str> = property.split(['.', '[', ']']).filter(|step| !step.is_empty()).collect();
        let source_of_value = match self.overrides.iter().rev().find(|one| one.covers(&path)) {
            Some(one) => Origin::Setting(one.setting.clone()),
            None => Origin::File { path: self.path.clone(), position: json::locate(&self.text, &path) },
        };
        HostJsonError::Invalid { property, message, source_of_value }
    }
}

fn parse(path: &Path, text: &str) -> Result<Map<String, Value>, HostJsonError> {
    let refused = |error| HostJsonError::Parse { path: path.to_owned(), error };
    match json::parse(text).map_err(refused)? {
        Value::Object(file) => Ok(file),
        _ => Err(refused(SyntaxError {
            message: "The file must hold a JSON object".to_owned(),
            position: json::locate(text, &[]).unwrap_or(Position { line: 1, column: 1 }),
        })),
    }
}

/// The default content, written to disk unless that is impossible.
fn create_default(path: &Path, settings: &Settings, log: &Log) -> Map<String, Value> {
    log.info(category::STARTUP, "No host configuration file found. Creating a default host.json file.");
    let mut content = json!({
        "version": "2.0",
        "isDefaultHostConfig": true,
        "extensionBundle": {
            "id": "Microsoft.Azure.Functions.ExtensionBundle",
            "version": "[4.*, 5.0.0)"
        }
    });
    let read_only = is_read_only(settings);
    let runtime = settings.get(settings::WORKER_RUNTIME).unwrap_or_default();
    if runtime.eq_ignore_ascii_case("powershell") && !read_only {
        content["managedDependency"] = json!({ "Enabled": true });
    }
    if read_only || std::fs::write(path, format!("{content:#}")).is_err() {
        log.info(category::STARTUP, "File system is read-only. Skipping host.json creation.");
    }
    match content {
        Value::Object(content) => content,
        _ => unreachable!("the literal above is an object"),
    }
}

/// What the log may show of the file.
fn shown(file: &Map<String, Value>) -> String {
    let known = |name: &&String| LOGGED.iter().any(|known| name.eq_ignore_ascii_case(known));
    let part: Map<String, Value> = file
        .iter()
        .filter(|(name, _)| known(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    sanitize(&format!("{:#}", sanitize_json(&Value::Object(part)))).into_owned()
}

/// The one check that overrides do not reach (spec host.md §1.1).
fn check_version(file: &Map<String, Value>) -> Result<(), HostJsonError> {
    let version = match property(file, "version") {
        None | Some(Value::Null) => {
            return Err(HostJsonError::Version(format!(
                "The host.json file is missing the required 'version' property. See {HELP} for steps to migrate the configuration file."
            )));
        }
        Some(Value::String(version)) => version.clone(),
        Some(other) => other.to_string(),
    };
    if version == "2.0" {
        return Ok(());
    }
    let schema_only = match version.starts_with('3') {
        true => {
            "This does not correspond to the function runtime version, only to the schema version of the host.json file. "
        }
        false => "",
    };
    Err(HostJsonError::Version(format!(
        "'{version}' is an invalid value for host.json 'version' property. We recommend you set the 'version' property to '2.0'. {schema_only}See {HELP} for more information on this configuration file."
    )))
}

/// Whether the app runs from a package, which cannot be written.
pub fn is_read_only(settings: &Settings) -> bool {
    ["WEBSITE_RUN_FROM_PACKAGE", "WEBSITE_RUN_FROM_ZIP"]
        .iter()
        .any(|name| settings.text(name).is_some_and(|value| value != "0"))
}

/// Whether `AZURE_FUNCTIONS_ENVIRONMENT` is `Development`, ignoring case.
pub fn is_development(settings: &Settings) -> bool {
    settings.get(settings::ENVIRONMENT).is_some_and(|value| value.eq_ignore_ascii_case("Development"))
}

#[cfg(test)]
mod tests;
