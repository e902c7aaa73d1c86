//! Query Entities: filter, projection, pages.

use super::address::Key;
use super::entity::{Entity, Value};
use super::filter::{Filter, Subject};
use super::json::{Level, Writer};
use super::rows::{self, ENTITIES, partition_prefix, split_key};
use crate::auth::Principal;
use crate::engine::{Engine, KeyRange, View, after_prefix};
use crate::protocol::fault::INVALID_QUERY;
use crate::protocol::{Answer, Call, Fault};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value as Json};
use std::ops::{Bound, ControlFlow};

/// Entities in one page.
const MOST: i64 = 1000;
/// Entities looked at for one page; a filter that matches little answers with a continuation instead of taking long.
const MOST_SEEN: usize = 50_000;

/// What a filter on entities can see.
struct Stored<'a>(&'a Key, &'a Entity);

impl Subject for Stored<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        match name {
            "PartitionKey" => Some(Value::String(self.0.partition.clone())),
            "RowKey" => Some(Value::String(self.0.row.clone())),
            "Timestamp" => Some(Value::DateTime(self.1.stamp)),
            _ => self.1.property(name).cloned(),
        }
    }
}

struct Page {
    entities: Vec<(Key, Entity)>,
    next: Option<Key>,
}

/// `GET /table` and `GET /table()`
pub(super) async fn handle(
    engine: &Engine,
    call: &Call,
    principal: &Principal,
    name: &str,
) -> Result<Answer, Fault> {
    let writer = Writer::of(call, name)?;
    let filter = match call.query.get("$filter").filter(|text| !text.trim().is_empty()) {
        Some(text) => Some(Filter::parse(text)?),
        None => None,
    };
    let most = call.number("$top", 1, MOST)?.unwrap_or(MOST);
    let most = usize::try_from(most).unwrap_or(1);
    let start = match call.query.get("nextpartitionkey") {
        Some(partition) => Some(Key {
            partition: from_token(partition)?,
            row: call.query.get("nextrowkey").map(from_token).transpose()?.unwrap_or_default(),
        }),
        None => None,
    };
    let table = engine.read(|view| rows::table(view, &call.account, name))?;
    let bounds = principal.keys().cloned();
    let page = engine
        .scan(move |view| {
            let allowed =
                |key: &Key| bounds.as_ref().is_none_or(|bounds| bounds.contain(&key.partition, &key.row));
            page(view, table.id, filter.as_ref(), start.as_ref(), most, &allowed)
        })
        .await?;

    let mut document = Map::new();
    if writer.level != Level::None {
        document.insert("odata.metadata".to_owned(), writer.context(false).into());
    }
    let value: Vec<Json> =
        page.entities.iter().map(|(key, entity)| writer.entity(key, entity).into()).collect();
    document.insert("value".to_owned(), value.into());
    let mut answer = Answer::new(200).header("content-type", writer.level.content_type());
    if let Some(next) = &page.next {
        answer = answer
            .header("x-ms-continuation-nextpartitionkey", &token(&next.partition))
            .header("x-ms-continuation-nextrowkey", &token(&next.row));
    }
    Ok(answer.full(Json::Object(document).to_string()))
}

/// Keys may hold what a header cannot.
fn token(text: &str) -> String {
    format!("1!{}", URL_SAFE_NO_PAD.encode(text))
}

fn from_token(token: &str) -> Result<String, Fault> {
    let text = token.strip_prefix("1!").and_then(|encoded| URL_SAFE_NO_PAD.decode(encoded).ok());
    text.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
        INVALID_QUERY.detail("QueryParameterName", "NextPartitionKey").detail("QueryParameterValue", token)
    })
}

fn page(
    view: &impl View,
    table: u64,
    filter: Option<&Filter>,
    start: Option<&Key>,
    most: usize,
    allowed: &dyn Fn(&Key) -> bool,
) -> Result<Page, Fault> {
    let mut range = range_of(table, filter);
    if let Some(start) = start {
        let start = rows::entity_key(table, start);
        if !matches!(&range.start, Bound::Included(first) if *first > start) {
            range = range.from(start);
        }
    }
    let mut page = Page { entities: Vec::new(), next: None };
    let mut failure = None;
    let mut seen = 0;
    view.scan(ENTITIES, &range, &mut |key, value| {
        let step = (|| {
            let key = split_key(key)?;
            if page.entities.len() == most || seen == MOST_SEEN {
                page.next = Some(key);
                return Ok(ControlFlow::Break(()));
            }
            seen += 1;
            let entity: Entity = rows::decode(value)?;
            let matches = filter.is_none_or(|filter| filter.matches(&Stored(&key, &entity)));
            if matches && allowed(&key) {
                page.entities.push((key, entity));
            }
            Ok::<_, Fault>(ControlFlow::Continue(()))
        })();
        step.unwrap_or_else(|fault| {
            failure = Some(fault);
            ControlFlow::Break(())
        })
    })?;
    failure.map_or(Ok(page), Err)
}

/// The part of the table that can match: a filter that fixes or bounds the partition key reads only that.
fn range_of(table: u64, filter: Option<&Filter>) -> KeyRange {
    let all = KeyRange::prefix(table.to_be_bytes());
    let Some(filter) = filter else { return all };
    let bounds = filter.bounds("PartitionKey");
    if let (Some(lower), Some(upper)) = (&bounds.lower, &bounds.upper)
        && lower == upper
    {
        let rows = filter.bounds("RowKey");
        let prefix = partition_prefix(table, lower);
        let mut range = KeyRange::prefix(prefix.clone());
        if let Some(lower) = rows.lower {
            range = range.from([&prefix[..], lower.as_bytes()].concat());
        }
        if let Some(upper) = rows.upper {
            range.end = Bound::Included([&prefix[..], upper.as_bytes()].concat());
        }
        return range;
    }
    let mut range = all;
    if let Some(lower) = bounds.lower {
        range = range.from(partition_prefix(table, &lower));
    }
    if let Some(upper) = bounds.upper
        && let Some(end) = after_prefix(&partition_prefix(table, &upper))
    {
        range.end = Bound::Excluded(end);
    }
    range
}
