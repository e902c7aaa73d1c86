//! Retry policies as host.json, function.json and workers write them (spec host.md §8.1).

use std::time::Duration;

use serde_json::{Map, Value};

use crate::function::RetryPolicy;
use crate::json::property;
use crate::timespan;

/// Why a retry policy cannot be used; names the property.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RetryError {
    /// The policy is no JSON object.
    #[error("The 'retry' property must be an object with 'strategy' and 'maxRetryCount'.")]
    NotAnObject,
    /// A property that the strategy needs is not there.
    #[error("Retry policy: '{property}' is required{}.", for_strategy(.strategy))]
    Missing {
        /// The property.
        property: &'static str,
        /// The strategy that needs it; empty when every strategy does.
        strategy: &'static str,
    },
    /// A property has a value outside its range.
    #[error("Retry policy: '{value}' is an invalid value for '{property}'. {expected}")]
    Invalid {
        /// The property.
        property: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
}

impl RetryError {
    /// The property that is wrong, unless it is the whole policy.
    pub fn property(&self) -> Option<&'static str> {
        match self {
            Self::NotAnObject => None,
            Self::Missing { property, .. } | Self::Invalid { property, .. } => Some(property),
        }
    }
}

fn for_strategy(strategy: &str) -> String {
    match strategy {
        "" => String::new(),
        strategy => format!(" when 'strategy' is '{strategy}'"),
    }
}

const FIXED: &str = "fixedDelay";
const EXPONENTIAL: &str = "exponentialBackoff";

/// The policy that `value` describes.
///
/// # Errors
/// When a property is missing or has an invalid value.
pub fn parse(value: &Value) -> Result<RetryPolicy, RetryError> {
    let policy = value.as_object().ok_or(RetryError::NotAnObject)?;
    let strategy = text(policy, "strategy", "")?;
    let max_retries = max_retries(policy)?;
    if strategy.eq_ignore_ascii_case(FIXED) {
        return Ok(RetryPolicy::FixedDelay { max_retries, delay: span(policy, "delayInterval", FIXED)? });
    }
    if !strategy.eq_ignore_ascii_case(EXPONENTIAL) {
        return Err(RetryError::Invalid {
            property: "strategy",
            value: strategy,
            expected: "It must be 'fixedDelay' or 'exponentialBackoff'.",
        });
    }
    let minimum = span(policy, "minimumInterval", EXPONENTIAL)?;
    let maximum = span(policy, "maximumInterval", EXPONENTIAL)?;
    if minimum > maximum {
        return Err(RetryError::Invalid {
            property: "minimumInterval",
            value: timespan::format(minimum),
            expected: "It must not be greater than 'maximumInterval'.",
        });
    }
    Ok(RetryPolicy::ExponentialBackoff { max_retries, minimum, maximum })
}

fn max_retries(policy: &Map<String, Value>) -> Result<Option<u32>, RetryError> {
    let value = text(policy, "maxRetryCount", "")?;
    match value.trim().parse::<i64>() {
        Ok(-1) => Ok(None),
        Ok(count) if (0..=i64::from(i32::MAX)).contains(&count) => Ok(Some(count as u32)),
        _ => Err(RetryError::Invalid {
            property: "maxRetryCount",
            value,
            expected: "It must be a whole number; -1 retries for ever.",
        }),
    }
}

fn span(
    policy: &Map<String, Value>,
    property: &'static str,
    strategy: &'static str,
) -> Result<Duration, RetryError> {
    let value = text(policy, property, strategy)?;
    timespan::parse(&value).ok_or(RetryError::Invalid {
        property,
        value,
        expected: "It must be a time span such as '00:00:05'.",
    })
}

/// A property as text, since overrides from the environment are text.
fn text(
    policy: &Map<String, Value>,
    name: &'static str,
    strategy: &'static str,
) -> Result<String, RetryError> {
    match property(policy, name) {
        None | Some(Value::Null) => Err(RetryError::Missing { property: name, strategy }),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Ok(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
