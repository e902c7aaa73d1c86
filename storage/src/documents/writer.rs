//! Changes to documents, inside one transaction: what a single request and a batch have in common.

use serde_json::{Map, Value};

use super::{
    Fault,
    catalog::{Container, checked_id},
    item::{self, FEED, IDS, ITEMS, Item, UNIQUE},
    partition::{KeyPaths, PartitionKey},
    patch::Patch,
    sql::canonical,
};
use crate::engine::{Timestamp, Tx, View};

/// Largest document in bytes of JSON: the service's limit.
pub(super) const LARGEST: usize = 2 << 20;

/// `If-Match` and `If-None-Match` of a request or of one operation of a batch.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    pub(super) if_match: Option<String>,
    pub(super) if_none_match: Option<String>,
}

impl Conditions {
    /// Refuses unless the conditions hold for what is there now.
    pub(super) fn check(&self, current: Option<&Item>) -> Result<(), Fault> {
        let etag = current.map(Item::etag);
        let is = |wanted: &String| etag.is_some() && (wanted == "*" || Some(wanted) == etag.as_ref());
        let failed = self.if_match.as_ref().is_some_and(|wanted| !is(wanted))
            || self.if_none_match.as_ref().is_some_and(is);
        if failed { Err(Fault::precondition_failed()) } else { Ok(()) }
    }
}

/// Writes to one container with one log sequence number and one time.
pub(super) struct Writer<'c> {
    container: &'c Container,
    paths: KeyPaths,
    lsn: u64,
    now: Timestamp,
}

impl<'c> Writer<'c> {
    /// Begins a change. Every write through it belongs to the same entry of the change feed's order.
    pub(super) fn new(tx: &mut Tx<'_>, container: &'c Container, now: Timestamp) -> Result<Self, Fault> {
        Ok(Self { container, paths: container.key_paths()?, lsn: tx.next_id()?, now })
    }

    /// The change feed's number for everything written through this.
    pub(super) fn lsn(&self) -> u64 {
        self.lsn
    }

    /// The live document called `id`.
    pub(super) fn find(&self, tx: &Tx<'_>, key: &PartitionKey, id: &str) -> Result<Option<Item>, Fault> {
        item::find(tx, self.container, key, id, self.now)
    }

    /// The live document called `id`, or 404.
    pub(super) fn existing(&self, tx: &Tx<'_>, key: &PartitionKey, id: &str) -> Result<Item, Fault> {
        self.find(tx, key, id)?.ok_or_else(|| Fault::not_found(&format!("document '{id}'")))
    }

    /// The partition key of `document`, which must be `stated` if the request states one.
    pub(super) fn key_of(
        &self,
        document: &Map<String, Value>,
        stated: Option<&PartitionKey>,
    ) -> Result<PartitionKey, Fault> {
        let own = self.paths.extract(document)?;
        match stated {
            Some(stated) if *stated != own => Err(Fault::key_mismatch()),
            _ => Ok(own),
        }
    }

    /// Adds a document whose id is free.
    pub(super) fn create(
        &self,
        tx: &mut Tx<'_>,
        document: Map<String, Value>,
        stated: Option<&PartitionKey>,
    ) -> Result<Item, Fault> {
        let key = self.key_of(&document, stated)?;
        let id = checked_id(&document)?;
        if self.find(tx, &key, &id)?.is_some() {
            return Err(taken(&id));
        }
        self.put(tx, None, document, &key)
    }

    /// Adds or replaces; true when it was added.
    pub(super) fn upsert(
        &self,
        tx: &mut Tx<'_>,
        document: Map<String, Value>,
        stated: Option<&PartitionKey>,
        conditions: &Conditions,
    ) -> Result<(Item, bool), Fault> {
        let key = self.key_of(&document, stated)?;
        let current = self.find(tx, &key, &checked_id(&document)?)?;
        // Conditions speak about a document that is there; without one, upsert simply adds it.
        if current.is_some() {
            conditions.check(current.as_ref())?;
        }
        let created = current.is_none();
        Ok((self.put(tx, current, document, &key)?, created))
    }

    /// Replaces the document called `id`. The new one may have another id, never another partition key.
    pub(super) fn replace(
        &self,
        tx: &mut Tx<'_>,
        id: &str,
        document: Map<String, Value>,
        stated: Option<&PartitionKey>,
        conditions: &Conditions,
    ) -> Result<Item, Fault> {
        let key = self.key_of(&document, stated)?;
        let current = self.existing(tx, &key, id)?;
        conditions.check(Some(&current))?;
        self.put(tx, Some(current), document, &key)
    }

    /// Changes parts of the document called `id`.
    pub(super) fn patch(
        &self,
        tx: &mut Tx<'_>,
        id: &str,
        patch: &Patch,
        key: &PartitionKey,
        conditions: &Conditions,
    ) -> Result<Item, Fault> {
        let current = self.existing(tx, key, id)?;
        conditions.check(Some(&current))?;
        if !patch.applies_to(&current.value(self.container)?)? {
            return Err(Fault::precondition_failed());
        }
        let document = patch.apply(current.properties()?)?;
        if checked_id(&document)? != checked_id(&current.properties()?)?
            || self.paths.extract(&document)? != *key
        {
            return Err(Fault::bad_request("A patch must not change the id or the partition key."));
        }
        self.put(tx, Some(current), document, key)
    }

    /// Removes the document called `id`.
    pub(super) fn delete(
        &self,
        tx: &mut Tx<'_>,
        id: &str,
        key: &PartitionKey,
        conditions: &Conditions,
    ) -> Result<(), Fault> {
        let current = self.existing(tx, key, id)?;
        conditions.check(Some(&current))?;
        self.remove(tx, &current)
    }

    /// Takes a document out of every space.
    pub(super) fn remove(&self, tx: &mut Tx<'_>, item: &Item) -> Result<(), Fault> {
        let properties = item.properties()?;
        self.unlink(tx, item, &properties)?;
        tx.delete(ITEMS, &item.row(self.container))?;
        Ok(())
    }

    /// Removes the rows that point to a document.
    fn unlink(&self, tx: &mut Tx<'_>, item: &Item, properties: &Map<String, Value>) -> Result<(), Fault> {
        tx.delete(FEED, &item.feed_row(self.container))?;
        tx.delete(IDS, &item::id_row(self.container, &item.key, &checked_id(properties)?))?;
        for row in self.unique_rows(&item.key, properties) {
            tx.delete(UNIQUE, &row)?;
        }
        Ok(())
    }

    fn put(
        &self,
        tx: &mut Tx<'_>,
        current: Option<Item>,
        document: Map<String, Value>,
        key: &PartitionKey,
    ) -> Result<Item, Fault> {
        let document = item::without_system_properties(document);
        let id = checked_id(&document)?;
        let ttl = document.get("ttl").map_or(Ok(0), item::checked_ttl)?;
        let body = serde_json::to_string(&document).expect("a JSON value serialises");
        if body.len() > LARGEST {
            return Err(Fault::too_large());
        }
        if let Some(current) = &current {
            self.unlink(tx, current, &current.properties()?)?;
        }
        let revision = tx.next_id()?;
        let item = Item {
            number: current.map_or(revision, |current| current.number),
            lsn: self.lsn,
            revision,
            seconds: self.now.0 / 1000,
            ttl,
            key: key.text(),
            body,
        };
        let number = item.number.to_be_bytes();
        let id_row = item::id_row(self.container, &item.key, &id);
        self.make_room(tx, IDS, &id_row, || taken(&id))?;
        tx.put(IDS, &id_row, &number)?;
        for row in self.unique_rows(&item.key, &document) {
            self.make_room(tx, UNIQUE, &row, || {
                Fault::conflict(
                    "Unique index constraint violation: another document has the same unique key.",
                )
            })?;
            tx.put(UNIQUE, &row, &number)?;
        }
        tx.put(FEED, &item.feed_row(self.container), &number)?;
        tx.put(ITEMS, &item.row(self.container), &item.encode())?;
        Ok(item)
    }

    /// Refuses with `occupied` when a live document holds `row`; an expired one is removed.
    fn make_room(
        &self,
        tx: &mut Tx<'_>,
        space: crate::engine::Space,
        row: &[u8],
        occupied: impl Fn() -> Fault,
    ) -> Result<(), Fault> {
        let Some(number) = tx.get(space, row)? else { return Ok(()) };
        match item::load(tx, self.container, item::number_in(&number))? {
            Some(item) if item.is_expired(self.container, self.now) => self.remove(tx, &item),
            Some(_) => Err(occupied()),
            None => Ok(()),
        }
    }

    fn unique_rows(&self, key: &str, document: &Map<String, Value>) -> Vec<Vec<u8>> {
        let value_at = |path: &Vec<String>| {
            let (first, rest) = path.split_first()?;
            rest.iter().try_fold(document.get(first)?, |value, name| value.get(name))
        };
        let keys = self.container.unique_keys().into_iter().enumerate();
        keys.map(|(index, paths)| {
            let mut row = item::partition_prefix(self.container, key);
            row.extend_from_slice(&(index as u32).to_be_bytes());
            for path in &paths {
                // A missing property counts as a value of its own.
                row.extend_from_slice(value_at(path).map_or_else(|| "-".to_owned(), canonical).as_bytes());
                row.push(0);
            }
            row
        })
        .collect()
    }
}

fn taken(id: &str) -> Fault {
    Fault::conflict(format!("Entity with the specified id already exists in the system: document '{id}'."))
}
