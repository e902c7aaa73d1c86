//! Requests by which an event service delivers to a webhook, handshake included (spec bindings.md §10).

use bytes::Bytes;
use serde_json::{Value, json};

use crate::http::HttpRequest;
use crate::http::response::Reply;

/// What a request wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Delivery {
    /// Proof that the webhook wants the events: this code, sent back.
    Validation(String),
    /// Events, in either schema.
    Events(Vec<Value>),
    /// The subscription has ended.
    Unsubscribe,
    /// A sender of CloudEvents asks whether it may send; carries who it says it is.
    Options(String),
    /// None of these.
    Unknown,
}

impl Delivery {
    /// Reads `request`.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        if request.method == "OPTIONS" {
            let origin = request.header("webhook-request-origin");
            return origin.map_or(Self::Unknown, |origin| Self::Options(origin.to_owned()));
        }
        let kind = request.header("aeg-event-type").unwrap_or_default();
        if kind.eq_ignore_ascii_case("Unsubscribe") {
            return Self::Unsubscribe;
        }
        let body: Option<Value> = request.body.as_ref().and_then(|body| serde_json::from_slice(body).ok());
        let is_cloud_event = request
            .media_type()
            .is_some_and(|media| media.to_ascii_lowercase().starts_with("application/cloudevents"));
        match body {
            Some(body) if kind.eq_ignore_ascii_case("SubscriptionValidation") => {
                code(&body).map_or(Self::Unknown, Self::Validation)
            }
            Some(body)
                if kind.eq_ignore_ascii_case("Notification") || (kind.is_empty() && is_cloud_event) =>
            {
                match body {
                    Value::Array(events) => Self::Events(events),
                    event @ Value::Object(_) => Self::Events(vec![event]),
                    _ => Self::Unknown,
                }
            }
            _ => Self::Unknown,
        }
    }
}

/// The code in the one event of a handshake; its data may be text that holds JSON.
fn code(body: &Value) -> Option<String> {
    let event = match body {
        Value::Array(events) => events.first()?,
        event => event,
    };
    let parsed: Value;
    let data = match event.get("data")? {
        Value::String(text) => {
            parsed = serde_json::from_str(text).ok()?;
            &parsed
        }
        data => data,
    };
    data.get("validationCode")?.as_str().map(str::to_owned)
}

/// A reply without a body.
pub(crate) fn status(status: u16) -> Reply {
    reply(status, Vec::new(), Bytes::new())
}

/// A reply of plain text.
pub(crate) fn text(status: u16, text: String) -> Reply {
    let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
    reply(status, headers, text.into())
}

/// The answer that completes a handshake.
pub(crate) fn validated(code: &str) -> Reply {
    let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
    let body = json!({ "validationResponse": code }).to_string();
    reply(200, headers, body.into())
}

/// The answer to a sender of CloudEvents: it may send as often as it likes.
pub(crate) fn allowed(origin: String) -> Reply {
    let headers = vec![
        ("webhook-allowed-origin".to_owned(), origin),
        ("webhook-allowed-rate".to_owned(), "*".to_owned()),
    ];
    reply(200, headers, Bytes::new())
}

fn reply(status: u16, headers: Vec<(String, String)>, body: Bytes) -> Reply {
    Reply { status, headers, cookies: Vec::new(), body, duplicates: Vec::new() }
}
