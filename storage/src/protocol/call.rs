//! A request, taken apart once.

use super::fault::{
    self, Fault, INVALID_HEADER, INVALID_QUERY, INVALID_URI, MISSING_HEADER, MISSING_QUERY,
    OUT_OF_RANGE_QUERY,
};
use crate::engine::Timestamp;
use http::{HeaderMap, Method, Uri, request::Parts};
use percent_encoding::percent_decode_str;
use std::net::IpAddr;

/// The newest REST version this store was written against; what it says when a client names none.
pub(crate) const VERSION: &str = "2026-04-06";
/// The first version with the signature rules implemented here.
const OLDEST_VERSION: &str = "2009-09-19";

/// Query parameters with lower-case names and decoded values, in the order sent.
#[derive(Debug, Default, Clone)]
pub(crate) struct Query(pub(crate) Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let mut pairs = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name)?.to_lowercase();
            // Base64 values are often sent with a bare plus; everywhere else a plus is a space.
            let keep_plus = matches!(name.as_str(), "sig" | "popreceipt" | "marker" | "blockid");
            let value = if value.contains('+') && !keep_plus {
                decode(&value.replace('+', " "))?
            } else {
                decode(value)?
            };
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn decode(text: &str) -> Result<String, Fault> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(|text| text.into_owned()).map_err(|_| INVALID_URI.into())
}

/// The request without its body.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// The account named by the path's first segment or by the host.
    pub(crate) account: String,
    /// The decoded path after the account, without the leading slash.
    pub(crate) resource: String,
    pub(crate) query: Query,
    pub(crate) now: Timestamp,
    pub(crate) request_id: String,
    /// The peer; `None` in-process.
    pub(crate) peer: Option<IpAddr>,
}

impl Call {
    /// Takes the request line apart. `known` says which account names exist, to recognise `account.queue.…` hosts.
    pub(crate) fn new(
        parts: Parts,
        now: Timestamp,
        peer: Option<IpAddr>,
        known: &dyn Fn(&str) -> bool,
    ) -> Result<Self, Fault> {
        let path = parts.uri.path().trim_start_matches('/');
        let host = parts
            .headers
            .get(http::header::HOST)
            .and_then(|host| host.to_str().ok())
            .or_else(|| parts.uri.host())
            .unwrap_or("");
        let by_host = host
            .split_once('.')
            .filter(|(label, rest)| {
                known(label.trim_end_matches("-secondary"))
                    && ["blob.", "queue.", "table."].iter().any(|service| rest.starts_with(service))
            })
            .map(|(label, _)| label);
        let (account, resource) = match by_host {
            Some(account) => (account, path),
            None => path.split_once('/').unwrap_or((path, "")),
        };
        let account = decode(account)?;
        let account = account.strip_suffix("-secondary").unwrap_or(&account).to_owned();
        let resource = decode(resource)?;
        let query = Query::parse(parts.uri.query().unwrap_or(""))?;
        Ok(Self {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            account,
            resource,
            query,
            now,
            request_id: request_id(),
            peer,
        })
    }

    /// The version the answer speaks. Malformed and pre-2009 versions are refused; newer ones are welcome, so that a
    /// client library may be newer than the store.
    pub(crate) fn version(&self) -> Result<&str, Fault> {
        let Some(version) = self.header("x-ms-version")? else { return Ok(VERSION) };
        if is_date(version) && version >= OLDEST_VERSION {
            Ok(version)
        } else {
            Err(INVALID_HEADER.detail("HeaderName", "x-ms-version").detail("HeaderValue", version))
        }
    }

    /// A header's text; a fault when it is not text.
    pub(crate) fn header(&self, name: &'static str) -> Result<Option<&str>, Fault> {
        match self.headers.get(name) {
            None => Ok(None),
            Some(value) => std::str::from_utf8(value.as_bytes())
                .map(Some)
                .map_err(|_| INVALID_HEADER.detail("HeaderName", name)),
        }
    }

    pub(crate) fn required_header(&self, name: &'static str) -> Result<&str, Fault> {
        self.header(name)?.ok_or_else(|| MISSING_HEADER.detail("HeaderName", name))
    }

    /// A header that must be a number when present.
    pub(crate) fn number_header(&self, name: &'static str) -> Result<Option<u64>, Fault> {
        let Some(text) = self.header(name)? else { return Ok(None) };
        let number = text.trim().parse();
        number.map(Some).map_err(|_| INVALID_HEADER.detail("HeaderName", name).detail("HeaderValue", text))
    }

    pub(crate) fn bad_header(&self, name: &'static str) -> Fault {
        let value = self.headers.get(name).map_or("", |value| value.to_str().unwrap_or(""));
        INVALID_HEADER.detail("HeaderName", name).detail("HeaderValue", value)
    }

    /// The `comp` parameter, in lower case.
    pub(crate) fn comp(&self) -> &str {
        self.query.get("comp").unwrap_or("")
    }

    pub(crate) fn restype(&self) -> &str {
        self.query.get("restype").unwrap_or("")
    }

    /// Whether a comma-separated `include` names `what`.
    pub(crate) fn includes(&self, what: &str) -> bool {
        let include = self.query.get("include").unwrap_or("");
        include.split(',').any(|one| one.trim().eq_ignore_ascii_case(what))
    }

    /// A numeric query parameter inside `least..=most`.
    pub(crate) fn number(&self, name: &'static str, least: i64, most: i64) -> Result<Option<i64>, Fault> {
        let Some(text) = self.query.get(name) else { return Ok(None) };
        let number: i64 = text.trim().parse().map_err(|_| {
            INVALID_QUERY
                .detail("QueryParameterName", name)
                .detail("QueryParameterValue", text)
                .detail("Reason", "It is not a number.")
        })?;
        if (least..=most).contains(&number) {
            return Ok(Some(number));
        }
        Err(OUT_OF_RANGE_QUERY
            .detail("QueryParameterName", name)
            .detail("QueryParameterValue", text)
            .detail("MinimumAllowed", least.to_string())
            .detail("MaximumAllowed", most.to_string()))
    }

    pub(crate) fn required_query(&self, name: &'static str) -> Result<&str, Fault> {
        self.query.get(name).ok_or_else(|| MISSING_QUERY.detail("QueryParameterName", name))
    }

    /// The page size of a listing: 1 to 5000, or the default of 5000.
    pub(crate) fn page_size(&self) -> Result<usize, Fault> {
        match self.number("maxresults", 1, i64::MAX)? {
            Some(wanted) => Ok(usize::try_from(wanted.min(5000)).unwrap_or(5000)),
            None => Ok(5000),
        }
    }

    /// `http://host/account`, as listings print it.
    pub(crate) fn endpoint(&self) -> String {
        let host = self.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| self.uri.authority().map(http::uri::Authority::as_str));
        format!("http://{}/{}", host.unwrap_or("127.0.0.1"), self.account)
    }

    pub(crate) fn unsupported_verb(&self) -> Fault {
        fault::UNSUPPORTED_VERB.into()
    }
}

/// Whether `text` is a day of the calendar, as `2026-04-06`.
fn is_date(text: &str) -> bool {
    let part = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let dashes = text.len() == 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    dashes
        && match (part(0, 4), part(5, 7), part(8, 10)) {
            (Some(year), Some(month), Some(day)) => i32::try_from(year)
                .is_ok_and(|year| chrono::NaiveDate::from_ymd_opt(year, month, day).is_some()),
            _ => false,
        }
}

/// A fresh GUID for `x-ms-request-id`.
fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
