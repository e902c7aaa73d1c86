//! Databases, containers, partition key ranges and offers over HTTP.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    super::{
        Documents, Fault,
        catalog::{Container, Database, checked_id},
        rid,
        sql::{Execution, Query},
    },
    reply::Reply,
    request::Call,
};
use crate::engine::{Snapshot, View};

/// A query's text and parameters, from the body of a query request.
pub(super) fn query_of(call: &Call) -> Result<Query, Fault> {
    let (text, parameters) =
        match call.header("content-type").unwrap_or_default().starts_with("application/sql") {
            // The oldest form: nothing but the text.
            true => (String::from_utf8_lossy(&call.body).into_owned(), Map::new()),
            false => {
                let body = call.object()?;
                let text = body.get("query").and_then(Value::as_str).ok_or_else(|| {
                    Fault::bad_request("The request's body needs 'query', the text of a query.")
                })?;
                (text.to_owned(), parameters_of(body.get("parameters"))?)
            }
        };
    Ok(Query::parse(&text, &parameters)?)
}

/// `[{"name": "@id", "value": …}]`
fn parameters_of(list: Option<&Value>) -> Result<Map<String, Value>, Fault> {
    let list = match list {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(list)) => list,
        Some(_) => return Err(Fault::bad_request("The query's 'parameters' must be an array.")),
    };
    let mut parameters = Map::new();
    for parameter in list {
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
        let name = name.strip_prefix('@').filter(|name| !name.is_empty()).ok_or_else(|| {
            Fault::bad_request(format!("The parameter name '{name}' is invalid: it begins with '@'."))
        })?;
        parameters.insert(name.to_owned(), parameter.get("value").cloned().unwrap_or_default());
    }
    Ok(parameters)
}

/// Whether a POST asks instead of creating.
pub(super) fn is_query(call: &Call) -> bool {
    let kind = call.header("content-type").unwrap_or_default();
    call.flag("x-ms-documentdb-isquery") || kind.starts_with("application/query+json")
}

/// A feed of few resources, with the query of the request applied.
fn listed(call: &Call, rid: &str, name: &str, all: &[Value]) -> Result<Reply, Fault> {
    if call.method == Method::GET {
        return Ok(Reply::feed(rid, name, &all.iter().map(Value::to_string).collect::<Vec<_>>()));
    }
    let query = query_of(call)?;
    let mut execution = Execution::new(&query);
    all.iter().for_each(|resource| execution.push(resource));
    let (skip, take) = query.window();
    let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let rows: Vec<_> =
        execution.finish().iter().skip(size(skip)).take(size(take)).map(Value::to_string).collect();
    Ok(Reply::feed(rid, name, &rows))
}

/// 412 unless `If-Match` is absent or names this version.
fn check_match(call: &Call, etag: &str) -> Result<(), Fault> {
    match call.header("if-match") {
        Some(wanted) if wanted != "*" && wanted != etag => Err(Fault::precondition_failed()),
        _ => Ok(()),
    }
}

/// The resource, or 304 when the client has this version.
fn shown(call: &Call, etag: &str, resource: &Value) -> Reply {
    match call.header("if-none-match") == Some(etag) {
        true => Reply::empty(StatusCode::NOT_MODIFIED).etag(etag),
        false => Reply::json(StatusCode::OK, resource).etag(etag),
    }
}

/// The database, or 404 as the resource asked for.
fn database_in(view: &impl View, name: &str) -> Result<Database, Fault> {
    Database::find(view, name)?.ok_or_else(|| Fault::not_found(&format!("database '{name}'")))
}

/// The database as the owner of what is asked for.
fn owner_in(view: &impl View, name: &str) -> Result<Database, Fault> {
    Database::find(view, name)?.ok_or_else(|| Fault::owner_not_found(&format!("database '{name}'")))
}

/// The container, or 404 as the resource asked for.
pub(super) fn container_in(view: &impl View, database: &str, name: &str) -> Result<Container, Fault> {
    let owner = owner_in(view, database)?;
    Container::find(view, &owner, name)?.ok_or_else(|| Fault::not_found(&format!("container '{name}'")))
}

impl Documents {
    pub(super) async fn databases(&self, call: &Call) -> Result<Reply, Fault> {
        match call.method {
            Method::POST if !is_query(call) => {
                let id = checked_id(&call.object()?)?;
                let now = self.engine().clock().now();
                let made = self.engine().write(move |tx| Database::create(tx, id, now)).await?;
                Ok(Reply::json(StatusCode::CREATED, &made.resource()).etag(made.etag()))
            }
            Method::GET | Method::POST => {
                let all = self.engine().read(Database::all)?;
                listed(call, "", "Databases", &all.iter().map(Database::resource).collect::<Vec<_>>())
            }
            _ => Err(Fault::method_not_allowed()),
        }
    }

    pub(super) async fn database(&self, call: &Call, name: &str) -> Result<Reply, Fault> {
        let found = self.engine().read(|view| database_in(view, name))?;
        match call.method {
            Method::GET => Ok(shown(call, &found.etag(), &found.resource())),
            Method::DELETE => {
                check_match(call, &found.etag())?;
                let name = name.to_owned();
                self.engine().write(move |tx| database_in(tx, &name)?.delete(tx)).await?;
                Ok(Reply::empty(StatusCode::NO_CONTENT))
            }
            _ => Err(Fault::method_not_allowed()),
        }
    }

    pub(super) async fn containers(&self, call: &Call, database: &str) -> Result<Reply, Fault> {
        match call.method {
            Method::POST if !is_query(call) => {
                let definition = call.object()?;
                let throughput =
                    call.number("x-ms-offer-throughput")?.and_then(|units| u64::try_from(units).ok());
                let now = self.engine().clock().now();
                let database = database.to_owned();
                let made = self.engine().write(move |tx| {
                    let owner = owner_in(tx, &database)?;
                    Container::create(tx, &owner, definition, throughput, now)
                });
                let made = made.await?;
                Ok(Reply::json(StatusCode::CREATED, &made.resource()).etag(made.etag()))
            }
            Method::GET | Method::POST => {
                let (owner, all) = self.engine().read(|view: &Snapshot| {
                    let owner = owner_in(view, database)?;
                    let all = Container::all(view, &owner)?;
                    Ok::<_, Fault>((owner, all))
                })?;
                let rid = owner.resource()["_rid"].as_str().unwrap_or_default().to_owned();
                listed(
                    call,
                    &rid,
                    "DocumentCollections",
                    &all.iter().map(Container::resource).collect::<Vec<_>>(),
                )
            }
            _ => Err(Fault::method_not_allowed()),
        }
    }

    pub(super) async fn container(&self, call: &Call, database: &str, name: &str) -> Result<Reply, Fault> {
        let found = self.engine().read(|view| container_in(view, database, name))?;
        let now = self.engine().clock().now();
        match call.method {
            // The number of documents and their size are not kept, so quotas are not reported.
            Method::GET | Method::HEAD => Ok(shown(call, &found.etag(), &found.resource())),
            Method::PUT => {
                check_match(call, &found.etag())?;
                let definition = call.object()?;
                let (database, name) = (database.to_owned(), name.to_owned());
                let replaced = self
                    .engine()
                    .write(move |tx| container_in(tx, &database, &name)?.replace(tx, definition, now));
                let replaced = replaced.await?;
                Ok(Reply::json(StatusCode::OK, &replaced.resource()).etag(replaced.etag()))
            }
            Method::DELETE => {
                check_match(call, &found.etag())?;
                let (database, name) = (database.to_owned(), name.to_owned());
                self.engine().write(move |tx| container_in(tx, &database, &name)?.delete(tx)).await?;
                Ok(Reply::empty(StatusCode::NO_CONTENT))
            }
            _ => Err(Fault::method_not_allowed()),
        }
    }

    /// One range holds everything: what is split in the cloud for size need not be on one machine.
    pub(super) fn ranges(&self, call: &Call, database: &str, container: &str) -> Result<Reply, Fault> {
        if call.method != Method::GET {
            return Err(Fault::method_not_allowed());
        }
        let container = self.engine().read(|view| container_in(view, database, container))?;
        let rid = container.rid();
        // Clients that follow the ranges as a change feed ask again with this etag and want 304.
        let etag = "\"1\"";
        if call.header("if-none-match") == Some(etag) {
            return Ok(Reply::empty(StatusCode::NOT_MODIFIED).etag(etag));
        }
        let own = rid.document(0);
        let range = json!({
            "_rid": own, "id": "0", "_etag": etag, "minInclusive": "", "maxExclusive": "FF", "ridPrefix": 0,
            "_self": format!("{}pkranges/{own}/", rid.path()), "throughputFraction": 1, "status": "online",
            "parents": [], "_ts": 0,
        });
        Ok(Reply::feed(&rid.to_string(), "PartitionKeyRanges", &[range.to_string()]).etag(etag))
    }

    fn all_offers(&self) -> Result<Vec<(Database, Container)>, Fault> {
        self.engine().read(|view: &Snapshot| {
            let mut offers = Vec::new();
            for database in Database::all(view)? {
                let containers = Container::all(view, &database)?;
                offers.extend(containers.into_iter().map(|container| (database.clone(), container)));
            }
            Ok(offers)
        })
    }

    /// Throughput is remembered and shown, and never limits anything.
    pub(super) fn offers(&self, call: &Call) -> Result<Reply, Fault> {
        match call.method {
            Method::GET | Method::POST => {
                let all: Vec<_> = self.all_offers()?.iter().map(|(_, container)| container.offer()).collect();
                listed(call, "", "Offers", &all)
            }
            _ => Err(Fault::method_not_allowed()),
        }
    }

    pub(super) async fn offer(&self, call: &Call, offer: &str) -> Result<Reply, Fault> {
        let all = self.all_offers()?;
        let found = all.into_iter().find(|(_, container)| container.offer()["id"] == offer);
        let (database, container) = found.ok_or_else(|| Fault::not_found(&format!("offer '{offer}'")))?;
        match call.method {
            Method::GET => Ok(shown(call, &container.etag(), &container.offer())),
            Method::PUT => {
                check_match(call, &container.etag())?;
                let body = call.object()?;
                let units = body.get("content").and_then(|content| content.get("offerThroughput")?.as_u64());
                let units = units.filter(|units| *units > 0).ok_or_else(|| {
                    Fault::bad_request("An offer needs 'content.offerThroughput', a number above 0.")
                })?;
                let now = self.engine().clock().now();
                let name = container.id.clone();
                let updated = self.engine().write(move |tx| {
                    let mut container = container_in(tx, &rid::database(database.number), &name)?;
                    container.throughput = units;
                    container.update(tx, now)
                });
                let updated = updated.await?;
                Ok(Reply::json(StatusCode::OK, &updated.offer()).etag(updated.etag()))
            }
            _ => Err(Fault::method_not_allowed()),
        }
    }
}
