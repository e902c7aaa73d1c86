//! Requests and responses inside the messages.

use horus_bindings::http::{HttpRequest, HttpResponse, Identity};
use horus_bindings::{Value, json};

use super::EnvelopeError;
use super::request::{bytes, name, quote};

/// Header names that do not begin each of their parts with a capital.
const SPELLINGS: [(&str, &str); 9] = [
    ("content-md5", "Content-MD5"),
    ("dnt", "DNT"),
    ("etag", "ETag"),
    ("te", "TE"),
    ("traceparent", "traceparent"),
    ("tracestate", "tracestate"),
    ("baggage", "baggage"),
    ("www-authenticate", "WWW-Authenticate"),
    ("x-ms-client-principal", "X-MS-CLIENT-PRINCIPAL"),
];

/// A request as an object (spec host.md §7.2).
pub(super) fn write(out: &mut String, request: &HttpRequest) {
    out.push('{');
    name(out, "Url");
    quote(out, &request.url);
    name(out, "Method");
    quote(out, &request.method);
    name(out, "Query");
    texts(out, &request.query);
    name(out, "Headers");
    headers(out, &request.headers);
    name(out, "Params");
    texts(out, &request.params);
    name(out, "Identities");
    identities(out, &request.identities);
    if let Some(body) = request.body.as_ref().filter(|body| !body.is_empty()) {
        name(out, "Body");
        match request.is_binary() {
            true => bytes(out, body),
            false => quote(out, &String::from_utf8_lossy(body)),
        }
    }
    out.push('}');
}

fn texts(out: &mut String, pairs: &[(String, String)]) {
    out.push('{');
    for (key, value) in pairs {
        name(out, key);
        quote(out, value);
    }
    out.push('}');
}

/// Each name with a list of values. Handlers look names up as the reference host spells them, which has their usual
/// capitals; over the wire they may have any.
fn headers(out: &mut String, headers: &[(String, String)]) {
    out.push('{');
    for (key, value) in headers {
        name(out, &spelling(key));
        out.push('[');
        quote(out, value);
        out.push(']');
    }
    out.push('}');
}

fn spelling(name: &str) -> String {
    if let Some((_, known)) = SPELLINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return (*known).to_owned();
    }
    let mut spelled = String::with_capacity(name.len());
    let mut starts = true;
    for letter in name.chars() {
        spelled.push(if starts { letter.to_ascii_uppercase() } else { letter });
        starts = letter == '-';
    }
    spelled
}

fn identities(out: &mut String, identities: &[Identity]) {
    let all: Vec<serde_json::Value> = identities
        .iter()
        .map(|identity| {
            let claims: Vec<serde_json::Value> = identity
                .claims
                .iter()
                .map(|(kind, value)| serde_json::json!({ "Type": kind, "Value": value }))
                .collect();
            serde_json::json!({
                "AuthenticationType": identity.authentication_type,
                "IsAuthenticated": identity.authentication_type.is_some(),
                "Claims": claims,
                "NameClaimType": identity.name_claim_type,
                "RoleClaimType": identity.role_claim_type,
            })
        })
        .collect();
    out.push_str(&serde_json::Value::Array(all).to_string());
}

/// The response that the value of the `http` output `name` describes. Text is a body, unless it is the JSON of an
/// object; an object describes the response, whatever it leaves out.
pub(super) fn read(name: &str, text: &str) -> Result<Value, EnvelopeError> {
    let found = |found| Err(EnvelopeError::HttpOutput { name: name.to_owned(), found });
    match json::kind(text) {
        json::Kind::Null => Ok(Value::Null),
        json::Kind::Object => Ok(Value::HttpResponse(Box::new(response(text)))),
        json::Kind::Array => found("an array"),
        json::Kind::Scalar(plain) if text.starts_with('"') => {
            Ok(match json::is_valid(&plain) && json::kind(&plain) == json::Kind::Object {
                true => Value::HttpResponse(Box::new(response(&plain))),
                false => Value::HttpResponse(Box::new(HttpResponse {
                    body: Value::String(plain),
                    ..HttpResponse::default()
                })),
            })
        }
        json::Kind::Scalar(_) => found("a number or a boolean"),
    }
}

fn response(text: &str) -> HttpResponse {
    let members = json::members(text).unwrap_or_default();
    let member = |name: &str| {
        members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.get())
    };
    let scalar = |name: &str| match json::kind(member(name)?) {
        json::Kind::Scalar(plain) => Some(plain),
        _ => None,
    };
    HttpResponse {
        status: scalar("statusCode").or_else(|| scalar("status")),
        headers: member("headers").map(fields).unwrap_or_default(),
        body: member("body").map_or(Value::Null, |body| match json::kind(body) {
            json::Kind::Null => Value::Null,
            json::Kind::Scalar(plain) => Value::String(plain),
            json::Kind::Object | json::Kind::Array => Value::String(json::compact(body)),
        }),
        ..HttpResponse::default()
    }
}

fn fields(text: &str) -> Vec<(String, Option<String>)> {
    let field = |(name, value): (String, &serde_json::value::RawValue)| {
        let value = match json::kind(value.get()) {
            json::Kind::Null => None,
            json::Kind::Scalar(plain) => Some(plain),
            json::Kind::Object => Some(json::compact(value.get())),
            // Libraries of several languages keep a list of values per name.
            json::Kind::Array => Some(joined(value.get())),
        };
        (name, value)
    };
    json::members(text).unwrap_or_default().into_iter().map(field).collect()
}

fn joined(array: &str) -> String {
    let values: Vec<&serde_json::value::RawValue> = serde_json::from_str(array).unwrap_or_default();
    let texts: Vec<String> = values.into_iter().map(|value| json::to_text(value.get())).collect();
    texts.join(", ")
}
