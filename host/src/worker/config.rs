//! worker.config.json: which program runs functions of a language, and how (spec host.md §6.1).

use std::path::{Path, PathBuf};
use std::time::Duration;

use horus_app::settings::Settings;
use horus_app::timespan;
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::profile::{Profile, architecture, platform};
use super::{embedded, interpreter};

/// The file that describes a worker.
const FILE_NAME: &str = "worker.config.json";

/// Why a language has no worker.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or is not valid.
    #[error("{file}: {message}")]
    File {
        /// The worker.config.json.
        file: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// No worker answers to the language.
    #[error(
        "No language worker for FUNCTIONS_WORKER_RUNTIME '{runtime}'. Known here: {known}. Set it to one of these, \
         or point languageWorkers__workersDirectory at a folder of workers, or \
         languageWorkers__{runtime}__workerDirectory at the folder of a worker.config.json."
    )]
    Unknown {
        /// The language asked for.
        runtime: String,
        /// Languages that have one.
        known: String,
    },
    /// A setting has a value that cannot be used.
    #[error("setting '{setting}': {message}")]
    Setting {
        /// Its name.
        setting: String,
        /// What is wrong, and what would be right.
        message: String,
    },
}

/// One language's worker, everything expanded.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Language id.
    pub language: String,
    /// Script extensions with their dots.
    pub extensions: Vec<String>,
    /// Program.
    pub executable: String,
    /// Arguments between program and worker path.
    pub arguments: Vec<String>,
    /// Worker path; absent for self-contained executables.
    pub worker_path: Option<PathBuf>,
    /// Folder of the worker.config.json.
    pub directory: PathBuf,
    /// Whether the worker is asked for the app's functions.
    pub indexing: bool,
    /// Resolved runtime version; may be empty.
    pub runtime_version: String,
    /// Whether every line on stderr is an error unless it says "warn".
    pub stderr_is_errors: bool,
    /// Processes to run.
    pub processes: usize,
    /// Pause between the starts of processes 2..n.
    pub startup_interval: Duration,
    /// Pause before a crashed process is started again.
    pub restart_interval: Duration,
    /// Longest drain on stop.
    pub shutdown_timeout: Duration,
    /// From launch to `StartStream`.
    pub startup_timeout: Duration,
    /// From `WorkerInitRequest` to its answer.
    pub initialization_timeout: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    description: Map<String, Value>,
    #[serde(default)]
    process_options: ProcessOptions,
    #[serde(default)]
    profiles: Vec<Profile>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Description {
    language: String,
    default_executable_path: String,
    default_worker_path: String,
    extensions: Vec<String>,
    arguments: Vec<String>,
    worker_indexing: String,
    default_runtime_version: String,
    supported_runtime_versions: Vec<String>,
    sanitize_runtime_version_regex: String,
    is_disabled: bool,
    use_std_error_stream_for_errors_only: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProcessOptions {
    process_count: usize,
    max_process_count: usize,
    set_process_count_to_number_of_cpu_cores: bool,
    #[serde(deserialize_with = "timespan::deserialize")]
    process_startup_interval: Duration,
    #[serde(deserialize_with = "timespan::deserialize")]
    process_restart_interval: Duration,
    #[serde(deserialize_with = "timespan::deserialize")]
    process_shutdown_timeout: Duration,
    #[serde(deserialize_with = "timespan::deserialize")]
    process_startup_timeout: Duration,
    #[serde(deserialize_with = "timespan::deserialize")]
    initialization_timeout: Duration,
}

impl Default for ProcessOptions {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            process_count: 1,
            max_process_count: 10,
            set_process_count_to_number_of_cpu_cores: false,
            process_startup_interval: seconds(10),
            process_restart_interval: seconds(10),
            process_shutdown_timeout: seconds(10),
            process_startup_timeout: seconds(60),
            initialization_timeout: seconds(10),
        }
    }
}

impl WorkerConfig {
    /// Finds the worker of `runtime` for the app in `root`: the language's own folder from the settings, the app's
    /// own worker.config.json, a folder of workers from the settings, or one that ships in this binary (laid out
    /// under `cache`). Without a setting, the interpreter that the app brings along runs it.
    pub fn find(
        runtime: &str,
        settings: &Settings,
        host_version: &str,
        root: &Path,
        cache: &Path,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::locate(runtime, settings, host_version, root, cache)?;
        let setting = format!("languageWorkers:{runtime}:defaultExecutablePath");
        if settings.text(&setting).is_none()
            && let Some(own) = interpreter::of(runtime, root, settings)
        {
            config.executable = own;
        }
        Ok(config)
    }

    fn locate(
        runtime: &str,
        settings: &Settings,
        host_version: &str,
        root: &Path,
        cache: &Path,
    ) -> Result<Self, ConfigError> {
        if let Some(directory) = settings.text(&format!("languageWorkers:{runtime}:workerDirectory")) {
            return Self::read(Path::new(directory), settings, host_version);
        }
        if root.join(FILE_NAME).is_file() {
            let own = Self::read(root, settings, host_version)?;
            if own.language.eq_ignore_ascii_case(runtime) {
                return Ok(own);
            }
        }
        let mut known: Vec<String> = Vec::new();
        if let Some(directory) = settings.text("languageWorkers:workersDirectory") {
            for folder in worker_folders(Path::new(directory)) {
                let config = Self::read(&folder, settings, host_version)?;
                if config.language.eq_ignore_ascii_case(runtime) {
                    return Ok(config);
                }
                known.push(config.language);
            }
        }
        match embedded::lay_out(runtime, cache) {
            Some(Ok(directory)) => Self::read(&directory, settings, host_version),
            Some(Err(error)) => Err(ConfigError::File {
                file: cache.to_owned(),
                message: format!("cannot lay out the built-in worker: {error}"),
            }),
            None => {
                known.extend(embedded::LANGUAGES.iter().map(ToString::to_string));
                Err(ConfigError::Unknown { runtime: runtime.to_owned(), known: known.join(", ") })
            }
        }
    }

    /// Reads `directory/worker.config.json` and applies profiles, settings and placeholders.
    pub fn read(directory: &Path, settings: &Settings, host_version: &str) -> Result<Self, ConfigError> {
        let file = directory.join(FILE_NAME);
        let wrong = |message: String| ConfigError::File { file: file.clone(), message };
        let text = std::fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
        let parsed: File = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let mut description = parsed.description;
        if let Some(profile) = parsed.profiles.iter().find(|p| p.applies(settings, host_version)) {
            description.extend(profile.description.clone());
        }
        let mut description: Description =
            serde_json::from_value(Value::Object(description)).map_err(|error| wrong(error.to_string()))?;
        if description.is_disabled {
            return Err(wrong("the worker is disabled (description.isDisabled)".into()));
        }
        for (name, value) in [
            ("language", &description.language),
            ("defaultExecutablePath", &description.default_executable_path),
        ] {
            if value.is_empty() {
                return Err(wrong(format!("description.{name} is required")));
            }
        }
        let override_of =
            |name: &str| settings.text(&format!("languageWorkers:{}:{name}", description.language));
        let runtime_version = runtime_version(&description, settings, wrong)?;
        if let Some(program) = override_of("defaultExecutablePath") {
            description.default_executable_path = program.to_owned();
        }
        let mut arguments: Vec<String> = Vec::new();
        for argument in &description.arguments {
            let argument = argument.replace("{workerDirectoryPath}", &directory.to_string_lossy());
            let argument = expand_known(&argument, settings);
            arguments.extend(argument.split_whitespace().map(str::to_owned));
        }
        if let Some(more) = override_of("arguments") {
            arguments.extend(more.split_whitespace().map(str::to_owned));
        }
        let program = expand_known(&description.default_executable_path, settings);
        let beside = directory.join(&program);
        let executable = if Path::new(&program).is_relative() && beside.is_file() {
            beside.to_string_lossy().into_owned()
        } else {
            program
        };
        let worker_path = worker_path(&description, directory, &runtime_version).map_err(&wrong)?;
        let options = parsed.process_options;
        Ok(Self {
            processes: process_count(&options, settings)?,
            language: description.language,
            extensions: description.extensions,
            executable,
            arguments,
            worker_path,
            directory: directory.to_owned(),
            indexing: description.worker_indexing.eq_ignore_ascii_case("true"),
            runtime_version,
            stderr_is_errors: description.use_std_error_stream_for_errors_only,
            startup_interval: options.process_startup_interval,
            restart_interval: options.process_restart_interval,
            shutdown_timeout: options.process_shutdown_timeout,
            startup_timeout: options.process_startup_timeout,
            initialization_timeout: options.initialization_timeout,
        })
    }
}

fn worker_folders(directory: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join(FILE_NAME).is_file())
        .collect();
    folders.sort();
    folders
}

fn runtime_version(
    description: &Description,
    settings: &Settings,
    wrong: impl Fn(String) -> ConfigError,
) -> Result<String, ConfigError> {
    const SETTING: &str = "FUNCTIONS_WORKER_RUNTIME_VERSION";
    let mut version = settings
        .text(SETTING)
        .or_else(|| settings.text(&format!("languageWorkers:{}:defaultRuntimeVersion", description.language)))
        .unwrap_or(&description.default_runtime_version)
        .to_owned();
    if !description.sanitize_runtime_version_regex.is_empty() {
        let expression = Regex::new(&description.sanitize_runtime_version_regex)
            .map_err(|error| wrong(format!("description.sanitizeRuntimeVersionRegex: {error}")))?;
        if let Some(found) = expression.find(&version) {
            version = found.as_str().to_owned();
        }
    }
    let placed = description.default_worker_path.contains(&format!("%{SETTING}%"));
    let supported = &description.supported_runtime_versions;
    if placed && !supported.is_empty() && !supported.contains(&version) {
        return Err(ConfigError::Setting {
            setting: SETTING.to_owned(),
            message: format!(
                "Version {version} is not supported for language {}. Use one of {}.",
                description.language,
                supported.join(", ")
            ),
        });
    }
    Ok(version)
}

fn worker_path(
    description: &Description,
    directory: &Path,
    runtime_version: &str,
) -> Result<Option<PathBuf>, String> {
    if description.default_worker_path.is_empty() {
        return Ok(None);
    }
    let path = description
        .default_worker_path
        .replace("%FUNCTIONS_WORKER_RUNTIME_VERSION%", runtime_version)
        .replace("{os}", platform())
        .replace("{architecture}", architecture());
    let path = directory.join(path);
    if path.is_file() {
        Ok(Some(path))
    } else {
        Err(format!("description.defaultWorkerPath: '{}' does not exist", path.display()))
    }
}

fn process_count(options: &ProcessOptions, settings: &Settings) -> Result<usize, ConfigError> {
    const SETTING: &str = "FUNCTIONS_WORKER_PROCESS_COUNT";
    let Some(text) = settings.text(SETTING) else {
        return Ok(if options.set_process_count_to_number_of_cpu_cores {
            std::thread::available_parallelism().map_or(1, usize::from).min(options.max_process_count)
        } else {
            options.process_count.max(1)
        });
    };
    match text.parse::<usize>() {
        Ok(count) if (1..=options.max_process_count).contains(&count) => Ok(count),
        _ => Err(ConfigError::Setting {
            setting: SETTING.to_owned(),
            message: format!("'{text}' must be a whole number from 1 to {}.", options.max_process_count),
        }),
    }
}

/// Replaces `%Name%` by its setting; a name without one is deleted (spec worker-protocol.md §2.1).
fn expand_known(text: &str, settings: &Settings) -> String {
    let mut parts = text.split('%');
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    while let Some(name) = parts.next() {
        match parts.next() {
            Some(rest) => {
                expanded.push_str(settings.get(name).unwrap_or_default());
                expanded.push_str(rest);
            }
            None => {
                expanded.push('%');
                expanded.push_str(name);
            }
        }
    }
    expanded
}

#[cfg(test)]
mod tests;
