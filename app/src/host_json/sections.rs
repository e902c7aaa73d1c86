//! The sections of host.json that the host itself reads, with their defaults (spec host.md §1.3).

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::log::Level;
use crate::timespan;

/// `singleton`: periods of the locks that let one instance do a job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Singleton {
    /// Lease of a function's lock; 15 to 60 s.
    #[serde(deserialize_with = "timespan::deserialize")]
    pub lock_period: Duration,
    /// Lease of a listener's lock; 15 to 60 s. 15 s in Development.
    #[serde(deserialize_with = "timespan::deserialize")]
    pub listener_lock_period: Duration,
    /// How long to try to get a lock.
    #[serde(deserialize_with = "timespan::deserialize")]
    pub lock_acquisition_timeout: Duration,
    /// Pause between attempts; at least 500 ms.
    #[serde(deserialize_with = "timespan::deserialize")]
    pub lock_acquisition_polling_interval: Duration,
    /// Pause between attempts of a listener that did not get its lock; at least 15 s.
    #[serde(deserialize_with = "timespan::deserialize")]
    pub listener_lock_recovery_polling_interval: Duration,
}

impl Default for Singleton {
    fn default() -> Self {
        Self {
            lock_period: Duration::from_secs(15),
            listener_lock_period: Duration::from_secs(60),
            lock_acquisition_timeout: timespan::MAX,
            lock_acquisition_polling_interval: Duration::from_secs(5),
            listener_lock_recovery_polling_interval: Duration::from_secs(60),
        }
    }
}

/// `aggregator`: aggregated function results in telemetry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Aggregator {
    /// Whether results are aggregated.
    pub is_enabled: bool,
    /// Results per batch; 1 to 10000.
    pub batch_size: u32,
    /// Longest time between batches; up to 5 min.
    #[serde(deserialize_with = "timespan::deserialize")]
    pub flush_timeout: Duration,
}

impl Default for Aggregator {
    fn default() -> Self {
        Self { is_enabled: true, batch_size: 1000, flush_timeout: Duration::from_secs(30) }
    }
}

/// `healthMonitor`: inert unless the platform supplies counters.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HealthMonitor {
    /// Whether the host samples its health.
    pub enabled: bool,
    /// Pause between samples.
    #[serde(deserialize_with = "timespan::deserialize")]
    pub health_check_interval: Duration,
    /// Sliding window of samples.
    #[serde(deserialize_with = "timespan::deserialize")]
    pub health_check_window: Duration,
    /// Unhealthy samples in the window that end the host.
    pub health_check_threshold: u32,
    /// Part of a counter's limit from which it counts as exceeded; between 0 and 1.
    pub counter_threshold: f64,
}

impl Default for HealthMonitor {
    fn default() -> Self {
        Self {
            enabled: true,
            health_check_interval: Duration::from_secs(10),
            health_check_window: Duration::from_secs(120),
            health_check_threshold: 6,
            counter_threshold: 0.80,
        }
    }
}

/// `concurrency`: dynamic concurrency (spec host.md §10.4).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Concurrency {
    /// Whether listeners adapt their concurrency.
    pub dynamic_concurrency_enabled: bool,
    /// Upper bound per function; -1 is none.
    pub maximum_function_concurrency: i32,
    /// Memory that may be used; -1 is no limit.
    pub total_available_memory_bytes: i64,
    /// Processor load from which concurrency shrinks; between 0 and 1.
    #[serde(rename = "CPUThreshold")]
    pub cpu_threshold: f64,
    /// Whether learned values outlive the process.
    pub snapshot_persistence_enabled: bool,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self {
            dynamic_concurrency_enabled: false,
            maximum_function_concurrency: 500,
            total_available_memory_bytes: -1,
            cpu_threshold: 0.8,
            snapshot_persistence_enabled: true,
        }
    }
}

/// When log files are written (spec host.md §11.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FileLoggingMode {
    /// Never.
    Never,
    /// Always.
    Always,
    /// While debug mode is active.
    #[default]
    DebugOnly,
}

/// Who gets the telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum TelemetryMode {
    /// Application Insights.
    #[default]
    ApplicationInsights,
    /// OpenTelemetry exporters.
    OpenTelemetry,
    /// Nobody.
    None,
}

/// `logging`.
#[derive(Debug, Clone, PartialEq)]
pub struct Logging {
    /// Baseline; `None` leaves it to the caller (Information).
    pub default: Option<Level>,
    /// Category prefixes with their levels; the longest match wins.
    pub levels: Vec<(String, Level)>,
    /// Whether the console gets the log.
    pub console_enabled: bool,
    /// Whether the console gets it without colours.
    pub console_colors_disabled: bool,
    /// When log files are written.
    pub file_logging_mode: FileLoggingMode,
    /// `logging.applicationInsights`, as written.
    pub application_insights: Value,
    /// `logging.openTelemetry`, as written.
    pub open_telemetry: Value,
}

impl Logging {
    /// The configured level for `category`: that of the longest prefix (ignoring case), else the baseline.
    pub fn level_of(&self, category: &str) -> Option<Level> {
        let matches =
            |prefix: &str| category.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        self.levels
            .iter()
            .filter(|(prefix, _)| matches(prefix))
            .max_by_key(|(prefix, _)| prefix.len())
            .map(|(_, level)| *level)
            .or(self.default)
    }
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            default: None,
            levels: Vec::new(),
            console_enabled: false,
            console_colors_disabled: false,
            file_logging_mode: FileLoggingMode::default(),
            application_insights: Value::Object(serde_json::Map::new()),
            open_telemetry: Value::Object(serde_json::Map::new()),
        }
    }
}
