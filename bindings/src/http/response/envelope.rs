//! Responses described by a JSON object: `{"statusCode":201,"body":…}`.

use chrono::DateTime;
use serde_json::value::RawValue;
use serde_json::{Map, Value as JsonValue};

use crate::http::{Cookie, HttpResponse, SameSite};
use crate::{Json, Value, json};

/// The response that the object in `text` describes; `None` without a `body` member. Names ignore case.
pub(super) fn read(text: &str) -> Option<HttpResponse> {
    let members = Members(json::members(text)?);
    let body = members.get("body")?;
    let negotiate =
        members.scalar("enableContentNegotiation").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
    Some(HttpResponse {
        status: members.scalar("statusCode").or_else(|| members.scalar("status")),
        headers: members.get("headers").map(headers).unwrap_or_default(),
        cookies: members.get("cookies").map(cookies).unwrap_or_default(),
        body: value(body, negotiate),
        enable_content_negotiation: negotiate,
    })
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.get())
    }

    fn scalar(&self, name: &str) -> Option<String> {
        scalar(self.get(name)?)
    }
}

fn scalar(text: &str) -> Option<String> {
    match json::kind(text) {
        json::Kind::Scalar(plain) => Some(plain),
        _ => None,
    }
}

/// A nested body: objects and arrays are sent compact, unlike those that are a body by themselves.
fn value(text: &str, negotiate: bool) -> Value {
    match json::kind(text) {
        json::Kind::Null => Value::Null,
        json::Kind::Scalar(_) if negotiate && !text.starts_with('"') => {
            Value::Json(Json::from_valid(text.to_owned()))
        }
        json::Kind::Scalar(plain) => Value::String(plain),
        json::Kind::Object | json::Kind::Array if negotiate => Value::Json(Json::from_valid(text.to_owned())),
        json::Kind::Object | json::Kind::Array => Value::String(json::compact(text)),
    }
}

fn headers(text: &str) -> Vec<(String, Option<String>)> {
    let field = |(name, value): (String, &RawValue)| match json::kind(value.get()) {
        json::Kind::Null => (name, None),
        json::Kind::Scalar(plain) => (name, Some(plain)),
        json::Kind::Object | json::Kind::Array => (name, Some(json::compact(value.get()))),
    };
    json::members(text).unwrap_or_default().into_iter().map(field).collect()
}

fn cookies(text: &str) -> Vec<Cookie> {
    let cookies: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
    cookies
        .into_iter()
        .filter_map(|cookie| json::members(cookie.get()))
        .map(|m| cookie(&Members(m)))
        .collect()
}

fn cookie(members: &Members<'_>) -> Cookie {
    let flag = |name: &str| members.scalar(name).map(|text| text.eq_ignore_ascii_case("true"));
    Cookie {
        name: members.scalar("name").unwrap_or_default(),
        value: members.scalar("value").unwrap_or_default(),
        domain: members.scalar("domain"),
        path: members.scalar("path"),
        expires: members.scalar("expires").and_then(|text| expiry(&text)),
        secure: flag("secure"),
        http_only: flag("httpOnly"),
        same_site: match members.scalar("sameSite").unwrap_or_default().to_ascii_lowercase().as_str() {
            "lax" | "1" => SameSite::Lax,
            "strict" | "2" => SameSite::Strict,
            "none" | "explicitnone" | "3" => SameSite::None,
            _ => SameSite::Unspecified,
        },
        max_age: members.scalar("maxAge").and_then(|text| text.parse().ok()),
    }
}

/// ISO 8601, the date of HTTP, or milliseconds since 1970.
fn expiry(text: &str) -> Option<DateTime<chrono::Utc>> {
    let parsed = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text));
    match parsed {
        Ok(date) => Some(date.to_utc()),
        Err(_) => text.parse().ok().and_then(DateTime::from_timestamp_millis),
    }
}

/// The message itself as compact JSON, in the order and with the members of the reference host.
pub(super) fn write(response: &HttpResponse) -> String {
    let headers: Map<String, JsonValue> =
        response.headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let cookies: Vec<JsonValue> = response
        .cookies
        .iter()
        .map(|cookie| serde_json::json!({ "name": cookie.name, "value": cookie.value }))
        .collect();
    serde_json::json!({
        "method": "",
        "query": {},
        "statusCode": response.status.clone().unwrap_or_default(),
        "headers": headers,
        "enableContentNegotiation": response.enable_content_negotiation,
        "cookies": cookies,
    })
    .to_string()
}
