//! JSON texts: laid out anew without losing a digit, and their scalars as plain text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::dotnet::number;

/// `text`, which is valid JSON, without a space that does not matter.
pub fn compact(text: &str) -> String {
    write(text, None)
}

/// `text`, which is valid JSON, indented by two spaces, one member or element per line: the form in which objects
/// and arrays reach queues, hubs and HTTP bodies (spec bindings.md §1.8, host.md §3.7).
pub fn indented(text: &str) -> String {
    write(text, Some(0))
}

/// Copies tokens instead of values: numbers of any size and the order of members survive.
fn write(text: &str, mut depth: Option<usize>) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let mut at = 0;
    while at < bytes.len() {
        let end = token_end(bytes, at);
        let token = &text[at..end];
        match bytes[at] {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            open @ (b'{' | b'[') => {
                out.push_str(token);
                let close = if open == b'{' { b'}' } else { b']' };
                let next =
                    bytes[end..].iter().position(|byte| !byte.is_ascii_whitespace()).map(|skip| end + skip);
                if let Some(next) = next.filter(|next| bytes[*next] == close) {
                    out.push(char::from(close));
                    at = next + 1;
                    continue;
                }
                if let Some(depth) = &mut depth {
                    *depth += 1;
                    line(&mut out, *depth);
                }
            }
            b'}' | b']' => {
                if let Some(depth) = &mut depth {
                    *depth = depth.saturating_sub(1);
                    line(&mut out, *depth);
                }
                out.push_str(token);
            }
            b',' => {
                out.push(',');
                if let Some(depth) = depth {
                    line(&mut out, depth);
                }
            }
            b':' => out.push_str(if depth.is_some() { ": " } else { ":" }),
            b'"' if token.contains('\\') => out.push_str(&unescaped(token)),
            _ => out.push_str(token),
        }
        at = end;
    }
    out
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// Where the token that starts at `at` ends: a string, a scalar, or one structural byte.
fn token_end(bytes: &[u8], at: usize) -> usize {
    match bytes[at] {
        b'"' => {
            let mut end = at + 1;
            while end < bytes.len() && bytes[end] != b'"' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            (end + 1).min(bytes.len())
        }
        b'{' | b'}' | b'[' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => at + 1,
        _ => {
            let rest = &bytes[at..];
            at + rest.iter().position(|byte| b"{}[],: \t\n\r\"".contains(byte)).unwrap_or(rest.len()).max(1)
        }
    }
}

/// A string token with no more escapes than JSON demands.
fn unescaped(token: &str) -> Cow<'_, str> {
    match serde_json::from_str::<String>(token).and_then(|text| serde_json::to_string(&text)) {
        Ok(plain) => plain.into(),
        Err(_) => token.into(),
    }
}

/// What a JSON text is, by its first byte; scalars already in the platform's plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// A string, unquoted; a number in invariant text; `True` or `False`.
    Scalar(String),
    /// An object.
    Object,
    /// An array.
    Array,
}

/// Classifies `text`, which is valid JSON.
pub fn kind(text: &str) -> Kind {
    let text = text.trim();
    match text.as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'n') | None => Kind::Null,
        Some(b't') => Kind::Scalar("True".into()),
        Some(b'f') => Kind::Scalar("False".into()),
        Some(b'"') => Kind::Scalar(serde_json::from_str(text).unwrap_or_default()),
        Some(_) => Kind::Scalar(number::json(text)),
    }
}

/// The plain text of `text`, which is valid JSON: scalars as in [`Kind::Scalar`], null empty, objects and arrays
/// indented.
pub fn to_text(text: &str) -> String {
    match kind(text) {
        Kind::Null => String::new(),
        Kind::Scalar(plain) => plain,
        Kind::Object | Kind::Array => indented(text),
    }
}

/// Whether `text` is JSON. Looks at the first character before it parses, since most texts are not.
pub fn is_valid(text: &str) -> bool {
    let plausible = |byte: u8| matches!(byte, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n');
    text.trim_start().bytes().next().is_some_and(plausible)
        && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// The members of the JSON object in `text` in order, their values left as text; `None` when it holds none.
pub fn members(text: &str) -> Option<Vec<(String, &RawValue)>> {
    serde_json::from_str::<Members<'_>>(text).ok().map(|members| members.0)
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests;
