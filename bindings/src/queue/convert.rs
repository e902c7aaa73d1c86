//! From a queue message to an event (spec bindings.md §4, trigger metadata).

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use horus_app::{Binding, DataType, Function};
use serde_json::json;

use crate::storage::ReceivedMessage;
use crate::{BindingData, DeferredReference, Event, Json, Value, deferred};

/// The form in which a function gets its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text; bytes that are no text stay bytes.
    Default,
    /// Text, whatever it takes.
    Text,
    /// Bytes.
    Bytes,
    /// A reference that holds the whole message, for libraries with types of their own.
    Deferred,
}

impl Shape {
    /// What `binding` of `function` asks for (spec bindings.md §1.7 and §1.10).
    pub(super) fn requested(binding: &Binding, function: &Function) -> Self {
        match binding.data_type {
            _ if deferred::is_supported(binding) && !deferred::needs_payload_here(function) => Self::Deferred,
            DataType::Undefined => Self::Default,
            DataType::String => Self::Text,
            DataType::Binary | DataType::Stream => Self::Bytes,
        }
    }
}

/// The event of `message`, whose decoded content is `body`.
pub(super) fn event(message: &ReceivedMessage, body: Bytes, shape: Shape, reason: &Arc<str>) -> Event {
    let text = std::str::from_utf8(&body).ok().map(str::to_owned);
    let data = metadata(message, text.as_deref());
    let details = vec![
        ("MessageId", message.id.clone()),
        ("DequeueCount", message.dequeue_count.to_string()),
        ("InsertionTime", message.inserted.map_or_else(String::new, |time| iso(time, SecondsFormat::Millis))),
    ];
    let value = match (shape, text) {
        (Shape::Deferred, text) => Value::Deferred(reference(message, text)),
        (Shape::Bytes, _) | (Shape::Default, None) => Value::Bytes(body),
        (_, Some(text)) => Value::String(text),
        (Shape::Text, None) => Value::String(String::from_utf8_lossy(&body).into_owned()),
    };
    let mut event = Event::new(value, reason.clone());
    event.data = data;
    event.details = details;
    event
}

/// What the listener knows about a message, with the keys as workers expect them.
fn metadata(message: &ReceivedMessage, text: Option<&str>) -> BindingData {
    // Room for the members of a small JSON body, which the dispatcher adds.
    let mut data = BindingData::with_capacity(16);
    if let Some(text) = text {
        data.push("QueueTrigger", Value::String(text.to_owned()));
    }
    data.push("DequeueCount", Value::Json(Json::from_valid(message.dequeue_count.to_string())));
    data.push("Id", Value::String(message.id.clone()));
    data.push("PopReceipt", Value::String(message.pop_receipt.clone()));
    for (name, time) in [
        ("InsertionTime", message.inserted),
        ("ExpirationTime", message.expires),
        ("NextVisibleTime", message.next_visible),
    ] {
        if let Some(time) = time {
            let quoted = format!("\"{}\"", iso(time, SecondsFormat::AutoSi));
            data.push(name, Value::Json(Json::from_valid(quoted)));
        }
    }
    data
}

/// With offset, as the platform writes dates that have one.
fn iso(time: DateTime<Utc>, precision: SecondsFormat) -> String {
    time.to_rfc3339_opts(precision, false)
}

fn reference(message: &ReceivedMessage, text: Option<String>) -> DeferredReference {
    let time = |time: Option<DateTime<Utc>>| time.map(|time| iso(time, SecondsFormat::AutoSi));
    let content = json!({
        "MessageId": message.id,
        "PopReceipt": message.pop_receipt,
        "MessageText": text,
        "Body": text,
        "NextVisibleOn": time(message.next_visible),
        "InsertedOn": time(message.inserted),
        "ExpiresOn": time(message.expires),
        "DequeueCount": message.dequeue_count,
    });
    DeferredReference {
        source: "AzureStorageQueues",
        content_type: "application/json",
        content: Bytes::from(content.to_string()),
    }
}

/// A message that was never in a queue, for an invocation by hand.
pub(super) fn made_up(now: DateTime<Utc>) -> ReceivedMessage {
    ReceivedMessage {
        id: uuid::Uuid::new_v4().to_string(),
        pop_receipt: uuid::Uuid::new_v4().to_string(),
        text: String::new(),
        dequeue_count: 0,
        inserted: Some(now),
        expires: Some(now + chrono::Duration::days(7)),
        next_visible: Some(now),
    }
}
