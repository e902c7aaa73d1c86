//! From a function's reply to an HTTP message, and what the app adds to every one.

use axum::body::Body;
use bytes::Bytes;
use horus_bindings::http::response::Reply;
use horus_bindings::http::{Hsts, Options};
use http::header::{
    CONNECTION, CONTENT_LENGTH, SET_COOKIE, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::request::Origin;

/// Why a reply cannot be sent: a header that HTTP does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The function's response cannot be sent: {0}")]
pub(super) struct Unsendable(String);

/// The message for `reply`. What belongs to the connection rather than to the message is left to the server.
pub(super) fn build(reply: Reply) -> Result<Response<Body>, Unsendable> {
    let mut response =
        Response::new(if reply.body.is_empty() { Body::empty() } else { Body::from(reply.body) });
    *response.status_mut() = StatusCode::from_u16(reply.status)
        .map_err(|_| Unsendable(format!("{} is not an HTTP status.", reply.status)))?;
    let headers = response.headers_mut();
    headers.reserve(reply.headers.len() + reply.cookies.len());
    for (name, value) in reply.headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Unsendable(format!("'{name}' is not a header name.")))?;
        if [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, UPGRADE].contains(&name) {
            continue;
        }
        let value = header_value(value)
            .map_err(|_| Unsendable(format!("header '{name}' has a value that HTTP does not allow.")))?;
        headers.append(name, value);
    }
    for cookie in reply.cookies {
        let cookie = header_value(cookie)
            .map_err(|_| Unsendable("a cookie has a value that HTTP does not allow.".into()))?;
        headers.append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Takes the text over without copying it.
fn header_value(text: String) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    HeaderValue::from_maybe_shared(Bytes::from(text))
}

/// What host.json adds to every response (spec host.md §1.3), prepared once per app.
#[derive(Debug, Default)]
pub(super) struct Additions {
    headers: Vec<(HeaderName, HeaderValue)>,
    hsts: Option<(HeaderValue, Vec<String>)>,
}

impl Additions {
    /// The additions of `options`, and a note for each header that HTTP does not allow.
    pub(super) fn new(options: &Options) -> (Self, Vec<String>) {
        let mut notes = Vec::new();
        let mut headers = Vec::new();
        for (name, value) in &options.custom_headers {
            match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
                (Ok(name), Ok(value)) => headers.push((name, value)),
                _ => notes.push(format!(
                    "host.json: extensions.http.customHeaders: '{name}' is left out, since its name or value is not allowed in HTTP."
                )),
            }
        }
        (Self { headers, hsts: hsts(&options.hsts) }, notes)
    }

    /// Whether there is nothing to add.
    pub(super) fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.hsts.is_none()
    }

    /// Adds what `headers` do not have yet.
    pub(super) fn apply(&self, headers: &mut HeaderMap, origin: &Origin) {
        for (name, value) in &self.headers {
            if !headers.contains_key(name) {
                headers.insert(name, value.clone());
            }
        }
        if let Some((value, excluded)) = &self.hsts
            && origin.scheme == Scheme::HTTPS
            && !excluded.iter().any(|host| host.eq_ignore_ascii_case(host_name(&origin.host)))
        {
            headers.insert(STRICT_TRANSPORT_SECURITY, value.clone());
        }
    }
}

/// The text is the same for every host that gets it, so it is made for one without a name.
fn hsts(options: &Hsts) -> Option<(HeaderValue, Vec<String>)> {
    Some((HeaderValue::try_from(options.header("")?).ok()?, options.excluded_hosts.clone()))
}

/// `host` without its port.
fn host_name(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn reply(headers: &[(&str, &str)], body: &'static str) -> Reply {
        Reply {
            status: 201,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            cookies: vec!["a=1".into(), "b=2".into()],
            body: Bytes::from_static(body.as_bytes()),
            duplicates: Vec::new(),
        }
    }

    /// host.md §3.7: headers and cookies are written, what frames the message is not.
    #[tokio::test]
    async fn replies_become_messages() {
        let headers = [
            ("X-A", "1"),
            ("Content-Type", "image/png"),
            ("Content-Length", "99"),
            ("Transfer-Encoding", "chunked"),
        ];
        let response = build(reply(&headers, "body")).unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["x-a"], "1");
        assert_eq!(response.headers()["content-type"], "image/png");
        assert!(!response.headers().contains_key("content-length"));
        assert!(!response.headers().contains_key("transfer-encoding"));
        let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "body");
    }

    /// Headers that would split the response fail the request instead.
    #[test]
    fn forbidden_characters_fail_the_request() {
        for header in [("X A", "1"), ("X-A", "1\r\nSet-Cookie: x=1"), ("", "1"), ("X-A", "\u{7f}")] {
            let error = build(reply(&[header], "")).unwrap_err();
            assert!(error.to_string().starts_with("The function's response cannot be sent"), "{error}");
        }
        assert!(build(Reply { status: 42, ..reply(&[], "") }).is_err());
    }

    fn origin(scheme: Scheme, host: &str) -> Origin {
        Origin { client: ([127, 0, 0, 1], 1).into(), scheme, host: host.into() }
    }

    /// host.md C14: a custom header is added unless the function set it.
    #[test]
    fn c14_custom_headers_fill_gaps() {
        let options = Options {
            custom_headers: vec![("X-A".into(), "1".into()), ("X B".into(), "1".into())],
            ..Options::default()
        };
        let (additions, notes) = Additions::new(&options);
        assert!(notes.len() == 1 && notes[0].contains("'X B'"), "{notes:?}");
        let mut headers = HeaderMap::new();
        additions.apply(&mut headers, &origin(Scheme::HTTP, "h"));
        assert_eq!(headers["x-a"], "1");
        headers.insert("x-a", HeaderValue::from_static("mine"));
        additions.apply(&mut headers, &origin(Scheme::HTTP, "h"));
        assert_eq!(headers["x-a"], "mine");
    }

    /// host.md §1.3: HSTS only over HTTPS and not for the excluded hosts.
    #[test]
    fn hsts_is_for_https_and_public_hosts() {
        let mut options = Options::default();
        options.hsts.is_enabled = true;
        options.hsts.include_sub_domains = true;
        let (additions, _) = Additions::new(&options);
        let sent = |scheme, host| {
            let mut headers = HeaderMap::new();
            additions.apply(&mut headers, &origin(scheme, host));
            headers.get(STRICT_TRANSPORT_SECURITY).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(
            sent(Scheme::HTTPS, "a.example:443").as_deref(),
            Some("max-age=2592000; includeSubDomains")
        );
        assert_eq!(sent(Scheme::HTTP, "a.example"), None);
        assert_eq!(sent(Scheme::HTTPS, "localhost:7071"), None);
        assert_eq!(sent(Scheme::HTTPS, "[::1]:7071"), None);
        assert_eq!(sent(Scheme::HTTPS, "[::1]"), None);
    }
}
