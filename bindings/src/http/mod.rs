//! HTTP as a trigger and a reply: routes, requests and responses, without sockets (spec host.md §3, bindings.md §2).
//!
//! The front end accepts connections, finds the function in a [`route::Table`], fills an [`HttpRequest`] and turns
//! what the function gave into a reply with [`response::reply`].

mod extension;
mod message;
mod options;
pub mod request;
pub mod response;
pub mod route;

pub use extension::{AuthLevel, Extension, Trigger};
pub use message::{Cookie, HttpRequest, HttpResponse, Identity, SameSite};
pub use options::{Hsts, Options};

#[cfg(test)]
mod tests;
