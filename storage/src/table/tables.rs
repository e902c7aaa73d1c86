//! Operations on tables.

use super::codes::{JSON, RESOURCE_NOT_FOUND, TABLE_EXISTS, TABLE_NOT_FOUND};
use super::entity::Value;
use super::filter::{Filter, Subject};
use super::json::Level;
use super::rows::{self, ENTITIES, TABLES, Table, save_table, table_key};
use crate::auth::Scope;
use crate::engine::{Engine, KeyRange, View};
use crate::protocol::fault::{INVALID_RESOURCE_NAME, NAME_LENGTH};
use crate::protocol::{Answer, Call, Fault, Policy, policies_from_xml, policies_to_xml};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::ops::ControlFlow;

/// A letter, then letters and digits; 3 to 63 in all. `tables` is reserved.
fn check_name(name: &str) -> Result<(), Fault> {
    if !(3..=63).contains(&name.len()) {
        return Err(NAME_LENGTH.into());
    }
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !letters
        || name.starts_with(|first: char| first.is_ascii_digit())
        || name.eq_ignore_ascii_case("tables")
    {
        return Err(INVALID_RESOURCE_NAME.into());
    }
    Ok(())
}

#[derive(Deserialize)]
struct NewTable {
    #[serde(rename = "TableName")]
    name: String,
}

/// `POST /Tables`
pub(super) async fn create(engine: &Engine, call: &Call, body: &[u8]) -> Result<Answer, Fault> {
    let NewTable { name } = serde_json::from_slice(body).map_err(|error| JSON.because(error.to_string()))?;
    check_name(&name)?;
    let level = Level::of(call)?;
    let (account, created) = (call.account.clone(), name.clone());
    engine
        .write(move |tx| {
            if tx.contains(TABLES, &table_key(&account, &created))? {
                return Err(TABLE_EXISTS.into());
            }
            let table = Table { id: tx.next_id()?, name: created, policies: Vec::new() };
            save_table(tx, &account, &table)
        })
        .await?;
    let location = format!("{}/Tables('{name}')", call.endpoint());
    let prefer = call.header("prefer")?;
    if prefer == Some("return-no-content") {
        return Ok(Answer::new(204)
            .header("location", &location)
            .header("dataserviceid", &location)
            .header("preference-applied", "return-no-content"));
    }
    Ok(Answer::new(201)
        .header("location", &location)
        .optional("preference-applied", prefer)
        .header("content-type", level.content_type())
        .full(single(call, level, &name)))
}

fn single(call: &Call, level: Level, name: &str) -> String {
    let mut document = Map::new();
    if level != Level::None {
        let context = format!("{}/$metadata#Tables/@Element", call.endpoint());
        document.insert("odata.metadata".to_owned(), context.into());
    }
    document.extend(described(call, level, name));
    Json::Object(document).to_string()
}

fn described(call: &Call, level: Level, name: &str) -> Map<String, Json> {
    let mut object = Map::new();
    if level == Level::Full {
        let link = format!("Tables('{name}')");
        object.insert("odata.type".to_owned(), format!("{}.Tables", call.account).into());
        object.insert("odata.id".to_owned(), format!("{}/{link}", call.endpoint()).into());
        object.insert("odata.editLink".to_owned(), link.into());
    }
    object.insert("TableName".to_owned(), name.into());
    object
}

/// `GET /Tables('name')`
pub(super) fn get(engine: &Engine, call: &Call, name: &str) -> Result<Answer, Fault> {
    let level = Level::of(call)?;
    let table = engine.read(|view| rows::table(view, &call.account, name));
    let table = table
        .map_err(|fault| if fault.code == TABLE_NOT_FOUND.1 { RESOURCE_NOT_FOUND.into() } else { fault })?;
    Ok(Answer::new(200).header("content-type", level.content_type()).full(single(call, level, &table.name)))
}

/// `DELETE /Tables('name')`
pub(super) async fn delete(engine: &Engine, call: &Call, name: &str) -> Result<Answer, Fault> {
    let (account, name) = (call.account.clone(), name.to_owned());
    engine
        .write(move |tx| {
            let taken = tx.take(TABLES, &table_key(&account, &name))?;
            let table: Table = rows::decode(&taken.ok_or_else(|| Fault::from(RESOURCE_NOT_FOUND))?)?;
            tx.discard_prefix(ENTITIES, &table.id.to_be_bytes())?;
            Ok(Answer::new(204))
        })
        .await
}

/// What a filter on tables can see.
struct Named<'a>(&'a str);

impl Subject for Named<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        (name == "TableName").then(|| Value::String(self.0.to_owned()))
    }
}

/// `GET /Tables`
pub(super) fn list(engine: &Engine, call: &Call) -> Result<Answer, Fault> {
    let level = Level::of(call)?;
    let filter = call.query.get("$filter").map(Filter::parse).transpose()?;
    let most = call.number("$top", 1, 1000)?.unwrap_or(1000);
    let most = usize::try_from(most).unwrap_or(1000);
    let mut range = KeyRange::prefix(table_key(&call.account, ""));
    if let Some(next) = call.query.get("nexttablename") {
        range = range.from(table_key(&call.account, next));
    }
    let mut names = Vec::new();
    let mut next = None;
    let mut failure = None;
    engine.read(|view| {
        view.scan(TABLES, &range, &mut |_, value| {
            let table: Table = match rows::decode(value) {
                Ok(table) => table,
                Err(fault) => {
                    failure = Some(fault);
                    return ControlFlow::Break(());
                }
            };
            if names.len() == most {
                next = Some(table.name);
                return ControlFlow::Break(());
            }
            if filter.as_ref().is_none_or(|filter| filter.matches(&Named(&table.name))) {
                names.push(table.name);
            }
            ControlFlow::Continue(())
        })
    })?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    let mut document = Map::new();
    if level != Level::None {
        let context = format!("{}/$metadata#Tables", call.endpoint());
        document.insert("odata.metadata".to_owned(), context.into());
    }
    let value: Vec<Json> = names.iter().map(|name| described(call, level, name).into()).collect();
    document.insert("value".to_owned(), value.into());
    Ok(Answer::new(200)
        .header("content-type", level.content_type())
        .optional("x-ms-continuation-nexttablename", next.as_deref())
        .full(Json::Object(document).to_string()))
}

/// `GET /table?comp=acl`
pub(super) fn policies(engine: &Engine, call: &Call, name: &str) -> Result<Answer, Fault> {
    let table = engine.read(|view| rows::table(view, &call.account, name))?;
    Ok(Answer::xml(200, policies_to_xml(&table.policies)))
}

/// `PUT /table?comp=acl`
pub(super) async fn set_policies(
    engine: &Engine,
    call: &Call,
    name: &str,
    body: &[u8],
) -> Result<Answer, Fault> {
    let policies = policies_from_xml(body)?;
    let (account, name) = (call.account.clone(), name.to_owned());
    engine
        .write(move |tx| {
            let table = Table { policies, ..rows::table(tx, &account, &name)? };
            save_table(tx, &account, &table)?;
            Ok(Answer::new(204))
        })
        .await
}

/// The stored access policies a service SAS may refer to.
pub(crate) fn policies_of(engine: &Engine, scope: &Scope) -> Result<Vec<Policy>, Fault> {
    Ok(engine.read(|view| rows::table(view, &scope.account, &scope.name))?.policies)
}
