//! The pair of log lines about every request (spec host.md §3.1, event ids 527 and 528). Nothing is formatted, or
//! even looked at, unless somebody listens.

use std::time::Instant;

use horus_app::log::{Level, Log};
use http::request::Parts;
use serde::Serialize;

use crate::keys::Access;

const CATEGORY: &str = "Microsoft.Azure.WebJobs.Script.WebHost.Middleware.SystemTraceMiddleware";

/// A request whose lines are wanted.
pub(super) struct Trace {
    log: Log,
    id: String,
    started: Instant,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Executing<'a> {
    request_id: &'a str,
    method: &'a str,
    user_agent: &'a str,
    uri: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Executed<'a> {
    request_id: &'a str,
    identities: &'a str,
    status: u16,
    duration: u128,
}

impl Trace {
    /// Writes the first line, if it is wanted.
    pub(super) fn begin(log: &Log, parts: &Parts) -> Option<Self> {
        if !log.accepts(CATEGORY, Level::Information) {
            return None;
        }
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let id = text("x-arr-log-id").map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
        write(
            log,
            "Executing",
            &Executing {
                request_id: &id,
                method: parts.method.as_str(),
                user_agent: text("user-agent").unwrap_or_default(),
                uri: parts.uri.path(),
            },
        );
        Some(Self { log: log.clone(), id, started: Instant::now() })
    }

    /// Writes the second line.
    pub(super) fn end(self, status: u16, access: &Access) {
        let identities = access.identity().map(|_| format!("(WebJobsAuthLevel:{})", access.level.as_str()));
        write(
            &self.log,
            "Executed",
            &Executed {
                request_id: &self.id,
                identities: identities.as_deref().unwrap_or_default(),
                status,
                duration: self.started.elapsed().as_millis(),
            },
        );
    }
}

fn write(log: &Log, what: &str, line: &impl Serialize) {
    let line = serde_json::to_string_pretty(line).expect("texts and numbers serialise");
    log.write(Level::Information, CATEGORY, &format!("{what} HTTP request: {line}"));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use horus_app::log::{Record, Sink};
    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl Sink for Lines {
        fn accepts(&self, category: &str, _level: Level) -> bool {
            category == CATEGORY
        }

        fn write(&self, record: Record<'_>) {
            self.0.lock().push(record.message.to_owned());
        }
    }

    /// host.md §3.1: both lines carry the front end's id, and the path without its query.
    #[test]
    fn lines_carry_the_front_ends_id_and_no_query() {
        let request = http::Request::get("/api/fn?code=secret")
            .header("x-arr-log-id", "id-1")
            .header("user-agent", "curl/8")
            .body(())
            .unwrap();
        let (parts, ()) = request.into_parts();
        let lines = Lines::default();
        let trace = Trace::begin(&Log::new(lines.clone()), &parts).unwrap();
        trace.end(401, &Access::OPEN);
        let lines = lines.0.lock();
        assert_eq!(
            lines[0],
            "Executing HTTP request: {\n  \"requestId\": \"id-1\",\n  \"method\": \"GET\",\n  \"userAgent\": \"curl/8\",\n  \"uri\": \"/api/fn\"\n}"
        );
        assert!(lines[1].starts_with(
            "Executed HTTP request: {\n  \"requestId\": \"id-1\",\n  \"identities\": \"(WebJobsAuthLevel:Admin)\",\n  \"status\": 401,\n  \"duration\": "
        ));
        assert!(Trace::begin(&Log::discard(), &parts).is_none());
    }
}
