//! The HTTP front end: from a connection to a function and back (spec host.md §3), and the admin API (§4).
//!
//! [`FrontEnd::respond`] is the pipeline; its order is the platform's and is all in [`front`]. What depends only on the
//! app is prepared once per job in a [`site::Site`].

mod admin;
mod availability;
mod body;
mod call;
mod cors;
mod forward;
mod front;
mod home;
mod request;
mod response;
mod serve;
mod site;
mod throttle;
mod trace;
mod webhook;

#[cfg(test)]
mod tests;

use axum::body::Body;
use http::{Response, StatusCode};

pub use forward::{Client, ForwardError, client, forward};
pub(crate) use forward::{describe, remove_hop_by_hop};
pub use front::FrontEnd;
pub use request::Origin;
pub use serve::serve;

/// Why functions run that HTTP or the admin API asked for (spec host.md §11.2).
const REASON: &str = "This function was programmatically called via the host APIs.";

/// A response without a body.
fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A response of plain text.
fn text(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, plain);
    response
}

/// A response of JSON.
fn json(status: StatusCode, value: &impl serde::Serialize) -> Response<Body> {
    let text = serde_json::to_vec(value).expect("payloads of the admin API serialise");
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}
