//! The data file as the database sees it.

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use std::io;
use std::ops::Bound;

/// Zeros written per call while the file grows.
const PIECE: u64 = 1 << 20;

/// A file whose new part is written, not left as a hole. Flushing a block that already has its place on the disk takes
/// a fraction of the time of one that must be allocated first, and a full disk shows when the file grows, before any
/// commit depends on it.
#[derive(Debug)]
pub(super) struct Allocated(FileBackend);

impl Allocated {
    pub(super) fn new(file: FileBackend) -> Self {
        Self(file)
    }
}

impl StorageBackend for Allocated {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut at = self.0.len()?;
        self.0.set_len(len)?;
        let zeros = vec![0; usize::try_from(PIECE.min(len.saturating_sub(at))).unwrap_or(0)];
        while at < len {
            let size = PIECE.min(len - at);
            self.0.write(at, &zeros[..usize::try_from(size).unwrap_or(zeros.len())])?;
            at += size;
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}
