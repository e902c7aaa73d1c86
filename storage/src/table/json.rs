//! Entities as OData JSON, at the three levels of metadata.
//! <https://learn.microsoft.com/rest/api/storageservices/payload-format-for-table-service-operations>

use super::address::Key;
use super::codes::{ATOM, DUPLICATE_PROPERTIES, JSON};
use super::entity::{Entity, Value, ticks_in, ticks_text};
use crate::protocol::fault::INVALID_INPUT;
use crate::protocol::{Call, Fault};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Number, Value as Json};

/// How much a client wants to be told about types and links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    None,
    Minimal,
    Full,
}

impl Level {
    pub(super) fn of(call: &Call) -> Result<Self, Fault> {
        let format = call.query.get("$format");
        let accept = match format {
            Some(format) => format,
            None => call.header("accept")?.unwrap_or(""),
        };
        let accept = accept.to_ascii_lowercase();
        if accept.contains("odata=nometadata") {
            Ok(Self::None)
        } else if accept.contains("odata=fullmetadata") {
            Ok(Self::Full)
        } else if accept.contains("atom") && !accept.contains("json") {
            Err(ATOM.into())
        } else {
            Ok(Self::Minimal)
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::None => "application/json;odata=nometadata;streaming=true;charset=utf-8",
            Self::Minimal => "application/json;odata=minimalmetadata;streaming=true;charset=utf-8",
            Self::Full => "application/json;odata=fullmetadata;streaming=true;charset=utf-8",
        }
    }
}

/// The entity in a request body: its keys, if given, and its properties.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) partition: Option<String>,
    pub(super) row: Option<String>,
    pub(super) properties: Vec<(String, Value)>,
}

const TYPE: &str = "@odata.type";

/// Reads an entity. `null` properties do not exist, as at the service.
pub(super) fn parse(body: &[u8]) -> Result<Parsed, Fault> {
    let invalid =
        |reason: String| JSON.because(format!("An error occurred while processing this request: {reason}."));
    let members: Map<String, Json> =
        serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))?;
    let mut parsed = Parsed { partition: None, row: None, properties: Vec::new() };
    for (name, value) in &members {
        let system = name.starts_with("odata.") || name.contains('@') || name == "Timestamp";
        if system || value.is_null() {
            continue;
        }
        let stated = members.get(&format!("{name}{TYPE}")).and_then(Json::as_str);
        match name.as_str() {
            "PartitionKey" | "RowKey" => {
                let text = value.as_str().ok_or_else(|| invalid(format!("{name} is not a string")))?;
                let key = if name == "RowKey" { &mut parsed.row } else { &mut parsed.partition };
                *key = Some(text.to_owned());
            }
            _ => {
                let typed = typed(value, stated).ok_or_else(|| {
                    let kind = stated.unwrap_or("a type of the table service");
                    INVALID_INPUT.because(format!("The value of the property '{name}' is not {kind}."))
                })?;
                parsed.properties.push((name.clone(), typed));
            }
        }
    }
    let duplicate = parsed
        .properties
        .iter()
        .enumerate()
        .any(|(at, (name, _))| parsed.properties[..at].iter().any(|(known, _)| known == name));
    if duplicate { Err(DUPLICATE_PROPERTIES.into()) } else { Ok(parsed) }
}

fn typed(value: &Json, stated: Option<&str>) -> Option<Value> {
    match (stated, value) {
        (None | Some("Edm.Boolean"), Json::Bool(value)) => Some(Value::Boolean(*value)),
        (None | Some("Edm.String"), Json::String(text)) => Some(Value::String(text.clone())),
        (None, Json::Number(number)) => match number.as_i64().map(i32::try_from) {
            Some(Ok(small)) => Some(Value::Int32(small)),
            _ => number.as_f64().map(Value::Double),
        },
        (Some("Edm.Int32"), value) => number_text(value)?.parse().ok().map(Value::Int32),
        (Some("Edm.Int64"), value) => number_text(value)?.parse().ok().map(Value::Int64),
        (Some("Edm.Double"), value) => match number_text(value)?.as_str() {
            "Infinity" => Some(Value::Double(f64::INFINITY)),
            "-Infinity" => Some(Value::Double(f64::NEG_INFINITY)),
            text => text.parse().ok().map(Value::Double),
        },
        (Some("Edm.Boolean"), Json::String(text)) => text.parse().ok().map(Value::Boolean),
        (Some("Edm.DateTime"), Json::String(text)) => ticks_in(text).map(Value::DateTime),
        (Some("Edm.Guid"), Json::String(text)) => uuid::Uuid::parse_str(text).ok().map(Value::Guid),
        (Some("Edm.Binary"), Json::String(text)) => STANDARD.decode(text).ok().map(Value::Binary),
        _ => None,
    }
}

fn number_text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Writes entities of one table for one request.
pub(super) struct Writer<'a> {
    pub(super) call: &'a Call,
    pub(super) table: &'a str,
    pub(super) level: Level,
    /// `$select`: only these, when given.
    pub(super) only: Option<Vec<String>>,
}

impl<'a> Writer<'a> {
    pub(super) fn of(call: &'a Call, table: &'a str) -> Result<Self, Fault> {
        let only = call.query.get("$select").filter(|list| !list.trim().is_empty() && *list != "*");
        let only = only.map(|list| list.split(',').map(|name| name.trim().to_owned()).collect());
        Ok(Self { call, table, level: Level::of(call)?, only })
    }

    fn shows(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|wanted| wanted == name))
    }

    /// The `odata.metadata` address; `element` marks a single entity.
    pub(super) fn context(&self, element: bool) -> String {
        let suffix = if element { "/@Element" } else { "" };
        format!("{}/$metadata#{}{suffix}", self.call.endpoint(), self.table)
    }

    /// One entity as a JSON object.
    pub(super) fn entity(&self, key: &Key, entity: &Entity) -> Map<String, Json> {
        let mut object = Map::new();
        let mut put = |name: &str, value: Json| object.insert(name.to_owned(), value);
        if self.level == Level::Full {
            let link = link(self.table, key);
            put("odata.type", format!("{}.{}", self.call.account, self.table).into());
            put("odata.id", format!("{}/{link}", self.call.endpoint()).into());
            put("odata.editLink", link.into());
        }
        if self.level != Level::None {
            put("odata.etag", entity.etag().into());
        }
        for (name, text) in [("PartitionKey", &key.partition), ("RowKey", &key.row)] {
            if self.shows(name) {
                put(name, text.as_str().into());
            }
        }
        if self.shows("Timestamp") {
            if self.level == Level::Full {
                put("Timestamp@odata.type", "Edm.DateTime".into());
            }
            put("Timestamp", ticks_text(entity.stamp).into());
        }
        for (name, value) in entity.properties.iter().filter(|(name, _)| self.shows(name)) {
            let (value, stated) = untyped(value);
            if let Some(stated) = stated.filter(|_| self.level != Level::None) {
                put(&format!("{name}{TYPE}"), stated.into());
            }
            put(name, value);
        }
        object
    }
}

/// `table(PartitionKey='p',RowKey='r')`
pub(super) fn link(table: &str, key: &Key) -> String {
    let quoted = |text: &str| utf8_percent_encode(&text.replace('\'', "''"), NON_ALPHANUMERIC).to_string();
    format!("{table}(PartitionKey='{}',RowKey='{}')", quoted(&key.partition), quoted(&key.row))
}

/// The JSON form and, where JSON alone does not tell, the type.
fn untyped(value: &Value) -> (Json, Option<&'static str>) {
    match value {
        Value::String(text) => (text.as_str().into(), None),
        Value::Int32(number) => ((*number).into(), None),
        Value::Int64(number) => (number.to_string().into(), Some("Edm.Int64")),
        Value::Boolean(value) => ((*value).into(), None),
        Value::Double(number) => match Number::from_f64(*number) {
            Some(number) => (Json::Number(number), None),
            None if number.is_nan() => ("NaN".into(), Some("Edm.Double")),
            None if *number > 0.0 => ("Infinity".into(), Some("Edm.Double")),
            None => ("-Infinity".into(), Some("Edm.Double")),
        },
        Value::DateTime(ticks) => (ticks_text(*ticks).into(), Some("Edm.DateTime")),
        Value::Guid(guid) => (guid.to_string().into(), Some("Edm.Guid")),
        Value::Binary(bytes) => (STANDARD.encode(bytes).into(), Some("Edm.Binary")),
    }
}
