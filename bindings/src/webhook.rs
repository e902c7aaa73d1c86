//! HTTP endpoints that extensions answer themselves: `/runtime/webhooks/{name}` (spec bindings.md §1.12).

use async_trait::async_trait;

use crate::http::HttpRequest;
use crate::http::response::Reply;

/// Answers requests that the host has let in: whoever called holds the extension's system key.
#[async_trait]
pub trait Webhook: Send + Sync {
    /// The answer to `request`, whose body is complete.
    async fn call(&self, request: HttpRequest) -> Reply;
}
