//! Operations on messages: put, get, peek, clear, update, delete.

use super::queues::check_name;
use super::state::{self, Message, Queue};
use crate::auth::{Class, Principal};
use crate::body::{self, Body, CollectError};
use crate::engine::{Engine, Timestamp};
use crate::protocol::dates::rfc1123;
use crate::protocol::fault::{BODY_TOO_LARGE, INVALID_INPUT, INVALID_QUERY, MISSING_XML_NODE};
use crate::protocol::xml::{self, Writer};
use crate::protocol::{Answer, Call, Fault};
use bytes::Bytes;
use http::Method;
use std::time::Duration;

/// A message's text, in bytes as sent.
const MOST_TEXT: usize = 64 << 10;
/// The XML around it: every character may be written as an entity of six.
const MOST_BODY: usize = 6 * MOST_TEXT + 4096;
/// Seven days, the longest invisibility and the usual time to live, in seconds.
const WEEK: i64 = 7 * 24 * 60 * 60;
/// Invisibility after a get that asks for none, in seconds.
const USUAL_INVISIBILITY: i64 = 30;

/// Reads a small request body (policies, properties, a message).
pub(super) async fn small_body(body: Body) -> Result<Bytes, Fault> {
    body::collect(body, MOST_BODY).await.map_err(|error| match error {
        CollectError::TooLarge { .. } => too_large(),
        CollectError::Broken(reason) => INVALID_INPUT.because(reason.to_string()),
    })
}

fn too_large() -> Fault {
    BODY_TOO_LARGE.detail("MaxLimit", MOST_TEXT.to_string())
}

/// `/queue/messages`
pub(super) async fn on_queue(
    engine: &Engine,
    call: &Call,
    principal: &Principal,
    name: &str,
    body: Body,
) -> Result<Answer, Fault> {
    check_name(name)?;
    match call.method {
        Method::POST => {
            principal.may(Class::Object, "a")?;
            put(engine, call, name, body).await
        }
        Method::GET | Method::HEAD => {
            let peek = call.query.get("peekonly").is_some_and(|value| value.eq_ignore_ascii_case("true"));
            principal.may(Class::Object, if peek { "r" } else { "p" })?;
            let most = call.number("numofmessages", 1, 32)?.unwrap_or(1);
            let most = usize::try_from(most).unwrap_or(1);
            if peek { self::peek(engine, call, name, most) } else { get(engine, call, name, most).await }
        }
        Method::DELETE => {
            principal.may(Class::Object, "d")?;
            clear(engine, call, name).await
        }
        _ => Err(call.unsupported_verb()),
    }
}

/// `/queue/messages/id`
pub(super) async fn on_message(
    engine: &Engine,
    call: &Call,
    principal: &Principal,
    name: &str,
    id: &str,
    body: Body,
) -> Result<Answer, Fault> {
    check_name(name)?;
    match call.method {
        Method::DELETE => {
            principal.may(Class::Object, "p")?;
            delete(engine, call, name, id).await
        }
        Method::PUT => {
            principal.may(Class::Object, "u")?;
            update(engine, call, name, id, body).await
        }
        _ => Err(call.unsupported_verb()),
    }
}

fn seconds(count: i64) -> Duration {
    Duration::from_secs(count.unsigned_abs())
}

/// The text of a `<QueueMessage>` body.
fn text_in(body: &[u8]) -> Result<String, Fault> {
    let root = xml::parse(body, "QueueMessage")?;
    let text = root.children.into_iter().find(|child| child.name == "MessageText");
    let text = text.ok_or_else(|| MISSING_XML_NODE.detail("XmlNodeName", "MessageText"))?.text;
    if text.len() > MOST_TEXT { Err(too_large()) } else { Ok(text) }
}

async fn put(engine: &Engine, call: &Call, name: &str, body: Body) -> Result<Answer, Fault> {
    let hidden = call.number("visibilitytimeout", 0, WEEK)?.unwrap_or(0);
    let lives = match call.number("messagettl", -1, i64::from(i32::MAX))? {
        Some(-1) => None,
        Some(0) => {
            return Err(INVALID_QUERY
                .detail("QueryParameterName", "messagettl")
                .detail("QueryParameterValue", "0")
                .detail("Reason", "A message lives at least one second, or -1 for ever."));
        }
        Some(lives) => Some(lives),
        None => Some(WEEK),
    };
    if lives.is_some_and(|lives| hidden >= lives) {
        return Err(INVALID_QUERY
            .detail("QueryParameterName", "visibilitytimeout")
            .detail("QueryParameterValue", hidden.to_string())
            .detail("Reason", "messagettl must be greater than visibilitytimeout."));
    }
    let text = text_in(&small_body(body).await?)?;
    let now = call.now;
    let visible = now.after(seconds(hidden));
    let expires = lives.map_or(Timestamp::NEVER, |lives| now.after(seconds(lives)));
    let (account, name) = (call.account.clone(), name.to_owned());
    let message = engine
        .write(move |tx| {
            let queue = state::queue(tx, &account, &name)?;
            state::put(tx, queue.id, text, now, visible, expires)
        })
        .await?;
    let mut xml = Writer::new();
    xml.open("QueueMessagesList");
    write(&mut xml, &message, Shown::Put);
    xml.close("QueueMessagesList");
    Ok(Answer::xml(201, xml))
}

async fn get(engine: &Engine, call: &Call, name: &str, most: usize) -> Result<Answer, Fault> {
    let hidden = call.number("visibilitytimeout", 0, WEEK)?.unwrap_or(USUAL_INVISIBILITY);
    let now = call.now;
    let any = engine.read(|view| {
        let queue = state::queue(view, &call.account, name)?;
        Ok::<_, Fault>(state::has_visible(view, queue.id, now)?)
    })?;
    let messages = if any {
        let (account, name) = (call.account.clone(), name.to_owned());
        engine
            .write(move |tx| {
                let queue = state::queue(tx, &account, &name)?;
                state::get(tx, queue.id, most, now, now.after(seconds(hidden)))
            })
            .await?
    } else {
        Vec::new()
    };
    Ok(listing(&messages, Shown::Get))
}

fn peek(engine: &Engine, call: &Call, name: &str, most: usize) -> Result<Answer, Fault> {
    let messages = engine.read(|view| {
        let queue = state::queue(view, &call.account, name)?;
        state::peek(view, queue.id, most, call.now)
    })?;
    Ok(listing(&messages, Shown::Peek))
}

async fn clear(engine: &Engine, call: &Call, name: &str) -> Result<Answer, Fault> {
    let (account, name) = (call.account.clone(), name.to_owned());
    engine
        .write(move |tx| {
            let queue = state::queue(tx, &account, &name)?;
            state::discard(tx, queue.id)?;
            let empty = Queue { id: tx.next_id()?, ..queue };
            state::save(tx, &account, &name, &empty)?;
            Ok(Answer::new(204))
        })
        .await
}

async fn delete(engine: &Engine, call: &Call, name: &str, id: &str) -> Result<Answer, Fault> {
    let receipt = call.required_query("popreceipt")?.to_owned();
    let (account, name, id, now) = (call.account.clone(), name.to_owned(), id.to_owned(), call.now);
    engine
        .write(move |tx| {
            let queue = state::queue(tx, &account, &name)?;
            state::delete(tx, queue.id, &id, &receipt, now)?;
            Ok(Answer::new(204))
        })
        .await
}

async fn update(engine: &Engine, call: &Call, name: &str, id: &str, body: Body) -> Result<Answer, Fault> {
    let receipt = call.required_query("popreceipt")?.to_owned();
    call.required_query("visibilitytimeout")?;
    let hidden = call.number("visibilitytimeout", 0, WEEK)?.unwrap_or(0);
    let body = small_body(body).await?;
    let text = if body.is_empty() { None } else { Some(text_in(&body)?) };
    let (account, name, id, now) = (call.account.clone(), name.to_owned(), id.to_owned(), call.now);
    let message = engine
        .write(move |tx| {
            let queue = state::queue(tx, &account, &name)?;
            state::update(tx, queue.id, &id, &receipt, now, now.after(seconds(hidden)), text)
        })
        .await?;
    Ok(Answer::new(204)
        .header("x-ms-popreceipt", &message.pop_receipt())
        .header("x-ms-time-next-visible", &rfc1123(message.row.visible)))
}

/// Which elements an answer shows of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Put,
    Get,
    Peek,
}

fn listing(messages: &[Message], shown: Shown) -> Answer {
    let mut xml = Writer::new();
    if messages.is_empty() {
        xml.text("QueueMessagesList", "");
    } else {
        // The elements around a message's text are about as long as this.
        xml.reserve(messages.iter().map(|message| 512 + message.text.len()).sum());
        xml.open("QueueMessagesList");
        for message in messages {
            write(&mut xml, message, shown);
        }
        xml.close("QueueMessagesList");
    }
    Answer::xml(200, xml)
}

fn write(xml: &mut Writer, message: &Message, shown: Shown) {
    xml.open("QueueMessage");
    xml.text("MessageId", &message.id());
    xml.text("InsertionTime", &rfc1123(message.row.inserted));
    xml.text("ExpirationTime", &rfc1123(message.row.expires));
    if shown != Shown::Peek {
        xml.text("PopReceipt", &message.pop_receipt());
        xml.text("TimeNextVisible", &rfc1123(message.row.visible));
    }
    if shown != Shown::Put {
        xml.text("DequeueCount", &message.row.dequeued.to_string());
        xml.text("MessageText", &message.text);
    }
    xml.close("QueueMessage");
}
