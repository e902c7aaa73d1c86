//! What travels between an HTTP client and a function: request, response, cookies and caller identities.

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::Value;

/// An HTTP request, in the form that functions see it (spec host.md §3.5).
#[derive(Clone, PartialEq, Default)]
pub struct HttpRequest {
    /// Verb, upper-case.
    pub method: String,
    /// Absolute URL, query included and not decoded.
    pub url: String,
    /// Header fields: names lower-case, several values of one name joined by `,`.
    pub headers: Vec<(String, String)>,
    /// Query members, decoded: several values of one name joined by `,`; empty values are kept.
    pub query: Vec<(String, String)>,
    /// Route values, decoded; optional parameters that are absent are left out.
    pub params: Vec<(String, String)>,
    /// The body; `None` when the client declared none (no `Content-Length`, or zero).
    pub body: Option<Bytes>,
    /// Who calls, one per authenticated identity.
    pub identities: Vec<Identity>,
}

impl HttpRequest {
    /// The value of header `name`, ignoring case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The `content-type` header, parameters included.
    pub fn content_type(&self) -> Option<&str> {
        self.header("content-type")
    }

    /// The media type alone: the content type without parameters and surrounding spaces.
    pub fn media_type(&self) -> Option<&str> {
        self.content_type().map(|text| text.split(';').next().unwrap_or_default().trim())
    }

    /// Whether the body is bytes rather than text by its content type: `application/octet-stream` and `multipart/*`
    /// (spec host.md §3.5).
    pub fn is_binary(&self) -> bool {
        const MULTIPART: &[u8] = b"multipart/";
        self.media_type().is_some_and(|media| {
            media.eq_ignore_ascii_case("application/octet-stream")
                || media
                    .as_bytes()
                    .get(..MULTIPART.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(MULTIPART))
        })
    }
}

/// Shows neither query nor headers, which may hold keys, nor the body.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &self.url.split('?').next().unwrap_or_default())
            .field("params", &self.params)
            .field("body", &self.body.as_ref().map(Bytes::len))
            .finish_non_exhaustive()
    }
}

/// One identity of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// How it was established, for example `WebJobsAuthLevel`.
    pub authentication_type: Option<String>,
    /// Type of the claim that holds the name.
    pub name_claim_type: Option<String>,
    /// Type of the claims that hold roles.
    pub role_claim_type: Option<String>,
    /// Claims as type and value.
    pub claims: Vec<(String, String)>,
}

/// An HTTP response as a function gives it, before the rules of spec host.md §3.7 are applied.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HttpResponse {
    /// Status text; anything but an integer means 200.
    pub status: Option<String>,
    /// Header fields in the function's spelling; a null value fails the request.
    pub headers: Vec<(String, Option<String>)>,
    /// Cookies to set.
    pub cookies: Vec<Cookie>,
    /// The body; [`Value::Null`] is an empty one. A message that lacks the body field altogether goes through
    /// [`HttpResponse::without_body_field`].
    pub body: Value,
    /// Whether the client's `Accept` header chooses the representation.
    pub enable_content_negotiation: bool,
}

/// When a browser sends a cookie along with requests from other sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SameSite {
    /// The attribute is not written; on the wire `None` = 0.
    #[default]
    Unspecified,
    /// `Lax`.
    Lax,
    /// `Strict`.
    Strict,
    /// `None`, asked for explicitly; on the wire `ExplicitNone` = 3.
    None,
}

/// A cookie that a function sets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cookie {
    /// Name.
    pub name: String,
    /// Value, not yet escaped.
    pub value: String,
    /// `Domain`; empty means none.
    pub domain: Option<String>,
    /// `Path`; empty means none.
    pub path: Option<String>,
    /// `Expires`.
    pub expires: Option<DateTime<Utc>>,
    /// `Secure`.
    pub secure: Option<bool>,
    /// `HttpOnly`.
    pub http_only: Option<bool>,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Max-Age` in seconds.
    pub max_age: Option<f64>,
}
