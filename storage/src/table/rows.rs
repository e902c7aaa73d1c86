//! Tables and entities as they lie in the database.

use super::address::Key;
use super::codes::TABLE_NOT_FOUND;
use super::entity::Entity;
use crate::engine::{Space, StoreError, Tx, View};
use crate::protocol::{Fault, Policy};
use serde::{Deserialize, Serialize};

/// (account, 0, lower-case name) -> [`Table`]
pub(super) const TABLES: Space = Space::new("table.tables");
/// (table id, partition key, 0, row key) -> [`Entity`]
pub(super) const ENTITIES: Space = Space::new("table.entities");
/// Spaces whose rows go with their table.
pub(crate) const SPACES: [Space; 1] = [ENTITIES];

/// A table's record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Table {
    pub(super) id: u64,
    /// As first written: names are compared without regard to case.
    pub(super) name: String,
    #[serde(default)]
    pub(super) policies: Vec<Policy>,
}

pub(super) fn table_key(account: &str, name: &str) -> Vec<u8> {
    format!("{account}\0{}", name.to_lowercase()).into_bytes()
}

pub(super) fn table(view: &impl View, account: &str, name: &str) -> Result<Table, Fault> {
    let bytes = view.get(TABLES, &table_key(account, name))?;
    decode(&bytes.ok_or_else(|| Fault::from(TABLE_NOT_FOUND))?)
}

pub(super) fn save_table(tx: &mut Tx<'_>, account: &str, table: &Table) -> Result<(), Fault> {
    let bytes = serde_json::to_vec(table).expect("a table record is plain data");
    Ok(tx.put(TABLES, &table_key(account, &table.name), &bytes)?)
}

pub(super) fn entity_key(table: u64, key: &Key) -> Vec<u8> {
    let mut bytes = partition_prefix(table, &key.partition);
    bytes.extend_from_slice(key.row.as_bytes());
    bytes
}

/// All entities of one partition.
pub(super) fn partition_prefix(table: u64, partition: &str) -> Vec<u8> {
    let mut bytes = table.to_be_bytes().to_vec();
    bytes.extend_from_slice(partition.as_bytes());
    // Keys have no control characters, so this ends the partition key and sorts before all longer ones.
    bytes.push(0);
    bytes
}

pub(super) fn split_key(bytes: &[u8]) -> Result<Key, StoreError> {
    let damaged = || StoreError::Damaged("an entity key is malformed".to_owned());
    let rest = bytes.get(8..).ok_or_else(damaged)?;
    let end = rest.iter().position(|byte| *byte == 0).ok_or_else(damaged)?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| damaged());
    Ok(Key { partition: text(&rest[..end])?, row: text(&rest[end + 1..])? })
}

pub(super) fn entity(view: &impl View, table: u64, key: &Key) -> Result<Option<Entity>, Fault> {
    let bytes = view.get(ENTITIES, &entity_key(table, key))?;
    bytes.as_deref().map(decode).transpose()
}

pub(super) fn save(tx: &mut Tx<'_>, table: u64, key: &Key, entity: &Entity) -> Result<(), Fault> {
    let bytes = serde_json::to_vec(entity).expect("an entity is plain data");
    Ok(tx.put(ENTITIES, &entity_key(table, key), &bytes)?)
}

pub(super) fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes)
        .map_err(|error| StoreError::Damaged(format!("a table record: {error}")).into())
}
