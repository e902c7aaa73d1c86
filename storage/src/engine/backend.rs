//! The data file as the database sees it.

use super::file::free_space;
use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Zeros written per call while the file grows.
const PIECE: u64 = 1 << 20;
/// A larger new part is reserved, not filled with zeros, which would hold up the writer for long.
const MOST_ZEROS: u64 = 64 << 20;
/// With more than this to spare, a part that is too large for the disk is left a hole; see [`Allocated`].
const ROOM_FOR_HOLES: u64 = 64 << 20;

/// A file whose new part has its place on the disk before it is used: flushing a block that exists takes a fraction of the
/// time of one that must be allocated first, and a full disk shows when the file grows. Then nothing of what is there
/// was touched, and opening the file again needs no space.
///
/// The database doubles its file. When the disk has much, but not that much to spare, the new part is left a hole and
/// fills as it is used: the engine looks at the free space and stops writing in time.
#[derive(Debug)]
pub(super) struct Allocated {
    file: FileBackend,
    /// The same file, for what the database's own backend cannot do.
    handle: File,
    folder: PathBuf,
    /// Bytes to leave free on the disk.
    reserve: u64,
    catching_up: CatchingUp,
}

/// Set while the journal is put back into the data file, in memory: then the file may grow without taking space, so that a
/// store on a full disk can be read.
#[derive(Debug, Clone, Default)]
pub(super) struct CatchingUp(Arc<AtomicBool>);

impl CatchingUp {
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.store(true, Ordering::Relaxed);
        let result = work();
        self.0.store(false, Ordering::Relaxed);
        result
    }
}

impl Allocated {
    pub(super) fn new(
        file: File,
        folder: &Path,
        reserve: u64,
        catching_up: CatchingUp,
    ) -> Result<Self, DatabaseError> {
        let handle = file.try_clone()?;
        Ok(Self { file: FileBackend::new(file)?, handle, folder: folder.to_path_buf(), reserve, catching_up })
    }

    fn allocate(&self, from: u64, to: u64) -> io::Result<()> {
        if self.catching_up.0.load(Ordering::Relaxed) {
            return Ok(());
        }
        let size = to - from;
        let spare = free_space(&self.folder).map(|free| free.saturating_sub(self.reserve));
        if spare.is_some_and(|spare| spare < size) {
            let holes = spare.is_some_and(|spare| spare >= ROOM_FOR_HOLES);
            return if holes { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) };
        }
        if size > MOST_ZEROS {
            return reserve_blocks(&self.handle, from, size);
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

/// Reserves blocks without writing them; where the file system cannot, they stay a hole.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn reserve_blocks(file: &File, from: u64, size: u64) -> io::Result<()> {
    use rustix::io::Errno;
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), from, size) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn reserve_blocks(_file: &File, _from: u64, _size: u64) -> io::Result<()> {
    Ok(())
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
