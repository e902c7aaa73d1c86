//! From what a function gave to the reply that the client gets (spec host.md §3.7).
//!
//! Where this and spec bindings.md §2.4 differ, host.md holds: a function that succeeds without a value for its
//! `http` output replies 200 with an empty body, not 204.

mod cookie;
mod envelope;
mod negotiate;

use bytes::Bytes;

use super::HttpResponse;
use crate::dotnet::number;
use crate::{BindingError, Value, json};

const TEXT: &str = "text/plain; charset=utf-8";

/// A reply, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Status, 100 to 999.
    pub status: u16,
    /// Header fields in the function's spelling and order; `Set-Cookie` is in `cookies`. Not yet checked for
    /// characters that HTTP does not allow.
    pub headers: Vec<(String, String)>,
    /// `Set-Cookie` texts.
    pub cookies: Vec<String>,
    /// The body.
    pub body: Bytes,
    /// Names of headers that were left out because an earlier one has the same name; worth a debug line.
    pub duplicates: Vec<String>,
}

impl Reply {
    fn new(status: u16, content_type: Option<&str>, body: Bytes) -> Self {
        let headers =
            content_type.map(|text| ("Content-Type".to_owned(), text.to_owned())).into_iter().collect();
        Self { status, headers, cookies: Vec::new(), body, duplicates: Vec::new() }
    }
}

/// The reply for `value`, the value of the `http` output ([`Value::Null`] when the function gave none). `accept` is
/// the request's `Accept` header. An error fails the invocation.
pub fn reply(value: Value, accept: Option<&str>) -> Result<Reply, BindingError> {
    match value {
        Value::HttpResponse(response) => respond(*response, accept),
        Value::Null => Ok(Reply::new(200, None, Bytes::new())),
        Value::Bytes(bytes) => Ok(Reply::new(200, None, bytes)),
        Value::Json(json) => from_json(json.as_str(), accept),
        Value::String(text) if json::is_valid(&text) => from_json(&text, accept),
        Value::String(text) => Ok(Reply::new(200, Some(TEXT).filter(|_| !text.is_empty()), text.into())),
        Value::Int(integer) => Ok(Reply::new(200, Some(TEXT), integer.to_string().into())),
        Value::Double(float) => Ok(Reply::new(200, Some(TEXT), number::double(float).into())),
        _ => Err(unsupported()),
    }
}

/// A JSON value that is not inside a response message: an object with a `body` describes a response, everything else
/// is the body.
fn from_json(text: &str, accept: Option<&str>) -> Result<Reply, BindingError> {
    if json::kind(text) == json::Kind::Object
        && let Some(response) = envelope::read(text)
    {
        return respond(response, accept);
    }
    let body = json::to_text(text);
    Ok(Reply::new(200, Some(TEXT).filter(|_| !body.is_empty()), body.into()))
}

impl HttpResponse {
    /// What becomes of a message that lacks its body field altogether: the reference host then takes the message for
    /// the body, and so does Horus (spec host.md §3.7). A field that is present but empty is [`Value::Null`] instead.
    pub fn without_body_field(self) -> Self {
        Self { body: Value::String(envelope::write(&self)), ..Self::default() }
    }
}

fn respond(response: HttpResponse, accept: Option<&str>) -> Result<Reply, BindingError> {
    let status = status(response.status.as_deref())?;
    let (mut headers, duplicates) = headers(response.headers)?;
    if response.enable_content_negotiation
        && let Some((content_type, body)) =
            negotiate::represent(&response.body, content_type(&headers), accept)
    {
        // Cookies are not set on this path (spec host.md §3.7).
        set_content_type(&mut headers, content_type);
        return Ok(Reply { status, headers, cookies: Vec::new(), body, duplicates });
    }
    let cookies = response.cookies.iter().map(cookie::set).collect::<Result<_, _>>()?;
    let text = match response.body {
        Value::Bytes(body) => return Ok(Reply { status, headers, cookies, body, duplicates }),
        Value::Null => return Ok(Reply { status, headers, cookies, body: Bytes::new(), duplicates }),
        Value::String(text) => text,
        Value::Json(json) => json::to_text(json.as_str()),
        Value::Int(integer) => integer.to_string(),
        Value::Double(float) => number::double(float),
        _ => return Err(unsupported()),
    };
    match headers.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        Some((_, content_type)) if has_charset(content_type) => {}
        Some((_, content_type)) => content_type.push_str("; charset=utf-8"),
        None => headers.push(("Content-Type".to_owned(), TEXT.to_owned())),
    }
    Ok(Reply { status, headers, cookies, body: text.into(), duplicates })
}

fn unsupported() -> BindingError {
    BindingError::new("The value returned for the 'http' output binding cannot be written as an HTTP body.")
}

/// 200 for anything that is not an integer; an integer that is no status fails.
fn status(text: Option<&str>) -> Result<u16, BindingError> {
    let Some(code) = text.and_then(|text| text.trim().parse::<i64>().ok()) else { return Ok(200) };
    u16::try_from(code)
        .ok()
        .filter(|code| (100..=999).contains(code))
        .ok_or_else(|| BindingError::new(format!("The HTTP status code {code} is outside of 100 to 999.")))
}

type Headers = (Vec<(String, String)>, Vec<String>);

/// The header fields that are the function's to set, the first of each name, and the names of the others.
fn headers(given: Vec<(String, Option<String>)>) -> Result<Headers, BindingError> {
    let mut headers: Vec<(String, String)> = Vec::with_capacity(given.len() + 1);
    let mut duplicates = Vec::new();
    for (name, value) in given {
        let Some(value) = value else {
            return Err(BindingError::new(if name.eq_ignore_ascii_case("content-type") {
                "content-type header cannot be null".to_owned()
            } else {
                format!("The value of header '{name}' cannot be null")
            }));
        };
        // The server computes these itself.
        if name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding") {
            continue;
        }
        if headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            duplicates.push(name);
        } else {
            headers.push((name, value));
        }
    }
    Ok((headers, duplicates))
}

fn content_type(headers: &[(String, String)]) -> Option<&str> {
    headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .map(|(_, value)| value.as_str())
}

fn set_content_type(headers: &mut Vec<(String, String)>, value: String) {
    match headers.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        Some((_, known)) => *known = value,
        None => headers.push(("Content-Type".to_owned(), value)),
    }
}

fn has_charset(content_type: &str) -> bool {
    content_type.split(';').skip(1).any(|parameter| {
        parameter.trim().split('=').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("charset"))
    })
}

#[cfg(test)]
mod tests;
