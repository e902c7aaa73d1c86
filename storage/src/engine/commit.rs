//! Making a group durable: in the journal if it has room, otherwise in the data file.

use super::file::DataFile;
use super::journal::{Journal, Redo, ReplayError, Settled, Step, steps};
use super::tx::META;
use super::{StoreError, View};
use redb::{Database, Durability, ReadableDatabase, Table, TableDefinition, WriteTransaction};
use std::collections::HashMap;

/// Where the data file keeps its [`Settled`] mark.
const MARK: &[u8] = b"journal";

impl DataFile {
    /// Makes the finished `transaction`, whose changes are also in `redo`, durable and then visible to readers. So no
    /// reader ever sees what a crash could take back. After an error the caller must [`DataFile::recover`].
    pub(super) fn commit(&self, mut transaction: WriteTransaction, redo: &mut Redo) -> Result<(), Failure> {
        let mut journal = self.journal.lock();
        let Some(journal) = journal.as_mut() else { return Ok(transaction.commit()?) };
        if journal.append(redo).map_err(StoreError::from)? {
            // The journal has it: the database need not touch the disk, only show it.
            transaction
                .set_durability(Durability::None)
                .map_err(|error| StoreError::Io(error.to_string()))?;
            return transaction.commit().map_err(|error| Failure::AfterDurable(error.into()));
        }
        journal.grow();
        settle(transaction, journal)?;
        Ok(())
    }

    /// Whether the journal has what the data file has not.
    pub(super) fn is_unsettled(&self) -> bool {
        self.journal.lock().as_ref().is_some_and(Journal::is_unsettled)
    }

    /// Makes the data file durable as it is, so that the journal begins again at its start. A disk that is full is left
    /// in peace: the journal keeps what it has.
    pub(super) fn settle(&self) {
        if !self.is_unsettled() {
            return;
        }
        let settled = self.begin_write().and_then(|transaction| {
            let mut journal = self.journal.lock();
            journal.as_mut().map_or(Ok(()), |journal| settle(transaction, journal))
        });
        if let Err(error) = settled {
            self.recover(&error);
        }
    }

    /// After [`Failure::AfterDurable`]: shows what the journal has, or, when the data file cannot take it (a full disk),
    /// gives the group up as if its record had not been durable.
    pub(super) fn recover_durable(&self, error: StoreError) -> Result<(), StoreError> {
        if self.recover(&error) {
            return Ok(());
        }
        if let Some(journal) = self.journal.lock().as_mut() {
            journal.give_up_last();
        }
        self.recover(&error);
        Err(error)
    }
}

/// Why a group could not be committed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing of it is left, unless the system fails before the journal is written again.
    Undone(StoreError),
    /// The journal has it. Recovering brings it back.
    AfterDurable(StoreError),
}

impl<E: Into<StoreError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Undone(error.into())
    }
}

/// Commits `transaction`, and with it everything the journal holds, to the disk.
fn settle(transaction: WriteTransaction, journal: &mut Journal) -> Result<(), StoreError> {
    let mark = journal.mark_next();
    put_mark(&transaction, mark)?;
    transaction.commit()?;
    journal.settle(mark.sequence);
    Ok(())
}

fn put_mark(transaction: &WriteTransaction, mark: Settled) -> Result<(), StoreError> {
    transaction.open_table(META.definition())?.insert(MARK, &mark.encode()[..])?;
    Ok(())
}

/// Stores `mark` durably.
pub(super) fn write_mark(database: &Database, mark: Settled) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    put_mark(&transaction, mark)?;
    Ok(transaction.commit()?)
}

/// The mark in the data file; `None` when it never had a journal.
pub(super) fn read_mark(database: &Database) -> Result<Option<Settled>, StoreError> {
    let bytes = super::Snapshot::new(database.begin_read()?).get(META, MARK)?;
    let damaged = || StoreError::Damaged("the mark of the journal has a wrong length".to_owned());
    bytes.map(|bytes| Settled::decode(&bytes).ok_or_else(damaged)).transpose()
}

/// Puts into `database` what only `journal` has, in one transaction that the journal goes on to vouch for: opening a
/// store needs no space on the disk.
pub(super) fn replay(
    database: &Database,
    journal: &mut Journal,
    settled: Settled,
) -> Result<(), ReplayError> {
    let mut transaction = database.begin_write().map_err(StoreError::from)?;
    transaction.set_durability(Durability::None).map_err(|error| StoreError::Io(error.to_string()))?;
    {
        let mut tables: HashMap<String, Table<'_, &[u8], &[u8]>> = HashMap::new();
        journal.replay(settled.sequence, &mut |payload| {
            for step in steps(payload) {
                let step = step.map_err(|_| ReplayError::Damaged("a record makes no sense".to_owned()))?;
                let (Step::Put { space, .. } | Step::Remove { space, .. }) = step;
                if !tables.contains_key(space) {
                    let table = transaction.open_table(TableDefinition::new(space));
                    tables.insert(space.to_owned(), table.map_err(StoreError::from)?);
                }
                let table = tables.get_mut(space).expect("it was opened just now");
                match step {
                    Step::Put { key, value, .. } => drop(table.insert(key, value).map_err(StoreError::from)?),
                    Step::Remove { key, .. } => drop(table.remove(key).map_err(StoreError::from)?),
                }
            }
            Ok(())
        })?;
    }
    Ok(transaction.commit().map_err(StoreError::from)?)
}
