//! Responses, and the headers all of them carry.

use super::call::{Call, VERSION};
use super::dates::{iso7, rfc1123};
use super::fault::Fault;
use super::xml::Writer;
use crate::body::{self, Body};
use crate::engine::Timestamp;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

/// A response under construction.
#[derive(Debug)]
pub(crate) struct Answer(Response<Body>);

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        let mut response = Response::new(body::empty());
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self(response)
    }

    /// An XML document.
    pub(crate) fn xml(status: u16, xml: Writer) -> Self {
        Self::new(status).header("content-type", "application/xml").full(xml.finish())
    }

    /// Adds a header; a value that cannot be one (control characters in stored metadata) is left out.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
        {
            self.0.headers_mut().append(name, value);
        }
        self
    }

    pub(crate) fn optional(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    pub(crate) fn full(mut self, content: impl Into<bytes::Bytes>) -> Self {
        *self.0.body_mut() = body::full(content);
        self
    }

    pub(crate) fn body(mut self, body: Body) -> Self {
        *self.0.body_mut() = body;
        self
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        self.0
    }
}

/// How a protocol words its faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Blobs and queues.
    Xml,
    /// Tables.
    OData,
}

/// Turns the outcome into the final response: fault body, version, request id, date.
pub(crate) fn finish(
    call: Result<&Call, Timestamp>,
    shape: Shape,
    outcome: Result<Answer, Fault>,
) -> Response<Body> {
    let fallback;
    let (now, request_id) = match call {
        Ok(call) => (call.now, call.request_id.as_str()),
        Err(now) => {
            fallback = uuid::Uuid::new_v4().to_string();
            (now, fallback.as_str())
        }
    };
    let mut response = match outcome {
        Ok(answer) => answer,
        Err(fault) => refused(&fault, shape, request_id, now),
    }
    .into_response();
    let version = call.ok().and_then(|call| call.version().ok()).unwrap_or(VERSION);
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::SERVER, "Horus-Storage/4.0");
    set(HeaderName::from_static("x-ms-request-id"), request_id);
    set(HeaderName::from_static("x-ms-version"), version);
    set(header::DATE, &rfc1123(now));
    if let Ok(call) = call
        && let Some(id) = call.headers.get("x-ms-client-request-id")
        && id.len() <= 1024
    {
        headers.insert(HeaderName::from_static("x-ms-client-request-id"), id.clone());
    }
    response
}

fn refused(fault: &Fault, shape: Shape, request_id: &str, now: Timestamp) -> Answer {
    let message = format!("{}\nRequestId:{request_id}\nTime:{}", fault.message, iso7(now));
    let mut answer = Answer::new(fault.status).header("x-ms-error-code", &fault.code);
    for (name, value) in &fault.headers {
        answer = answer.header(name, value);
    }
    // A 304 has no body by definition of HTTP.
    if fault.status == 304 {
        return answer;
    }
    match shape {
        Shape::Xml => {
            let mut xml = Writer::new();
            xml.open("Error");
            xml.text("Code", &fault.code);
            xml.text("Message", &message);
            for (name, value) in &fault.details {
                xml.text(name, value);
            }
            xml.close("Error");
            answer.header("content-type", "application/xml").full(xml.finish())
        }
        Shape::OData => {
            let body = serde_json::json!({
                "odata.error": { "code": fault.code, "message": { "lang": "en-US", "value": message } }
            });
            answer
                .header("content-type", "application/json;odata=minimalmetadata;streaming=true;charset=utf-8")
                .full(body.to_string())
        }
    }
}
