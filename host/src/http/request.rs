//! From an HTTP message to the request that functions see (spec host.md §3.5).

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use horus_app::Settings;
use horus_bindings::http::{HttpRequest, Identity, request as binding, route};
use horus_bindings::{Event, TraceContext, Value};
use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName};
use tokio_util::sync::CancellationToken;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const DISGUISED_HOST: HeaderName = HeaderName::from_static("disguised-host");

/// Where a request comes from and how it was addressed. Travels in the extensions of a raw request, for whoever
/// forwards it.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The other end of the connection.
    pub client: SocketAddr,
    /// `http` or `https`, as the client sees it.
    pub scheme: Scheme,
    /// Host and port, as the client spelled them; may be empty.
    pub host: String,
}

/// Whose word is taken for scheme and host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trust {
    /// `X-Forwarded-Proto` counts.
    proto: bool,
    /// `DISGUISED-HOST` counts.
    host: bool,
}

impl Trust {
    /// On the managed platform its front ends are believed; anywhere else a proxy is believed once the app says
    /// that there is one, by the setting that ASP.NET Core reads for it.
    pub(super) fn from_settings(settings: &Settings) -> Self {
        let managed = settings.text("WEBSITE_INSTANCE_ID").is_some();
        Self { proto: managed || settings.flag("ASPNETCORE_FORWARDEDHEADERS_ENABLED"), host: managed }
    }
}

impl Origin {
    /// The origin of a request that came from `client` over a connection of the scheme `own`.
    pub(super) fn of(parts: &Parts, client: SocketAddr, own: &Scheme, trust: Trust) -> Self {
        let text = |name: &HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let proto =
            trust.proto.then(|| text(&FORWARDED_PROTO)).flatten().and_then(|list| list.split(',').next());
        let scheme = match proto {
            Some(proto) if proto.trim().eq_ignore_ascii_case("https") => Scheme::HTTPS,
            Some(_) => Scheme::HTTP,
            None => own.clone(),
        };
        let host = trust
            .host
            .then(|| text(&DISGUISED_HOST))
            .flatten()
            .or_else(|| text(&http::header::HOST))
            .or_else(|| parts.uri.authority().map(|authority| authority.as_str()))
            .unwrap_or_default();
        Self { client, scheme, host: host.to_owned() }
    }

    /// `{scheme}://{host}`.
    pub(super) fn base(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }
}

/// The request as a function's value, without its body.
pub(super) fn map(
    parts: &Parts,
    origin: &Origin,
    params: Vec<(String, String)>,
    identity: Option<Identity>,
) -> HttpRequest {
    let query = parts.uri.query().unwrap_or_default();
    HttpRequest {
        method: method(parts.method.as_str()),
        url: url(origin, parts.uri.path(), query),
        headers: headers(&parts.headers),
        query: binding::query(query),
        params,
        body: None,
        identities: identity.into_iter().collect(),
    }
}

/// The event of `request`. A body counts once it has content, however its length was declared: unlike the reference,
/// which drops chunked bodies (spec host.md H14), since no function was ever better off without its body.
pub(super) fn event(
    mut request: HttpRequest,
    body: Bytes,
    headers: &HeaderMap,
    reason: Arc<str>,
    cancel: CancellationToken,
) -> Event {
    request.body = (!body.is_empty()).then_some(body);
    let data = binding::binding_data(&request);
    Event {
        value: Value::HttpRequest(Arc::new(request)),
        data,
        reason,
        details: Vec::new(),
        trace: trace(headers),
        cancel,
    }
}

fn method(verb: &str) -> String {
    let mut verb = verb.to_owned();
    verb.make_ascii_uppercase();
    verb
}

/// The public URL. The reference decodes the path; here escapes that would change the URL's meaning stay.
fn url(origin: &Origin, path: &str, query: &str) -> String {
    let path = if path.contains('%') { Cow::Owned(readable(path)) } else { Cow::Borrowed(path) };
    let scheme = origin.scheme.as_str();
    let mut url = String::with_capacity(scheme.len() + 3 + origin.host.len() + path.len() + 1 + query.len());
    url.push_str(scheme);
    url.push_str("://");
    url.push_str(&origin.host);
    url.push_str(&path);
    if !query.is_empty() {
        url.push('?');
        url.push_str(query);
    }
    url
}

/// `path` with its escapes decoded, except those of `%`, `?`, `#` and `/`.
fn readable(path: &str) -> String {
    let escaped = |part: &str| matches!(part.get(..2), Some("25" | "3F" | "3f" | "23" | "2F" | "2f"));
    let mut parts = path.split('%');
    let mut text = String::with_capacity(path.len());
    let mut run = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if escaped(part) {
            text.push_str(&route::path::decode(&run));
            run.clear();
            text.push('%');
            text.push_str(&part[..2]);
            run.push_str(&part[2..]);
        } else {
            run.push('%');
            run.push_str(part);
        }
    }
    text.push_str(&route::path::decode(&run));
    text
}

/// Names are lower-case already and equal names come one after the other, so one pass joins them.
fn headers(map: &HeaderMap) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::with_capacity(map.keys_len());
    for (name, value) in map {
        let value = String::from_utf8_lossy(value.as_bytes());
        match headers.last_mut() {
            Some((last, joined)) if last == name.as_str() => {
                joined.push(',');
                joined.push_str(&value);
            }
            _ => headers.push((name.as_str().to_owned(), value.into_owned())),
        }
    }
    headers
}

fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let parent = text("traceparent")?.to_owned();
    Some(TraceContext { parent, state: text("tracestate").unwrap_or_default().to_owned() })
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(request: http::request::Builder) -> Parts {
        request.body(()).unwrap().into_parts().0
    }

    fn origin(parts: &Parts, settings: &[(&str, &str)]) -> Origin {
        let settings = Settings::from_pairs(settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        Origin::of(parts, ([10, 0, 0, 7], 5000).into(), &Scheme::HTTP, Trust::from_settings(&settings))
    }

    fn mapped(request: http::request::Builder) -> HttpRequest {
        let parts = parts(request);
        map(&parts, &origin(&parts, &[]), vec![("id".into(), "5".into())], None)
    }

    /// host.md H15 and H16 and §3.5: one request, all fields.
    #[test]
    fn h15_h16_a_request_is_mapped_whole() {
        let request = mapped(
            Request::post("/api/p%20q/5?a=1&a=2&b=&c=x%2By")
                .header("Host", "example.net:7071")
                .header("X-Foo", "1")
                .header("Accept", "text/html")
                .header("x-foo", "2")
                .header("X-Latin", http::HeaderValue::from_bytes(b"caf\xe9").unwrap()),
        );
        assert_eq!(request.method, "POST");
        assert_eq!(request.url, "http://example.net:7071/api/p q/5?a=1&a=2&b=&c=x%2By");
        assert_eq!(request.header("x-foo"), Some("1,2"));
        assert_eq!(request.headers.iter().filter(|(name, _)| name == "x-foo").count(), 1);
        assert_eq!(request.header("x-latin"), Some("caf\u{fffd}"));
        let query: Vec<(&str, &str)> = request.query.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(query, [("a", "1,2"), ("b", ""), ("c", "x+y")]);
        assert_eq!(request.params, [("id".to_owned(), "5".to_owned())]);
        assert_eq!(request.body, None);
    }

    /// Decoding the path for reading never changes where the URL leads.
    #[test]
    fn escapes_with_a_meaning_stay_in_the_url() {
        for (path, shown) in [
            ("/api/%C3%A9", "/api/é"),
            ("/api/a%2Fb%3Fc%23d%25e", "/api/a%2Fb%3Fc%23d%25e"),
            ("/api/100%25%20x", "/api/100%25 x"),
            ("/api/%ff", "/api/%FF"),
            ("/%", "/%"),
        ] {
            assert_eq!(readable(path), shown, "{path}");
        }
    }

    /// host.md §3.1 step 6: forwarded headers count on the managed platform or when the app asks for it.
    #[test]
    fn forwarded_headers_count_only_when_trusted() {
        let parts = parts(
            Request::get("/api/fn")
                .header("host", "inner")
                .header("x-forwarded-proto", "https, http")
                .header("disguised-host", "outer.example"),
        );
        let base = |settings: &[(&str, &str)]| origin(&parts, settings).base();
        assert_eq!(base(&[]), "http://inner");
        assert_eq!(base(&[("ASPNETCORE_FORWARDEDHEADERS_ENABLED", "true")]), "https://inner");
        assert_eq!(base(&[("WEBSITE_INSTANCE_ID", "1")]), "https://outer.example");
        let secure = Origin::of(
            &parts,
            ([10, 0, 0, 7], 5000).into(),
            &Scheme::HTTPS,
            Trust { proto: false, host: false },
        );
        assert_eq!(secure.base(), "https://inner");
    }

    /// host.md H14 (deviation: any body with content is delivered) and W17 (trace context).
    #[test]
    fn h14_w17_body_and_trace_reach_the_event() {
        let parts =
            parts(Request::post("/api/fn").header("traceparent", "00-a-b-01").header("tracestate", "k=v"));
        let event_of = |body: &'static str| {
            let request = map(&parts, &origin(&parts, &[]), Vec::new(), None);
            event(request, body.into(), &parts.headers, "why".into(), CancellationToken::new())
        };
        let Value::HttpRequest(request) = event_of("{\"q\":1}").value else { panic!("not a request") };
        assert_eq!(request.body.as_deref(), Some(&b"{\"q\":1}"[..]));
        let empty = event_of("");
        let Value::HttpRequest(request) = &empty.value else { panic!("not a request") };
        assert_eq!(request.body, None);
        assert_eq!(empty.trace, Some(TraceContext { parent: "00-a-b-01".into(), state: "k=v".into() }));
        assert_eq!(&*empty.reason, "why");
    }
}
