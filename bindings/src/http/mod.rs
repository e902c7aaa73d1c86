//! HTTP as a trigger and a reply: routes, requests and responses, without sockets (spec host.md §3).

mod message;

pub use message::{Cookie, HttpRequest, HttpResponse, Identity, SameSite};
