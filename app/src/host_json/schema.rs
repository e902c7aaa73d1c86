//! host.json as typed values: reading, ranges and messages (spec host.md §1.2 to §1.4).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::sections::{
    Aggregator, Concurrency, FileLoggingMode, HealthMonitor, Logging, Singleton, TelemetryMode,
};
use super::{DEFAULT_TIMEOUT, DYNAMIC_TIMEOUT, HostJson};
use crate::bundle::ExtensionBundle;
use crate::json::property;
use crate::log::Level;
use crate::settings::Settings;
use crate::{options, retry, timespan};

/// Names of the files whose change always restarts the host.
const WATCHED_FILES: [&str; 3] = ["host.json", "function.json", "proxies.json"];
const WATCHED_DIRECTORY: &str = "node_modules";
const DYNAMIC_LONGEST_TIMEOUT: Duration = Duration::from_secs(600);
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);

/// A property and what is wrong with it.
pub(super) struct Problem {
    pub(super) path: String,
    pub(super) message: String,
}

/// Problems of host.json that are configuration errors, and those that are not.
pub(super) enum Refusal {
    MissingWorkerDescription,
    Invalid(Problem),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Invalid(problem)
    }
}

fn problem(path: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem { path: path.into(), message: message.into() }
}

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TopLevel {
    functions: Option<Vec<String>>,
    watch_directories: Vec<String>,
    watch_files: Vec<String>,
    file_watching_enabled: bool,
    telemetry_mode: TelemetryMode,
    send_canceled_invocations_to_worker: bool,
    #[serde(deserialize_with = "timespan::deserialize")]
    metadata_provider_timeout: Duration,
    sequential_restart: bool,
    managed_dependency: ManagedDependency,
    singleton: Value,
    aggregator: Aggregator,
    health_monitor: HealthMonitor,
    concurrency: Concurrency,
}

impl Default for TopLevel {
    fn default() -> Self {
        Self {
            functions: None,
            watch_directories: Vec::new(),
            watch_files: Vec::new(),
            file_watching_enabled: true,
            telemetry_mode: TelemetryMode::default(),
            send_canceled_invocations_to_worker: true,
            metadata_provider_timeout: Duration::from_secs(30),
            sequential_restart: false,
            managed_dependency: ManagedDependency::default(),
            singleton: Value::Null,
            aggregator: Aggregator::default(),
            health_monitor: HealthMonitor::default(),
            concurrency: Concurrency::default(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ManagedDependency {
    enabled: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct LoggingSection {
    log_level: BTreeMap<String, String>,
    console: Console,
    file_logging_mode: FileLoggingMode,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Console {
    is_enabled: Option<bool>,
    disable_colors: bool,
}

/// Reads the whole file. `raw` has the overrides applied and is an object.
pub(super) fn read(raw: Value, settings: &Settings) -> Result<HostJson, Refusal> {
    let file = raw.as_object().cloned().unwrap_or_default();
    let top: TopLevel = section(&raw, "")?;
    let host = HostJson {
        version: "2.0".to_owned(),
        functions: top.functions,
        function_timeout: function_timeout(&file, settings)?,
        retry: read_retry(&file)?,
        watch_directories: with_always(top.watch_directories, &[WATCHED_DIRECTORY]),
        watch_files: with_always(top.watch_files, &WATCHED_FILES),
        file_watching_enabled: top.file_watching_enabled && !super::is_read_only(settings),
        telemetry_mode: top.telemetry_mode,
        send_canceled_invocations_to_worker: top.send_canceled_invocations_to_worker,
        metadata_provider_timeout: top.metadata_provider_timeout,
        sequential_restart: top.sequential_restart,
        managed_dependency: top.managed_dependency.enabled,
        singleton: singleton(&top.singleton, settings)?,
        logging: logging(&file, settings)?,
        aggregator: top.aggregator,
        health_monitor: top.health_monitor,
        concurrency: top.concurrency,
        extension_bundle: bundle(&file)?,
        custom_handler: handler(&file, "customHandler")?,
        http_worker: handler(&file, "httpWorker")?,
        is_default: property(&file, "isDefaultHostConfig") == Some(&Value::Bool(true)),
        raw,
        source: Default::default(),
    };
    check(&host)?;
    Ok(host)
}

fn section<T: DeserializeOwned>(value: &Value, name: &str) -> Result<T, Problem> {
    options::read(value).map_err(|error| {
        let path = match (name, error.path.as_str()) {
            ("", path) => path.to_owned(),
            (name, "") => name.to_owned(),
            (name, path) => format!("{name}.{path}"),
        };
        let message = format!("host.json: {path}: {}.", error.message);
        problem(path, message)
    })
}

fn with_always(mut listed: Vec<String>, always: &[&str]) -> Vec<String> {
    for name in always {
        if !listed.iter().any(|entry| entry.eq_ignore_ascii_case(name)) {
            listed.push((*name).to_owned());
        }
    }
    listed
}

/// spec host.md §1.2 `functionTimeout`; `None` is without end.
fn function_timeout(file: &Map<String, Value>, settings: &Settings) -> Result<Option<Duration>, Problem> {
    let is_dynamic = settings.get("WEBSITE_SKU").is_some_and(|sku| sku.eq_ignore_ascii_case("Dynamic"));
    let longest = if is_dynamic { DYNAMIC_LONGEST_TIMEOUT } else { timespan::MAX };
    let text = match property(file, "functionTimeout") {
        None | Some(Value::Null) => {
            return Ok(Some(if is_dynamic { DYNAMIC_TIMEOUT } else { DEFAULT_TIMEOUT }));
        }
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(other) => other.to_string(),
    };
    if text == "-1" && !is_dynamic {
        return Ok(None);
    }
    let out_of_range = || {
        let bounds = (timespan::format(SHORTEST_TIMEOUT), timespan::format(longest));
        let message =
            format!("FunctionTimeout must be greater than {} and less than {}.", bounds.0, bounds.1);
        problem("functionTimeout", message)
    };
    match timespan::parse(&text) {
        Some(timeout) if (SHORTEST_TIMEOUT..=longest).contains(&timeout) => Ok(Some(timeout)),
        Some(_) => Err(out_of_range()),
        None if text.starts_with('-') => Err(out_of_range()),
        None => Err(problem(
            "functionTimeout",
            format!("host.json: functionTimeout: '{text}' is no time span such as '00:05:00'."),
        )),
    }
}

fn read_retry(file: &Map<String, Value>) -> Result<Option<crate::function::RetryPolicy>, Problem> {
    match property(file, "retry") {
        None | Some(Value::Null) => Ok(None),
        Some(policy) => match retry::parse(policy) {
            Ok(policy) => Ok(Some(policy)),
            Err(error) => {
                let path = error.property().map_or("retry".to_owned(), |name| format!("retry.{name}"));
                Err(problem(path, format!("host.json: {error}")))
            }
        },
    }
}

fn singleton(value: &Value, settings: &Settings) -> Result<Singleton, Problem> {
    let file = value.as_object().cloned().unwrap_or_default();
    let mut singleton = match value {
        Value::Null => Singleton::default(),
        value => section(value, "singleton")?,
    };
    if property(&file, "listenerLockPeriod").is_none_or(Value::is_null) && super::is_development(settings) {
        singleton.listener_lock_period = Duration::from_secs(15);
    }
    Ok(singleton)
}

fn logging(file: &Map<String, Value>, settings: &Settings) -> Result<Logging, Problem> {
    let empty = Value::Object(Map::new());
    let value = property(file, "logging").filter(|value| !value.is_null()).unwrap_or(&empty);
    let read: LoggingSection = section(value, "logging")?;
    let part = |name: &str| {
        value
            .as_object()
            .and_then(|map| property(map, name))
            .filter(|part| part.is_object())
            .cloned()
            .unwrap_or_else(|| empty.clone())
    };
    let mut logging = Logging {
        console_enabled: read.console.is_enabled.unwrap_or_else(|| super::is_development(settings)),
        console_colors_disabled: read.console.disable_colors,
        file_logging_mode: read.file_logging_mode,
        application_insights: part("applicationInsights"),
        open_telemetry: part("openTelemetry"),
        ..Logging::default()
    };
    for (category, name) in read.log_level {
        let level = Level::parse(name.trim()).ok_or_else(|| {
            problem(
                format!("logging.logLevel.{category}"),
                format!(
                    "host.json: logging.logLevel.{category}: '{name}' is no log level: use Trace, Debug, Information, Warning, Error, Critical or None."
                ),
            )
        })?;
        match category.eq_ignore_ascii_case("default") {
            true => logging.default = Some(level),
            false => logging.levels.push((category, level)),
        }
    }
    Ok(logging)
}

fn bundle(file: &Map<String, Value>) -> Result<Option<ExtensionBundle>, Problem> {
    let Some(section) = property(file, "extensionBundle").and_then(Value::as_object) else { return Ok(None) };
    let text = |name| property(section, name).and_then(Value::as_str).unwrap_or_default().trim();
    let invalid = |name: &str| {
        problem(
            format!("extensionBundle.{name}"),
            format!(
                "The value of {name} property in extensionBundle section of host.json file is invalid or missing. See https://aka.ms/functions-hostjson for more information"
            ),
        )
    };
    if !ExtensionBundle::is_id(text("id")) {
        return Err(invalid("id"));
    }
    ExtensionBundle::new(text("id"), text("version")).map(Some).ok_or_else(|| invalid("version"))
}

fn handler(file: &Map<String, Value>, name: &str) -> Result<Option<Value>, Refusal> {
    let Some(section) = property(file, name).filter(|value| !value.is_null()) else { return Ok(None) };
    let described = section
        .as_object()
        .and_then(|map| property(map, "description"))
        .and_then(Value::as_object)
        .is_some_and(|description| !description.is_empty());
    match described {
        true => Ok(Some(section.clone())),
        false => Err(Refusal::MissingWorkerDescription),
    }
}

/// Ranges of spec host.md §1.3; the message names the property, its value and the range.
fn check(host: &HostJson) -> Result<(), Problem> {
    let seconds = Duration::from_secs;
    let spans = [
        ("singleton.lockPeriod", host.singleton.lock_period, seconds(15), seconds(60)),
        ("singleton.listenerLockPeriod", host.singleton.listener_lock_period, seconds(15), seconds(60)),
        (
            "singleton.lockAcquisitionPollingInterval",
            host.singleton.lock_acquisition_polling_interval,
            Duration::from_millis(500),
            timespan::MAX,
        ),
        (
            "singleton.listenerLockRecoveryPollingInterval",
            host.singleton.listener_lock_recovery_polling_interval,
            seconds(15),
            timespan::MAX,
        ),
        ("aggregator.flushTimeout", host.aggregator.flush_timeout, Duration::from_nanos(100), seconds(300)),
        (
            "healthMonitor.healthCheckInterval",
            host.health_monitor.health_check_interval,
            Duration::from_nanos(100),
            timespan::MAX,
        ),
        ("metadataProviderTimeout", host.metadata_provider_timeout, Duration::from_nanos(100), timespan::MAX),
    ];
    for (path, value, least, most) in spans {
        if value < least || value > most {
            let [value, least, most] = [value, least, most].map(timespan::format);
            return Err(problem(
                path,
                format!("host.json: {path}: '{value}' is out of range: use {least} to {most}."),
            ));
        }
    }
    let concurrency = host.concurrency.maximum_function_concurrency;
    let cpu = host.concurrency.cpu_threshold;
    let batch = host.aggregator.batch_size;
    let counter = host.health_monitor.counter_threshold;
    let numbers = [
        ("aggregator.batchSize", batch.to_string(), (1..=10_000).contains(&batch), "use 1 to 10000"),
        (
            "concurrency.maximumFunctionConcurrency",
            concurrency.to_string(),
            concurrency > 0 || concurrency == -1,
            "use a positive number, or -1 for no limit",
        ),
        (
            "concurrency.CPUThreshold",
            cpu.to_string(),
            cpu > 0.0 && cpu < 1.0,
            "use a number between 0 and 1, both excluded",
        ),
        (
            "healthMonitor.counterThreshold",
            counter.to_string(),
            counter > 0.0 && counter <= 1.0,
            "use a number above 0, up to 1",
        ),
    ];
    match numbers.into_iter().find(|(_, _, fits, _)| !fits) {
        Some((path, value, _, range)) => {
            Err(problem(path, format!("host.json: {path}: '{value}' is out of range: {range}.")))
        }
        None => Ok(()),
    }
}
