//! Signs each try of a request with the account key.
//! See <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{AUTHORIZATION, HeaderName};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::request::{Body, Request};
use azure_core::http::{Context, Url};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::Utc;
use hmac::{Hmac, Mac};
use horus_app::Secret;
use sha2::Sha256;

const MS_DATE: HeaderName = HeaderName::from_static("x-ms-date");

/// Headers whose values are signed, in this order and without their names. The date is left empty because
/// `x-ms-date` is sent, and the length is worked out from the body.
const SIGNED_HEADERS: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// Runs once per try, after the retry policy, so that every try has a fresh date and signature.
#[derive(Debug)]
pub(super) struct SharedKeyPolicy {
    account: String,
    key: Secret,
}

impl SharedKeyPolicy {
    pub(super) fn new(account: &str, key: Secret) -> Self {
        Self { account: account.to_owned(), key }
    }

    /// Sets date and signature on `request`.
    pub(super) fn sign(&self, request: &mut Request, date: String) -> azure_core::Result<()> {
        request.insert_header(MS_DATE, date);
        let text = self.string_to_sign(request);
        let signature = signature(&self.key, &text).ok_or_else(|| {
            azure_core::Error::with_message(ErrorKind::Credential, "the account key is not base64")
        })?;
        request.insert_header(AUTHORIZATION, format!("SharedKey {}:{signature}", self.account));
        Ok(())
    }

    fn string_to_sign(&self, request: &Request) -> String {
        let headers: BTreeMap<&str, &str> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let length = match request.body() {
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::SeekableStream(stream) => stream.len(),
        };
        let mut text = String::with_capacity(256);
        let _ = writeln!(text, "{}", request.method().as_str());
        for name in SIGNED_HEADERS {
            match (name, length) {
                ("content-length", Some(length)) if length > 0 => {
                    let _ = writeln!(text, "{length}");
                }
                ("content-length" | "date", _) => text.push('\n'),
                _ => {
                    text.push_str(headers.get(name).copied().unwrap_or_default());
                    text.push('\n');
                }
            }
        }
        for (name, value) in headers.range("x-ms-"..).take_while(|(name, _)| name.starts_with("x-ms-")) {
            let _ = writeln!(text, "{name}:{}", value.trim());
        }
        self.push_resource(request.url(), &mut text);
        text
    }

    /// `/account` and the path as sent (which on an emulator begins with the account again), then the query's
    /// names in order with their decoded values.
    fn push_resource(&self, url: &Url, text: &mut String) {
        let _ = write!(text, "/{}{}", self.account, url.path());
        let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in url.query_pairs() {
            query.entry(name.to_lowercase()).or_default().push(value.into_owned());
        }
        for (name, mut values) in query {
            values.sort();
            let _ = write!(text, "\n{name}:{}", values.join(","));
        }
    }
}

/// HMAC-SHA256 of `text` under the base64 `key`, in base64. `None` when the key is not base64.
pub(crate) fn signature(key: &Secret, text: &str) -> Option<String> {
    let key = BASE64_STANDARD.decode(key.reveal()).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    Some(BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[async_trait]
impl Policy for SharedKeyPolicy {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        self.sign(request, Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string())?;
        next[0].send(context, request, &next[1..]).await
    }
}
