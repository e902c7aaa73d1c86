//! From a blob to an event (spec bindings.md §5.4).

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use horus_app::{Binding, DataType};
use serde_json::{Map, Value as JsonValue, json};

use super::path::BlobPath;
use crate::storage::BlobProperties;
use crate::{BindingData, DeferredReference, Json, Value, deferred};

/// The form in which a function gets a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text, whatever it takes.
    Text,
    /// Bytes.
    Bytes,
    /// A reference, for libraries with types of their own.
    Deferred,
}

impl Shape {
    /// What `binding` asks for; `default` when it does not say (spec bindings.md §1.7).
    pub(super) fn requested(binding: &Binding, default: Self) -> Self {
        match binding.data_type {
            _ if deferred::is_supported(binding) => Self::Deferred,
            DataType::Undefined => default,
            DataType::String => Self::Text,
            DataType::Binary | DataType::Stream => Self::Bytes,
        }
    }

    /// The content in this form; a reference has none.
    pub(super) fn value(self, content: Bytes) -> Value {
        match self {
            Self::Bytes | Self::Deferred => Value::Bytes(content),
            Self::Text => Value::String(text(content)),
        }
    }
}

/// UTF-8 without its mark at the beginning; what is no text is replaced.
fn text(content: Bytes) -> String {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let content = match content.starts_with(MARK) {
        true => content.slice(MARK.len()..),
        false => content,
    };
    // Without a copy where nobody else holds the bytes.
    String::from_utf8(content.into())
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// What a library needs to find the blob. Libraries look the connection up in the worker's environment and take no
/// missing name, so the default connection is named as well.
pub(super) fn reference(connection: Option<&str>, path: &BlobPath) -> DeferredReference {
    let content = json!({
        "Connection": connection.unwrap_or("AzureWebJobsStorage"),
        "ContainerName": path.container,
        "BlobName": Some(&path.name).filter(|name| !name.is_empty()),
    });
    DeferredReference {
        source: "AzureStorageBlobs",
        content_type: "application/json",
        content: Bytes::from(content.to_string()),
    }
}

/// What the trigger knows about a blob, with the keys as workers expect them.
pub(super) fn metadata(
    path: &BlobPath,
    url: &str,
    properties: &BlobProperties,
    captures: Vec<(String, String)>,
) -> BindingData {
    let mut data = BindingData::with_capacity(8);
    data.push("BlobTrigger", Value::String(path.to_string()));
    data.push("Uri", Value::json(&JsonValue::from(url)));
    data.push("Properties", Value::Json(Json::from(object(properties))));
    data.push("Metadata", Value::Json(Json::from(user_metadata(properties))));
    for (name, value) in captures {
        data.insert(name, Value::String(value));
    }
    data
}

fn user_metadata(properties: &BlobProperties) -> JsonValue {
    properties
        .metadata()
        .map(|(name, value)| (name.to_owned(), JsonValue::from(value)))
        .collect::<Map<_, _>>()
        .into()
}

/// The platform's object of a blob's properties: its enumerations are numbers there, in the order of these lists.
fn object(properties: &BlobProperties) -> JsonValue {
    let text = |name| properties.header(name).map_or(JsonValue::Null, JsonValue::from);
    let date = |name| properties.date(name).map_or(JsonValue::Null, |date| iso(date).into());
    let flag = |name| properties.header(name).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let number = |name, values: &[&str]| {
        let text = properties.header(name).unwrap_or_default();
        values.iter().position(|value| value.eq_ignore_ascii_case(&text)).unwrap_or_default()
    };
    json!({
        "LastModified": date("last-modified"),
        "CreatedOn": date("x-ms-creation-time"),
        "Metadata": user_metadata(properties),
        "BlobType": number("x-ms-blob-type", &["BlockBlob", "PageBlob", "AppendBlob"]),
        "LeaseDuration": number("x-ms-lease-duration", &["infinite", "fixed"]),
        "LeaseState": number("x-ms-lease-state", &["available", "leased", "expired", "breaking", "broken"]),
        "LeaseStatus": number("x-ms-lease-status", &["locked", "unlocked"]),
        "ContentLength": properties.length(),
        "Length": properties.length(),
        "ContentType": text("content-type"),
        "ETag": properties.etag(),
        "ContentHash": text("content-md5"),
        "ContentEncoding": text("content-encoding"),
        "ContentDisposition": text("content-disposition"),
        "ContentLanguage": text("content-language"),
        "CacheControl": text("cache-control"),
        "AcceptRanges": text("accept-ranges"),
        "BlobCommittedBlockCount": properties
            .header("x-ms-blob-committed-block-count")
            .and_then(|text| text.parse::<i64>().ok())
            .unwrap_or_default(),
        "IsServerEncrypted": flag("x-ms-server-encrypted"),
        "AccessTier": text("x-ms-access-tier"),
        "AccessTierInferred": flag("x-ms-access-tier-inferred"),
        "VersionId": text("x-ms-version-id"),
        "TagCount": properties
            .header("x-ms-tag-count")
            .and_then(|text| text.parse::<i64>().ok())
            .unwrap_or_default(),
        "IsSealed": flag("x-ms-blob-sealed"),
    })
}

/// With offset, as the platform writes dates that have one.
pub(super) fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}
