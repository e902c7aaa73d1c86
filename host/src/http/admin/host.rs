//! The host itself over HTTP (spec host.md §4.1 and §4.5).

use axum::body::Body;
use horus_app::host_json::is_read_only;
use horus_app::log::Level;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json as value};

use super::payload::{Bundle, HostStatus};
use crate::State;
use crate::http::front::{Shared, not_running};
use crate::http::{empty, json, text};
use crate::lifecycle::OFFLINE_FILE;

const CATEGORY: &str = "Host.Controllers.Host";

/// Alive, whatever the app does.
pub(super) fn ping() -> Response<Body> {
    let mut response = empty(StatusCode::OK);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache"));
    response
}

pub(super) fn status(front: &Shared) -> Response<Body> {
    let settings = &front.options.settings;
    let status = front.status.borrow().clone();
    let job = status.job.as_ref();
    let id = match job {
        Some(job) => job.host_id.clone(),
        None => horus_app::host_id(settings, &front.options.root),
    };
    let computer = gethostname::gethostname().into_string().ok();
    let bundle = job.and_then(|job| job.host.extension_bundle.as_ref());
    let editable = if is_read_only(settings) { "NotAllowed" } else { "Allowed" };
    let payload = HostStatus {
        id: Some(&id),
        state: status.state.as_str(),
        version: front.options.version,
        version_details: front.options.version,
        platform_version: settings.text("WEBSITE_PLATFORM_VERSION"),
        instance_id: front.handle.instance_id(),
        computer_name: computer.as_deref(),
        errors: &status.errors,
        process_uptime: u64::try_from(front.handle.uptime().as_millis()).unwrap_or(u64::MAX),
        function_app_content_editing_state: editable,
        extension_bundle: bundle.map(|bundle| Bundle { id: &bundle.id, version: &bundle.version }),
    };
    json(StatusCode::OK, &payload)
}

/// The host's own process: which of the others are workers is the pool's business.
pub(super) fn processes() -> Response<Body> {
    let name = std::env::current_exe().ok();
    let name = name.as_ref().and_then(|path| path.file_stem()).map(|name| name.to_string_lossy());
    let process = value!({
        "processId": std::process::id(),
        "processName": name.as_deref().unwrap_or("func"),
        "debugEngine": "native",
        "isEligibleForOpenInBrowser": true,
    });
    json(StatusCode::OK, &value!({ "processes": [process] }))
}

/// Options in effect: what host.json says about each extension, with the defaults where the host itself reads them.
pub(super) fn config(front: &Shared) -> Response<Body> {
    let status = front.status.borrow().clone();
    let Some(job) = status.job.filter(|_| status.state.serves_http()) else { return not_running() };
    let mut extensions: Map<String, Value> =
        job.host.raw.get("extensions").and_then(Value::as_object).cloned().unwrap_or_default();
    let http = &job.http;
    let limit = |limit: Option<usize>| limit.map_or_else(|| value!(-1), |limit| value!(limit));
    extensions.insert(
        "http".into(),
        value!({
            "routePrefix": http.route_prefix,
            "maxOutstandingRequests": limit(http.max_outstanding_requests),
            "maxConcurrentRequests": limit(http.max_concurrent_requests),
            "dynamicThrottlesEnabled": http.dynamic_throttles_enabled,
            "hsts": { "isEnabled": http.hsts.is_enabled },
            "customHeaders": http.custom_headers.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        }),
    );
    let concurrency = &job.host.concurrency;
    let concurrency = value!({
        "dynamicConcurrencyEnabled": concurrency.dynamic_concurrency_enabled,
        "maximumFunctionConcurrency": concurrency.maximum_function_concurrency,
        "cpuThreshold": concurrency.cpu_threshold,
    });
    json(StatusCode::OK, &value!({ "extensions": extensions, "concurrency": concurrency }))
}

pub(super) fn drain(front: &Shared) -> Response<Body> {
    if !is_running(front) {
        return not_running();
    }
    front.handle.drain();
    empty(StatusCode::ACCEPTED)
}

pub(super) fn drain_status(front: &Shared) -> Response<Body> {
    let drain = front.handle.drain_status();
    let payload = value!({
        "state": drain.state,
        "outstandingInvocations": drain.outstanding_invocations,
        "outstandingRetries": drain.outstanding_retries,
    });
    json(StatusCode::OK, &payload)
}

pub(super) fn resume(front: &Shared) -> Response<Body> {
    if !is_running(front) {
        return empty(StatusCode::CONFLICT);
    }
    front.handle.resume();
    json(StatusCode::OK, &value!({ "state": State::Running.as_str() }))
}

pub(super) fn restart(front: &Shared) -> Response<Body> {
    let options = &front.options;
    let settings = &options.settings;
    let path = |name: &str, folder: &str| {
        settings
            .text(name)
            .map_or_else(|| std::env::temp_dir().join(folder).display().to_string(), str::to_owned)
    };
    let payload = value!({
        "isSelfHost": settings.text("WEBSITE_INSTANCE_ID").is_none(),
        "secretsPath": settings.text("FUNCTIONS_SECRETS_PATH"),
        "scriptPath": options.root.display().to_string(),
        "logPath": path("FUNCTIONS_LOG_PATH", "Functions"),
        "testDataPath": path("FUNCTIONS_TEST_DATA_PATH", "FunctionsData"),
        "hasParentScope": false,
        "isStandbyConfiguration": false,
        "isFileSystemReadOnly": is_read_only(settings),
        "isScmRunFromPackage": false,
    });
    front.handle.restart();
    json(StatusCode::OK, &payload)
}

/// The state asked for by a JSON text.
pub(super) fn wanted_offline(body: &[u8]) -> Option<bool> {
    let state: String = serde_json::from_slice(body).ok()?;
    let is = |name: &str| state.eq_ignore_ascii_case(name);
    if is("offline") { Some(true) } else { is("running").then_some(false) }
}

/// Takes the app offline, or back, by the file that does it on every start (spec host.md §4.1).
pub(super) async fn set_state(front: &Shared, body: &[u8]) -> Response<Body> {
    let Some(offline) = wanted_offline(body) else {
        return text(StatusCode::BAD_REQUEST, "The state must be \"running\" or \"offline\".");
    };
    if is_read_only(&front.options.settings) {
        return text(
            StatusCode::BAD_REQUEST,
            "Host state cannot be changed while the file system is read only.",
        );
    }
    let state = front.status.borrow().state;
    if (state == State::Offline) == offline {
        return empty(StatusCode::OK);
    }
    let file = front.options.root.join(OFFLINE_FILE);
    let changed = match offline {
        true => tokio::fs::write(&file, OFFLINE_PAGE).await,
        false => tokio::fs::remove_file(&file).await,
    };
    if let Err(error) = changed {
        return text(StatusCode::BAD_REQUEST, format!("'{}': {error}", file.display()));
    }
    front.handle.restart();
    // Whoever asked may rely on the next request meeting the new state.
    let mut status = front.status.clone();
    let reached = status.wait_for(|status| (status.state == State::Offline) == offline);
    let _ = tokio::time::timeout(super::super::availability::PATIENCE, reached).await;
    empty(StatusCode::ACCEPTED)
}

/// What visitors see while the app is offline, unless it brings a page of its own.
const OFFLINE_PAGE: &str = "<!DOCTYPE html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>Offline</title></head>
<body><p>This function app is offline.</p></body>
</html>
";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    level: String,
    function_name: Option<String>,
    source: Option<String>,
    #[serde(default)]
    message: String,
}

/// Writes entries of somebody else into the host's log.
pub(super) fn log(front: &Shared, body: &[u8]) -> Response<Body> {
    let Ok(Some(entries)) = serde_json::from_slice::<Option<Vec<Entry>>>(body) else {
        return text(StatusCode::BAD_REQUEST, "An array of log entry objects is expected.");
    };
    for entry in entries {
        let Some(level) = level(&entry.level) else { continue };
        let category = match (&entry.function_name, &entry.source) {
            (Some(function), _) => format!("Function.{function}"),
            (None, Some(source)) => format!("Host.{source}"),
            (None, None) => CATEGORY.to_owned(),
        };
        front.options.log.write(level, &category, &horus_app::sanitize::sanitize(&entry.message));
    }
    empty(StatusCode::OK)
}

/// The trace levels that this endpoint knows; `off` and unknown ones are dropped.
fn level(name: &str) -> Option<Level> {
    Some(match name.to_ascii_lowercase().as_str() {
        "error" => Level::Error,
        "warning" => Level::Warning,
        "info" => Level::Information,
        "verbose" => Level::Debug,
        _ => return None,
    })
}

/// There is no platform to tell when self-hosted.
pub(super) fn sync_triggers() -> Response<Body> {
    let error = "Invalid environment for SyncTriggers operation.";
    json(StatusCode::INTERNAL_SERVER_ERROR, &value!({ "status": "error", "error": error }))
}

/// Scaling decisions are made outside of the host; inside, there is nothing to be asked for.
pub(super) fn scale_status(front: &Shared) -> Response<Body> {
    match front.options.settings.flag("FUNCTIONS_RUNTIME_SCALE_MONITORING_ENABLED") {
        true => empty(StatusCode::NOT_IMPLEMENTED),
        false => text(StatusCode::BAD_REQUEST, "Runtime scale monitoring is not enabled."),
    }
}

/// Bindings are native, so nothing is ever installed.
pub(super) fn extensions() -> Response<Body> {
    json(StatusCode::OK, &value!({ "extensions": [] }))
}

pub(super) fn change_extensions(front: &Shared) -> Response<Body> {
    let job = front.status.borrow().job.clone();
    let has_bundle = job.is_some_and(|job| job.host.extension_bundle.is_some());
    text(
        StatusCode::BAD_REQUEST,
        match has_bundle {
            true => "Cannot install extension when ExtensionBundles is configured.",
            false => "Extensions are built in and cannot be installed.",
        },
    )
}

/// Nothing is downloaded, so there are no files of a bundle.
pub(super) fn bundle() -> Response<Body> {
    text(StatusCode::NOT_FOUND, "Extension bundle content is not available: bindings are built in.")
}

fn is_running(front: &Shared) -> bool {
    let status = front.status.borrow();
    status.state.serves_http() && status.job.is_some()
}
