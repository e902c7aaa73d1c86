//! The admin API (spec host.md §4).

mod functions;
mod host;
mod keys;
mod payload;
mod route;

#[cfg(test)]
mod tests;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::{Response, StatusCode};

use self::route::Endpoint;
use super::body::{self, BodyError};
use super::empty;
use super::front::{self, Answer, Arrival, Shared};
use crate::keys::{Access, Admission, Level};

/// Answers a request below `/admin`.
pub(super) async fn answer<B>(front: &Shared, arrival: &Arrival, body: B) -> Answer
where
    B: HttpBody<Data = Bytes> + Send,
{
    let path = horus_bindings::http::route::path::decode(arrival.parts.uri.path());
    let Some(endpoint) = route::route(&arrival.parts.method, &path) else {
        return empty(StatusCode::NOT_FOUND).into();
    };
    let access = match access(front, arrival).await {
        Ok(access) => access,
        Err(_) if endpoint.is_anonymous() => Access::ANONYMOUS,
        Err(error) => {
            front.keys_failed(&error);
            return empty(StatusCode::INTERNAL_SERVER_ERROR).into();
        }
    };
    let admission = match endpoint.is_anonymous() {
        true => Admission::Granted,
        false => Admission::of(&access, front.keys.is_isolated()),
    };
    let response = match admission {
        Admission::Unauthorized => empty(StatusCode::UNAUTHORIZED),
        Admission::Forbidden => empty(StatusCode::FORBIDDEN),
        Admission::Granted => match body::read(body, &arrival.parts.headers, front.body_limit).await {
            Ok(body) => run(front, arrival, endpoint, body).await,
            Err(BodyError::TooLarge) => empty(StatusCode::PAYLOAD_TOO_LARGE),
            Err(BodyError::TooSlow) => empty(StatusCode::REQUEST_TIMEOUT),
            Err(BodyError::Broken) => empty(StatusCode::BAD_REQUEST),
        },
    };
    Answer { response, access }
}

/// Who asks. A key that opens one function is valid without being enough (spec host.md A01).
async fn access(front: &Shared, arrival: &Arrival) -> Result<Access, crate::keys::KeysError> {
    let access = front.access(&arrival.parts, None).await?;
    if access.level != Level::Anonymous {
        return Ok(access);
    }
    Ok(front::key(&arrival.parts).map_or(access, |key| front.keys.known_access(&key)))
}

async fn run(front: &Shared, arrival: &Arrival, endpoint: Endpoint<'_>, body: Bytes) -> Response<Body> {
    match endpoint {
        Endpoint::Ping => host::ping(),
        Endpoint::Warmup => functions::warm_up(front).await,
        Endpoint::Health => empty(StatusCode::OK),
        Endpoint::Status => host::status(front),
        Endpoint::Processes => host::processes(),
        Endpoint::Config => host::config(front),
        Endpoint::Drain => host::drain(front),
        Endpoint::DrainStatus => host::drain_status(front),
        Endpoint::Resume => host::resume(front),
        Endpoint::Restart => host::restart(front),
        Endpoint::State => host::set_state(front, &body).await,
        Endpoint::Log => host::log(front, &body),
        Endpoint::Debug => empty(StatusCode::NOT_IMPLEMENTED),
        Endpoint::SyncTriggers => host::sync_triggers(),
        Endpoint::ScaleStatus => host::scale_status(front),
        Endpoint::Extensions => host::extensions(),
        Endpoint::ChangeExtensions => host::change_extensions(front),
        Endpoint::Bundle => host::bundle(),
        Endpoint::Functions => functions::list(front),
        Endpoint::Function(name) => functions::one(front, arrival, name),
        Endpoint::FunctionStatus(name) => functions::status(front, name),
        Endpoint::Invoke(name) => functions::invoke(front, name, &body).await,
        Endpoint::ChangeFunction => functions::read_only(),
        Endpoint::Keys(scope) => keys::list(front, arrival, scope).await,
        Endpoint::Key(scope, name) => keys::get(front, arrival, scope, name).await,
        Endpoint::MakeKey(scope, name) => keys::make(front, arrival, scope, name).await,
        Endpoint::PutKey(scope, name) => keys::put(front, arrival, scope, name, &body).await,
        Endpoint::DeleteKey(scope, name) => keys::delete(front, scope, name).await,
    }
}
