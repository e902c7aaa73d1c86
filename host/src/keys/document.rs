//! The documents that hold keys, the same in files and in blobs (spec host.md §5.2).

use std::sync::Arc;

use horus_app::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::generate::{Kind, generate};
use super::{HostKeys, Key};

/// Name of the key that every host and function starts with.
const DEFAULT_KEY: &str = "default";
/// Name of the master key inside its document; the admin API calls it `_master`.
const MASTER_KEY: &str = "master";

/// Why a document's keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// Not JSON, or not of either form. Never shows content.
    #[error("it is not a document of keys")]
    Malformed,
    /// Values were encrypted by a platform whose key we do not have.
    #[error("it is encrypted with a key that is not available here")]
    Encrypted,
}

/// Keys as read; `is_legacy` documents are written back in the present form.
#[derive(Debug)]
pub(super) struct Read<T> {
    /// The keys.
    pub(super) keys: T,
    /// Whether the document has the first form, of bare texts.
    pub(super) is_legacy: bool,
}

/// Who writes documents, for the fields that tell.
#[derive(Debug, Clone, Default)]
pub(super) struct Author {
    /// Public host name.
    pub(super) host_name: Option<String>,
    /// This instance.
    pub(super) instance: String,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    encrypted: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HostDocument<'a> {
    master_key: Entry,
    function_keys: Vec<Entry>,
    system_keys: Vec<Entry>,
    #[serde(flatten)]
    trailer: Trailer<'a>,
}

#[derive(Serialize)]
struct FunctionDocument<'a> {
    keys: Vec<Entry>,
    #[serde(flatten)]
    trailer: Trailer<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trailer<'a> {
    host_name: Option<&'a str>,
    instance_id: &'a str,
    source: &'static str,
    decryption_key_id: &'static str,
}

impl Author {
    fn trailer(&self) -> Trailer<'_> {
        Trailer {
            host_name: self.host_name.as_deref(),
            instance_id: &self.instance,
            source: "runtime",
            decryption_key_id: "",
        }
    }
}

/// The text of the host's document.
pub(super) fn host_text(keys: &HostKeys, author: &Author) -> String {
    let document = HostDocument {
        master_key: entry(&keys.master),
        function_keys: keys.functions.iter().map(entry).collect(),
        system_keys: keys.systems.iter().map(entry).collect(),
        trailer: author.trailer(),
    };
    serde_json::to_string_pretty(&document).expect("texts serialise")
}

/// The text of a function's document.
pub(super) fn function_text(keys: &[Key], author: &Author) -> String {
    let document = FunctionDocument { keys: keys.iter().map(entry).collect(), trailer: author.trailer() };
    serde_json::to_string_pretty(&document).expect("texts serialise")
}

/// The host's keys from their document.
pub(super) fn read_host(text: &[u8]) -> Result<Read<HostKeys>, Unreadable> {
    let document = object(text)?;
    match member(&document, "masterKey") {
        Some(Value::String(master)) => {
            let function = member(&document, "functionKey").and_then(Value::as_str);
            let functions = function.map(|value| Key::new(DEFAULT_KEY, value)).into_iter().collect();
            let keys = HostKeys { master: Key::new(MASTER_KEY, master), functions, systems: Vec::new() };
            Ok(Read { keys, is_legacy: true })
        }
        Some(master @ Value::Object(_)) => {
            let keys = HostKeys {
                master: key(master)?,
                functions: list(member(&document, "functionKeys"))?,
                systems: list(member(&document, "systemKeys"))?,
            };
            Ok(Read { keys, is_legacy: false })
        }
        _ => Err(Unreadable::Malformed),
    }
}

/// A function's keys from their document.
pub(super) fn read_function(text: &[u8]) -> Result<Read<Vec<Key>>, Unreadable> {
    let document = object(text)?;
    if let Some(Value::String(value)) = member(&document, "key") {
        return Ok(Read { keys: vec![Key::new(DEFAULT_KEY, value)], is_legacy: true });
    }
    match member(&document, "keys") {
        keys @ Some(Value::Array(_)) => Ok(Read { keys: list(keys)?, is_legacy: false }),
        _ => Err(Unreadable::Malformed),
    }
}

/// The keys of a host that never had any.
pub(super) fn new_host() -> HostKeys {
    HostKeys {
        master: Key { name: MASTER_KEY.into(), value: generate(Kind::Master) },
        functions: new_function(),
        systems: Vec::new(),
    }
}

/// The keys of a function that never had any.
pub(super) fn new_function() -> Vec<Key> {
    vec![Key { name: DEFAULT_KEY.into(), value: generate(Kind::Function) }]
}

fn object(text: &[u8]) -> Result<Map<String, Value>, Unreadable> {
    // Files written by editors and older hosts may start with a byte order mark.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    serde_json::from_slice(text).map_err(|_| Unreadable::Malformed)
}

fn member<'a>(document: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    document.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn list(value: Option<&Value>) -> Result<Vec<Key>, Unreadable> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(entries)) => entries.iter().map(key).collect(),
        Some(_) => Err(Unreadable::Malformed),
    }
}

fn key(value: &Value) -> Result<Key, Unreadable> {
    let entry = Entry::deserialize(value).map_err(|_| Unreadable::Malformed)?;
    match entry.encrypted {
        true => Err(Unreadable::Encrypted),
        false => Ok(Key { name: Arc::from(entry.name), value: Secret::new(entry.value) }),
    }
}

fn entry(key: &Key) -> Entry {
    Entry { name: key.name.to_string(), value: key.value.reveal().to_owned(), encrypted: false }
}
