//! Writing: one request's changes inside the current group, undone as a whole if the request fails.

use super::journal::{Mark, Redo};
use super::view::{Visit, get_from, scan_in};
use super::{KeyRange, Space, StoreError, View};
use redb::{ReadableTable, Table, WriteTransaction};
use std::cell::RefCell;
use std::rc::Rc;

/// Engine bookkeeping: the id counter and the garbage list live here.
pub(super) const META: Space = Space::new("engine.meta");
const NEXT_ID: &[u8] = b"next-id";
/// Prefixes whose rows are dead; see [`Tx::discard_prefix`].
pub(super) const GARBAGE: Space = Space::new("engine.garbage");

type OpenTable<'tx> = RefCell<Table<'tx, &'static [u8], &'static [u8]>>;

/// The write side of a transaction. Sees its own changes and those of earlier requests in the same group.
pub struct Tx<'tx> {
    transaction: &'tx WriteTransaction,
    tables: RefCell<Vec<(Space, Rc<OpenTable<'tx>>)>>,
    undo: Vec<Undo>,
    /// The group's changes for the journal, and where those of the current request begin.
    redo: &'tx mut Redo,
    kept: Mark,
    counters: Vec<Counter>,
    next_id: Option<u64>,
    id_taken: bool,
    written: usize,
    /// The first failure of the database itself: then the group as a whole cannot stand.
    failure: RefCell<Option<StoreError>>,
}

enum Undo {
    Row { space: Space, key: Vec<u8>, before: Option<Vec<u8>> },
    Bump { counter: usize, by: i64 },
}

/// A counter touched in this group: written once, however many requests bump it.
struct Counter {
    space: Space,
    key: Vec<u8>,
    value: i64,
}

impl<'tx> Tx<'tx> {
    /// `redo` is emptied and then collects the group's changes.
    pub(super) fn new(transaction: &'tx WriteTransaction, redo: &'tx mut Redo) -> Self {
        redo.clear();
        Self {
            transaction,
            kept: redo.mark(),
            redo,
            tables: RefCell::new(Vec::new()),
            undo: Vec::new(),
            counters: Vec::new(),
            next_id: None,
            id_taken: false,
            written: 0,
            failure: RefCell::new(None),
        }
    }

    /// Stores `value` at `key`, replacing what was there.
    pub fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let table = self.table(space)?;
        let before = self.noted(table.borrow_mut().insert(key, value))?.map(|guard| guard.value().to_vec());
        self.redo.put(space, key, value);
        self.written += key.len() + value.len();
        self.undo.push(Undo::Row { space, key: key.to_vec(), before });
        Ok(())
    }

    /// Removes `key` and returns what was there.
    pub fn take(&mut self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.table(space)?;
        let before = self.noted(table.borrow_mut().remove(key))?.map(|guard| guard.value().to_vec());
        if let Some(value) = &before {
            self.redo.remove(space, key);
            self.written += key.len();
            self.undo.push(Undo::Row { space, key: key.to_vec(), before: Some(value.clone()) });
        }
        Ok(before)
    }

    /// Removes `key`; true when it was there.
    pub fn delete(&mut self, space: Space, key: &[u8]) -> Result<bool, StoreError> {
        let table = self.table(space)?;
        let before = self.noted(table.borrow_mut().remove(key))?.map(|guard| guard.value().to_vec());
        let existed = before.is_some();
        if existed {
            self.redo.remove(space, key);
            self.written += key.len();
            self.undo.push(Undo::Row { space, key: key.to_vec(), before });
        }
        Ok(existed)
    }

    /// A number never handed out before in this data folder, rising. Gaps appear when a request fails.
    pub fn next_id(&mut self) -> Result<u64, StoreError> {
        let id = match self.next_id {
            Some(id) => id,
            None => match self.get(META, NEXT_ID)? {
                Some(bytes) => u64::from_be_bytes(
                    bytes
                        .try_into()
                        .map_err(|_| StoreError::Damaged("the id counter is not 8 bytes".to_owned()))?,
                ),
                None => 1,
            },
        };
        self.next_id = Some(id + 1);
        self.id_taken = true;
        Ok(id)
    }

    /// Adds `by` to the counter at `key` (see [`counter`]); a missing one counts from zero.
    pub fn bump(&mut self, space: Space, key: &[u8], by: i64) -> Result<(), StoreError> {
        let known = self.counters.iter().position(|counter| counter.space == space && counter.key == key);
        let counter = match known {
            Some(counter) => counter,
            None => {
                let value = counter(self, space, key)?;
                self.counters.push(Counter { space, key: key.to_vec(), value });
                self.counters.len() - 1
            }
        };
        self.counters[counter].value += by;
        self.written += size_of::<i64>();
        self.undo.push(Undo::Bump { counter, by });
        Ok(())
    }

    /// Gives up every row of `space` whose key begins with `prefix`, however many: they are removed in the
    /// background. The caller must never use the prefix again (take a [`Tx::next_id`] for it).
    pub fn discard_prefix(&mut self, space: Space, prefix: &[u8]) -> Result<(), StoreError> {
        let mut key = space.name().as_bytes().to_vec();
        key.push(0);
        key.extend_from_slice(prefix);
        self.put(GARBAGE, &key, &[])
    }

    /// Bytes put or removed so far in the whole group.
    pub(super) fn written(&self) -> usize {
        self.written
    }

    /// Keeps the current request's changes: the next failure undoes only what comes after.
    pub(super) fn keep(&mut self) {
        self.undo.clear();
        self.kept = self.redo.mark();
    }

    /// Takes back everything since the last [`Tx::keep`].
    pub(super) fn undo(&mut self) -> Result<(), StoreError> {
        self.redo.back_to(self.kept);
        while let Some(step) = self.undo.pop() {
            let (space, key, before) = match step {
                Undo::Row { space, key, before } => (space, key, before),
                Undo::Bump { counter, by } => {
                    self.counters[counter].value -= by;
                    continue;
                }
            };
            let table = self.table(space)?;
            let mut table = table.borrow_mut();
            match before {
                Some(value) => drop(self.noted(table.insert(key.as_slice(), value.as_slice()))?),
                None => drop(self.noted(table.remove(key.as_slice()))?),
            }
        }
        Ok(())
    }

    /// Writes the bookkeeping; returns whether the group changed anything at all. Fails when the database failed one of
    /// its requests: what that left behind is unknown, so nobody's changes may be kept.
    pub(super) fn finish(mut self) -> Result<bool, StoreError> {
        if let (true, Some(next)) = (self.id_taken, self.next_id) {
            self.put(META, NEXT_ID, &next.to_be_bytes())?;
        }
        for Counter { space, key, value } in std::mem::take(&mut self.counters) {
            self.put(space, &key, &value.to_be_bytes())?;
        }
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(self.written > 0),
        }
    }

    fn noted<T, E: Into<StoreError>>(&self, result: Result<T, E>) -> Result<T, StoreError> {
        result.map_err(|error| {
            let error = error.into();
            self.failure.borrow_mut().get_or_insert_with(|| error.clone());
            error
        })
    }

    fn table(&self, space: Space) -> Result<Rc<OpenTable<'tx>>, StoreError> {
        if let Some((_, table)) = self.tables.borrow().iter().find(|(known, _)| *known == space) {
            return Ok(Rc::clone(table));
        }
        let table = Rc::new(RefCell::new(self.noted(self.transaction.open_table(space.definition()))?));
        self.tables.borrow_mut().push((space, Rc::clone(&table)));
        Ok(table)
    }
}

/// The value of a counter kept with [`Tx::bump`], as of the last commit.
pub fn counter(view: &impl View, space: Space, key: &[u8]) -> Result<i64, StoreError> {
    let Some(bytes) = view.get(space, key)? else { return Ok(0) };
    let bytes = bytes.try_into().map_err(|_| StoreError::Damaged("a counter is not 8 bytes".to_owned()))?;
    Ok(i64::from_be_bytes(bytes))
}

impl View for Tx<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.noted(get_from(&*self.table(space)?.borrow(), key))
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.noted(self.table(space)?.borrow().get(key))?.is_some())
    }

    fn scan(&self, space: Space, range: &KeyRange, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.noted(scan_in(&*self.table(space)?.borrow(), range, visit))
    }
}
