//! local.settings.json: what a developer's machine has instead of app settings (spec cli.md §4.4).

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::dotenv;
use crate::json::{self, property};
use crate::settings::{ENVIRONMENT, Settings};

/// Name of the file.
pub const FILE_NAME: &str = "local.settings.json";
const DEFAULT_PROVIDER: &str = "System.Data.SqlClient";

/// The file's content. `Debug` shows no values.
#[derive(Clone, Default)]
pub struct LocalSettings {
    /// `Values`, in the file's order; `None` is JSON null.
    pub values: Vec<(String, Option<String>)>,
    /// `Host`.
    pub host: LocalHost,
    /// `ConnectionStrings`.
    pub connection_strings: Vec<LocalConnectionString>,
    /// `IsEncrypted`; true when the file does not say.
    pub is_encrypted: bool,
    /// Things to tell the user; the file counts as empty when it could not be read.
    pub warnings: Vec<String>,
}

/// `Host`: how the local host listens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalHost {
    /// `LocalHttpPort`.
    pub port: Option<u16>,
    /// `LocalHttpAddress`.
    pub address: Option<String>,
    /// `CORS`: allowed origins.
    pub cors: Vec<String>,
    /// `CORSCredentials`.
    pub cors_credentials: bool,
}

/// One entry of `ConnectionStrings`.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalConnectionString {
    /// Name.
    pub name: String,
    /// The connection string.
    pub text: String,
    /// Provider, for SQL clients of .NET.
    pub provider: String,
}

/// Why local.settings.json stops the start.
#[derive(Debug, thiserror::Error)]
pub enum LocalSettingsError {
    /// The values are encrypted, or the file does not say that they are not.
    #[error(
        "Failed to decrypt settings. Encrypted settings only be edited through 'func settings add'. ('{path}': {hint})"
    )]
    Encrypted {
        /// The file.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
}

impl LocalSettings {
    /// Reads the file below `root` for a start; without a file everything is empty.
    ///
    /// # Errors
    /// When it has values that are encrypted. A file that is no valid JSON is only a warning.
    pub fn load(root: &Path) -> Result<Self, LocalSettingsError> {
        let path = root.join(FILE_NAME);
        let (local, says_encrypted) = Self::read_file(&path);
        if local.is_encrypted && (!local.values.is_empty() || !local.connection_strings.is_empty()) {
            let hint = match says_encrypted {
                true => "run 'func settings decrypt' on the machine that encrypted it",
                false => "it has no 'IsEncrypted' property, which means true; add \"IsEncrypted\": false",
            };
            return Err(LocalSettingsError::Encrypted { path, hint });
        }
        Ok(local.with_dotenv(root))
    }

    /// Adds what a `.env` file beside it says; local.settings.json wins where both have a name.
    fn with_dotenv(mut self, root: &Path) -> Self {
        let Ok(text) = json::read_text(&root.join(dotenv::FILE_NAME)) else { return self };
        let (settings, warnings) = dotenv::parse(&text);
        for (name, value) in settings {
            if !self.values.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                self.values.push((name, Some(value)));
            }
        }
        self.warnings.extend(warnings);
        self
    }

    /// Reads the file below `root` as it is, encrypted or not.
    pub fn read(root: &Path) -> Self {
        Self::read_file(&root.join(FILE_NAME)).0
    }

    /// The content, and whether the file itself says that it is encrypted.
    fn read_file(path: &Path) -> (Self, bool) {
        let text = match json::read_text(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return (Self::default(), false),
            Err(error) => return (Self::unreadable(path, &error.to_string()), false),
        };
        let content = match json::parse(&text) {
            Ok(Value::Object(content)) => content,
            Ok(_) => return (Self::unreadable(path, "It must hold a JSON object."), false),
            Err(error) => return (Self::unreadable(path, &format!("{error}.")), false),
        };
        match Self::from_json(&content) {
            Ok(local) => {
                let says = property(&content, "IsEncrypted").is_some_and(|value| !value.is_null());
                (local, says)
            }
            Err((steps, problem)) => {
                let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
                let place =
                    json::locate(&text, &steps).map(|place| format!(" on {place}")).unwrap_or_default();
                (Self::unreadable(path, &format!("'{}' {problem}{place}.", steps.join("."))), false)
            }
        }
    }

    fn unreadable(path: &Path, why: &str) -> Self {
        let warning = format!(
            "Failed to read app settings file at '{}'. Ensure it is a valid JSON file. {why}",
            path.display()
        );
        Self { warnings: vec![warning], ..Self::default() }
    }

    fn from_json(content: &Map<String, Value>) -> Result<Self, (Vec<String>, &'static str)> {
        let is_encrypted = match property(content, "IsEncrypted") {
            None | Some(Value::Null) => true,
            Some(value) => boolean(value).ok_or((vec!["IsEncrypted".to_owned()], "must be true or false"))?,
        };
        let mut local = Self { is_encrypted, ..Self::default() };
        for (name, value) in entries(content, "Values")? {
            let value = match value {
                Value::Null => None,
                value => Some(scalar(value).ok_or_else(|| nested("Values", name))?),
            };
            local.values.push((name.clone(), value));
        }
        for (name, value) in entries(content, "ConnectionStrings")? {
            let (text, provider) = match value {
                Value::Object(parts) => {
                    let part = |key| property(parts, key).and_then(scalar);
                    (
                        part("ConnectionString").ok_or_else(|| nested("ConnectionStrings", name))?,
                        part("ProviderName"),
                    )
                }
                Value::Null => continue,
                value => (scalar(value).ok_or_else(|| nested("ConnectionStrings", name))?, None),
            };
            local.connection_strings.push(LocalConnectionString {
                name: name.clone(),
                text,
                provider: provider.unwrap_or_else(|| DEFAULT_PROVIDER.to_owned()),
            });
        }
        local.host = host(content)?;
        Ok(local)
    }
}

/// The properties of the object called `name`, none when it is absent.
fn entries<'a>(
    content: &'a Map<String, Value>,
    name: &str,
) -> Result<impl Iterator<Item = (&'a String, &'a Value)> + use<'a>, (Vec<String>, &'static str)> {
    let map = match property(content, name) {
        None | Some(Value::Null) => None,
        Some(Value::Object(map)) => Some(map),
        Some(_) => return Err((vec![name.to_owned()], "must be an object")),
    };
    Ok(map.into_iter().flatten())
}

fn nested(section: &str, name: &str) -> (Vec<String>, &'static str) {
    (vec![section.to_owned(), name.to_owned()], "must be text, not a nested object or array")
}

fn host(content: &Map<String, Value>) -> Result<LocalHost, (Vec<String>, &'static str)> {
    let empty = Map::new();
    let section = match property(content, "Host") {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(section)) => section,
        Some(_) => return Err((vec!["Host".to_owned()], "must be an object")),
    };
    let wrong = |name: &str, problem| (vec!["Host".to_owned(), name.to_owned()], problem);
    let given = |name| property(section, name).filter(|value| !value.is_null());
    let port = match given("LocalHttpPort") {
        None => None,
        Some(value) => {
            let port = scalar(value).and_then(|text| text.trim().parse().ok());
            Some(port.ok_or_else(|| wrong("LocalHttpPort", "must be a port number (0 to 65535)"))?)
        }
    };
    let cors = match given("CORS") {
        None => Vec::new(),
        Some(Value::Array(origins)) => origins.iter().filter_map(scalar).collect(),
        Some(value) => scalar(value)
            .ok_or_else(|| wrong("CORS", "must be a list of origins"))?
            .split(',')
            .map(str::to_owned)
            .collect(),
    };
    let cors_credentials = match given("CORSCredentials") {
        None => false,
        Some(value) => boolean(value).ok_or_else(|| wrong("CORSCredentials", "must be true or false"))?,
    };
    let cors = cors.iter().map(|origin| origin.trim().to_owned()).filter(|origin| !origin.is_empty());
    Ok(LocalHost {
        port,
        address: given("LocalHttpAddress").and_then(scalar).filter(|address| !address.is_empty()),
        cors: cors.collect(),
        cors_credentials,
    })
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    let text = scalar(value)?.trim().to_ascii_lowercase();
    text.parse().ok()
}

/// The settings of a local start without anything computed; see [`merge_with`].
pub fn merge(local: &LocalSettings, env: &Settings) -> (Settings, Vec<String>) {
    merge_with(local, &[], env)
}

/// All settings of a local start, and what to tell the user about them. Lowest to highest: `Values` and
/// `ConnectionStrings`, `computed` by the command line, the process environment. Only
/// `AZURE_FUNCTIONS_ENVIRONMENT` is forced to `Development`.
pub fn merge_with(
    local: &LocalSettings,
    computed: &[(String, String)],
    env: &Settings,
) -> (Settings, Vec<String>) {
    let mut messages = local.warnings.clone();
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (name, value) in &local.values {
        match value {
            _ if name.trim().is_empty() => messages.push("Skipping local setting with empty key.".to_owned()),
            None => messages.push(format!("Skipping '{name}' because value is null")),
            Some(_) if env.get(name).is_some() && !name.eq_ignore_ascii_case(ENVIRONMENT) => {
                messages.push(format!(
                    "Skipping '{name}' from local settings as it's already defined in current environment variables."
                ));
            }
            Some(value) => {
                if value.trim_start().to_ascii_lowercase().starts_with("@microsoft.keyvault(") {
                    messages.push(format!(
                        "Setting '{name}' refers to a Key Vault, which local.settings.json cannot do: the text is used as it is. Put the value itself there."
                    ));
                }
                pairs.push((name.clone(), value.clone()));
            }
        }
    }
    for one in &local.connection_strings {
        let name = format!("ConnectionStrings:{}", one.name);
        match env.get(&name).is_some() {
            true => messages.push(format!(
                "Skipping '{name}' from local settings as it's already defined in current environment variables."
            )),
            false => pairs.push((name, one.text.clone())),
        }
    }
    if let Some(value) = env.get(ENVIRONMENT).filter(|value| *value != "Development") {
        messages
            .push(format!("{ENVIRONMENT} already exists with value '{value}', overriding to 'Development'."));
    }
    pairs.extend(computed.iter().cloned());
    pairs.extend(env.iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
    pairs.push((ENVIRONMENT.to_owned(), "Development".to_owned()));
    (Settings::from_pairs(pairs), messages)
}

impl fmt::Debug for LocalSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.values.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("LocalSettings")
            .field("values", &names)
            .field("host", &self.host)
            .field("connection_strings", &self.connection_strings)
            .field("is_encrypted", &self.is_encrypted)
            .field("warnings", &self.warnings)
            .finish()
    }
}

impl fmt::Debug for LocalConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalConnectionString").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests;
