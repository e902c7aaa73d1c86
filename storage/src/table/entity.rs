//! Entities: typed properties under two keys.

use super::address::Key;
use super::codes::{
    ENTITY_TOO_LARGE, KEY_INVALID, KEY_TOO_LARGE, PROPERTY_NAME_INVALID, PROPERTY_NAME_TOO_LONG,
    PROPERTY_TOO_LARGE, TOO_MANY_PROPERTIES,
};
use crate::engine::Timestamp;
use crate::protocol::Fault;
use crate::protocol::dates::iso7;
use serde::{Deserialize, Serialize};

/// A property's value in one of the types the service knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Value {
    #[serde(rename = "s")]
    String(String),
    #[serde(rename = "i")]
    Int32(i32),
    #[serde(rename = "l")]
    Int64(i64),
    /// As text, because JSON has no NaN.
    #[serde(rename = "d", with = "double_text")]
    Double(f64),
    #[serde(rename = "b")]
    Boolean(bool),
    /// 100-nanosecond ticks since 1970.
    #[serde(rename = "t")]
    DateTime(i64),
    #[serde(rename = "g")]
    Guid(uuid::Uuid),
    #[serde(rename = "x", with = "base64_text")]
    Binary(Vec<u8>),
}

impl Value {
    /// Bytes that count towards the limits; strings are UTF-16 at the service.
    fn size(&self) -> usize {
        match self {
            Self::String(text) => text.encode_utf16().count() * 2,
            Self::Binary(bytes) => bytes.len(),
            Self::Guid(_) => 16,
            Self::Boolean(_) => 1,
            Self::Int32(_) => 4,
            Self::Int64(_) | Self::Double(_) | Self::DateTime(_) => 8,
        }
    }
}

/// An entity as stored. Key and timestamp are not among the properties.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entity {
    /// When it last changed, in ticks; never the same twice, so it is the ETag too.
    pub(super) stamp: i64,
    pub(super) properties: Vec<(String, Value)>,
}

const MOST_PROPERTIES: usize = 252;
const MOST_VALUE: usize = 64 << 10;
const MOST_ENTITY: usize = 1 << 20;
const MOST_KEY: usize = 1 << 10;
/// Ticks in a millisecond.
const TICKS: i64 = 10_000;

impl Entity {
    /// `W/"datetime'2026-11-23T21%3A46%3A12.1230001Z'"`
    pub(super) fn etag(&self) -> String {
        format!("W/\"datetime'{}'\"", ticks_text(self.stamp).replace(':', "%3A"))
    }

    pub(super) fn property(&self, name: &str) -> Option<&Value> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Lays `changes` over the properties.
    pub(super) fn merge(&mut self, changes: Vec<(String, Value)>) {
        for (name, value) in changes {
            match self.properties.iter_mut().find(|(known, _)| *known == name) {
                Some((_, old)) => *old = value,
                None => self.properties.push((name, value)),
            }
        }
    }

    /// The service's limits.
    pub(super) fn check(&self, key: &Key) -> Result<(), Fault> {
        if self.properties.len() > MOST_PROPERTIES {
            return Err(TOO_MANY_PROPERTIES.into());
        }
        let mut total = 2 * (key.partition.len() + key.row.len());
        for (name, value) in &self.properties {
            let length = name.chars().count();
            if length > 255 {
                return Err(PROPERTY_NAME_TOO_LONG.into());
            }
            let begins = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
            if !begins || name.contains(|one: char| !(one.is_alphanumeric() || one == '_')) {
                return Err(PROPERTY_NAME_INVALID.because(format!("The property name '{name}' is invalid.")));
            }
            if value.size() > MOST_VALUE {
                return Err(PROPERTY_TOO_LARGE.because(format!(
                    "The value of the property '{name}' exceeds the maximum allowed size (64 KiB)."
                )));
            }
            total += 2 * length + value.size();
        }
        if total > MOST_ENTITY { Err(ENTITY_TOO_LARGE.into()) } else { Ok(()) }
    }
}

impl Key {
    pub(super) fn check(&self) -> Result<(), Fault> {
        for text in [&self.partition, &self.row] {
            if text.len() > MOST_KEY {
                return Err(KEY_TOO_LARGE.into());
            }
            if text.contains(|one: char| one.is_control() || matches!(one, '/' | '\\' | '#' | '?')) {
                return Err(KEY_INVALID.into());
            }
        }
        Ok(())
    }
}

/// A stamp for a change at `now`: the time, made unique by a rising number.
pub(super) fn stamp(now: Timestamp, number: u64) -> i64 {
    now.0.saturating_mul(TICKS).saturating_add(i64::try_from(number % 10_000).unwrap_or(0))
}

/// Ticks as ISO text with seven digits.
pub(super) fn ticks_text(ticks: i64) -> String {
    let text = iso7(Timestamp(ticks.div_euclid(TICKS)));
    let below = ticks.rem_euclid(TICKS);
    format!("{}{below:04}Z", text.trim_end_matches("0000Z"))
}

/// Reads ISO text into ticks.
pub(super) fn ticks_in(text: &str) -> Option<i64> {
    use chrono::{DateTime, NaiveDateTime};
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.naive_utc()).ok().or_else(|| {
        let forms = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
        let plain = text.trim_end_matches('Z');
        forms.iter().find_map(|form| NaiveDateTime::parse_from_str(plain, form).ok())
    })?;
    let time = time.and_utc();
    Some(time.timestamp() * 10_000_000 + i64::from(time.timestamp_subsec_nanos() / 100))
}

mod double_text {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&value.to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

mod base64_text {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(value))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}
