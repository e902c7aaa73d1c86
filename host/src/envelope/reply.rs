//! The message that comes back.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use horus_bindings::{Json, Value, json};
use serde_json::value::RawValue;

use super::{EnvelopeError, Output, Reply, Shape, http};

/// What .NET takes for base64, which is what decides here: padded, loose bits at the end allowed.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

const RETURN: &str = "$return";

impl Shape {
    /// Reads a reply. Names ignore case and everything is optional; an empty reply, or `null`, has no outputs.
    ///
    /// # Errors
    /// When the reply is no JSON object, or a member has a type that means nothing.
    pub fn reply(&self, reply: &[u8]) -> Result<Reply, EnvelopeError> {
        let malformed = |what: &str| EnvelopeError::Malformed(what.to_owned());
        let text = std::str::from_utf8(reply).map_err(|_| malformed("the reply is not UTF-8"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
        if text.is_empty() || text == "null" {
            return Ok(Reply::default());
        }
        let members = Members::of(text).ok_or_else(|| malformed("the reply is not a JSON object"))?;
        let mut read = Reply::default();
        if let Some(logs) = members.get("Logs") {
            read.logs = lines(logs).ok_or_else(|| malformed("'Logs' must be a list of texts"))?;
        }
        let given = match members.get("Outputs") {
            Some(outputs) => Members::of(outputs).ok_or_else(|| malformed("'Outputs' must be an object"))?,
            None => Members(Vec::new()),
        };
        let is_known = |name: &str| self.outputs.iter().any(|output| output.name.eq_ignore_ascii_case(name));
        read.unknown = given.names().filter(|name| !is_known(name)).map(str::to_owned).collect();
        for output in &self.outputs {
            let is_return = output.name == RETURN;
            let value = match given.get(&output.name) {
                Some(value) => self::value(output, value)?,
                None => Value::Null,
            };
            let value = match members.get("ReturnValue").filter(|_| is_return) {
                Some(value) => self::value(output, value)?,
                None => value,
            };
            match is_return {
                true => read.outputs.return_value = value,
                false if value.is_null() => {}
                false => read.outputs.values.push((output.name.clone(), value)),
            }
        }
        Ok(read)
    }
}

/// The value of one output. Only named `http` outputs describe a response; one that is returned goes by the rules
/// for any returned value (spec host.md §3.7).
fn value(output: &Output, text: &str) -> Result<Value, EnvelopeError> {
    if output.is_http && output.name != RETURN {
        return http::read(&output.name, text);
    }
    Ok(match json::kind(text) {
        json::Kind::Null => Value::Null,
        json::Kind::Scalar(plain) if text.starts_with('"') => {
            match (!output.is_binary).then(|| from_base64(&plain)).flatten() {
                Some(bytes) => Value::Bytes(bytes),
                None => Value::String(plain),
            }
        }
        _ => Value::Json(Json::from_valid(json::compact(text))),
    })
}

/// The reference host takes every text that can be read as base64 for bytes.
fn from_base64(text: &str) -> Option<Bytes> {
    let is_space = |letter: char| matches!(letter, ' ' | '\t' | '\r' | '\n');
    let decoded = match text.contains(is_space) {
        true => BASE64.decode(text.replace(is_space, "")),
        false => BASE64.decode(text),
    };
    decoded.ok().map(Bytes::from)
}

fn lines(text: &str) -> Option<Vec<String>> {
    let lines: Vec<&RawValue> = match json::kind(text) {
        json::Kind::Null => return Some(Vec::new()),
        json::Kind::Array => serde_json::from_str(text).ok()?,
        _ => return None,
    };
    let plain = |line: &RawValue| match json::kind(line.get()) {
        json::Kind::Scalar(plain) => plain,
        _ => json::compact(line.get()),
    };
    Some(lines.into_iter().map(plain).collect())
}

/// The members of an object, found ignoring case; a later one wins, null is absent.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    fn of(text: &'a str) -> Option<Self> {
        json::members(text).map(Self)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.0.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1.get();
        (json::kind(found) != json::Kind::Null).then_some(found)
    }
}
