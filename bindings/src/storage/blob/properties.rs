//! What a blob tells about itself besides its content.

use azure_core::http::headers::{HeaderName, Headers};
use azure_core::time::OffsetDateTime;
use chrono::{DateTime, Utc};

/// Prefix of the headers that carry user metadata.
const META: &str = "x-ms-meta-";

/// Properties and user metadata of a blob, as the service sent them.
#[derive(Debug, Clone)]
pub struct BlobProperties {
    headers: Headers,
}

impl BlobProperties {
    pub(super) fn new(headers: Headers) -> Self {
        Self { headers }
    }

    /// The value of a response header; `None` when the service did not send it.
    pub fn header(&self, name: &'static str) -> Option<String> {
        self.headers.get_optional_string(&HeaderName::from_static(name))
    }

    /// Its version, in quotes.
    pub fn etag(&self) -> String {
        quoted(&self.header("etag").unwrap_or_default())
    }

    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        self.header("content-length").and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// `BlockBlob`, `PageBlob` or `AppendBlob`.
    pub fn kind(&self) -> String {
        self.header("x-ms-blob-type").unwrap_or_else(|| "BlockBlob".to_owned())
    }

    /// A date among the headers.
    pub fn date(&self, name: &'static str) -> Option<DateTime<Utc>> {
        let text = self.header(name)?;
        DateTime::parse_from_rfc2822(&text).ok().map(|date| date.with_timezone(&Utc))
    }

    /// User metadata. Names are in lower case, since that is how headers travel.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().strip_prefix(META)?, value.as_str())))
    }

    /// Whether there is user metadata called `name`, ignoring case.
    pub fn has_metadata(&self, name: &str) -> bool {
        self.metadata().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

/// An ETag in the form of headers; listings and events leave the quotes out.
pub(crate) fn quoted(etag: &str) -> String {
    format!("\"{}\"", etag.trim_matches('"'))
}

pub(super) fn utc(time: OffsetDateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.unix_timestamp(), time.nanosecond())
}
