//! The journal: groups of writes are durable once they are here, long before the data file is.
//!
//! One record per group, appended to a file whose blocks exist already, so that one small flush makes the group durable.
//! Records carry rising sequence numbers. The data file remembers up to which sequence it contains everything (the
//! *settled* sequence); when the journal is full, or nothing is being written, the data file is made durable, settles
//! everything, and the journal begins again at its start. Older records stay behind the new ones until they are
//! overwritten; their sequence numbers say that they are settled.
//!
//! A record is only written after the one before it is durable. So after a crash at most the last record is torn, and a
//! whole record behind a broken one means damage. `docs/decisions/0003-embedded-database.md` has the reasoning.

mod record;

#[cfg(test)]
mod tests;

pub(super) use record::{BLOCK, Mark, Redo, Step, steps};

use super::StoreError;
use record::{HEADER, Header};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The journal's file name inside the data folder.
pub(super) const JOURNAL_FILE: &str = "store.journal";
/// Bytes of a new journal. It grows when it fills up, so a store that is hardly used stays small.
const SMALLEST: u64 = 256 << 10;
/// How much larger each time.
const GROWTH: u64 = 4;

/// Why the records could not be read back.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplayError {
    /// The records cannot be trusted; nothing was changed.
    #[error("{0}")]
    Damaged(String),
    /// The system did not let us read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The data file failed while it took them.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the data file remembers of its journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settled {
    /// The data file contains every group up to this one.
    pub(super) sequence: u64,
    /// Which journal belongs to it; part of every checksum and known to nobody else.
    pub(super) salt: u64,
    /// Bytes the journal has at least.
    pub(super) capacity: u64,
}

impl Settled {
    pub(super) fn encode(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        for (part, number) in bytes.chunks_exact_mut(8).zip([self.sequence, self.salt, self.capacity]) {
            part.copy_from_slice(&number.to_be_bytes());
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        let [sequence, salt, capacity] = numbers.first_chunk::<3>()?.map(u64::from_be_bytes);
        rest.is_empty().then_some(Self { sequence, salt, capacity })
    }
}

/// An open journal. Only the writer touches it.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    salt: u64,
    /// Bytes the file has and may grow to.
    capacity: u64,
    most: u64,
    /// Where the next record goes.
    end: u64,
    /// The sequence of the last record tried.
    tried: u64,
    /// The sequence of the last group known to be durable.
    durable: u64,
    /// The sequence up to which the data file has everything.
    settled: u64,
    #[cfg(test)]
    failing: bool,
}

impl Journal {
    /// The next append is written, but the disk fails to keep it.
    #[cfg(test)]
    pub(super) fn fail_next(&mut self) {
        self.failing = true;
    }

    /// Bytes a new journal has when it may grow to `most`.
    pub(super) fn first_capacity(most: u64) -> u64 {
        most.min(SMALLEST).next_multiple_of(BLOCK as u64).max(2 * BLOCK as u64)
    }

    /// A new, empty journal, on disk when this returns. Replaces the file if there is one.
    pub(super) fn create(path: &Path, settled: Settled, most: u64) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        zeros(&mut file, 0, settled.capacity)?;
        file.sync_all()?;
        Ok(Self::at_start(file, settled, settled.capacity, most))
    }

    /// The journal of an earlier start. Call [`Journal::replay`] before anything else.
    pub(super) fn open(path: &Path, settled: Settled, most: u64) -> Result<Self, ReplayError> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let length = file.metadata()?.len();
        if length < settled.capacity {
            return Err(ReplayError::Damaged(format!(
                "it is cut short: {length} bytes instead of {}",
                settled.capacity
            )));
        }
        Ok(Self::at_start(file, settled, length - length % BLOCK as u64, most))
    }

    fn at_start(file: File, settled: Settled, capacity: u64, most: u64) -> Self {
        let Settled { sequence, salt, .. } = settled;
        Self {
            file,
            salt,
            capacity,
            most,
            end: 0,
            tried: sequence,
            durable: sequence,
            settled: sequence,
            #[cfg(test)]
            failing: false,
        }
    }

    /// Whether records here are not in the data file for good yet.
    pub(super) fn is_unsettled(&self) -> bool {
        self.tried > self.settled
    }

    /// The sequence for the next group.
    fn next_sequence(&self) -> u64 {
        self.tried + 1
    }

    /// The mark to store in the data file with a group that is not recorded here, and with all groups before it.
    pub(super) fn mark_next(&self) -> Settled {
        Settled { sequence: self.next_sequence(), salt: self.salt, capacity: self.capacity }
    }

    /// Appends `redo` as the next record and waits for the disk; `false`, and nothing written, when there is
    /// no room: then the data file must be made durable instead. After an error there is no room until that happened.
    pub(super) fn append(&mut self, redo: &mut Redo) -> io::Result<bool> {
        let sequence = self.next_sequence();
        let record = redo.seal(sequence, self.salt);
        let broken = self.tried > self.durable;
        if broken || self.end + record.len() as u64 > self.capacity {
            return Ok(false);
        }
        self.tried = sequence;
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(record)?;
        #[cfg(test)]
        if std::mem::take(&mut self.failing) {
            return Err(io::Error::other("a disk error made by a test"));
        }
        self.file.sync_data()?;
        self.end += record.len() as u64;
        self.durable = sequence;
        Ok(true)
    }

    /// The last group will be answered with an error: [`Journal::replay`] leaves it out from now on, and nothing is
    /// written behind it.
    pub(super) fn give_up_last(&mut self) {
        self.durable = self.durable.saturating_sub(1).max(self.settled);
    }

    /// The data file is durable and contains everything up to `sequence`: begin again at the start.
    pub(super) fn settle(&mut self, sequence: u64) {
        (self.tried, self.durable, self.settled, self.end) = (sequence, sequence, sequence, 0);
    }

    /// Makes room for more records between two settlements. Without space on the disk it stays as it is.
    pub(super) fn grow(&mut self) {
        let wanted = (self.capacity * GROWTH).min(self.most);
        if wanted > self.capacity {
            let grown = zeros(&mut self.file, self.capacity, wanted).and_then(|()| self.file.sync_all());
            match grown {
                Ok(()) => self.capacity = wanted,
                Err(_) => drop(self.file.set_len(self.capacity)),
            }
        }
    }

    /// Calls `visit` with every record after `settled`, in order; the journal goes on behind them. Changes nothing on
    /// disk. Once groups were made durable by this value, exactly those are replayed, or it is damage.
    pub(super) fn replay(
        &mut self,
        settled: u64,
        visit: &mut dyn FnMut(&[u8]) -> Result<(), ReplayError>,
    ) -> Result<(), ReplayError> {
        // A record that failed half-way was answered with an error; it must not come back now.
        let known = (self.tried > self.settled).then_some(self.durable);
        let (mut at, mut sequence) = (0, settled);
        while known.is_none_or(|known| sequence < known) {
            let Some((header, payload)) = self.record_at(at)? else { break };
            if header.sequence != sequence + 1 {
                break;
            }
            visit(&payload)?;
            sequence += 1;
            at += header.size() as u64;
        }
        match known {
            Some(known) if sequence < known => {
                return Err(ReplayError::Damaged(format!("record {} cannot be read any more", sequence + 1)));
            }
            Some(_) => {}
            None => {
                if let Some((later, offset)) = self.later_record(at, sequence)? {
                    return Err(ReplayError::Damaged(format!(
                        "record {} at byte {at} is missing or broken, but record {later} at byte {offset} is whole",
                        sequence + 1
                    )));
                }
            }
        }
        (self.settled, self.durable, self.end) = (settled, sequence, at);
        self.tried = self.tried.max(sequence);
        Ok(())
    }

    /// The first whole record at or behind `from` that is newer than `sequence`.
    fn later_record(&mut self, from: u64, sequence: u64) -> io::Result<Option<(u64, u64)>> {
        for at in (from..self.capacity).step_by(BLOCK) {
            if self.header_at(at)?.is_some_and(|header| header.sequence > sequence)
                && let Some((header, _)) = self.record_at(at)?
            {
                return Ok(Some((header.sequence, at)));
            }
        }
        Ok(None)
    }

    fn header_at(&mut self, at: u64) -> io::Result<Option<Header>> {
        if at + BLOCK as u64 > self.capacity {
            return Ok(None);
        }
        let mut header = [0; HEADER];
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut header)?;
        Ok(Header::read(&header))
    }

    /// The whole, verified record that begins at `at`.
    fn record_at(&mut self, at: u64) -> io::Result<Option<(Header, Vec<u8>)>> {
        let Some(header) = self.header_at(at)? else { return Ok(None) };
        if header.size() as u64 > self.capacity - at {
            return Ok(None);
        }
        let mut payload = vec![0; header.length];
        self.file.read_exact(&mut payload)?;
        Ok(header.fits(&payload, self.salt).then_some((header, payload)))
    }
}

/// Writes zeros to `from..to`, so that later writes there allocate nothing.
fn zeros(file: &mut File, from: u64, to: u64) -> io::Result<()> {
    const PIECE: usize = 256 << 10;
    let piece = vec![0; PIECE];
    file.seek(SeekFrom::Start(from))?;
    let mut left = to - from;
    while left > 0 {
        let size = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        file.write_all(&piece[..size])?;
        left -= size as u64;
    }
    Ok(())
}
