//! Functions over HTTP: list, look, run by hand (spec host.md §4.2).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use horus_app::Function;
use horus_app::log::Level;
use horus_bindings::http::Trigger;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json as value};

use super::payload::FunctionInfo;
use crate::Job;
use crate::http::front::{Arrival, Shared, not_running};
use crate::http::{empty, json, text};
use crate::invoke::Runner;

pub(super) fn list(front: &Shared) -> Response<Body> {
    let host = front.options.settings.text("WEBSITE_HOSTNAME").unwrap_or("localhost");
    let base = format!("https://{host}");
    let test_data = test_data(front);
    let job = front.status.borrow().job.clone();
    let mut functions: Vec<&Function> = job.iter().flat_map(|job| all(job)).collect();
    functions.sort_by_cached_key(|function| function.name.to_lowercase());
    let list: Vec<FunctionInfo<'_>> = job
        .iter()
        .flat_map(|job| {
            functions.iter().map(|function| info(front, job, function, &base, test_data.as_ref()))
        })
        .collect();
    json(StatusCode::OK, &list)
}

pub(super) fn one(front: &Shared, arrival: &Arrival, name: &str) -> Response<Body> {
    let job = front.status.borrow().job.clone();
    let Some(job) = job else { return empty(StatusCode::NOT_FOUND) };
    match all(&job).find(|function| function.name.eq_ignore_ascii_case(name)) {
        Some(function) => {
            let base = arrival.origin.base();
            json(StatusCode::OK, &info(front, &job, function, &base, test_data(front).as_ref()))
        }
        None => empty(StatusCode::NOT_FOUND),
    }
}

/// The functions of the app, those that its allow-list leaves out included (spec host.md C09).
fn all(job: &Job) -> impl Iterator<Item = &Function> {
    job.functions.iter().map(|runner| runner.function()).chain(&job.excluded)
}

fn info<'a>(
    front: &Shared,
    job: &Job,
    function: &'a Function,
    base: &str,
    test_data: Option<&PathBuf>,
) -> FunctionInfo<'a> {
    let trigger = function.trigger();
    let route = trigger
        .is("httpTrigger")
        .then(|| Trigger::new(trigger, &function.name, &job.settings, &job.http.route_prefix));
    let template = route.as_ref().and_then(|route| route.as_ref().ok()).map(|route| route.template.text());
    FunctionInfo::new(function, template, base, &front.options.root, test_data.map(PathBuf::as_path))
}

fn test_data(front: &Shared) -> Option<PathBuf> {
    front.options.settings.text("FUNCTIONS_TEST_DATA_PATH").map(PathBuf::from)
}

pub(super) fn status(front: &Shared, name: &str) -> Response<Body> {
    let job = front.status.borrow().job.clone();
    let Some(job) = job else { return empty(StatusCode::NOT_FOUND) };
    let own = job.errors.iter().filter(|error| error.function.eq_ignore_ascii_case(name));
    let errors: Vec<&str> = own.map(|error| error.message.as_str()).collect();
    if !errors.is_empty() {
        return json(StatusCode::OK, &value!({ "errors": errors }));
    }
    match (job.runner(name), all(&job).any(|function| function.name.eq_ignore_ascii_case(name))) {
        (Some(runner), _) => json(StatusCode::OK, &Value::Object(runner.report())),
        (None, true) => json(StatusCode::OK, &value!({})),
        (None, false) => empty(StatusCode::NOT_FOUND),
    }
}

/// The payload in `{"input":…}`: text as it is, numbers and flags as their text, absent and null as nothing. `None` is
/// not a call at all.
pub(super) fn payload(body: &[u8]) -> Option<Option<String>> {
    let call: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let input = call.iter().find(|(name, _)| name.eq_ignore_ascii_case("input"));
    match input.map(|(_, value)| value) {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) => Some(Some(text.clone())),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Some(Some(value.to_string())),
        Some(Value::Array(_) | Value::Object(_)) => None,
    }
}

/// Runs a function without waiting for it: 202 says that there is such a function, and no more.
pub(super) async fn invoke(front: &Shared, name: &str, body: &[u8]) -> Response<Body> {
    let Ok(job) = front.ready().await else { return not_running() };
    let Some(input) = payload(body) else {
        return text(
            StatusCode::BAD_REQUEST,
            "The body must be a JSON object whose 'input' is text or null.",
        );
    };
    let Some(runner) = job.runner(name) else { return empty(StatusCode::NOT_FOUND) };
    start(front, &job, runner, input);
    empty(StatusCode::ACCEPTED)
}

fn start(front: &Shared, job: &Job, runner: &Arc<Runner>, input: Option<String>) {
    let (runner, reason, log) = (runner.clone(), front.reason.clone(), front.options.log.clone());
    job.tasks.spawn(async move {
        match runner.manual_event(input).await {
            Ok(mut event) => {
                event.reason = reason;
                // The pipeline logs what becomes of it; there is nobody else to tell.
                let _ = runner.call(event).await;
            }
            Err(error) => {
                let name = &runner.function().name;
                let category = format!("Function.{name}");
                let id = uuid::Uuid::new_v4().to_string();
                let began = format!("Executing 'Functions.{name}' (Reason='{reason}', Id={id})");
                log.write_for(Level::Information, &category, &began, Some(&id));
                let ended = format!(
                    "Executed 'Functions.{name}' (Failed, Id={id}, Duration=0ms)\nException while executing function: Functions.{name}. {error}"
                );
                log.write_for(Level::Error, &category, &ended, Some(&id));
            }
        }
    });
}

/// Runs the warm-up function, the first time only (spec host.md §2.6).
pub(super) async fn warm_up(front: &Shared) -> Response<Body> {
    let Ok(job) = front.ready().await else { return not_running() };
    if !front.site(&job).is_warm.swap(true, Ordering::AcqRel) {
        let warmup = job.functions.iter().find(|runner| runner.function().trigger().is("warmupTrigger"));
        if let Some(runner) = warmup {
            start(front, &job, runner, None);
        }
    }
    empty(StatusCode::OK)
}

/// Functions are made and removed in the app's folder, not through the host.
pub(super) fn read_only() -> Response<Body> {
    text(
        StatusCode::BAD_REQUEST,
        "Your app is currently in read only mode. Cannot create or update functions.",
    )
}
