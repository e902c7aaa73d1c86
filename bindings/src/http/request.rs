//! From the parts of a request to what functions and binding expressions see (spec host.md §3.5).

use std::borrow::Cow;
use std::str;

use super::HttpRequest;
use crate::{BindingData, Json, Value};

/// What a request tells about itself: members of a JSON body, overwritten by query members (never `code`),
/// overwritten by route values; then the dictionaries `Query` and `Headers` if these names are still free. The
/// request itself (`$request`) is left to the caller, who alone knows whether its worker wants it.
pub fn binding_data(request: &HttpRequest) -> BindingData {
    let mut data = BindingData::with_capacity(request.query.len() + request.params.len() + 2);
    if let Some(body) = &request.body
        && body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
        && let Ok(text) = str::from_utf8(body)
    {
        data.add_json_members(text);
    }
    for (name, value) in &request.query {
        if !name.eq_ignore_ascii_case("code") {
            data.insert(name.clone(), Value::String(value.clone()));
        }
    }
    for (name, value) in &request.params {
        data.insert(name.clone(), Value::String(value.clone()));
    }
    for (name, pairs) in [("Query", &request.query), ("Headers", &request.headers)] {
        if data.get(name).is_none() {
            data.push(name, dictionary(pairs));
        }
    }
    data
}

/// A JSON object of texts.
fn dictionary(pairs: &[(String, String)]) -> Value {
    let mut text = String::with_capacity(2 + pairs.iter().map(|(k, v)| k.len() + v.len() + 6).sum::<usize>());
    text.push('{');
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        quote(&mut text, name);
        text.push(':');
        quote(&mut text, value);
    }
    text.push('}');
    Value::Json(Json::from_valid(text))
}

fn quote(out: &mut String, text: &str) {
    if text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.push_str(&serde_json::to_string(text).expect("text always serialises"));
    } else {
        out.push('"');
        out.push_str(text);
        out.push('"');
    }
}

/// The members of a query string (without its `?`), decoded, in order: names ignoring case, values of one name
/// joined by `,`, empty ones only when there is no other.
pub fn query(raw: &str) -> Vec<(String, String)> {
    let mut members: Vec<(String, String)> = Vec::new();
    for part in raw.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        join(&mut members, decode(name), &decode(value));
    }
    members
}

/// Header fields as functions see them: lower-case names, values of one name joined by `,`.
pub fn headers<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    let fields = fields.into_iter();
    let mut headers = Vec::with_capacity(fields.size_hint().0);
    for (name, value) in fields {
        join(&mut headers, Cow::Borrowed(name), value);
    }
    for (name, _) in &mut headers {
        name.make_ascii_lowercase();
    }
    headers
}

fn join(pairs: &mut Vec<(String, String)>, name: Cow<'_, str>, value: &str) {
    match pairs.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
        Some((_, known)) if known.is_empty() => known.push_str(value),
        Some((_, known)) if !value.is_empty() => {
            known.push(',');
            known.push_str(value);
        }
        Some(_) => {}
        None => pairs.push((name.into_owned(), value.to_owned())),
    }
}

/// `+` is a space; escapes are UTF-8, and stay as they are when they are not escapes.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |offset: usize| bytes.get(at + offset).and_then(|byte| char::from(*byte).to_digit(16));
        match (bytes[at], digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits make a byte"));
                at += 3;
                continue;
            }
            (b'+', ..) => decoded.push(b' '),
            (byte, ..) => decoded.push(byte),
        }
        at += 1;
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}
