//! Functions over HTTP: list, look, run by hand (spec host.md §4.2).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use horus_app::log::Level;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json as value;

use super::payload::FunctionInfo;
use crate::Job;
use crate::http::front::{Arrival, Shared, not_running};
use crate::http::{empty, json, text};
use crate::invoke::Runner;

pub(super) fn list(front: &Shared) -> Response<Body> {
    let host = front.options.settings.text("WEBSITE_HOSTNAME").unwrap_or("localhost");
    let base = format!("https://{host}");
    let job = front.status.borrow().job.clone();
    let runners = job.iter().flat_map(|job| &job.functions);
    let test_data = test_data(front);
    let list: Vec<FunctionInfo<'_>> =
        runners.map(|runner| info(front, runner, &base, test_data.as_ref())).collect();
    json(StatusCode::OK, &list)
}

pub(super) fn one(front: &Shared, arrival: &Arrival, name: &str) -> Response<Body> {
    match find(front, name) {
        Some(runner) => {
            json(StatusCode::OK, &info(front, &runner, &arrival.origin.base(), test_data(front).as_ref()))
        }
        None => empty(StatusCode::NOT_FOUND),
    }
}

fn info<'a>(front: &Shared, runner: &'a Runner, base: &str, test_data: Option<&PathBuf>) -> FunctionInfo<'a> {
    let template = runner.route().map(|route| route.template.text());
    let test_data = test_data.map(PathBuf::as_path);
    FunctionInfo::new(runner.function(), template, base, &front.options.root, test_data)
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
    match job.runner(name) {
        Some(_) => json(StatusCode::OK, &value!({})),
        None => empty(StatusCode::NOT_FOUND),
    }
}

/// What may be sent to run a function by hand.
#[derive(Debug, Deserialize)]
struct Call {
    #[serde(default, alias = "Input")]
    input: Option<serde_json::Value>,
}

/// The payload in `{"input":…}`: text as it is, numbers and flags as their text, absent and null as nothing. `None` is
/// not a call at all.
pub(super) fn payload(body: &[u8]) -> Option<Option<String>> {
    let call: Call = serde_json::from_slice(body).ok()?;
    match call.input {
        None | Some(serde_json::Value::Null) => Some(None),
        Some(serde_json::Value::String(text)) => Some(Some(text)),
        Some(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => {
            Some(Some(value.to_string()))
        }
        Some(serde_json::Value::Array(_) | serde_json::Value::Object(_)) => None,
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
    match runner.manual_event(input) {
        Ok(mut event) => {
            event.reason = front.reason.clone();
            let runner = runner.clone();
            job.tasks.spawn(async move {
                // The pipeline logs what becomes of it; there is nobody else to tell.
                let _ = runner.run(event).await;
            });
        }
        Err(error) => {
            let log = &front.options.log;
            let name = &runner.function().name;
            let category = format!("Function.{name}");
            let id = uuid::Uuid::new_v4().to_string();
            let began = format!("Executing 'Functions.{name}' (Reason='{}', Id={id})", front.reason);
            log.write_for(Level::Information, &category, &began, Some(&id));
            let ended = format!(
                "Executed 'Functions.{name}' (Failed, Id={id}, Duration=0ms)\nException while executing function: Functions.{name}. {error}"
            );
            log.write_for(Level::Error, &category, &ended, Some(&id));
        }
    }
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

fn find(front: &Shared, name: &str) -> Option<Arc<Runner>> {
    front.status.borrow().job.as_ref()?.runner(name).cloned()
}
