//! Entity group transactions: `POST /$batch`, a multipart document of HTTP requests that succeed or fail together.
//! <https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions>

use super::address::Address;
use super::change::Change;
use super::codes::{BATCH, DIFFERENT_PARTITIONS, DUPLICATE_ROW};
use super::{entities, query, rows};
use crate::auth::{Class, Principal};
use crate::engine::Engine;
use crate::protocol::fault::INVALID_INPUT;
use crate::protocol::{self, Answer, Call, Fault, Shape};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::BodyExt;
use std::collections::HashSet;
use std::fmt::Write as _;

/// Operations in one transaction.
const MOST: usize = 100;

/// One request inside the batch.
struct Part {
    call: Call,
    body: Bytes,
    content_id: Option<String>,
}

/// `POST /$batch`
pub(super) async fn handle(
    engine: &Engine,
    call: &Call,
    principal: &Principal,
    body: Bytes,
) -> Result<Answer, Fault> {
    let boundary = boundary_in(call.required_header("content-type")?)?;
    let text = std::str::from_utf8(&body).map_err(|_| malformed("it is not UTF-8"))?;
    let sections = sections(text, &boundary)?;
    let [section] = sections.as_slice() else {
        return Err(malformed("it must hold exactly one change set or query"));
    };
    let (head, inner) = split_head(section);
    let kind = header_in(head, "content-type").unwrap_or("");
    let replies = if kind.to_ascii_lowercase().starts_with("multipart/mixed") {
        let parts = self::sections(inner, &boundary_in(kind)?)?;
        let parts = parts.into_iter().map(|part| request_in(call, part)).collect::<Result<Vec<_>, _>>()?;
        Replies::Changes(transact(engine, call, principal, parts).await?)
    } else {
        Replies::Query(run_query(engine, principal, request_in(call, section)?).await)
    };
    render(replies).await
}

fn malformed(reason: impl std::fmt::Display) -> Fault {
    BATCH.because(format!("The batch request is not well-formed: {reason}."))
}

fn boundary_in(content_type: &str) -> Result<String, Fault> {
    let parameter = content_type.split(';').map(str::trim).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    });
    parameter.filter(|boundary| !boundary.is_empty()).ok_or_else(|| malformed("a boundary is missing"))
}

/// The sections between the boundary lines.
fn sections<'a>(text: &'a str, boundary: &str) -> Result<Vec<&'a str>, Fault> {
    let line = format!("--{boundary}");
    let mut found = Vec::new();
    let mut start = None;
    let mut at = 0;
    for whole in text.split_inclusive('\n') {
        let trimmed = whole.trim_end();
        let closes = trimmed.strip_prefix(line.as_str()) == Some("--");
        if trimmed == line || closes {
            if let Some(start) = start {
                found.push(text[start..at].trim_end_matches(['\r', '\n']));
            }
            if closes {
                return Ok(found);
            }
            start = Some(at + whole.len());
        }
        at += whole.len();
    }
    Err(malformed(format!("the end of '{boundary}' is missing")))
}

/// Headers and body, which an empty line separates.
fn split_head(section: &str) -> (&str, &str) {
    let section = section.trim_start_matches(['\r', '\n']);
    let ends = [section.find("\r\n\r\n").map(|at| (at, 4)), section.find("\n\n").map(|at| (at, 2))];
    match ends.into_iter().flatten().min() {
        Some((at, gap)) => (&section[..at], &section[at + gap..]),
        None => (section, ""),
    }
}

fn header_in<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
    })
}

/// Takes an `application/http` section apart.
fn request_in(outer: &Call, section: &str) -> Result<Part, Fault> {
    let (part_head, request) = split_head(section);
    let (head, body) = split_head(request);
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or("").split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(malformed("a request line is missing"));
    };
    let mut builder = Request::builder().method(method).uri(target);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        let name = HeaderName::from_bytes(name.trim().as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value.trim())) else {
            return Err(malformed(format!("'{line}' is not a header")));
        };
        builder = builder.header(name, value);
    }
    let request = builder.body(()).map_err(malformed)?;
    let (mut parts, ()) = request.into_parts();
    // Links in the answer name the host the client spoke to.
    if let Some(host) = outer.headers.get(http::header::HOST) {
        parts.headers.insert(http::header::HOST, host.clone());
    }
    let account = outer.account.clone();
    let mut call = Call::new(parts, outer.now, outer.peer, &move |name| name == account)?;
    if call.account != outer.account {
        return Err(malformed(format!("'{target}' is in another account")));
    }
    call.request_id.clone_from(&outer.request_id);
    let content_id = header_in(head, "content-id").or_else(|| header_in(part_head, "content-id"));
    Ok(Part {
        call,
        body: Bytes::copy_from_slice(body.as_bytes()),
        content_id: content_id.map(str::to_owned),
    })
}

enum Replies {
    Changes(Vec<(Option<String>, http::Response<crate::body::Body>)>),
    Query(http::Response<crate::body::Body>),
}

/// Makes all changes or none.
async fn transact(
    engine: &Engine,
    outer: &Call,
    principal: &Principal,
    parts: Vec<Part>,
) -> Result<Vec<(Option<String>, http::Response<crate::body::Body>)>, Fault> {
    if parts.is_empty() || parts.len() > MOST {
        return Err(INVALID_INPUT.because(format!("A transaction has 1 to {MOST} operations.")));
    }
    let prepared = prepare(principal, &parts);
    let outcome = match prepared {
        Ok((table, changes)) => {
            let (account, now) = (outer.account.clone(), outer.now);
            let run = changes.clone();
            let name = table.clone();
            let entities = engine.write(move |tx| {
                let table = rows::table(tx, &account, &name).map_err(|fault| (0, fault))?;
                let mut entities = Vec::new();
                for (at, change) in run.iter().enumerate() {
                    entities.push(change.apply(tx, table.id, now).map_err(|fault| (at, fault))?);
                }
                Ok::<_, Failed>(entities)
            });
            entities.await.map(|entities| (table, changes, entities)).map_err(|Failed(at, fault)| (at, fault))
        }
        Err(failed) => Err(failed),
    };
    match outcome {
        Ok((table, changes, entities)) => {
            let made = parts.into_iter().zip(changes).zip(entities);
            Ok(made
                .map(|((part, change), entity)| {
                    let answer = entities::answer(&part.call, &table, &change, entity.as_ref());
                    let answer = answer.map(|answer| answer.header("dataserviceversion", "3.0;"));
                    (part.content_id, protocol::finish(Ok(&part.call), Shape::OData, answer))
                })
                .collect())
        }
        Err((at, mut fault)) => {
            // One answer stands for all; its message begins with the index of the operation at fault.
            fault.message = format!("{at}:{}", fault.message).into();
            let part = &parts[at];
            let content_id = part.content_id.clone();
            Ok(vec![(content_id, protocol::finish(Ok(&part.call), Shape::OData, Err(fault)))])
        }
    }
}

/// An operation's place and what went wrong with it.
struct Failed(usize, Fault);

impl From<(usize, Fault)> for Failed {
    fn from((at, fault): (usize, Fault)) -> Self {
        Self(at, fault)
    }
}

impl From<crate::engine::StoreError> for Failed {
    fn from(error: crate::engine::StoreError) -> Self {
        Self(0, error.into())
    }
}

/// Reads all operations and checks that they may go together.
fn prepare(principal: &Principal, parts: &[Part]) -> Result<(String, Vec<Change>), (usize, Fault)> {
    let mut table: Option<String> = None;
    let mut changes: Vec<Change> = Vec::new();
    let mut seen = HashSet::new();
    for (at, part) in parts.iter().enumerate() {
        let (name, change) = change_in(part).map_err(|fault| (at, fault))?;
        change.allowed(principal).map_err(|fault| (at, fault))?;
        let same_group = table.as_ref().is_none_or(|table| table.eq_ignore_ascii_case(&name))
            && changes.first().is_none_or(|first| first.key.partition == change.key.partition);
        if !same_group {
            return Err((at, DIFFERENT_PARTITIONS.into()));
        }
        if !seen.insert(change.key.clone()) {
            return Err((at, DUPLICATE_ROW.into()));
        }
        table.get_or_insert(name);
        changes.push(change);
    }
    Ok((table.unwrap_or_default(), changes))
}

fn change_in(part: &Part) -> Result<(String, Change), Fault> {
    let call = &part.call;
    let method = super::method_of(call);
    match Address::parse(&call.resource)? {
        Address::Entities(name) if method == Method::POST => {
            Ok((name, Change::insert(entities::body_of(call, &part.body)?)?))
        }
        Address::Entity(name, key) => {
            let parsed = || entities::body_of(call, &part.body);
            let change = Change::on(&method, key, call.header("if-match")?, parsed)?;
            Ok((name, change.ok_or_else(|| malformed(format!("{method} cannot be part of a transaction")))?))
        }
        _ => Err(malformed(format!("{method} {} cannot be part of a transaction", call.uri))),
    }
}

/// A batch may hold a single query instead.
async fn run_query(engine: &Engine, principal: &Principal, part: Part) -> http::Response<crate::body::Body> {
    let call = &part.call;
    let outcome = async {
        principal.may(Class::Object, "r")?;
        match Address::parse(&call.resource)? {
            Address::Entities(name) if call.method == Method::GET => {
                query::handle(engine, call, principal, &name).await
            }
            Address::Entity(name, key) if call.method == Method::GET => {
                entities::get(engine, call, principal, &name, &key)
            }
            _ => Err(malformed("outside a change set only a query is possible")),
        }
    };
    let outcome = outcome.await;
    protocol::finish(Ok(call), Shape::OData, outcome)
}

async fn render(replies: Replies) -> Result<Answer, Fault> {
    let batch = format!("batchresponse_{}", uuid::Uuid::new_v4());
    let mut text = format!("--{batch}\r\n");
    match replies {
        Replies::Query(reply) => render_one(&mut text, None, reply).await?,
        Replies::Changes(replies) => {
            let changes = format!("changesetresponse_{}", uuid::Uuid::new_v4());
            let _ = write!(text, "Content-Type: multipart/mixed; boundary={changes}\r\n\r\n");
            for (content_id, reply) in replies {
                let _ = write!(text, "--{changes}\r\n");
                render_one(&mut text, content_id.as_deref(), reply).await?;
            }
            let _ = write!(text, "--{changes}--\r\n");
        }
    }
    let _ = write!(text, "--{batch}--\r\n");
    Ok(Answer::new(202).header("content-type", &format!("multipart/mixed; boundary={batch}")).full(text))
}

/// Writes a response as an `application/http` section.
async fn render_one(
    text: &mut String,
    content_id: Option<&str>,
    reply: http::Response<crate::body::Body>,
) -> Result<(), Fault> {
    let (head, body) = reply.into_parts();
    let body = body.collect().await.map_err(|error| INVALID_INPUT.because(error.to_string()))?.to_bytes();
    text.push_str("Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n");
    let reason = head.status.canonical_reason().unwrap_or("Unknown");
    let _ = write!(text, "HTTP/1.1 {} {reason}\r\n", head.status.as_u16());
    if let Some(id) = content_id {
        let _ = write!(text, "Content-ID: {id}\r\n");
    }
    for (name, value) in &head.headers {
        let _ = write!(text, "{}: {}\r\n", cased(name.as_str()), value.to_str().unwrap_or(""));
    }
    text.push_str("\r\n");
    text.push_str(&String::from_utf8_lossy(&body));
    text.push_str("\r\n");
    Ok(())
}

/// Client libraries look these up in text, with the case the service writes.
fn cased(name: &str) -> &str {
    match name {
        "etag" => "ETag",
        "location" => "Location",
        "content-type" => "Content-Type",
        "dataserviceversion" => "DataServiceVersion",
        "dataserviceid" => "DataServiceId",
        "preference-applied" => "Preference-Applied",
        other => other,
    }
}
