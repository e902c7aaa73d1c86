//! Operations on queues: create, delete, metadata, access policies, list.

use super::messages::small_body;
use super::state::{self, QUEUES, Queue, queue_key};
use crate::auth::{Class, Principal, Scope};
use crate::body::Body;
use crate::engine::{Engine, KeyRange, View};
use crate::protocol::fault::{INVALID_RESOURCE_NAME, INVALID_URI, NAME_LENGTH, QUEUE_EXISTS};
use crate::protocol::xml::Writer;
use crate::protocol::{Answer, Call, Fault, Policy, metadata_from, policies_from_xml, policies_to_xml};
use http::Method;
use std::ops::ControlFlow;

pub(super) async fn handle(
    engine: &Engine,
    call: &Call,
    principal: &Principal,
    name: &str,
    body: Body,
) -> Result<Answer, Fault> {
    check_name(name)?;
    match (&call.method, call.comp()) {
        (&Method::PUT, "") => {
            principal.may(Class::Container, "cw")?;
            create(engine, call, name).await
        }
        (&Method::DELETE, "") => {
            principal.may(Class::Container, "d")?;
            delete(engine, call, name).await
        }
        (&Method::GET | &Method::HEAD, "metadata") => {
            principal.may_list("r")?;
            metadata(engine, call, name)
        }
        (&Method::PUT, "metadata") => {
            principal.may(Class::Container, "w")?;
            set_metadata(engine, call, name).await
        }
        (&Method::GET | &Method::HEAD, "acl") => {
            principal.must_own()?;
            let queue = engine.read(|view| state::queue(view, &call.account, name))?;
            Ok(Answer::xml(200, policies_to_xml(&queue.policies)))
        }
        (&Method::PUT, "acl") => {
            principal.must_own()?;
            set_policies(engine, call, name, policies_from_xml(&small_body(body).await?)?).await
        }
        (&Method::GET | &Method::HEAD | &Method::PUT | &Method::DELETE, _) => Err(INVALID_URI.into()),
        _ => Err(call.unsupported_verb()),
    }
}

/// 3 to 63 lower-case letters, digits and single hyphens, a letter or digit at both ends.
pub(super) fn check_name(name: &str) -> Result<(), Fault> {
    if !(3..=63).contains(&name.len()) {
        return Err(NAME_LENGTH.into());
    }
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !letters || name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        return Err(INVALID_RESOURCE_NAME.into());
    }
    Ok(())
}

async fn create(engine: &Engine, call: &Call, name: &str) -> Result<Answer, Fault> {
    let metadata = metadata_from(&call.headers)?;
    let (account, name) = (call.account.clone(), name.to_owned());
    engine
        .write(move |tx| {
            if let Some(bytes) = tx.get(QUEUES, &queue_key(&account, &name))? {
                // Creating the same queue again is no error.
                return if state::decode(&bytes)?.metadata == metadata {
                    Ok(Answer::new(204))
                } else {
                    Err(QUEUE_EXISTS.into())
                };
            }
            let queue = Queue { id: tx.next_id()?, metadata, policies: Vec::new() };
            state::save(tx, &account, &name, &queue)?;
            Ok(Answer::new(201))
        })
        .await
}

async fn delete(engine: &Engine, call: &Call, name: &str) -> Result<Answer, Fault> {
    let (account, name) = (call.account.clone(), name.to_owned());
    engine
        .write(move |tx| {
            let queue = state::queue(tx, &account, &name)?;
            tx.delete(QUEUES, &queue_key(&account, &name))?;
            state::discard(tx, queue.id)?;
            Ok(Answer::new(204))
        })
        .await
}

fn metadata(engine: &Engine, call: &Call, name: &str) -> Result<Answer, Fault> {
    let (queue, count) = engine.read(|view| {
        let queue = state::queue(view, &call.account, name)?;
        let count = state::count(view, queue.id)?;
        Ok::<_, Fault>((queue, count))
    })?;
    let answer = Answer::new(200).header("x-ms-approximate-messages-count", &count.to_string());
    Ok(queue.metadata.on(answer))
}

async fn set_metadata(engine: &Engine, call: &Call, name: &str) -> Result<Answer, Fault> {
    let metadata = metadata_from(&call.headers)?;
    let (account, name) = (call.account.clone(), name.to_owned());
    engine
        .write(move |tx| {
            let queue = Queue { metadata, ..state::queue(tx, &account, &name)? };
            state::save(tx, &account, &name, &queue)?;
            Ok(Answer::new(204))
        })
        .await
}

async fn set_policies(
    engine: &Engine,
    call: &Call,
    name: &str,
    policies: Vec<Policy>,
) -> Result<Answer, Fault> {
    let (account, name) = (call.account.clone(), name.to_owned());
    engine
        .write(move |tx| {
            let queue = Queue { policies, ..state::queue(tx, &account, &name)? };
            state::save(tx, &account, &name, &queue)?;
            Ok(Answer::new(204))
        })
        .await
}

/// The stored access policies a service SAS may refer to.
pub(crate) fn policies_of(engine: &Engine, scope: &Scope) -> Result<Vec<Policy>, Fault> {
    Ok(engine.read(|view| state::queue(view, &scope.account, &scope.name))?.policies)
}

pub(super) fn list(engine: &Engine, call: &Call) -> Result<Answer, Fault> {
    let most = call.page_size()?;
    let prefix = call.query.get("prefix").unwrap_or("");
    let marker = call.query.get("marker").unwrap_or("");
    let start = queue_key(&call.account, prefix);
    let names = start.len() - prefix.len();
    let mut range = KeyRange::prefix(start);
    if !marker.is_empty() {
        range = range.from(queue_key(&call.account, marker.max(prefix)));
    }
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    let mut next = String::new();
    engine
        .read(|view| {
            view.scan(QUEUES, &range, &mut |key, value| {
                let name = String::from_utf8_lossy(&key[names..]).into_owned();
                if found.len() == most {
                    next = name;
                    return ControlFlow::Break(());
                }
                found.push((name, value.to_vec()));
                ControlFlow::Continue(())
            })
        })
        .map_err(|error: crate::engine::StoreError| Fault::from(error))?;

    let mut xml = Writer::new();
    xml.open_with("EnumerationResults", &[("ServiceEndpoint", &call.endpoint())]);
    xml.optional("Prefix", call.query.get("prefix").filter(|prefix| !prefix.is_empty()));
    xml.optional("Marker", call.query.get("marker").filter(|marker| !marker.is_empty()));
    xml.optional("MaxResults", call.query.get("maxresults"));
    xml.open("Queues");
    for (name, record) in &found {
        xml.open("Queue");
        xml.text("Name", name);
        if call.includes("metadata") {
            state::decode(record)?.metadata.write(&mut xml);
        }
        xml.close("Queue");
    }
    xml.close("Queues");
    xml.text("NextMarker", &next);
    xml.close("EnumerationResults");
    Ok(Answer::xml(200, xml))
}
