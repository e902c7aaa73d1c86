//! What travels through the internal queue, and to the poison queue (spec bindings.md §5.1 and §5.2).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

/// What every message says of itself.
const KIND: &str = "BlobTrigger";

/// A blob that a function shall process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Message {
    #[serde(default)]
    r#type: String,
    /// `Host.Functions.{name}`.
    pub(super) function_id: String,
    /// `BlockBlob`, `PageBlob` or `AppendBlob`.
    #[serde(default)]
    pub(super) blob_type: String,
    pub(super) container_name: String,
    pub(super) blob_name: String,
    /// In quotes.
    #[serde(default, rename = "ETag")]
    pub(super) etag: String,
}

impl Message {
    pub(super) fn new(function_id: &str, kind: &str, container: &str, name: &str, etag: &str) -> Self {
        Self {
            r#type: KIND.to_owned(),
            function_id: function_id.to_owned(),
            blob_type: kind.to_owned(),
            container_name: container.to_owned(),
            blob_name: name.to_owned(),
            etag: etag.to_owned(),
        }
    }

    /// Reads a message's text, in base64 or as it is.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.starts_with('{') {
            true => serde_json::from_str(text).ok(),
            false => serde_json::from_slice(&BASE64_STANDARD.decode(text).ok()?).ok(),
        }
    }

    /// The text to send.
    pub(super) fn text(&self) -> String {
        let json = serde_json::to_string(self).expect("text members are always JSON");
        BASE64_STANDARD.encode(json)
    }
}
