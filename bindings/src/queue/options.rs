//! The `queues` section of host.json (spec bindings.md §4).

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use horus_app::settings::Settings;
use horus_app::timespan;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use crate::BindError;

/// Shortest pause between two polls.
pub(super) const MIN_POLLING_INTERVAL: Duration = Duration::from_millis(100);
const MAX_POLLING_INTERVAL: Duration = Duration::from_secs(60);
/// The default for people who wait for a message to be picked up.
const MAX_POLLING_INTERVAL_IN_DEVELOPMENT: Duration = Duration::from_secs(2);
const BATCH_SIZE: u32 = 16;
const MAX_BATCH_SIZE: u32 = 32;
const MAX_DEQUEUE_COUNT: i64 = 5;

/// How bodies are written into a message's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Base64: any bytes.
    #[default]
    Base64,
    /// The text itself: only what XML can hold.
    None,
}

impl Encoding {
    /// The body in a message's `text`. `None` when it is not written this way.
    pub fn decode(self, text: &str) -> Option<Bytes> {
        match self {
            Self::Base64 => BASE64_STANDARD.decode(text.trim()).ok().map(Bytes::from),
            Self::None => Some(Bytes::copy_from_slice(text.as_bytes())),
        }
    }

    /// The text of a message with this `body`. `None` when it cannot be written this way.
    pub fn encode(self, body: &[u8]) -> Option<String> {
        match self {
            Self::Base64 => Some(BASE64_STANDARD.encode(body)),
            Self::None => std::str::from_utf8(body).ok().map(str::to_owned),
        }
    }
}

/// The section, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Messages per receive, 1 to 32.
    pub batch_size: u32,
    /// The next batch is received when at most this many messages are being processed; `None` is the default,
    /// half a batch per processor.
    pub new_batch_threshold: Option<u32>,
    /// Longest pause between two polls of an empty queue; `None` is the default of the environment.
    pub max_polling_interval: Option<Duration>,
    /// How long a message stays hidden after it failed.
    pub visibility_timeout: Duration,
    /// Attempts before a message is poison.
    pub max_dequeue_count: i64,
    /// How bodies are written.
    pub encoding: Encoding,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch_size: BATCH_SIZE,
            new_batch_threshold: None,
            max_polling_interval: None,
            visibility_timeout: Duration::ZERO,
            max_dequeue_count: MAX_DEQUEUE_COUNT,
            encoding: Encoding::Base64,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Section {
    batch_size: Option<i64>,
    new_batch_threshold: Option<i64>,
    #[serde(deserialize_with = "interval")]
    max_polling_interval: Option<Duration>,
    #[serde(deserialize_with = "timespan::deserialize_option")]
    visibility_timeout: Option<Duration>,
    max_dequeue_count: Option<i64>,
    message_encoding: Encoding,
}

impl Options {
    /// Reads the section.
    ///
    /// # Errors
    /// When a value is out of its range or of the wrong kind; names the property.
    pub fn read(section: &serde_json::Value) -> Result<Self, BindError> {
        let section: Section = horus_app::options::read(section)
            .map_err(|error| BindError::new(format!("host.json: extensions.queues.{error}")))?;
        let defaults = Self::default();
        Ok(Self {
            batch_size: within("batchSize", section.batch_size, 1, i64::from(MAX_BATCH_SIZE))?
                .map_or(defaults.batch_size, narrow),
            new_batch_threshold: within(
                "newBatchThreshold",
                section.new_batch_threshold,
                0,
                i64::from(i32::MAX),
            )?
            .map(narrow),
            max_polling_interval: match section.max_polling_interval {
                Some(interval) if interval < MIN_POLLING_INTERVAL => {
                    return Err(invalid("maxPollingInterval must be at least 00:00:00.1000000"));
                }
                interval => interval,
            },
            visibility_timeout: section.visibility_timeout.unwrap_or(defaults.visibility_timeout),
            max_dequeue_count: within("maxDequeueCount", section.max_dequeue_count, 1, i64::from(i32::MAX))?
                .unwrap_or(defaults.max_dequeue_count),
            encoding: section.message_encoding,
        })
    }

    /// What a listener works with here and now.
    pub(crate) fn for_listener(&self, settings: &Settings, development: bool) -> ListenerOptions {
        let dynamic = settings.text("WEBSITE_SKU").is_some_and(|sku| sku.eq_ignore_ascii_case("Dynamic"));
        let processors = match dynamic {
            true => 1,
            false => std::thread::available_parallelism().map_or(1, |count| narrow(count.get() as i64)),
        };
        let default_interval = match development {
            true => MAX_POLLING_INTERVAL_IN_DEVELOPMENT,
            false => MAX_POLLING_INTERVAL,
        };
        ListenerOptions {
            batch_size: self.batch_size,
            new_batch_threshold: self.new_batch_threshold.unwrap_or(self.batch_size / 2 * processors)
                as usize,
            max_polling_interval: self.max_polling_interval.unwrap_or(default_interval),
            visibility_timeout: self.visibility_timeout,
            max_dequeue_count: self.max_dequeue_count,
            encoding: self.encoding,
        }
    }
}

/// [`Options`] with nothing left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenerOptions {
    pub(crate) batch_size: u32,
    pub(crate) new_batch_threshold: usize,
    pub(crate) max_polling_interval: Duration,
    pub(crate) visibility_timeout: Duration,
    pub(crate) max_dequeue_count: i64,
    pub(crate) encoding: Encoding,
}

fn within(name: &str, value: Option<i64>, least: i64, most: i64) -> Result<Option<i64>, BindError> {
    match value {
        Some(value) if !(least..=most).contains(&value) && most == i64::from(i32::MAX) => {
            Err(invalid(&format!("{name} must be at least {least}, not {value}")))
        }
        Some(value) if !(least..=most).contains(&value) => {
            Err(invalid(&format!("{name} must be {least} to {most}, not {value}")))
        }
        value => Ok(value),
    }
}

fn invalid(problem: &str) -> BindError {
    BindError::new(format!("host.json: extensions.queues.{problem}."))
}

fn narrow(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// A time span, or the integer milliseconds of old files.
fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    struct Interval;

    impl Visitor<'_> for Interval {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time span such as '00:01:00', or milliseconds")
        }

        fn visit_u64<E: de::Error>(self, milliseconds: u64) -> Result<Duration, E> {
            Ok(Duration::from_millis(milliseconds))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            match text.trim().parse() {
                Ok(milliseconds) => self.visit_u64(milliseconds),
                Err(_) => {
                    timespan::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
                }
            }
        }
    }

    deserializer.deserialize_any(Interval).map(Some)
}
