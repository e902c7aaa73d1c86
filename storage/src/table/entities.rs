//! Operations on single entities.

use super::address::Key;
use super::change::{Change, Verb};
use super::codes::{ATOM, RESOURCE_NOT_FOUND};
use super::entity::Entity;
use super::json::{self, Level, Parsed, Writer};
use super::rows;
use crate::auth::Principal;
use crate::engine::Engine;
use crate::protocol::fault::PERMISSION_MISMATCH;
use crate::protocol::{Answer, Call, Fault};
use http::Method;

/// Reads the entity in a body; only JSON is spoken.
pub(super) fn body_of(call: &Call, body: &[u8]) -> Result<Parsed, Fault> {
    if call.header("content-type")?.is_some_and(|kind| kind.to_ascii_lowercase().contains("atom")) {
        return Err(ATOM.into());
    }
    json::parse(body)
}

/// `POST /table`
pub(super) async fn insert(
    engine: &Engine,
    call: &Call,
    principal: &Principal,
    table: &str,
    body: &[u8],
) -> Result<Answer, Fault> {
    let change = Change::insert(body_of(call, body)?)?;
    make(engine, call, principal, table, change).await
}

/// `PUT`, `MERGE`, `PATCH` and `DELETE /table(…)`
pub(super) async fn change(
    engine: &Engine,
    call: &Call,
    principal: &Principal,
    method: &Method,
    table: &str,
    key: Key,
    body: &[u8],
) -> Result<Answer, Fault> {
    let change = Change::on(method, key, call.header("if-match")?, || body_of(call, body))?;
    let change = change.ok_or_else(|| call.unsupported_verb())?;
    make(engine, call, principal, table, change).await
}

async fn make(
    engine: &Engine,
    call: &Call,
    principal: &Principal,
    table: &str,
    change: Change,
) -> Result<Answer, Fault> {
    change.allowed(principal)?;
    Level::of(call)?;
    let (account, name, now, change_in) = (call.account.clone(), table.to_owned(), call.now, change.clone());
    let entity = engine
        .write(move |tx| {
            let table = rows::table(tx, &account, &name)?;
            change_in.apply(tx, table.id, now)
        })
        .await?;
    answer(call, table, &change, entity.as_ref())
}

/// The answer to a change that was made.
pub(super) fn answer(
    call: &Call,
    table: &str,
    change: &Change,
    entity: Option<&Entity>,
) -> Result<Answer, Fault> {
    let Some(entity) = entity else { return Ok(Answer::new(204)) };
    if change.verb != Verb::Insert {
        return Ok(Answer::new(204).header("etag", &entity.etag()));
    }
    let location = format!("{}/{}", call.endpoint(), json::link(table, &change.key));
    let prefer = call.header("prefer")?;
    let answer = |status| Answer::new(status).header("etag", &entity.etag()).header("location", &location);
    if prefer == Some("return-no-content") {
        return Ok(answer(204)
            .header("preference-applied", "return-no-content")
            .header("dataserviceid", &location));
    }
    let writer = Writer { only: None, ..Writer::of(call, table)? };
    let body = single(&writer, &change.key, entity);
    Ok(answer(201)
        .optional("preference-applied", prefer)
        .header("content-type", writer.level.content_type())
        .full(body))
}

/// `GET /table(…)`
pub(super) fn get(
    engine: &Engine,
    call: &Call,
    principal: &Principal,
    table: &str,
    key: &Key,
) -> Result<Answer, Fault> {
    if principal.keys().is_some_and(|keys| !keys.contain(&key.partition, &key.row)) {
        return Err(PERMISSION_MISMATCH.into());
    }
    let writer = Writer::of(call, table)?;
    let entity = engine.read(|view| {
        let table = rows::table(view, &call.account, table)?;
        rows::entity(view, table.id, key)
    })?;
    let entity = entity.ok_or_else(|| Fault::from(RESOURCE_NOT_FOUND))?;
    Ok(Answer::new(200)
        .header("etag", &entity.etag())
        .header("content-type", writer.level.content_type())
        .full(single(&writer, key, &entity)))
}

/// One entity as a document of its own.
fn single(writer: &Writer<'_>, key: &Key, entity: &Entity) -> String {
    let mut document = serde_json::Map::new();
    if writer.level != Level::None {
        document.insert("odata.metadata".to_owned(), writer.context(true).into());
    }
    document.extend(writer.entity(key, entity));
    serde_json::Value::Object(document).to_string()
}
