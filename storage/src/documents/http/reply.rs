//! Responses: body, status and the headers clients look at.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::super::Fault;

/// A response under construction.
#[derive(Debug)]
pub(in crate::documents) struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl Reply {
    /// No body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// A body that is JSON text already.
    pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::empty(status) }
    }

    /// A JSON body.
    pub(super) fn json(status: StatusCode, body: &Value) -> Self {
        Self::text(status, body.to_string())
    }

    /// A feed: `{"_rid": …, "<name>": […], "_count": …}` from rows that are JSON texts.
    pub(super) fn feed(rid: &str, name: &str, rows: &[String]) -> Self {
        let size: usize = rows.iter().map(|row| row.len() + 1).sum();
        let mut body = String::with_capacity(size + rid.len() + name.len() + 40);
        body.push_str(&format!("{{\"_rid\":\"{rid}\",\"{name}\":["));
        for (position, row) in rows.iter().enumerate() {
            if position > 0 {
                body.push(',');
            }
            body.push_str(row);
        }
        body.push_str(&format!("],\"_count\":{}}}", rows.len()));
        Self::text(StatusCode::OK, body).with("x-ms-item-count", rows.len())
    }

    /// Adds a header. Values that no header can carry are left out.
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((HeaderName::from_static(name), value.to_string()));
        self
    }

    /// Adds the etag header.
    pub(super) fn etag(self, etag: impl ToString) -> Self {
        self.with("etag", etag)
    }

    /// Adds `x-ms-request-charge`, in request units. Nominal: nothing is billed or throttled here.
    pub(super) fn charge(self, units: f64) -> Self {
        self.with("x-ms-request-charge", units)
    }

    /// The error body for `fault`.
    pub(in crate::documents) fn fault(fault: &Fault, activity: &str) -> Self {
        Self::json(fault.status, &fault.body(activity)).with("x-ms-substatus", fault.substatus)
    }

    /// The finished response.
    pub(in crate::documents) fn finish(self, activity: &str) -> Response<Bytes> {
        let charged = self.headers.iter().any(|(name, _)| name == "x-ms-request-charge");
        let reply = if charged { self } else { self.charge(1.0) };
        let reply = reply.with("x-ms-activity-id", activity).with("x-ms-gatewayversion", "version=2.14.0");
        let mut response = Response::new(reply.body);
        *response.status_mut() = reply.status;
        let headers = response.headers_mut();
        if reply.status != StatusCode::NO_CONTENT && reply.status != StatusCode::NOT_MODIFIED {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in reply.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}
