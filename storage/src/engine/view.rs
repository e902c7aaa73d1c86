//! Reading: ordered byte spaces, seen from a snapshot or from inside a write.

use super::StoreError;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, TableError};
use std::cell::RefCell;
use std::ops::{Bound, ControlFlow};
use std::rc::Rc;

/// A named, ordered map from bytes to bytes. Cheap to copy; name each one once in a `const`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space(&'static str);

impl Space {
    /// Names a space. Prefix the name with the service: `queue.messages`, `documents.items`.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name given to [`Space::new`].
    pub const fn name(self) -> &'static str {
        self.0
    }

    pub(super) const fn definition(self) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
        TableDefinition::new(self.0)
    }
}

/// Which keys a scan visits, and in which direction.
#[derive(Debug, Clone)]
pub struct KeyRange {
    /// Where it starts (in key order, whatever the direction).
    pub start: Bound<Vec<u8>>,
    /// Where it ends.
    pub end: Bound<Vec<u8>>,
    /// From the last key to the first.
    pub descending: bool,
}

impl KeyRange {
    /// Every key that begins with `prefix`.
    pub fn prefix(prefix: impl Into<Vec<u8>>) -> Self {
        let start = prefix.into();
        let end = match after_prefix(&start) {
            Some(end) => Bound::Excluded(end),
            None => Bound::Unbounded,
        };
        Self { start: Bound::Included(start), end, descending: false }
    }

    /// Keys in `start..end`.
    pub fn between(start: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) -> Self {
        Self { start: Bound::Included(start.into()), end: Bound::Excluded(end.into()), descending: false }
    }

    /// The same keys beginning at `key` (inclusive); for continuation tokens.
    #[must_use]
    pub fn from(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.start = Bound::Included(key.into());
        self
    }

    /// The same keys strictly after `key`.
    #[must_use]
    pub fn after(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.start = Bound::Excluded(key.into());
        self
    }

    /// The same keys, last one first.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.descending = true;
        self
    }

    fn is_empty(&self) -> bool {
        use Bound::{Excluded, Included};
        match (&self.start, &self.end) {
            (Included(start), Included(end)) => start > end,
            (Included(start) | Excluded(start), Excluded(end)) | (Excluded(start), Included(end)) => {
                start >= end
            }
            _ => false,
        }
    }
}

/// The first key after all keys that begin with `prefix`; `None` when there is none.
pub fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// Called with key and value of each row of a scan, until it breaks.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Reads that work alike in a snapshot ([`Snapshot`]) and inside a write ([`super::Tx`]).
pub trait View {
    /// The value at `key`.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Calls `visit(key, value)` in order until it breaks or the range ends. `visit` may read from the same view.
    fn scan(&self, space: Space, range: &KeyRange, visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Whether `key` has a value.
    fn contains(&self, space: Space, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.get(space, key)?.is_some())
    }

    /// At most `limit` entries of the range, in order.
    fn list(&self, space: Space, range: &KeyRange, limit: usize) -> Result<Vec<Row>, StoreError> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        self.scan(space, range, &mut |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            if found.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(found)
    }
}

/// A consistent picture of the last committed state. Keep it short: hold none across an `await`.
pub struct Snapshot {
    transaction: ReadTransaction,
    tables: RefCell<Vec<(Space, Rc<OpenTable>)>>,
}

type OpenTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

impl Snapshot {
    pub(super) fn new(transaction: ReadTransaction) -> Self {
        Self { transaction, tables: RefCell::new(Vec::new()) }
    }

    /// `None` when nothing was ever written to the space.
    fn table(&self, space: Space) -> Result<Option<Rc<OpenTable>>, StoreError> {
        if let Some((_, table)) = self.tables.borrow().iter().find(|(known, _)| *known == space) {
            return Ok(Some(Rc::clone(table)));
        }
        match self.transaction.open_table(space.definition()) {
            Ok(table) => {
                let table = Rc::new(table);
                self.tables.borrow_mut().push((space, Rc::clone(&table)));
                Ok(Some(table))
            }
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl View for Snapshot {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.table(space)? {
            Some(table) => get_from(&*table, key),
            None => Ok(None),
        }
    }

    fn scan(&self, space: Space, range: &KeyRange, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        match self.table(space)? {
            Some(table) => scan_in(&*table, range, visit),
            None => Ok(()),
        }
    }
}

pub(super) fn get_from(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(table.get(key)?.map(|guard| guard.value().to_vec()))
}

pub(super) fn scan_in(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    range: &KeyRange,
    visit: &mut Visit<'_>,
) -> Result<(), StoreError> {
    if range.is_empty() {
        return Ok(());
    }
    let start = range.start.as_ref().map(Vec::as_slice);
    let end = range.end.as_ref().map(Vec::as_slice);
    let mut entries = table.range::<&[u8]>((start, end))?;
    while let Some(entry) = if range.descending { entries.next_back() } else { entries.next() } {
        let (key, value) = entry?;
        if visit(key.value(), value.value()).is_break() {
            break;
        }
    }
    Ok(())
}
