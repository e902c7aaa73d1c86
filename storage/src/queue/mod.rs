//! The queue service. <https://learn.microsoft.com/rest/api/storageservices/queue-service-rest-api>

mod messages;
mod queues;
mod rows;
mod state;

#[cfg(test)]
mod tests;

pub(crate) use queues::policies_of;
pub(crate) use state::{SPACES, sweep};

use crate::auth::{Class, Principal};
use crate::body::Body;
use crate::engine::Engine;
use crate::protocol::fault::INVALID_URI;
use crate::protocol::{Answer, Call, Fault, service_properties};
use http::Method;

/// The name of this service in stored properties.
const SERVICE: &str = "queue";

/// Answers one authenticated request.
pub(crate) async fn handle(
    engine: &Engine,
    call: &Call,
    principal: &Principal,
    body: Body,
) -> Result<Answer, Fault> {
    let mut segments = call.resource.splitn(3, '/');
    let queue = segments.next().unwrap_or("");
    let (messages, id) = (segments.next(), segments.next());
    match (queue, messages, id) {
        ("", None, _) => service(engine, call, principal, body).await,
        (queue, None | Some(""), None) => queues::handle(engine, call, principal, queue, body).await,
        (queue, Some("messages"), None | Some("")) => {
            messages::on_queue(engine, call, principal, queue, body).await
        }
        (queue, Some("messages"), Some(id)) => {
            messages::on_message(engine, call, principal, queue, id, body).await
        }
        _ => Err(INVALID_URI.into()),
    }
}

async fn service(engine: &Engine, call: &Call, principal: &Principal, body: Body) -> Result<Answer, Fault> {
    match (&call.method, call.comp()) {
        (&Method::GET, "list") => {
            principal.may(Class::Service, "l")?;
            queues::list(engine, call)
        }
        (&Method::GET, "properties") => {
            principal.may(Class::Service, "r")?;
            service_properties::get(engine, SERVICE, call)
        }
        (&Method::PUT, "properties") => {
            principal.may(Class::Service, "w")?;
            let body = messages::small_body(body).await?;
            service_properties::set(engine, SERVICE, call, &body).await
        }
        (&Method::GET, "stats") => {
            principal.may(Class::Service, "r")?;
            Ok(service_properties::stats(call))
        }
        (&Method::GET | &Method::PUT, _) => Err(INVALID_URI.into()),
        _ => Err(call.unsupported_verb()),
    }
}
