//! Partition keys: their paths in a container's definition, their values in documents and headers.

use serde_json::{Map, Value, json};

use super::{
    Fault,
    epk::{self, Spread},
    sql,
};

/// Where the partition key lies in a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KeyPaths {
    /// One list of property names per level.
    pub(super) paths: Vec<Vec<String>>,
    pub(super) spread: Spread,
}

/// One level of a partition key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Component {
    /// The document has no such property.
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

/// A partition key, or the first levels of a hierarchical one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PartitionKey(pub(super) Vec<Component>);

impl KeyPaths {
    /// Reads `partitionKey` of a container's definition.
    pub(super) fn of(definition: &Value) -> Result<Self, Fault> {
        let invalid =
            |why: &str| Fault::bad_request(format!("The partition key definition is invalid: {why}."));
        let paths =
            definition.get("paths").and_then(Value::as_array).ok_or_else(|| invalid("'paths' is missing"))?;
        let hierarchical = definition.get("kind").is_some_and(|kind| kind == "MultiHash");
        if paths.is_empty() || paths.len() > if hierarchical { 3 } else { 1 } {
            return Err(invalid("a Hash key has 1 path, a MultiHash key up to 3"));
        }
        let paths: Option<Vec<_>> = paths.iter().map(|path| properties(path.as_str()?)).collect();
        let paths = paths.ok_or_else(|| invalid("a path looks like /property or /outer/inner"))?;
        let version = definition.get("version").and_then(Value::as_u64).unwrap_or(1);
        let spread = match (hierarchical, version) {
            (true, _) => Spread::Multi,
            (false, 2) => Spread::HashV2,
            (false, _) => Spread::HashV1,
        };
        Ok(Self { paths, spread })
    }

    /// The partition key of `document`.
    pub(super) fn extract(&self, document: &Map<String, Value>) -> Result<PartitionKey, Fault> {
        let component = |path: &Vec<String>| {
            let (first, rest) = path.split_first().expect("a path has at least one property");
            let value = rest.iter().try_fold(document.get(first)?, |value, name| value.get(name));
            value.map(Component::of)
        };
        let components: Option<Vec<_>> =
            self.paths.iter().map(|path| component(path).unwrap_or(Some(Component::Undefined))).collect();
        components.map(PartitionKey).ok_or_else(|| {
            Fault::bad_request("The partition key of a document must be a string, number, boolean or null.")
        })
    }

    /// Reads `x-ms-documentdb-partitionkey`: a JSON array in which `{}` stands for no value.
    pub(super) fn parse_header(&self, text: &str) -> Result<PartitionKey, Fault> {
        let invalid = || Fault::bad_request(format!("Partition key {text} is invalid."));
        let values: Vec<Value> = serde_json::from_str(text).map_err(|_| invalid())?;
        if values.is_empty() {
            // How clients write "no value" for containers that were made without a partition key.
            return Ok(PartitionKey(vec![Component::Undefined; self.paths.len()]));
        }
        if values.len() > self.paths.len() {
            return Err(invalid());
        }
        let component = |value: &Value| match value {
            Value::Object(object) if object.is_empty() => Some(Component::Undefined),
            other => Component::of(other),
        };
        let components: Option<Vec<_>> = values.iter().map(component).collect();
        components.map(PartitionKey).ok_or_else(invalid)
    }

    /// The effective partition key of `key`.
    pub(super) fn effective(&self, key: &PartitionKey) -> String {
        epk::of(key, self.spread)
    }

    /// Whether `key` names one logical partition, not a range of them.
    pub(super) fn is_complete(&self, key: &PartitionKey) -> bool {
        key.0.len() == self.paths.len()
    }
}

impl Component {
    fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.as_f64()?),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(_) | Value::Object(_) => return None,
        })
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Undefined => json!({}),
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => sql::number(*number).unwrap_or_default(),
            Self::Text(text) => Value::from(text.as_str()),
        }
    }
}

impl PartitionKey {
    /// The key as the header has it. One text per key; contains no zero byte.
    pub(super) fn text(&self) -> String {
        Value::Array(self.0.iter().map(Component::to_value).collect()).to_string()
    }

    /// What the texts of all complete keys below this one begin with.
    pub(super) fn prefix_text(&self) -> String {
        let mut text = self.text();
        text.pop();
        text + ","
    }

    /// Reads [`PartitionKey::text`].
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let values: Vec<Value> = serde_json::from_str(text).ok()?;
        let component = |value: &Value| Component::of(value).unwrap_or(Component::Undefined);
        Some(Self(values.iter().map(component).collect()))
    }

    /// Whether `self` is `other` or its first levels.
    pub(super) fn covers(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

/// `/outer/"in ner"` to its names; `None` when the path is malformed.
pub(super) fn properties(path: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = path.strip_prefix('/')?;
    loop {
        let (name, tail) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        };
        if name.is_empty() {
            return None;
        }
        names.push(name.to_owned());
        match tail.strip_prefix('/') {
            Some(next) => rest = next,
            None if tail.is_empty() => return Some(names),
            None => return None,
        }
    }
}
