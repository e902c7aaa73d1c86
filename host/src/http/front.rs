//! The order in which a request passes through the front end (spec host.md §3.1).

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use horus_app::log::Log;
use http::header::ORIGIN;
use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use parking_lot::RwLock;
use tokio::sync::watch;

use super::availability::{self, Unavailable};
use super::cors::Cors;
use super::request::{Origin, Trust};
use super::site::Site;
use super::throttle::Refused;
use super::trace::Trace;
use super::{REASON, admin, call, empty, home, text, webhook};
use crate::keys::{Access, Keys, KeysError, Level};
use crate::{Auth, Handle, Job, Options, Status, Tls};

/// Bodies may be as large as this unless `FUNCTIONS_REQUEST_BODY_SIZE_LIMIT` says otherwise; in bytes.
const BODY_LIMIT: u64 = 104_857_600;
const KEY_HEADER: HeaderName = HeaderName::from_static("x-functions-key");
const SITE_TOKEN: HeaderName = HeaderName::from_static("x-ms-site-token");
const SCALE_OUT: HeaderName = HeaderName::from_static("x-function-scaleout");
const THROTTLE_CATEGORY: &str = "Microsoft.Azure.WebJobs.Script.WebHost.Middleware.HttpThrottleMiddleware";
const KEYS_CATEGORY: &str = "Host.Authentication";

/// Answers HTTP requests for one host, over all its restarts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FrontEnd(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: Arc<Options>,
    pub(super) handle: Handle,
    pub(super) keys: Keys,
    pub(super) status: watch::Receiver<Status>,
    /// The site of the job that answered last.
    site: RwLock<Option<Arc<Site>>>,
    cors: Option<Cors>,
    trust: Trust,
    /// How clients reach this very process.
    scheme: Scheme,
    pub(super) body_limit: u64,
    has_no_home: bool,
    pub(super) reason: Arc<str>,
}

/// A request on its way, without its body.
pub(super) struct Arrival {
    pub(super) parts: Parts,
    pub(super) origin: Origin,
}

/// A response, and who asked for it.
pub(super) struct Answer {
    pub(super) response: Response<Body>,
    pub(super) access: Access,
}

impl From<Response<Body>> for Answer {
    fn from(response: Response<Body>) -> Self {
        Self { response, access: Access::ANONYMOUS }
    }
}

impl FrontEnd {
    /// A front end for the host behind `handle`.
    pub fn new(options: Arc<Options>, handle: Handle, keys: Keys) -> Self {
        let status = handle.status();
        Self::watching(options, handle, status, keys)
    }

    /// A front end that goes by `status`.
    pub(super) fn watching(
        options: Arc<Options>,
        handle: Handle,
        status: watch::Receiver<Status>,
        keys: Keys,
    ) -> Self {
        let settings = &options.settings;
        let given = options.cors.as_ref();
        let cors = given
            .map(|cors| Cors::new(cors.origins.iter().map(String::as_str), cors.credentials))
            .or_else(|| Cors::from_settings(settings));
        let body_limit = settings.text("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT");
        Self(Arc::new(Shared {
            status,
            site: RwLock::default(),
            cors,
            trust: Trust::from_settings(settings),
            scheme: if options.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP },
            body_limit: body_limit.and_then(|limit| limit.trim().parse().ok()).unwrap_or(BODY_LIMIT),
            has_no_home: settings
                .text("AzureWebJobsDisableHomepage")
                .is_some_and(|v| v.eq_ignore_ascii_case("true")),
            reason: REASON.into(),
            options,
            handle,
            keys,
        }))
    }

    /// What to serve HTTPS with; `None` is plain HTTP.
    pub(super) fn tls(&self) -> Option<&Tls> {
        self.0.options.tls.as_ref()
    }

    pub(super) fn log(&self) -> &Log {
        &self.0.options.log
    }

    /// Answers one request of `client`. Dropping the future means that the client has gone away: the function that
    /// runs for it is asked to stop, and goes on to its end.
    pub async fn respond<B>(&self, request: Request<B>, client: SocketAddr) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let shared = &*self.0;
        let preflight = shared.cors.as_ref().and_then(|cors| cors.preflight(&request));
        let (parts, body) = request.into_parts();
        let trace = Trace::begin(&shared.options.log, &parts);
        let Answer { response, access } = match preflight {
            Some(response) => response.into(),
            None => {
                let origin = Origin::of(&parts, client, &shared.scheme, shared.trust);
                shared.answer(Arrival { parts, origin }, body).await
            }
        };
        if let Some(trace) = trace {
            trace.end(response.status().as_u16(), &access);
        }
        response
    }
}

impl Shared {
    async fn answer<B>(&self, arrival: Arrival, body: B) -> Answer
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let from = self.cors.as_ref().and_then(|_| arrival.parts.headers.get(ORIGIN).cloned());
        let path = arrival.parts.uri.path();
        let mut answer = if is_below(path, "/admin") {
            let mut answer = admin::answer(self, &arrival, body).await;
            let job = self.status.borrow().job.clone();
            if let Some(job) = job {
                self.site(&job).additions.apply(answer.response.headers_mut(), &arrival.origin);
            }
            answer
        } else {
            self.route(arrival, body).await
        };
        if let (Some(cors), Some(from)) = (&self.cors, &from) {
            cors.allow(from, answer.response.headers_mut());
        }
        answer
    }

    /// Everything that is not the admin API: it needs a running host.
    async fn route<B>(&self, arrival: Arrival, body: B) -> Answer
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let job = match self.ready().await {
            Ok(job) => job,
            Err(Unavailable::NotRunning) => return not_running().into(),
            Err(Unavailable::Offline) => return home::offline(&self.options.root).await.into(),
        };
        let site = self.site(&job);
        let permit = match site.throttle.enter().await {
            Ok(permit) => permit,
            Err(refused) => return self.refuse(&refused).into(),
        };
        let path = arrival.parts.uri.path();
        if is_below(path, "/runtime/webhooks") {
            return webhook::answer(self, &job, &arrival, body).await;
        }
        let decoded = horus_bindings::http::route::path::decode(path);
        let found = job.routes.find(arrival.parts.method.as_str(), &decoded);
        let (index, params) = match found {
            Some(found) => (*found.target, found.params),
            None if path == "/" => {
                let mut response = home::page(self.has_no_home);
                site.additions.apply(response.headers_mut(), &arrival.origin);
                return response.into();
            }
            None => {
                let mut response = empty(StatusCode::NOT_FOUND);
                site.additions.apply(response.headers_mut(), &arrival.origin);
                return response.into();
            }
        };
        drop(decoded);
        let origin = (!site.additions.is_empty()).then(|| arrival.origin.clone());
        let mut answer =
            call::function(self, &job, &job.functions[index], arrival, params, body, permit).await;
        if let Some(origin) = &origin {
            site.additions.apply(answer.response.headers_mut(), origin);
        }
        answer
    }

    /// The job, once it can answer.
    pub(super) async fn ready(&self) -> Result<Arc<Job>, Unavailable> {
        availability::ready(&self.status).await
    }

    /// What is prepared for `job`; prepared now when it is new.
    pub(super) fn site(&self, job: &Arc<Job>) -> Arc<Site> {
        if let Some(site) = &*self.site.read()
            && site.is_for(job)
        {
            return site.clone();
        }
        let mut current = self.site.write();
        match &*current {
            Some(site) if site.is_for(job) => site.clone(),
            _ => {
                let site = Arc::new(Site::new(job, &self.options.log));
                *current = Some(site.clone());
                site
            }
        }
    }

    /// Who asks, as far as keys and tokens tell: the header counts before the query, and a token only where no key
    /// is valid (spec host.md §3.4).
    pub(super) async fn access(&self, parts: &Parts, function: Option<&str>) -> Result<Access, KeysError> {
        if self.options.auth == Auth::Open {
            return Ok(Access::OPEN);
        }
        let mut access = Access::ANONYMOUS;
        if let Some(key) = key(parts) {
            access = self.keys.access(&key, function).await?;
        }
        if access.level == Level::Anonymous
            && let Some(token) = token(parts)
        {
            access = self.keys.token_access(token);
        }
        Ok(access)
    }

    /// Where log lines go.
    pub(super) fn log(&self) -> &Log {
        &self.options.log
    }

    /// Reports keys that cannot be read.
    pub(super) fn keys_failed(&self, error: &KeysError) {
        self.options.log.error(KEYS_CATEGORY, error.to_string());
    }

    fn refuse(&self, Refused(limit): &Refused) -> Response<Body> {
        let log = &self.options.log;
        log.warning(THROTTLE_CATEGORY, format!("Http request queue limit of {limit} has been exceeded."));
        let mut response = empty(StatusCode::TOO_MANY_REQUESTS);
        response.headers_mut().insert(SCALE_OUT, HeaderValue::from_static("1"));
        response
    }
}

/// The answer while no host runs.
pub(super) fn not_running() -> Response<Body> {
    text(StatusCode::SERVICE_UNAVAILABLE, "Function host is not running.")
}

/// Whether `path` is `folder` or something in it, ignoring case.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    path.split_at_checked(folder.len()).is_some_and(|(start, rest)| {
        start.eq_ignore_ascii_case(folder) && (rest.is_empty() || rest.starts_with('/'))
    })
}

/// The key that a request shows: its header, and its query only without the header.
pub(super) fn key(parts: &Parts) -> Option<Cow<'_, str>> {
    match parts.headers.get(KEY_HEADER) {
        Some(key) => Some(Cow::Borrowed(key.to_str().unwrap_or_default())),
        None => parts.uri.query().and_then(code).map(Cow::Owned),
    }
}

/// The value of query member `code`.
fn code(query: &str) -> Option<String> {
    let (_, code) = horus_bindings::http::request::query(query)
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("code"))?;
    Some(code)
}

fn token(parts: &Parts) -> Option<&str> {
    let header = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    header(SITE_TOKEN).or_else(|| {
        let (scheme, token) = header(http::header::AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// host.md §3.1: only whole segments make the admin API.
    #[test]
    fn folders_are_matched_by_segment() {
        for (path, below) in [
            ("/admin", true),
            ("/admin/", true),
            ("/Admin/host/status", true),
            ("/administration", false),
            ("/api/admin", false),
            ("/", false),
            ("/adminé", false),
        ] {
            assert_eq!(is_below(path, "/admin"), below, "{path}");
        }
    }

    /// host.md H08: the header counts, even when it is wrong or empty.
    #[test]
    fn h08_the_header_wins_over_the_query() {
        let shown = |request: http::request::Builder| {
            key(&request.body(()).unwrap().into_parts().0).map(Cow::into_owned)
        };
        let request = || http::Request::get("/api/fn?code=right");
        assert_eq!(shown(request()).as_deref(), Some("right"));
        assert_eq!(shown(request().header("X-Functions-Key", "wrong")).as_deref(), Some("wrong"));
        assert_eq!(shown(request().header("x-functions-key", "")).as_deref(), Some(""));
        assert_eq!(shown(http::Request::get("/api/fn")), None);
    }

    /// host.md §3.4: where the key is looked for.
    #[test]
    fn codes_and_tokens_are_found() {
        assert_eq!(code("a=1&Code=x%3D%3D").as_deref(), Some("x=="));
        assert_eq!(code("a=1"), None);
        let parts = |name: &str, value: &str| {
            http::Request::get("/").header(name, value).body(()).unwrap().into_parts().0
        };
        assert_eq!(token(&parts("Authorization", "bearer abc")), Some("abc"));
        assert_eq!(token(&parts("Authorization", "Basic abc")), None);
        assert_eq!(token(&parts("X-MS-Site-Token", "abc")), Some("abc"));
    }
}
