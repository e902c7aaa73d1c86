//! One output value into the items that a binding sends, and items into bytes, text or objects
//! (spec bindings.md §1.8).

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value as JsonValue};

use crate::dotnet::number;
use crate::{BindingError, Json, Value, json};

/// The items of `value`: the elements of a JSON array (or of text that holds one) and of a host array, one item for
/// anything else, none for nothing.
pub fn items(value: Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Json(json) => elements(json.as_str()).unwrap_or_else(|| vec![Value::Json(json)]),
        Value::String(text) => from_text(text),
        Value::Strings(texts) => texts.into_iter().map(Value::String).collect(),
        Value::ByteArrays(arrays) => arrays.into_iter().map(Value::Bytes).collect(),
        Value::Doubles(numbers) => numbers.into_iter().map(Value::Double).collect(),
        Value::Ints(numbers) => numbers.into_iter().map(Value::Int).collect(),
        Value::DeferredBatch(references) => references.into_iter().map(Value::Deferred).collect(),
        other => vec![other],
    }
}

/// Text counts as JSON only between matching brackets, so that `hello` and `7` stay what they are.
fn from_text(text: String) -> Vec<Value> {
    let trimmed = text.trim();
    if trimmed.starts_with('[') && trimmed.ends_with(']') {
        if let Some(items) = elements(trimmed) {
            return items;
        }
    } else if trimmed.starts_with('{')
        && trimmed.ends_with('}')
        && let Some(object) = Json::from_text(trimmed.to_owned())
    {
        return vec![Value::Json(object)];
    }
    vec![Value::String(text)]
}

/// The elements of a JSON array, each as its own text; `None` when `text` is anything else.
fn elements(text: &str) -> Option<Vec<Value>> {
    if !text.trim_start().starts_with('[') {
        return None;
    }
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(
        elements.into_iter().map(|element| Value::Json(Json::from_valid(element.get().to_owned()))).collect(),
    )
}

/// `item` as bytes: raw, or UTF-8 of its text form. Bytes are shared, not copied.
pub fn to_bytes(item: &Value) -> Bytes {
    match item {
        Value::Bytes(bytes) => bytes.clone(),
        other => to_text(other).into(),
    }
}

/// `item` as text: strings unquoted, null empty, booleans `True` and `False`, objects and arrays indented.
pub fn to_text(item: &Value) -> String {
    match item {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Json(text) => json::to_text(text.as_str()),
        Value::Int(integer) => integer.to_string(),
        Value::Double(float) => number::double(*float),
        Value::Strings(texts) => indented(texts.iter().map(|text| text.as_str().into())),
        Value::Doubles(numbers) => indented(numbers.iter().map(|number| (*number).into())),
        Value::Ints(numbers) => indented(numbers.iter().map(|number| (*number).into())),
        Value::ByteArrays(arrays) => {
            indented(arrays.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned().into()))
        }
        Value::HttpRequest(request) => {
            request.body.as_ref().map_or_else(String::new, |body| String::from_utf8_lossy(body).into_owned())
        }
        Value::HttpResponse(response) => to_text(&response.body),
        Value::Deferred(reference) => String::from_utf8_lossy(&reference.content).into_owned(),
        Value::DeferredBatch(references) => indented(
            references
                .iter()
                .map(|reference| String::from_utf8_lossy(&reference.content).into_owned().into()),
        ),
    }
}

fn indented(elements: impl Iterator<Item = JsonValue>) -> String {
    json::indented(&JsonValue::Array(elements.collect()).to_string())
}

/// `item` as a JSON object, from JSON, text or bytes that hold one.
pub fn to_object(item: &Value) -> Result<Map<String, JsonValue>, BindingError> {
    let parsed = match item {
        Value::Json(text) => serde_json::from_str(text.as_str()),
        Value::String(text) => serde_json::from_str(text),
        Value::Bytes(bytes) => serde_json::from_slice(bytes),
        other => {
            return Err(BindingError::new(format!("{} cannot be written as a JSON object.", name(other))));
        }
    };
    parsed.map_err(|_| BindingError::new(format!("{} cannot be written as a JSON object.", name(item))))
}

/// What kind of value it is, for error texts: never the value itself.
fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "Nothing",
        Value::String(_) => "Text that does not hold a JSON object",
        Value::Bytes(_) => "A byte array that does not hold a JSON object",
        Value::Json(_) => "A JSON value that is not an object",
        Value::Int(_) | Value::Double(_) => "A number",
        Value::HttpRequest(_) | Value::HttpResponse(_) => "An HTTP message",
        Value::Deferred(_) | Value::DeferredBatch(_) => "A deferred reference",
        Value::Strings(_) | Value::ByteArrays(_) | Value::Doubles(_) | Value::Ints(_) => "A collection",
    }
}

#[cfg(test)]
mod tests;
