//! Host values: what travels between event sources, functions and outputs.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::http::{HttpRequest, HttpResponse};

/// JSON as text that is known to be valid and compact, since text is what travels on both sides of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(String);

impl Json {
    /// Takes `text` if it is valid JSON; it is kept as it is, spaces included.
    pub fn from_text(text: String) -> Option<Self> {
        serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok().then_some(Self(text))
    }

    /// Wraps text that the caller itself built as valid JSON.
    pub fn from_valid(text: String) -> Self {
        debug_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(), "not JSON: {text}");
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, by value.
    pub fn into_string(self) -> String {
        self.0
    }

    /// The parsed value.
    pub fn parse(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).unwrap_or(serde_json::Value::Null)
    }
}

impl From<&serde_json::Value> for Json {
    fn from(value: &serde_json::Value) -> Self {
        Self(value.to_string())
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        Self(value.to_string())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value on its way into or out of a function (spec bindings.md §1.6 and §1.8).
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// Text.
    String(String),
    /// Bytes, shared and never copied.
    Bytes(Bytes),
    /// Any other scalar, object or array.
    Json(Json),
    /// A 64-bit integer; only workers send it.
    Int(i64),
    /// A 64-bit float.
    Double(f64),
    /// Several texts.
    Strings(Vec<String>),
    /// Several byte strings.
    ByteArrays(Vec<Bytes>),
    /// Several floats.
    Doubles(Vec<f64>),
    /// Several integers.
    Ints(Vec<i64>),
    /// An HTTP request on its way in.
    HttpRequest(Arc<HttpRequest>),
    /// An HTTP response on its way out.
    HttpResponse(Box<HttpResponse>),
    /// A reference that the language library resolves itself (spec bindings.md §1.10).
    Deferred(DeferredReference),
    /// A batch of such references.
    DeferredBatch(Vec<DeferredReference>),
}

impl Value {
    /// A JSON value from anything serialisable to `serde_json::Value`.
    pub fn json(value: &serde_json::Value) -> Self {
        Self::Json(Json::from(value))
    }

    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// A deferred binding: the payload stays where it is and the library fetches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeferredReference {
    /// Which service, for example `AzureStorageBlobs`.
    pub source: &'static str,
    /// Media type of `content`.
    pub content_type: &'static str,
    /// What the library needs to find the payload.
    pub content: Bytes,
}
