//! Keys over HTTP (spec host.md §4.3).

use axum::body::Body;
use horus_app::Secret;
use http::{Response, StatusCode};

use super::payload::{KeyList, KeyValue, Link, OneKey};
use crate::http::front::{Arrival, Shared};
use crate::http::{empty, json, text};
use crate::keys::{Key, KeysError, Scope};

/// The master key is no key of a function and cannot be removed.
const MASTER: &str = "_master";

pub(super) async fn list(front: &Shared, arrival: &Arrival, scope: Scope<'_>) -> Response<Body> {
    if scope == Scope::System {
        // Extensions make their keys while the host starts.
        let _ = front.ready().await;
    }
    let Some(scope) = known(front, scope) else { return empty(StatusCode::NOT_FOUND) };
    match front.keys.list(scope.borrowed()).await {
        Ok(keys) => {
            let keys =
                keys.iter().map(|key| KeyValue { name: &key.name, value: key.value.reveal() }).collect();
            json(StatusCode::OK, &KeyList { keys, links: Link::to_self(address(arrival)) })
        }
        Err(error) => failed(front, &error),
    }
}

pub(super) async fn get(front: &Shared, arrival: &Arrival, scope: Scope<'_>, name: &str) -> Response<Body> {
    let Some(scope) = known(front, scope) else { return empty(StatusCode::NOT_FOUND) };
    match front.keys.get(scope.borrowed(), name).await {
        Ok(Some(key)) => one(StatusCode::OK, arrival, &key),
        Ok(None) => empty(StatusCode::NOT_FOUND),
        Err(error) => failed(front, &error),
    }
}

pub(super) async fn make(front: &Shared, arrival: &Arrival, scope: Scope<'_>, name: &str) -> Response<Body> {
    let Some(scope) = known(front, scope) else { return empty(StatusCode::NOT_FOUND) };
    match front.keys.set(scope.borrowed(), name, None).await {
        // A new master key counts as made, although there always was one.
        Ok(change) if change.created || name.eq_ignore_ascii_case(MASTER) => {
            one(StatusCode::CREATED, arrival, &change.key)
        }
        Ok(change) => one(StatusCode::OK, arrival, &change.key),
        Err(error) => failed(front, &error),
    }
}

pub(super) async fn put(
    front: &Shared,
    arrival: &Arrival,
    scope: Scope<'_>,
    name: &str,
    body: &[u8],
) -> Response<Body> {
    let Some(scope) = known(front, scope) else { return empty(StatusCode::NOT_FOUND) };
    let Some(value) = value(body) else {
        return text(StatusCode::BAD_REQUEST, "Invalid key value");
    };
    match front.keys.set(scope.borrowed(), name, Some(value)).await {
        Ok(change) if change.created => one(StatusCode::CREATED, arrival, &change.key),
        Ok(change) => one(StatusCode::OK, arrival, &change.key),
        Err(error) => failed(front, &error),
    }
}

pub(super) async fn delete(front: &Shared, scope: Scope<'_>, name: &str) -> Response<Body> {
    if name.eq_ignore_ascii_case(MASTER) {
        return text(StatusCode::BAD_REQUEST, "Cannot delete System Key.");
    }
    let Some(scope) = known(front, scope) else { return empty(StatusCode::NOT_FOUND) };
    match front.keys.remove(scope.borrowed(), name).await {
        Ok(true) => empty(StatusCode::NO_CONTENT),
        Ok(false) => empty(StatusCode::NOT_FOUND),
        Err(error) => failed(front, &error),
    }
}

/// A scope whose function is spelled as the app spells it.
enum Known {
    Host,
    System,
    Function(String),
}

impl Known {
    fn borrowed(&self) -> Scope<'_> {
        match self {
            Self::Host => Scope::Host,
            Self::System => Scope::System,
            Self::Function(name) => Scope::Function(name),
        }
    }
}

/// `scope`, unless it names a function that the app does not have.
fn known(front: &Shared, scope: Scope<'_>) -> Option<Known> {
    let Scope::Function(name) = scope else {
        return Some(if scope == Scope::System { Known::System } else { Known::Host });
    };
    let status = front.status.borrow();
    let job = status.job.as_ref()?;
    job.runner(name).map(|runner| Known::Function(runner.function().name.clone()))
}

/// The value in `{"name":…,"value":…}`.
pub(super) fn value(body: &[u8]) -> Option<Secret> {
    let body: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    let (_, value) = body.iter().find(|(name, _)| name.eq_ignore_ascii_case("value"))?;
    value.as_str().filter(|value| !value.is_empty()).map(Secret::new)
}

fn one(status: StatusCode, arrival: &Arrival, key: &Key) -> Response<Body> {
    json(
        status,
        &OneKey { name: &key.name, value: key.value.reveal(), links: Link::to_self(address(arrival)) },
    )
}

fn address(arrival: &Arrival) -> String {
    format!("{}{}", arrival.origin.base(), arrival.parts.uri.path())
}

fn failed(front: &Shared, error: &KeysError) -> Response<Body> {
    front.keys_failed(error);
    text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
