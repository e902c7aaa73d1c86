//! The table service. <https://learn.microsoft.com/rest/api/storageservices/table-service-rest-api>

mod address;
mod batch;
mod change;
mod codes;
mod entities;
mod entity;
mod filter;
mod json;
mod query;
mod rows;
mod tables;

#[cfg(test)]
mod tests;

pub(crate) use rows::SPACES;
pub(crate) use tables::policies_of;

use crate::auth::{Class, Principal};
use crate::body::{self, Body, CollectError};
use crate::engine::Engine;
use crate::protocol::fault::{BODY_TOO_LARGE, INVALID_INPUT, INVALID_URI};
use crate::protocol::{Answer, Call, Fault, service_properties};
use address::Address;
use bytes::Bytes;
use http::Method;

const SERVICE: &str = "table";
/// A transaction may be 4 MiB; nothing else is larger.
const MOST_BODY: usize = 4 << 20;

async fn small_body(body: Body) -> Result<Bytes, Fault> {
    body::collect(body, MOST_BODY).await.map_err(|error| match error {
        CollectError::TooLarge { limit } => BODY_TOO_LARGE.detail("MaxLimit", limit.to_string()),
        CollectError::Broken(reason) => INVALID_INPUT.because(reason.to_string()),
    })
}

/// Answers one authenticated request.
pub(crate) async fn handle(
    engine: &Engine,
    call: &Call,
    principal: &Principal,
    body: Body,
) -> Result<Answer, Fault> {
    let address = Address::parse(&call.resource)?;
    let method = method_of(call);
    match (address, &method) {
        (Address::Service, _) => service(engine, call, principal, body).await,
        (Address::Batch, &Method::POST) => {
            let body = small_body(body).await?;
            batch::handle(engine, call, principal, body).await
        }
        (Address::Tables, &Method::POST) => {
            principal.may(Class::Container, "cw")?;
            tables::create(engine, call, &small_body(body).await?).await
        }
        (Address::Tables, &Method::GET) => {
            principal.may(Class::Container, "l")?;
            tables::list(engine, call)
        }
        (Address::TableRecord(name), &Method::GET) => {
            principal.may(Class::Container, "l")?;
            tables::get(engine, call, &name)
        }
        (Address::TableRecord(name), &Method::DELETE) => {
            principal.may(Class::Container, "d")?;
            tables::delete(engine, call, &name).await
        }
        (Address::Entities(name), &Method::GET | &Method::HEAD) if call.comp() == "acl" => {
            principal.must_own()?;
            tables::policies(engine, call, &name)
        }
        (Address::Entities(name), &Method::PUT) if call.comp() == "acl" => {
            principal.must_own()?;
            tables::set_policies(engine, call, &name, &small_body(body).await?).await
        }
        (Address::Entities(name), &Method::GET) => {
            principal.may(Class::Object, "r")?;
            query::handle(engine, call, principal, &name).await
        }
        (Address::Entities(name), &Method::POST) => {
            entities::insert(engine, call, principal, &name, &small_body(body).await?).await
        }
        (Address::Entity(table, key), &Method::GET) => {
            principal.may(Class::Object, "r")?;
            entities::get(engine, call, principal, &table, &key)
        }
        (Address::Entity(table, key), method) => {
            let body = small_body(body).await?;
            entities::change(engine, call, principal, method, &table, key, &body).await
        }
        (_, &Method::GET | &Method::PUT | &Method::POST | &Method::DELETE) => Err(INVALID_URI.into()),
        _ => Err(call.unsupported_verb()),
    }
}

/// Clients behind old proxies send `POST` and say in a header what they mean.
fn method_of(call: &Call) -> Method {
    let stated = call.headers.get("x-http-method").and_then(|method| method.to_str().ok());
    match stated.filter(|_| call.method == Method::POST) {
        Some(stated) => stated.parse().unwrap_or_else(|_| call.method.clone()),
        None => call.method.clone(),
    }
}

async fn service(engine: &Engine, call: &Call, principal: &Principal, body: Body) -> Result<Answer, Fault> {
    match (&call.method, call.comp()) {
        (&Method::GET, "properties") => {
            principal.may(Class::Service, "r")?;
            service_properties::get(engine, SERVICE, call)
        }
        (&Method::PUT, "properties") => {
            principal.may(Class::Service, "w")?;
            service_properties::set(engine, SERVICE, call, &small_body(body).await?).await
        }
        (&Method::GET, "stats") => {
            principal.may(Class::Service, "r")?;
            Ok(service_properties::stats(call))
        }
        (&Method::GET | &Method::PUT, _) => Err(INVALID_URI.into()),
        _ => Err(call.unsupported_verb()),
    }
}
