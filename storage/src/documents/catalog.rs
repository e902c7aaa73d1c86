//! Databases and containers: their records and how they are found, by name or by resource id.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Fault, item,
    partition::{KeyPaths, properties},
    rid::{self, ContainerRid},
};
use crate::engine::{KeyRange, Space, StoreError, Timestamp, Tx, View};

/// Databases by name.
const DATABASES: Space = Space::new("documents.databases");
/// Containers by database number and name.
const CONTAINERS: Space = Space::new("documents.containers");
/// One row: the last number given to a database or container.
const NUMBERS: Space = Space::new("documents.numbers");

/// Throughput reported for containers made without one, in request units per second.
const DEFAULT_THROUGHPUT: u64 = 400;

/// A database's record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Database {
    pub(super) id: String,
    pub(super) number: u32,
    revision: u64,
    seconds: i64,
}

/// A container's record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Container {
    pub(super) id: String,
    number: u32,
    database: u32,
    revision: u64,
    seconds: i64,
    /// What the client asked for, defaults filled in, without system properties.
    definition: Map<String, Value>,
    /// Request units per second the client asked for. Reported, never enforced.
    pub(super) throughput: u64,
}

fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes)
        .map_err(|error| StoreError::Damaged(format!("a catalog record: {error}")).into())
}

fn encode(record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("records serialise")
}

fn next_number(tx: &mut Tx<'_>) -> Result<u32, Fault> {
    let last = tx.get(NUMBERS, b"")?.and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes);
    tx.put(NUMBERS, b"", &(last + 1).to_be_bytes())?;
    Ok(last + 1)
}

/// The `id` of a new resource; the service forbids what would break its paths.
pub(super) fn checked_id(definition: &Map<String, Value>) -> Result<String, Fault> {
    let id = definition.get("id").and_then(Value::as_str).ok_or_else(|| {
        Fault::bad_request(
            "The input content is invalid because the required properties - 'id; ' - are missing",
        )
    })?;
    let fits =
        !id.is_empty() && id.len() <= 1023 && !id.contains(['/', '\\', '?', '#']) && !id.ends_with(' ');
    if fits {
        return Ok(id.to_owned());
    }
    Err(Fault::bad_request(format!(
        "The id '{id}' is invalid: 1 to 1023 bytes, no '/', '\\', '?' or '#', and no space at the end."
    )))
}

impl Database {
    /// All databases, by name.
    pub(super) fn all(view: &impl View) -> Result<Vec<Self>, Fault> {
        let rows = view.list(DATABASES, &KeyRange::prefix(Vec::new()), usize::MAX)?;
        rows.iter().map(|(_, record)| decode(record)).collect()
    }

    /// The database with this name or resource id.
    pub(super) fn find(view: &impl View, name: &str) -> Result<Option<Self>, Fault> {
        if let Some(record) = view.get(DATABASES, name.as_bytes())? {
            return decode(&record).map(Some);
        }
        let Some(number) = rid::parse_database(name) else { return Ok(None) };
        Ok(Self::all(view)?.into_iter().find(|database| database.number == number))
    }

    /// Makes a database, or says that the name is taken.
    pub(super) fn create(tx: &mut Tx<'_>, id: String, now: Timestamp) -> Result<Self, Fault> {
        if tx.contains(DATABASES, id.as_bytes())? {
            return Err(Fault::conflict(format!(
                "Resource with specified id or name already exists: database '{id}'."
            )));
        }
        let database = Self { number: next_number(tx)?, revision: tx.next_id()?, seconds: now.0 / 1000, id };
        tx.put(DATABASES, database.id.as_bytes(), &encode(&database))?;
        Ok(database)
    }

    /// Removes the database with everything in it.
    pub(super) fn delete(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        for container in Container::all(tx, self)? {
            container.delete(tx)?;
        }
        tx.delete(DATABASES, self.id.as_bytes())?;
        Ok(())
    }

    /// As the protocol shows it.
    pub(super) fn resource(&self) -> Value {
        let rid = rid::database(self.number);
        json!({
            "id": self.id, "_rid": rid, "_self": format!("dbs/{rid}/"), "_etag": self.etag(),
            "_colls": "colls/", "_users": "users/", "_ts": self.seconds,
        })
    }

    pub(super) fn etag(&self) -> String {
        rid::etag(self.revision, self.seconds)
    }
}

impl Container {
    fn key(database: u32, name: &str) -> Vec<u8> {
        [&database.to_be_bytes(), name.as_bytes()].concat()
    }

    /// All containers of `database`, by name.
    pub(super) fn all(view: &impl View, database: &Database) -> Result<Vec<Self>, Fault> {
        let rows = view.list(CONTAINERS, &KeyRange::prefix(database.number.to_be_bytes()), usize::MAX)?;
        rows.iter().map(|(_, record)| decode(record)).collect()
    }

    /// The container with this name or resource id.
    pub(super) fn find(view: &impl View, database: &Database, name: &str) -> Result<Option<Self>, Fault> {
        if let Some(record) = view.get(CONTAINERS, &Self::key(database.number, name))? {
            return decode(&record).map(Some);
        }
        let Some(rid) = ContainerRid::parse(name) else { return Ok(None) };
        Ok(Self::all(view, database)?.into_iter().find(|container| container.rid() == rid))
    }

    /// Makes a container after checking its definition.
    pub(super) fn create(
        tx: &mut Tx<'_>,
        database: &Database,
        definition: Map<String, Value>,
        throughput: Option<u64>,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let id = checked_id(&definition)?;
        let key = Self::key(database.number, &id);
        if tx.contains(CONTAINERS, &key)? {
            let message = format!("Resource with specified id or name already exists: container '{id}'.");
            return Err(Fault::conflict(message));
        }
        let container = Self {
            number: next_number(tx)?,
            database: database.number,
            revision: tx.next_id()?,
            seconds: now.0 / 1000,
            definition: checked_definition(definition)?,
            throughput: throughput.unwrap_or(DEFAULT_THROUGHPUT),
            id,
        };
        tx.put(CONTAINERS, &key, &encode(&container))?;
        Ok(container)
    }

    /// Replaces the definition; id, partition key and unique keys cannot change.
    pub(super) fn replace(
        mut self,
        tx: &mut Tx<'_>,
        definition: Map<String, Value>,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let definition = checked_definition(definition)?;
        for fixed in ["id", "partitionKey", "uniqueKeyPolicy"] {
            let same = match (self.definition.get(fixed), definition.get(fixed)) {
                (Some(before), Some(after)) => super::sql::equal(before, after),
                (before, after) => before.is_none() && after.is_none(),
            };
            if !same {
                return Err(Fault::bad_request(format!(
                    "Replacing '{fixed}' of a container is not allowed."
                )));
            }
        }
        self.definition = definition;
        self.update(tx, now)
    }

    /// Stores the record anew under a new revision.
    pub(super) fn update(mut self, tx: &mut Tx<'_>, now: Timestamp) -> Result<Self, Fault> {
        self.revision = tx.next_id()?;
        self.seconds = now.0 / 1000;
        tx.put(CONTAINERS, &Self::key(self.database, &self.id), &encode(&self))?;
        Ok(self)
    }

    /// Removes the container and, in the background, its documents.
    pub(super) fn delete(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        for space in item::SPACES {
            tx.discard_prefix(*space, &self.prefix())?;
        }
        tx.delete(CONTAINERS, &Self::key(self.database, &self.id))?;
        Ok(())
    }

    /// What the keys of the container's rows begin with. Numbers are never used again.
    pub(super) fn prefix(&self) -> [u8; 4] {
        self.number.to_be_bytes()
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn rid(&self) -> ContainerRid {
        ContainerRid { database: self.database, container: self.number }
    }

    pub(super) fn etag(&self) -> String {
        rid::etag(self.revision, self.seconds)
    }

    /// Where documents have their partition key.
    pub(super) fn key_paths(&self) -> Result<KeyPaths, Fault> {
        KeyPaths::of(self.definition.get("partitionKey").unwrap_or(&Value::Null))
    }

    /// `defaultTtl`: `None` means that nothing expires, −1 that only documents with their own `ttl` do. In seconds.
    pub(super) fn default_ttl(&self) -> Option<i64> {
        self.definition.get("defaultTtl").and_then(Value::as_i64)
    }

    /// The paths of every unique key.
    pub(super) fn unique_keys(&self) -> Vec<Vec<Vec<String>>> {
        let keys =
            self.definition.get("uniqueKeyPolicy").and_then(|policy| policy.get("uniqueKeys")?.as_array());
        let paths = |key: &Value| {
            let paths = key.get("paths").and_then(Value::as_array)?;
            Some(paths.iter().filter_map(|path| properties(path.as_str()?)).collect())
        };
        keys.into_iter().flatten().filter_map(paths).collect()
    }

    /// As the protocol shows it.
    pub(super) fn resource(&self) -> Value {
        let mut resource = self.definition.clone();
        for (name, value) in [
            ("_rid", self.rid().to_string().into()),
            ("_ts", self.seconds.into()),
            ("_self", self.rid().path().into()),
            ("_etag", self.etag().into()),
            ("_docs", Value::from("docs/")),
            ("_sprocs", "sprocs/".into()),
            ("_triggers", "triggers/".into()),
            ("_udfs", "udfs/".into()),
            ("_conflicts", "conflicts/".into()),
        ] {
            resource.insert(name.to_owned(), value);
        }
        Value::Object(resource)
    }

    /// The container's throughput as an offer resource.
    pub(super) fn offer(&self) -> Value {
        let rid = self.rid();
        let offer = rid::database(self.number);
        json!({
            "resource": rid.path(), "offerType": "Invalid", "offerResourceId": rid.to_string(), "offerVersion": "V2",
            "content": {"offerThroughput": self.throughput}, "id": offer, "_rid": offer,
            "_self": format!("offers/{offer}/"), "_etag": self.etag(), "_ts": self.seconds,
        })
    }
}

/// Checks a container's definition and fills in what the service fills in.
fn checked_definition(mut definition: Map<String, Value>) -> Result<Map<String, Value>, Fault> {
    definition.retain(|name, value| !name.starts_with('_') && !value.is_null());
    let key = definition.entry("partitionKey").or_insert_with(
        || json!({"paths": ["/_partitionKey"], "kind": "Hash", "version": 2, "systemKey": true}),
    );
    if let Value::Object(key) = key {
        key.entry("kind").or_insert_with(|| "Hash".into());
    }
    KeyPaths::of(key)?;
    if let Some(ttl) = definition.get("defaultTtl") {
        item::checked_ttl(ttl)?;
    }
    definition.entry("indexingPolicy").or_insert_with(|| {
        json!({
            "indexingMode": "consistent", "automatic": true, "includedPaths": [{"path": "/*"}],
            "excludedPaths": [{"path": "/\"_etag\"/?"}],
        })
    });
    definition.entry("conflictResolutionPolicy").or_insert_with(|| {
        json!({"mode": "LastWriterWins", "conflictResolutionPath": "/_ts", "conflictResolutionProcedure": ""})
    });
    definition.entry("geospatialConfig").or_insert_with(|| json!({"type": "Geography"}));
    Ok(definition)
}
