//! What the root answers when no function does, and what takes its place while the app is offline.

use std::path::Path;

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

/// Its title is what people and probes look for (spec host.md §3.2).
const PAGE: &str = "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>Your Azure Function App is up and running.</title>
<style>body{font-family:system-ui,sans-serif;max-width:40rem;margin:15vh auto;padding:0 1rem;line-height:1.5}</style>
</head>
<body>
<h1>Your Azure Function App is up and running.</h1>
<p>It is served by Horus. Functions with an HTTP trigger answer at their own routes, <code>/api/&lt;name&gt;</code> unless the app says otherwise.</p>
</body>
</html>
";

/// Name of the page that takes an app offline, in the app's root.
const OFFLINE_PAGE: &str = "app_offline.htm";

/// The answer of `/`: a page, or nothing when `AzureWebJobsDisableHomepage` is set.
pub(super) fn page(is_disabled: bool) -> Response<Body> {
    if is_disabled {
        return super::empty(StatusCode::NO_CONTENT);
    }
    html(StatusCode::OK, Body::from(PAGE))
}

/// The answer to everything while the app is offline.
pub(super) async fn offline(root: &Path) -> Response<Body> {
    let page = tokio::fs::read(root.join(OFFLINE_PAGE)).await.unwrap_or_default();
    html(StatusCode::SERVICE_UNAVAILABLE, Body::from(page))
}

fn html(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    /// host.md H01.
    #[tokio::test]
    async fn h01_the_root_has_a_page_unless_disabled() {
        let response = page(false);
        assert_eq!(
            (response.status().as_u16(), &response.headers()[CONTENT_TYPE]),
            (200, &"text/html".parse().unwrap())
        );
        let text = response.into_body().collect().await.unwrap().to_bytes();
        assert!(
            std::str::from_utf8(&text)
                .unwrap()
                .contains("<title>Your Azure Function App is up and running.</title>")
        );
        let response = page(true);
        assert_eq!(response.status(), 204);
        assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    }

    /// host.md H31.
    #[tokio::test]
    async fn h31_the_offline_page_is_the_apps_own() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("app_offline.htm"), "<p>back soon</p>").unwrap();
        let response = offline(root.path()).await;
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "<p>back soon</p>");
    }
}
