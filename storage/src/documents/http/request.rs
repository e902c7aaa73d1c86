//! Requests: the path's parts, and headers by their meaning.

use bytes::Bytes;
use chrono::{DateTime, NaiveDate};
use http::{HeaderMap, Method, request::Parts};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::super::{
    Fault, binary,
    epk::EpkRange,
    partition::{KeyPaths, PartitionKey},
    search::Reach,
    writer::Conditions,
};
use crate::engine::Timestamp;

/// The service's first version.
const OLDEST_VERSION: NaiveDate = NaiveDate::from_ymd_opt(2014, 8, 21).expect("a date");

/// A request with its body in memory.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Segments of the path, decoded: `["dbs", "orders", "colls", …]`.
    pub(super) path: Vec<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Reads `Mon, 23 Nov 2026 21:46:12 GMT`, in any case.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    let date = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some(Timestamp(date.timestamp_millis()))
}

impl Call {
    pub(super) fn new(head: Parts, body: Bytes) -> Result<Self, Fault> {
        let segments = head.uri.path().split('/').filter(|segment| !segment.is_empty());
        let path: Result<Vec<String>, _> =
            segments.map(|segment| percent_decode_str(segment).decode_utf8().map(Into::into)).collect();
        let path = path.map_err(|_| Fault::bad_request("The path is not UTF-8."))?;
        Ok(Self { method: head.method, path, headers: head.headers, body })
    }

    /// A header as text; empty counts as absent.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim).filter(|value| !value.is_empty())
    }

    /// Whether a header says true, in any case.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.header(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A header that is a number; 400 when it is something else.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Fault> {
        let parsed = self.header(name).map(|value| {
            value
                .parse()
                .map_err(|_| Fault::bad_request(format!("The header {name} is not a number: '{value}'.")))
        });
        parsed.transpose()
    }

    /// 400 for an `x-ms-version` that cannot be one. Versions newer than this service are taken: what they change is
    /// asked for by headers of its own.
    pub(super) fn check_version(&self) -> Result<(), Fault> {
        let Some(version) = self.header("x-ms-version") else { return Ok(()) };
        match NaiveDate::parse_from_str(version, "%Y-%m-%d") {
            Ok(date) if date >= OLDEST_VERSION => Ok(()),
            _ => Err(Fault::bad_request(format!(
                "Invalid API version '{version}'. Ensure a valid x-ms-version header value is passed, such as 2020-07-15."
            ))),
        }
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, Fault> {
        if self.body.first() == Some(&binary::PREAMBLE) {
            return binary::decode(&self.body).map_err(|error| Fault::bad_request(format!("{error}.")));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Fault::bad_request(format!("The request's body is not valid JSON: {error}.")))
    }

    /// The body as a JSON object.
    pub(super) fn object(&self) -> Result<Map<String, Value>, Fault> {
        match self.json()? {
            Value::Object(object) => Ok(object),
            _ => Err(Fault::bad_request("The request's body must be a JSON object.")),
        }
    }

    /// `If-Match` and `If-None-Match`.
    pub(super) fn conditions(&self) -> Conditions {
        let owned = |name| self.header(name).map(str::to_owned);
        Conditions { if_match: owned("if-match"), if_none_match: owned("if-none-match") }
    }

    /// The partition key the request states.
    pub(super) fn partition_key(&self, paths: &KeyPaths) -> Result<Option<PartitionKey>, Fault> {
        self.header("x-ms-documentdb-partitionkey").map(|text| paths.parse_header(text)).transpose()
    }

    /// The one logical partition the request must state.
    pub(super) fn required_key(&self, paths: &KeyPaths) -> Result<PartitionKey, Fault> {
        self.partition_key(paths)?
            .filter(|key| paths.is_complete(key))
            .ok_or_else(|| Fault::bad_request("PartitionKey value must be supplied for this operation."))
    }

    /// Which documents a query or a feed is about: a partition key, a range of effective keys, or all.
    pub(super) fn reach(&self, paths: &KeyPaths) -> Result<Reach, Fault> {
        if let Some(range) = self.header("x-ms-documentdb-partitionkeyrangeid") {
            // Some clients write the container's resource id in front.
            let id = range.rsplit(',').next().unwrap_or(range);
            if id != "0" {
                return Err(Fault::not_found(&format!("partition key range '{id}'")));
            }
        }
        let range = match (self.header("x-ms-start-epk"), self.header("x-ms-end-epk")) {
            (None, None) => None,
            (min, max) => Some(EpkRange {
                min: min.unwrap_or_default().to_ascii_uppercase(),
                max: max.unwrap_or("FF").to_ascii_uppercase(),
            }),
        };
        Ok(Reach { key: self.partition_key(paths)?, range })
    }

    /// Whether the client wants no body back from a write.
    pub(super) fn wants_no_body(&self) -> bool {
        self.header("prefer").is_some_and(|prefer| prefer.eq_ignore_ascii_case("return=minimal"))
    }
}
