//! Cross-origin requests (spec host.md §3.10): from settings, or from the command line and local.settings.json.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

use axum::body::Body;
use horus_app::Settings;

/// Which origins may call. Methods and headers are never restricted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cors {
    any: bool,
    origins: Vec<String>,
    credentials: bool,
}

impl Cors {
    /// Rules for `origins`, of which `*` is any.
    pub(super) fn new<'a>(origins: impl IntoIterator<Item = &'a str>, credentials: bool) -> Self {
        let origins: Vec<String> = origins
            .into_iter()
            .map(|origin| origin.trim().trim_end_matches('/').to_owned())
            .filter(|origin| !origin.is_empty())
            .collect();
        Self { any: origins.iter().any(|origin| origin == "*"), origins, credentials }
    }

    /// The rules in `settings`: only with `FUNCTIONS_ENABLE_CORS_CONFIGURATION=1`. Origins that are not a JSON
    /// array of texts allow nobody.
    pub(super) fn from_settings(settings: &Settings) -> Option<Self> {
        if !settings.flag("FUNCTIONS_ENABLE_CORS_CONFIGURATION") {
            return None;
        }
        let origins = settings.text("CORS_ALLOWED_ORIGINS").unwrap_or("[]");
        let origins: Vec<String> = serde_json::from_str(origins).unwrap_or_default();
        Some(Self::new(origins.iter().map(String::as_str), settings.flag("CORS_SUPPORT_CREDENTIALS")))
    }

    /// The answer to a preflight request: 204 in any case, with headers when the origin is allowed.
    pub(super) fn preflight<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        if request.method() != Method::OPTIONS {
            return None;
        }
        let headers = request.headers();
        let origin = headers.get(ORIGIN)?;
        let method = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if self.allow(origin, response.headers_mut()) {
            response.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
            if let Some(names) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                response.headers_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
            }
        }
        Some(response)
    }

    /// Adds what the browser wants to see in the answer to a request of `origin`.
    pub(super) fn allow(&self, origin: &HeaderValue, headers: &mut HeaderMap) -> bool {
        if self.any {
            // Browsers refuse `*` together with credentials, so the permission would be a lie.
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            return true;
        }
        let Ok(text) = origin.to_str() else { return false };
        if !self.origins.iter().any(|known| known.eq_ignore_ascii_case(text)) {
            return false;
        }
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if self.origins.len() > 1 {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preflight(cors: &Cors, origin: &str) -> Vec<(String, String)> {
        let request = Request::options("/api/fn")
            .header("origin", origin)
            .header("access-control-request-method", "PUT")
            .header("access-control-request-headers", "x-a, x-b")
            .body(())
            .unwrap();
        let response = cors.preflight(&request).expect("it is a preflight");
        assert_eq!(response.status(), 204);
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect()
    }

    /// host.md H32: a listed origin gets its headers, another one gets an empty 204.
    #[test]
    fn h32_preflight_answers_listed_origins() {
        let cors = Cors::new(["https://a.example/", "https://b.example"], true);
        assert_eq!(
            preflight(&cors, "https://a.example"),
            [
                ("access-control-allow-origin", "https://a.example"),
                ("access-control-allow-credentials", "true"),
                ("vary", "Origin"),
                ("access-control-allow-methods", "PUT"),
                ("access-control-allow-headers", "x-a, x-b"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert_eq!(preflight(&cors, "https://c.example"), []);
        let any = preflight(&Cors::new(["*"], true), "https://c.example");
        assert!(any.contains(&("access-control-allow-origin".into(), "*".into())));
        assert!(!any.iter().any(|(name, _)| name == "access-control-allow-credentials"));
    }

    /// host.md §3.3: OPTIONS without the preflight headers reaches the function.
    #[test]
    fn other_options_requests_are_not_preflights() {
        let cors = Cors::new(["*"], false);
        for request in [
            Request::options("/").body(()).unwrap(),
            Request::options("/").header("origin", "https://a").body(()).unwrap(),
            Request::get("/")
                .header("origin", "a")
                .header("access-control-request-method", "PUT")
                .body(())
                .unwrap(),
        ] {
            assert!(cors.preflight(&request).is_none());
        }
    }

    /// host.md §3.10: the settings count only when switched on.
    #[test]
    fn settings_count_only_when_enabled() {
        let from = |pairs: &[(&str, &str)]| {
            Cors::from_settings(&Settings::from_pairs(
                pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
            ))
        };
        let on = ("FUNCTIONS_ENABLE_CORS_CONFIGURATION", "1");
        let origins = ("CORS_ALLOWED_ORIGINS", r#"["https://a","https://b"]"#);
        assert_eq!(from(&[origins]), None);
        assert_eq!(from(&[on, origins]), Some(Cors::new(["https://a", "https://b"], false)));
        let credentials = ("CORS_SUPPORT_CREDENTIALS", "true");
        assert_eq!(from(&[on, origins, credentials]), Some(Cors::new(["https://a", "https://b"], true)));
        assert_eq!(from(&[on]), Some(Cors::new([], false)));
        assert_eq!(from(&[on, ("CORS_ALLOWED_ORIGINS", "https://a")]), Some(Cors::new([], false)));
    }
}
