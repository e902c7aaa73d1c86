//! Changes to entities, alone or inside a transaction: no HTTP in here.

use super::address::Key;
use super::codes::{
    CONDITION_NOT_SATISFIED, ENTITY_EXISTS, KEY_MISMATCH, PROPERTIES_NEED_VALUE, RESOURCE_NOT_FOUND,
};
use super::entity::{Entity, Value, stamp};
use super::json::Parsed;
use super::rows::{self, ENTITIES, entity_key};
use crate::auth::{Class, Principal};
use crate::engine::{Timestamp, Tx};
use crate::protocol::Fault;
use crate::protocol::fault::{MISSING_HEADER, PERMISSION_MISMATCH};
use http::Method;

/// What to do with one entity.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verb {
    Insert,
    /// Without an ETag: insert or replace.
    Replace(Option<String>),
    /// Without an ETag: insert or merge.
    Merge(Option<String>),
    Delete(String),
}

/// One change, ready to be made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) verb: Verb,
    pub(super) key: Key,
    pub(super) properties: Vec<(String, Value)>,
}

impl Change {
    /// An insertion of the entity in a body.
    pub(super) fn insert(parsed: Parsed) -> Result<Self, Fault> {
        let (Some(partition), Some(row)) = (parsed.partition, parsed.row) else {
            return Err(PROPERTIES_NEED_VALUE.into());
        };
        Self::checked(Verb::Insert, Key { partition, row }, parsed.properties)
    }

    /// What `method` means on the entity at `key`; `None` when it means nothing.
    pub(super) fn on(
        method: &Method,
        key: Key,
        condition: Option<&str>,
        parsed: impl FnOnce() -> Result<Parsed, Fault>,
    ) -> Result<Option<Self>, Fault> {
        let condition = condition.map(str::to_owned);
        let verb = match method.as_str() {
            "PUT" => Verb::Replace(condition),
            "MERGE" | "PATCH" => Verb::Merge(condition),
            "DELETE" => {
                let missing = || MISSING_HEADER.detail("HeaderName", "If-Match");
                Verb::Delete(condition.ok_or_else(missing)?)
            }
            _ => return Ok(None),
        };
        if matches!(verb, Verb::Delete(_)) {
            return Self::checked(verb, key, Vec::new()).map(Some);
        }
        let parsed = parsed()?;
        let differs = |given: &Option<String>, own: &String| given.as_ref().is_some_and(|given| given != own);
        if differs(&parsed.partition, &key.partition) || differs(&parsed.row, &key.row) {
            return Err(KEY_MISMATCH.into());
        }
        Self::checked(verb, key, parsed.properties).map(Some)
    }

    fn checked(verb: Verb, key: Key, properties: Vec<(String, Value)>) -> Result<Self, Fault> {
        key.check()?;
        Entity { stamp: 0, properties: properties.clone() }.check(&key)?;
        Ok(Self { verb, key, properties })
    }

    /// Whether the sender may do it.
    pub(super) fn allowed(&self, principal: &Principal) -> Result<(), Fault> {
        let letters: &[&str] = match &self.verb {
            Verb::Insert => &["a"],
            Verb::Replace(None) | Verb::Merge(None) => &["a", "u"],
            Verb::Replace(Some(_)) | Verb::Merge(Some(_)) => &["u"],
            Verb::Delete(_) => &["d"],
        };
        for letter in letters {
            principal.may(Class::Object, letter)?;
        }
        match principal.keys() {
            Some(keys) if !keys.contain(&self.key.partition, &self.key.row) => {
                Err(PERMISSION_MISMATCH.into())
            }
            _ => Ok(()),
        }
    }

    /// Makes the change; returns the entity as it is now, `None` after a deletion.
    pub(super) fn apply(&self, tx: &mut Tx<'_>, table: u64, now: Timestamp) -> Result<Option<Entity>, Fault> {
        let old = rows::entity(tx, table, &self.key)?;
        let condition = match &self.verb {
            Verb::Insert => None,
            Verb::Replace(condition) | Verb::Merge(condition) => condition.as_deref(),
            Verb::Delete(condition) => Some(condition.as_str()),
        };
        if let Some(condition) = condition {
            let old = old.as_ref().ok_or_else(|| Fault::from(RESOURCE_NOT_FOUND))?;
            if condition != "*" && !same_etag(condition, &old.etag()) {
                return Err(CONDITION_NOT_SATISFIED.into());
            }
        }
        let mut entity = match (&self.verb, old) {
            (Verb::Delete(_), _) => {
                tx.delete(ENTITIES, &entity_key(table, &self.key))?;
                return Ok(None);
            }
            (Verb::Insert, Some(_)) => return Err(ENTITY_EXISTS.into()),
            (Verb::Merge(_), Some(old)) => old,
            _ => Entity { stamp: 0, properties: Vec::new() },
        };
        entity.merge(self.properties.clone());
        entity.check(&self.key)?;
        entity.stamp = stamp(now, tx.next_id()?);
        rows::save(tx, table, &self.key, &entity)?;
        Ok(Some(entity))
    }
}

/// Some clients send the colons unescaped.
fn same_etag(given: &str, own: &str) -> bool {
    given == own || given.replace("%3a", ":").replace("%3A", ":") == own.replace("%3A", ":")
}
