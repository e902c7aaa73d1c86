//! Messages to custom handlers and to guests.

use std::sync::Arc;

use bytes::Bytes;
use horus_bindings::http::{HttpRequest, Identity};
use horus_bindings::{BindingData, DeferredReference, Json, TraceContext, Value};
use horus_host::envelope::{Moment, Shape};
use horus_host::invoke::{Invocation, RetryContext};
use serde_json::Value as JsonValue;
use tokio_util::sync::CancellationToken;

use super::choices::Choices;
use super::shapes;
use crate::Target;
use crate::mutate::Stock;

pub(super) struct Request {
    shapes: [Shape; 2],
}

impl Request {
    pub(super) fn new() -> Self {
        Self { shapes: shapes::all() }
    }
}

impl Target for Request {
    fn name(&self) -> &'static str {
        "envelope-request"
    }

    fn about(&self) -> &'static str {
        "whatever an invocation holds, the message is a JSON object with Data and Metadata"
    }

    fn stock(&self) -> Stock {
        let row = |first: u8| (0..200u8).map(|n| n.wrapping_mul(37).wrapping_add(first)).collect();
        let words = [
            "\"",
            "\\",
            "\u{0}",
            "\u{2028}",
            "sys",
            "order",
            "{",
            "12",
            "[1]",
            "{\"a\":1}",
            "true",
            "\u{feff}",
        ];
        let words = words.iter().map(|word| {
            let mut bytes = vec![u8::try_from(word.len()).expect("short")];
            bytes.extend_from_slice(word.as_bytes());
            bytes
        });
        Stock { corpus: (0..32).map(row).collect(), words: words.collect(), grown: None }
    }

    fn attempt(&self, input: &[u8]) {
        let mut choices = Choices::new(input);
        let shape = &self.shapes[usize::from(choices.byte() & 1)];
        let mut data = BindingData::default();
        for (name, value) in choices.list(|choices| (choices.text(), value(choices, 2))) {
            data.push(name, value);
        }
        let invocation = Invocation {
            id: choices.text(),
            trigger: value(&mut choices, 2),
            inputs: choices.list(|choices| value(choices, 2)),
            data,
            trace: TraceContext::default(),
            retry: (choices.byte() & 1 == 1).then(|| RetryContext {
                count: u32::from(choices.byte()),
                max: (choices.byte() & 1 == 1).then(|| u32::from(choices.byte())),
                exception: (choices.byte() & 1 == 1).then(|| choices.text()),
            }),
            cancel: CancellationToken::new(),
            exchange: None,
        };
        let moment = Moment { utc_now: choices.text(), rand_guid: choices.text() };
        let message = shape.request(&invocation, &moment);
        let read: JsonValue = serde_json::from_str(&message)
            .unwrap_or_else(|error| panic!("the message is no JSON: {error}: {message}"));
        assert!(read["Data"].is_object() && read["Metadata"].is_object(), "{message}");
        assert_eq!(read["Metadata"]["sys"]["MethodName"], "Orders");
        assert_eq!(read["Metadata"]["sys"]["UtcNow"], JsonValue::from(moment.utc_now));
    }
}

/// Any value that an invocation can hold.
fn value(choices: &mut Choices<'_>, depth: usize) -> Value {
    match choices.byte() % 14 {
        0 => Value::Null,
        1 => Value::String(choices.text()),
        2 => Value::Bytes(Bytes::copy_from_slice(choices.bytes())),
        3 | 4 => Value::Json(Json::from(&json(choices, depth))),
        5 => Value::Int(choices.number().cast_signed()),
        6 => Value::Double(f64::from_bits(choices.number())),
        7 => Value::Strings(choices.list(Choices::text)),
        8 => Value::ByteArrays(choices.list(|choices| Bytes::copy_from_slice(choices.bytes()))),
        9 => Value::Doubles(choices.list(|choices| f64::from_bits(choices.number()))),
        10 => Value::Ints(choices.list(|choices| choices.number().cast_signed())),
        11 => Value::HttpRequest(Arc::new(request(choices))),
        12 => Value::Deferred(deferred(choices)),
        _ => Value::DeferredBatch(choices.list(deferred)),
    }
}

fn json(choices: &mut Choices<'_>, depth: usize) -> JsonValue {
    match choices.byte() % 6 {
        0 => JsonValue::Null,
        1 => JsonValue::from(choices.byte() & 1 == 1),
        2 => JsonValue::from(choices.number()),
        3 if depth > 0 => choices.list(|choices| json(choices, depth - 1)).into(),
        4 if depth > 0 => JsonValue::Object(
            choices.list(|choices| (choices.text(), json(choices, depth - 1))).into_iter().collect(),
        ),
        _ => choices.text().into(),
    }
}

fn request(choices: &mut Choices<'_>) -> HttpRequest {
    let pairs = |choices: &mut Choices<'_>| choices.list(|choices| (choices.text(), choices.text()));
    HttpRequest {
        method: choices.text(),
        url: choices.text(),
        headers: pairs(choices),
        query: pairs(choices),
        params: pairs(choices),
        body: (choices.byte() & 1 == 1).then(|| Bytes::copy_from_slice(choices.bytes())),
        identities: choices.list(|choices| Identity {
            authentication_type: (choices.byte() & 1 == 1).then(|| choices.text()),
            claims: pairs(choices),
            ..Identity::default()
        }),
    }
}

fn deferred(choices: &mut Choices<'_>) -> DeferredReference {
    DeferredReference {
        source: "AzureStorageBlobs",
        content_type: "application/json",
        content: Bytes::copy_from_slice(choices.bytes()),
    }
}
