//! The data file as the database sees it.

use super::file::free_space;
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};

/// Zeros written per call while the file grows.
const PIECE: u64 = 1 << 20;
/// A larger new part is not filled with zeros, which would hold up the writer for long.
const MOST_ZEROS: u64 = 64 << 20;

/// A file whose new part has its place on the disk before it is used: flushing a block that exists takes a fraction of the
/// time of one that must be allocated first, and a full disk shows when the file grows, before any commit depends on it.
/// The database doubles its file; when the disk has not that much to spare, the new part is left a hole and fills as it is
/// used, and the engine stops writing in time.
#[derive(Debug)]
pub(super) struct Allocated {
    file: FileBackend,
    folder: PathBuf,
    /// Bytes to leave free on the disk.
    reserve: u64,
}

impl Allocated {
    pub(super) fn new(file: FileBackend, folder: &Path, reserve: u64) -> Self {
        Self { file, folder: folder.to_path_buf(), reserve }
    }

    fn allocate(&self, from: u64, to: u64) -> io::Result<()> {
        let size = to - from;
        let spare = free_space(&self.folder).is_none_or(|free| free.saturating_sub(self.reserve) >= size);
        if size > MOST_ZEROS || !spare {
            return Ok(());
        }
        let zeros = vec![0; usize::try_from(PIECE.min(size)).unwrap_or(0)];
        let mut at = from;
        while at < to {
            let size = PIECE.min(to - at);
            self.file.write(at, &zeros[..usize::try_from(size).unwrap_or(zeros.len())])?;
            at += size;
        }
        Ok(())
    }
}

impl StorageBackend for Allocated {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let from = self.file.len()?;
        self.file.set_len(len)?;
        let allocated = if from < len { self.allocate(from, len) } else { Ok(()) };
        if allocated.is_err() {
            // What was written in vain is given back to whoever needs it to free space.
            let _ = self.file.set_len(from);
        }
        allocated
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
