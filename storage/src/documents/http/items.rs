//! Documents over HTTP: single ones, feeds, queries, plans and batches.

use futures::future::join_all;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    super::{
        Documents, Fault,
        batch::{Operation, Outcome},
        catalog::{Container, Database},
        feed::{self, Start},
        item::{self, Item},
        partition::PartitionKey,
        patch::Patch,
        search::{Page, Search},
        sql::Query,
        writer::Writer,
    },
    reply::Reply,
    request::{Call, http_date},
    resources::{is_query, query_of},
};
use crate::engine::{Snapshot, StoreError, Timestamp, Tx, View};

/// Nominal request units.
const WRITE_CHARGE: f64 = 6.0;
const QUERY_CHARGE: f64 = 2.5;

/// Names of the container a request is about.
#[derive(Debug, Clone)]
struct Place {
    database: String,
    container: String,
    /// The container the client believes it talks to.
    intended: Option<String>,
}

impl Place {
    fn container(&self, view: &impl View) -> Result<Container, Fault> {
        let owner_missing = |what: &str, name: &str| Fault::owner_not_found(&format!("{what} '{name}'"));
        let database = Database::find(view, &self.database)?;
        let database = database.ok_or_else(|| owner_missing("database", &self.database))?;
        let container = Container::find(view, &database, &self.container)?;
        let container = container.ok_or_else(|| owner_missing("container", &self.container))?;
        match &self.intended {
            Some(intended) if *intended != container.rid().to_string() => Err(Fault::container_recreated()),
            _ => Ok(container),
        }
    }

    fn describe(&self, reply: Reply, container: &Container, lsn: u64) -> Reply {
        reply
            .with("x-ms-session-token", format!("0:-1#{lsn}"))
            .with("x-ms-alt-content-path", format!("dbs/{}/colls/{}", self.database, self.container))
            .with("x-ms-content-path", container.rid())
    }
}

fn place(call: &Call, database: &str, container: &str) -> Place {
    let intended = call.header("x-ms-cosmos-intended-collection-rid").map(str::to_owned);
    Place { database: database.to_owned(), container: container.to_owned(), intended }
}

impl Documents {
    /// `…/docs`
    pub(super) async fn items(&self, call: &Call, database: &str, container: &str) -> Result<Reply, Fault> {
        let place = place(call, database, container);
        match call.method {
            Method::GET if call.header("a-im").is_some() => self.changes(call, place).await,
            Method::GET => self.page(call, place, None).await,
            Method::POST if call.flag("x-ms-cosmos-is-query-plan-request") => {
                self.engine().read(|view| place.container(view))?;
                query_of(call).map(|_| plan())
            }
            Method::POST if call.flag("x-ms-cosmos-is-batch-request") => self.batch(call, place).await,
            Method::POST if is_query(call) => {
                let query = query_of(call)?;
                self.page(call, place, Some(query)).await
            }
            Method::POST => self.add(call, place).await,
            _ => Err(Fault::method_not_allowed()),
        }
    }

    /// `…/docs/{id}`
    pub(super) async fn item(
        &self,
        call: &Call,
        database: &str,
        container: &str,
        id: &str,
    ) -> Result<Reply, Fault> {
        let place = place(call, database, container);
        match call.method {
            Method::GET | Method::HEAD => self.read_item(call, &place, id),
            Method::PUT | Method::PATCH => self.change_item(call, place, id.to_owned()).await,
            Method::DELETE => {
                let (conditions, id) = (call.conditions(), id.to_owned());
                let found = self.engine().read(|view| place.container(view))?;
                let key = call.required_key(&found.key_paths()?)?;
                let now = self.engine().clock().now();
                let write = {
                    let place = place.clone();
                    move |tx: &mut Tx<'_>| {
                        let container = place.container(tx)?;
                        let writer = Writer::new(tx, &container, now)?;
                        writer.delete(tx, &id, &key, &conditions)?;
                        let lsn = writer.lsn();
                        Ok::<_, Fault>((container, lsn))
                    }
                };
                let (container, lsn) = self.engine().write(write).await?;
                let reply = Reply::empty(StatusCode::NO_CONTENT).charge(WRITE_CHARGE);
                Ok(place.describe(reply, &container, lsn))
            }
            _ => Err(Fault::method_not_allowed()),
        }
    }

    fn read_item(&self, call: &Call, place: &Place, id: &str) -> Result<Reply, Fault> {
        let now = self.engine().clock().now();
        self.engine().read(|view: &Snapshot| {
            let container = place.container(view)?;
            let key = call.required_key(&container.key_paths()?)?;
            let found = item::find(view, &container, &key, id, now)?;
            let found = found.ok_or_else(|| Fault::not_found(&format!("document '{id}'")))?;
            let newest = feed::newest(view, &container)?;
            let etag = found.etag();
            let known = call.header("if-none-match").is_some_and(|known| known == etag || known == "*");
            let reply = match known {
                true => Reply::empty(StatusCode::NOT_MODIFIED),
                false => Reply::text(StatusCode::OK, found.text(&container)),
            };
            Ok(place.describe(reply.etag(etag), &container, newest))
        })
    }

    /// Create, or upsert when the header says so.
    async fn add(&self, call: &Call, place: Place) -> Result<Reply, Fault> {
        let document = call.object()?;
        let found = self.engine().read(|view| place.container(view))?;
        let stated = call.partition_key(&found.key_paths()?)?;
        let (upsert, conditions) = (call.flag("x-ms-documentdb-is-upsert"), call.conditions());
        let now = self.engine().clock().now();
        let target = place.clone();
        let write = self.engine().write(move |tx| {
            let container = target.container(tx)?;
            let writer = Writer::new(tx, &container, now)?;
            let (item, created) = match upsert {
                true => writer.upsert(tx, document, stated.as_ref(), &conditions)?,
                false => (writer.create(tx, document, stated.as_ref())?, true),
            };
            Ok::<_, Fault>((container, item, created))
        });
        let (container, item, created) = write.await?;
        let status = if created { StatusCode::CREATED } else { StatusCode::OK };
        Ok(written(call, &place, &container, &item, status))
    }

    async fn change_item(&self, call: &Call, place: Place, id: String) -> Result<Reply, Fault> {
        enum Change {
            Replace(serde_json::Map<String, Value>),
            Patch(Box<Patch>, PartitionKey),
        }
        let found = self.engine().read(|view| place.container(view))?;
        let paths = found.key_paths()?;
        let stated = call.partition_key(&paths)?;
        let change = match call.method {
            Method::PATCH => {
                Change::Patch(Box::new(Patch::parse(&call.json()?)?), call.required_key(&paths)?)
            }
            _ => Change::Replace(call.object()?),
        };
        let conditions = call.conditions();
        let now = self.engine().clock().now();
        let target = place.clone();
        let write = self.engine().write(move |tx| {
            let container = target.container(tx)?;
            let writer = Writer::new(tx, &container, now)?;
            let item = match change {
                Change::Replace(document) => {
                    writer.replace(tx, &id, document, stated.as_ref(), &conditions)?
                }
                Change::Patch(patch, key) => writer.patch(tx, &id, &patch, &key, &conditions)?,
            };
            Ok::<_, Fault>((container, item))
        });
        let (container, item) = write.await?;
        Ok(written(call, &place, &container, &item, StatusCode::OK))
    }

    /// A page of a query, or of all documents.
    async fn page(&self, call: &Call, place: Place, query: Option<Query>) -> Result<Reply, Fault> {
        let container = self.engine().read(|view| place.container(view))?;
        let paths = container.key_paths()?;
        let mut reach = call.reach(&paths)?;
        if let Some(query) = &query {
            let pinned: Vec<Value> =
                paths.paths.iter().map_while(|path| query.pinned(path)).cloned().collect();
            if reach.key.is_none() && !pinned.is_empty() {
                reach.key = paths.parse_header(&Value::Array(pinned).to_string()).ok();
            }
            let scoped = reach.key.is_some() || call.header("x-ms-documentdb-partitionkeyrangeid").is_some();
            if !scoped && !call.flag("x-ms-documentdb-query-enablecrosspartition") {
                return Err(Fault::bad_request(
                    "Cross partition query is required but disabled. Please set \
                     x-ms-documentdb-query-enablecrosspartition to true, specify x-ms-documentdb-partitionkey, or \
                     revise your query to avoid this exception.",
                ));
            }
        }
        let now = self.engine().clock().now();
        let wanted = call.number("x-ms-max-item-count")?;
        let continuation = call.header("x-ms-continuation").map(str::to_owned);
        let scan = self.engine().scan(move |view| {
            let continuation = continuation.as_deref();
            let search = Search { container: &container, reach: &reach, now, wanted, continuation };
            let page = match &query {
                Some(query) => search.query(view, query)?,
                None => search.documents(view)?,
            };
            let newest = feed::newest(view, &container)?;
            Ok::<_, Fault>((page, newest, container))
        });
        let (page, newest, container) = scan.await?;
        let Page { rows, continuation, .. } = page;
        let mut reply = Reply::feed(&container.rid().to_string(), "Documents", &rows).charge(QUERY_CHARGE);
        if let Some(continuation) = continuation {
            reply = reply.with("x-ms-continuation", continuation);
        }
        Ok(place.describe(reply, &container, newest))
    }

    async fn changes(&self, call: &Call, place: Place) -> Result<Reply, Fault> {
        let mode = call.header("a-im").unwrap_or_default();
        if !mode.eq_ignore_ascii_case("Incremental feed") {
            return Err(Fault::unsupported(&format!("The change feed mode '{mode}'")));
        }
        let container = self.engine().read(|view| place.container(view))?;
        let reach = call.reach(&container.key_paths()?)?;
        let start = Start::parse(call.header("if-none-match"))?;
        let since = call.header("if-modified-since").map(|date| {
            http_date(date)
                .ok_or_else(|| Fault::bad_request(format!("If-Modified-Since is no date: '{date}'.")))
        });
        let (since, wanted) = (since.transpose()?, call.number("x-ms-max-item-count")?);
        let now = self.engine().clock().now();
        let scan = self.engine().scan(move |view| {
            let changes = feed::changes(view, &container, &reach, start, since, wanted, now)?;
            Ok::<_, Fault>((changes, container))
        });
        let (changes, container) = scan.await?;
        let reply = match changes.page.rows.is_empty() {
            true => Reply::empty(StatusCode::NOT_MODIFIED),
            false => Reply::feed(&container.rid().to_string(), "Documents", &changes.page.rows),
        };
        Ok(place.describe(reply.etag(format!("\"{}\"", changes.lsn)), &container, changes.lsn))
    }

    async fn batch(&self, call: &Call, place: Place) -> Result<Reply, Fault> {
        let found = self.engine().read(|view| place.container(view))?;
        let paths = found.key_paths()?;
        let operations = Operation::parse_all(call.json()?, &paths)?;
        let shared = call.partition_key(&paths)?;
        let atomic = call.flag("x-ms-cosmos-batch-atomic");
        let now = self.engine().clock().now();
        let count = operations.len();
        let outcomes = match atomic {
            true => self.transaction(place.clone(), operations, shared, now).await?,
            false => {
                // Handed over in their order and committed as one group; none waits for another's disk write.
                let single =
                    |operation| self.transaction(place.clone(), vec![operation], shared.clone(), now);
                let all = join_all(operations.into_iter().map(single)).await;
                all.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect()
            }
        };
        let status = match outcomes.iter().all(Outcome::is_success) {
            true => StatusCode::OK,
            false => StatusCode::MULTI_STATUS,
        };
        let with_body = !call.wants_no_body();
        let body: Vec<Value> = outcomes.iter().map(|outcome| outcome.to_value(with_body)).collect();
        let lsn = self.engine().read(|view| feed::newest(view, &found))?;
        let reply = Reply::json(status, &body.into()).charge(WRITE_CHARGE * count as f64);
        Ok(place.describe(reply, &found, lsn))
    }

    /// All of `operations` or none; one outcome each.
    async fn transaction(
        &self,
        place: Place,
        operations: Vec<Operation>,
        shared: Option<PartitionKey>,
        now: Timestamp,
    ) -> Result<Vec<Outcome>, Fault> {
        let count = operations.len();
        let write = self.engine().write(move |tx| {
            let container = place.container(tx).map_err(|fault| Failed { at: None, fault })?;
            let writer = Writer::new(tx, &container, now).map_err(|fault| Failed { at: None, fault })?;
            let run = |(at, operation): (usize, Operation)| {
                let outcome = operation.run(tx, &writer, &container, shared.as_ref());
                outcome.map_err(|fault| Failed { at: Some(at), fault })
            };
            operations.into_iter().enumerate().map(run).collect::<Result<Vec<_>, _>>()
        });
        match write.await {
            Ok(outcomes) => Ok(outcomes),
            Err(Failed { at: None, fault }) => Err(fault),
            Err(Failed { at: Some(at), fault }) => {
                let dependent = Fault::failed_dependency();
                Ok((0..count)
                    .map(|index| Outcome::failed(if index == at { &fault } else { &dependent }))
                    .collect())
            }
        }
    }
}

/// Which operation of a batch ended it.
struct Failed {
    /// `None` when the batch could not even begin.
    at: Option<usize>,
    fault: Fault,
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self { at: None, fault: error.into() }
    }
}

fn written(call: &Call, place: &Place, container: &Container, item: &Item, status: StatusCode) -> Reply {
    let reply = match call.wants_no_body() {
        true => Reply::empty(status),
        false => Reply::text(status, item.text(container)),
    };
    place.describe(reply.etag(item.etag()).charge(WRITE_CHARGE), container, item.lsn)
}

/// The plan for any query: one range, nothing to rewrite, nothing to merge. The query itself was checked before.
fn plan() -> Reply {
    let plan = json!({
        "partitionedQueryExecutionInfoVersion": 2,
        "queryInfo": {
            "distinctType": "None", "top": null, "offset": null, "limit": null, "orderBy": [],
            "orderByExpressions": [], "groupByExpressions": [], "groupByAliases": [], "aggregates": [],
            "groupByAliasToAggregateType": {}, "rewrittenQuery": "", "hasSelectValue": false, "dCountInfo": null,
            "hasNonStreamingOrderBy": false,
        },
        "queryRanges": [{"min": "", "max": "FF", "isMinInclusive": true, "isMaxInclusive": false}],
    });
    Reply::json(StatusCode::OK, &plan)
}
