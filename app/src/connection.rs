//! From the `connection` property of a binding to a connection string or a section (spec bindings.md §1.11).

use std::collections::BTreeMap;
use std::fmt;

use crate::secret::Secret;
use crate::settings::Settings;

/// Prefix that the platform puts before connection names when it looks for them.
const PREFIX: &str = "AzureWebJobs";
/// Prefixes of environment variables that become `ConnectionStrings:` entries on App Service.
const CONNECTION_STRING_PREFIXES: [&str; 4] =
    ["CUSTOMCONNSTR_", "SQLCONNSTR_", "SQLAZURECONNSTR_", "MYSQLCONNSTR_"];

/// Where a connection leads: a secret text, or a section that names an endpoint and a way to authenticate.
#[derive(Clone, PartialEq, Eq)]
pub enum Connection {
    /// A connection string, key and all.
    ConnectionString(ConnectionString),
    /// Keys (lower-cased) of the section, for example `queueserviceuri`, with their values.
    Section(BTreeMap<String, String>),
}

impl Connection {
    /// Value of `key` (ignoring case) in the section; `None` for connection strings.
    pub fn setting(&self, key: &str) -> Option<&str> {
        match self {
            Self::ConnectionString(_) => None,
            Self::Section(section) => {
                section.get(&key.to_lowercase()).map(String::as_str).filter(|value| !value.is_empty())
            }
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionString(text) => text.fmt(f),
            Self::Section(section) => {
                f.write_str("Section ")?;
                f.debug_set().entries(section.keys()).finish()
            }
        }
    }
}

/// A text of `Key=Value;` parts. Secret as a whole: `Debug` shows the keys only.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionString {
    text: Secret,
    parts: Vec<(String, Secret)>,
}

impl ConnectionString {
    /// Takes `text` apart into its `Key=Value` parts.
    ///
    /// # Errors
    /// When it has no such part at all, or a part has no `=`; the error never repeats the text.
    pub fn parse(text: &str) -> Result<Self, ConnectionError> {
        let parsed = Self::lenient(text);
        let expected = text.split(';').filter(|part| !part.trim().is_empty()).count();
        match parsed.parts.len() == expected && expected > 0 {
            true => Ok(parsed),
            false => Err(ConnectionError::Malformed { setting: String::new() }),
        }
    }

    /// As [`ConnectionString::parse`], but texts of another form (an AMQP address, for example) are kept whole.
    pub fn lenient(text: &str) -> Self {
        let parts = text
            .split(';')
            .filter_map(|part| part.split_once('='))
            .filter(|(key, _)| !key.trim().is_empty())
            .map(|(key, value)| (key.trim().to_owned(), Secret::new(value.trim())))
            .collect();
        Self { text: Secret::new(text.trim()), parts }
    }

    /// Value of `key`, ignoring case; `None` when absent or empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.parts
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
            .map(|(_, value)| value.reveal())
            .filter(|value| !value.is_empty())
    }

    /// The whole text.
    pub fn text(&self) -> &Secret {
        &self.text
    }
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionString ")?;
        f.debug_set().entries(self.parts.iter().map(|(key, _)| key)).finish()
    }
}

/// Why a binding's connection cannot be used. Never contains a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// No storage setting under any of the names that are tried.
    #[error(
        "Storage account connection string '{setting}' does not exist. Make sure that it is a defined App Setting."
    )]
    StorageMissing {
        /// Full name of the setting to define.
        setting: String,
    },
    /// No setting of this name, with or without prefix, or an empty one.
    #[error(
        "Connection string '{setting}' is missing or empty. Make sure that it is a defined App Setting, or a section such as '{setting}__fullyQualifiedNamespace'."
    )]
    Missing {
        /// Name given by the binding.
        setting: String,
    },
    /// The value is not made of `Key=Value;` parts.
    #[error(
        "The connection string in setting '{setting}' is malformed: it must consist of 'Key=Value' parts separated by ';'."
    )]
    Malformed {
        /// Name of the setting that holds it; empty when the text did not come from a setting.
        setting: String,
    },
}

impl Settings {
    /// The storage connection called `name`; `None` or an empty name is `Storage`, hence `AzureWebJobsStorage`.
    ///
    /// Order: `ConnectionStrings:AzureWebJobsX`, `AzureWebJobsX`, `ConnectionStrings:X`, `X`.
    ///
    /// # Errors
    /// When no setting has a value, or the value is no connection string.
    pub fn storage_connection(&self, name: Option<&str>) -> Result<Connection, ConnectionError> {
        let name = name.filter(|name| !name.is_empty()).unwrap_or("Storage");
        match self.find_connection(name) {
            Some(Found::Section(section)) => Ok(Connection::Section(section)),
            Some(Found::Text { setting, text }) => ConnectionString::parse(text)
                .map(Connection::ConnectionString)
                .map_err(|_| ConnectionError::Malformed { setting }),
            None => Err(ConnectionError::StorageMissing { setting: prefixed(name) }),
        }
    }

    /// The connection called `name` of any other kind; same order as for storage. A text that is not made of
    /// `Key=Value` parts is kept whole, since some services use addresses.
    ///
    /// # Errors
    /// When no setting has a value.
    pub fn connection(&self, name: &str) -> Result<Connection, ConnectionError> {
        match self.find_connection(name) {
            Some(Found::Section(section)) => Ok(Connection::Section(section)),
            Some(Found::Text { text, .. }) => {
                Ok(Connection::ConnectionString(ConnectionString::lenient(text)))
            }
            None => Err(ConnectionError::Missing { setting: name.to_owned() }),
        }
    }

    fn find_connection(&self, name: &str) -> Option<Found<'_>> {
        if name.trim().is_empty() {
            return None;
        }
        [format!("{PREFIX}{name}"), name.to_owned()]
            .iter()
            .find_map(|name| self.find_connection_string(name).or_else(|| self.find_at(name)))
    }

    fn find_connection_string(&self, name: &str) -> Option<Found<'_>> {
        self.find_at(&format!("ConnectionStrings:{name}")).or_else(|| {
            CONNECTION_STRING_PREFIXES.iter().find_map(|prefix| self.find_at(&format!("{prefix}{name}")))
        })
    }

    fn find_at(&self, setting: &str) -> Option<Found<'_>> {
        if let Some(text) = self.get(setting).filter(|text| !text.trim().is_empty()) {
            return Some(Found::Text { setting: setting.to_owned(), text });
        }
        let section = self.section(setting);
        (!section.is_empty()).then_some(Found::Section(section))
    }
}

enum Found<'a> {
    Text { setting: String, text: &'a str },
    Section(BTreeMap<String, String>),
}

/// The name a person would define: the prefix once, however the binding wrote it.
fn prefixed(name: &str) -> String {
    match name.get(..PREFIX.len()).is_some_and(|head| head.eq_ignore_ascii_case(PREFIX)) {
        true => name.to_owned(),
        false => format!("{PREFIX}{name}"),
    }
}

#[cfg(test)]
mod tests;
