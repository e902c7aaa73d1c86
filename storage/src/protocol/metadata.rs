//! `x-ms-meta-*`: names and values people attach to queues, containers and blobs.

use super::Answer;
use super::fault::{EMPTY_METADATA_KEY, Fault, INVALID_METADATA, METADATA_TOO_LARGE};
use super::xml::Writer;
use http::HeaderMap;
use serde::{Deserialize, Serialize};

/// All names and values together, in bytes.
const MOST_BYTES: usize = 8 << 10;

/// Metadata in name order. Header names arrive in lower case over HTTP/1.1 libraries, so that is how they are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Metadata(pub(crate) Vec<(String, String)>);

impl Metadata {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the headers to a response.
    pub(crate) fn on(&self, answer: Answer) -> Answer {
        self.0.iter().fold(answer, |answer, (name, value)| answer.header(&format!("x-ms-meta-{name}"), value))
    }

    /// Writes the `<Metadata>` element of a listing.
    pub(crate) fn write(&self, xml: &mut Writer) {
        xml.open("Metadata");
        for (name, value) in &self.0 {
            xml.text(name, value);
        }
        xml.close("Metadata");
    }
}

/// Reads and checks a request's metadata headers. Names must be C# identifiers, as the services demand.
pub(crate) fn metadata_from(headers: &HeaderMap) -> Result<Metadata, Fault> {
    let mut found = Vec::new();
    let mut bytes = 0;
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix("x-ms-meta-") else { continue };
        if name.is_empty() {
            return Err(EMPTY_METADATA_KEY.into());
        }
        let identifier = !name.starts_with(|first: char| first.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let value = std::str::from_utf8(value.as_bytes()).ok().filter(|_| identifier);
        let value = value.ok_or_else(|| Fault::from(INVALID_METADATA))?;
        bytes += name.len() + value.len();
        found.push((name.to_owned(), value.to_owned()));
    }
    if bytes > MOST_BYTES {
        return Err(METADATA_TOO_LARGE.into());
    }
    found.sort();
    Ok(Metadata(found))
}
