//! Cuts credentials out of text before anybody sees it (spec host.md §11.6).

use std::borrow::Cow;

use serde_json::Value;

/// What stands in the place of a credential.
pub const HIDDEN: &str = "[Hidden Credential]";

/// A credential begins where one of these ends in `=` (ignoring case); more specific ones come first.
const TOKENS: [&str; 16] = [
    "token=",
    "sharedaccesssignature=",
    "sharedaccesskey=",
    "accesskey=",
    "accountkey=",
    "data source=",
    "server=",
    "password=",
    "pwd=",
    "client_secret=",
    "&amp;sig=",
    "&sig=",
    "?sig=",
    "&amp;code=",
    "&code=",
    "?code=",
];
/// The one token whose beginning is told by what follows the `=`.
const PROTOCOL: (&str, &str) = ("defaultendpointsprotocol=", "http");

/// `text` with every credential replaced by [`HIDDEN`], up to the next quote, `<` or line end. Borrowed, at the
/// price of one scan, when there is none.
pub fn sanitize(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(start) = first_credential(rest) {
        clean.push_str(&rest[..start]);
        clean.push_str(HIDDEN);
        let end = rest[start..].find(['"', '<', '\n', '\r']).map_or(rest.len(), |end| start + end);
        rest = &rest[end..];
    }
    match clean.is_empty() {
        true => Cow::Borrowed(text),
        false => {
            clean.push_str(rest);
            Cow::Owned(clean)
        }
    }
}

/// A copy of `value` in which properties with a telling name and texts with credentials are hidden.
pub fn sanitize_json(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(sanitize(text).into_owned()),
        Value::Array(elements) => elements.iter().map(sanitize_json).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| match value {
                Value::Object(_) | Value::Array(_) | Value::Null => (name.clone(), sanitize_json(value)),
                _ if is_telling(name) => (name.clone(), Value::from(HIDDEN)),
                _ => (name.clone(), sanitize_json(value)),
            })
            .collect(),
        other => other.clone(),
    }
}

fn is_telling(name: &str) -> bool {
    let name = name.to_lowercase();
    ["password", "pwd", "key", "secret", "token", "sas"].iter().any(|part| name.contains(part))
}

fn first_credential(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    for (place, byte) in bytes.iter().enumerate() {
        let found = match byte {
            b'=' => token_before(bytes, place + 1),
            b':' if bytes[place..].starts_with(b"://") => address_around(text, place),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Start of the token that ends at `end`.
fn token_before(text: &[u8], end: usize) -> Option<usize> {
    let ends_with = |token: &str| {
        end >= token.len() && text[end - token.len()..end].eq_ignore_ascii_case(token.as_bytes())
    };
    if ends_with(PROTOCOL.0) {
        let after = text.get(end..end + PROTOCOL.1.len())?;
        return after.eq_ignore_ascii_case(PROTOCOL.1.as_bytes()).then(|| end - PROTOCOL.0.len());
    }
    TOKENS.iter().find(|token| ends_with(token)).map(|token| end - token.len())
}

/// Start of `proto://user:pw@host` around the `://` at `colon`, if it is one.
fn address_around(text: &str, colon: usize) -> Option<usize> {
    let scheme = text[..colon]
        .bytes()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        .count();
    let after = &text[colon + 3..];
    let authority = &after[..after.find(['/', '?', '#', ' ', '"', '<', '\n', '\r']).unwrap_or(after.len())];
    let (user, _) = authority.rsplit_once('@')?;
    (scheme > 0 && user.contains(':')).then(|| colon - scheme)
}

#[cfg(test)]
mod tests;
