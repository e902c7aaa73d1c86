//! The message that goes in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use horus_bindings::{DeferredReference, Value, json};

use super::{Moment, Shape, http};
use crate::invoke::{Invocation, RetryContext};

impl Shape {
    /// The message for `invocation`: its values under the names of their bindings, and what its event tells about
    /// itself. Both follow the reference host: texts are JSON inside a JSON string, so `hello` is `"\"hello\""`.
    pub fn request(&self, invocation: &Invocation, moment: &Moment) -> String {
        let mut text = String::with_capacity(512);
        text.push_str("{\"Data\":{");
        name(&mut text, &self.trigger);
        value(&mut text, &invocation.trigger);
        for (input, read) in self.inputs.iter().zip(&invocation.inputs) {
            name(&mut text, input);
            value(&mut text, read);
        }
        text.push_str("},\"Metadata\":{");
        for (key, entry) in invocation.data.iter().filter(|(key, entry)| self.is_metadata(key, entry)) {
            name(&mut text, key);
            value(&mut text, entry);
        }
        name(&mut text, "sys");
        let members =
            [("MethodName", &self.function), ("UtcNow", &moment.utc_now), ("RandGuid", &moment.rand_guid)];
        text.push('{');
        for (key, member) in members {
            name(&mut text, key);
            quote(&mut text, member);
        }
        text.push('}');
        if let Some(context) = &invocation.retry {
            name(&mut text, "RetryContext");
            retry(&mut text, context);
        }
        text.push_str("}}");
        text
    }

    /// A value that is neither text nor bytes, as JSON: what messages put into a JSON string.
    pub fn json(value: &Value) -> String {
        let mut text = String::new();
        self::value(&mut text, value);
        // Inside a message it is the text of a JSON string; alone it is that text.
        serde_json::from_str(&text).unwrap_or(text)
    }

    /// The trigger's value is in `Data` already; requests and values of triggers are never repeated.
    fn is_metadata(&self, key: &str, value: &Value) -> bool {
        const TRIGGER: &[u8] = b"trigger";
        let ends_in_trigger = key.len() >= TRIGGER.len()
            && key.as_bytes()[key.len() - TRIGGER.len()..].eq_ignore_ascii_case(TRIGGER);
        let is_null = match value {
            Value::Json(json) => json::kind(json.as_str()) == json::Kind::Null,
            value => value.is_null(),
        };
        !is_null
            && !matches!(value, Value::HttpRequest(_))
            && !ends_in_trigger
            && !key.eq_ignore_ascii_case("sys")
            && !key.eq_ignore_ascii_case(&self.trigger)
    }
}

/// A member's name, with what separates it from the one before. No member's value ends in a brace that opens.
pub(super) fn name(out: &mut String, name: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    quote(out, name);
    out.push(':');
}

/// A JSON string.
pub(super) fn quote(out: &mut String, text: &str) {
    out.push_str(&serde_json::to_string(text).expect("text always serialises"));
}

/// Bytes as base64.
pub(super) fn bytes(out: &mut String, bytes: &[u8]) {
    out.push('"');
    STANDARD.encode_string(bytes, out);
    out.push('"');
}

/// A value as the reference host writes it: requests and objects as they are, dates and bytes as plain text, and
/// everything else as the text of its JSON.
fn value(out: &mut String, value: &Value) {
    match value {
        Value::HttpRequest(request) => http::write(out, request),
        Value::Bytes(content) => bytes(out, content),
        Value::Json(json) => match json.as_str().trim_start().as_bytes().first() {
            // Only dates travel inside the host as JSON strings.
            Some(b'{' | b'"') => out.push_str(json.as_str()),
            _ => quote(out, json.as_str()),
        },
        Value::Deferred(reference) => deferred(out, reference),
        Value::String(text) => inner(out, &text.as_str().into()),
        Value::Null | Value::HttpResponse(_) => quote(out, "null"),
        Value::Int(number) => quote(out, &number.to_string()),
        Value::Double(number) => inner(out, &(*number).into()),
        Value::Strings(texts) => inner(out, &texts.as_slice().into()),
        Value::Doubles(numbers) => inner(out, &numbers.as_slice().into()),
        Value::Ints(numbers) => inner(out, &numbers.as_slice().into()),
        Value::ByteArrays(arrays) => {
            inner(out, &arrays.iter().map(|array| STANDARD.encode(array)).collect::<Vec<_>>().into());
        }
        Value::DeferredBatch(references) => {
            let mut text = String::from("[");
            for reference in references {
                if text.len() > 1 {
                    text.push(',');
                }
                deferred(&mut text, reference);
            }
            text.push(']');
            quote(out, &text);
        }
    }
}

/// JSON as the text of a JSON string.
fn inner(out: &mut String, value: &serde_json::Value) {
    quote(out, &value.to_string());
}

fn deferred(out: &mut String, reference: &DeferredReference) {
    out.push('{');
    for (key, text) in
        [("Version", "1.0"), ("Source", reference.source), ("ContentType", reference.content_type)]
    {
        name(out, key);
        quote(out, text);
    }
    name(out, "Content");
    bytes(out, &reference.content);
    out.push('}');
}

fn retry(out: &mut String, context: &RetryContext) {
    let max = context.max.map_or(-1, i64::from);
    out.push_str(&format!("{{\"RetryCount\":{},\"MaxRetryCount\":{max}", context.count));
    if let Some(exception) = &context.exception {
        out.push_str(",\"Exception\":{\"Message\":");
        quote(out, exception);
        out.push('}');
    }
    out.push('}');
}
