//! The `blobs` section of host.json (spec bindings.md §5).

use std::time::Duration;

use serde::Deserialize;

use crate::BindError;
use crate::queue::{Encoding, ListenerOptions};

const POISON_BLOB_THRESHOLD: i64 = 5;
/// Blobs processed at once, per processor.
const PARALLELISM_PER_PROCESSOR: usize = 8;
/// Most messages the queue service hands out at once.
const MAX_BATCH_SIZE: usize = 32;
/// Longest pause between two polls of the internal queue. Whoever finds a blob wakes the instances of its process.
const MAX_POLLING_INTERVAL: Duration = Duration::from_secs(60);
const MAX_POLLING_INTERVAL_IN_DEVELOPMENT: Duration = Duration::from_secs(2);

/// The section, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Most blobs of all functions that one instance processes at once.
    pub max_degree_of_parallelism: usize,
    /// Attempts before a blob is poison.
    pub poison_blob_threshold: i64,
}

impl Default for Options {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            max_degree_of_parallelism: PARALLELISM_PER_PROCESSOR * processors,
            poison_blob_threshold: POISON_BLOB_THRESHOLD,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Section {
    max_degree_of_parallelism: Option<i64>,
    poison_blob_threshold: Option<i64>,
}

impl Options {
    /// Reads the section.
    ///
    /// # Errors
    /// When a value is out of its range or of the wrong kind; names the property.
    pub fn read(section: &serde_json::Value) -> Result<Self, BindError> {
        let section: Section = horus_app::options::read(section)
            .map_err(|error| BindError::new(format!("host.json: extensions.blobs.{error}")))?;
        let defaults = Self::default();
        let at_least_one = |name: &str, value: Option<i64>| match value {
            Some(value) if !(1..=i64::from(i32::MAX)).contains(&value) => Err(BindError::new(format!(
                "host.json: extensions.blobs.{name} must be at least 1, not {value}."
            ))),
            value => Ok(value),
        };
        Ok(Self {
            max_degree_of_parallelism: at_least_one(
                "maxDegreeOfParallelism",
                section.max_degree_of_parallelism,
            )?
            .and_then(|value| usize::try_from(value).ok())
            .unwrap_or(defaults.max_degree_of_parallelism),
            poison_blob_threshold: at_least_one("poisonBlobThreshold", section.poison_blob_threshold)?
                .unwrap_or(defaults.poison_blob_threshold),
        })
    }

    /// How the internal queue is read (spec bindings.md §5.2).
    pub(super) fn for_queue(&self, development: bool) -> ListenerOptions {
        let most = self.max_degree_of_parallelism;
        let batch_size = (most / 2 + 1).min(MAX_BATCH_SIZE).min(most);
        ListenerOptions {
            batch_size: u32::try_from(batch_size).unwrap_or(1),
            new_batch_threshold: most - batch_size,
            max_polling_interval: match development {
                true => MAX_POLLING_INTERVAL_IN_DEVELOPMENT,
                false => MAX_POLLING_INTERVAL,
            },
            visibility_timeout: Duration::ZERO,
            max_dequeue_count: self.poison_blob_threshold,
            // Messages are read here in either form: see `Message::parse`.
            encoding: Encoding::None,
        }
    }
}
