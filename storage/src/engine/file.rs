//! The data file: opening it safely, and coming back after the disk failed.

use super::backend::Allocated;
use super::error::OpenError;
use super::lock::FolderLock;
use super::{Snapshot, StoreError};
use parking_lot::{Mutex, RwLock};
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableDatabase, WriteTransaction};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const DATA_FILE: &str = "store.redb";
/// Written after the data file was created: from then on a missing or empty data file is damage, not a new store.
const FORMAT_FILE: &str = "format";
const FORMAT: u32 = 1;
/// Data files up to this size are verified page by page at every start; larger ones only after a crash.
const ALWAYS_VERIFY: u64 = 64 << 20;
/// How long a look at the free disk space is believed.
const SPACE_CHECK: Duration = Duration::from_millis(200);

/// Where the data lives and how to open it again.
enum Origin {
    Memory,
    File { path: PathBuf, folder: PathBuf, reserve: u64, _lock: FolderLock },
}

pub(super) struct DataFile {
    origin: Origin,
    cache: usize,
    /// `None` between a disk error and a successful reopening.
    database: RwLock<Option<Database>>,
    space: Mutex<Option<(Instant, bool)>>,
}

impl DataFile {
    pub(super) fn in_memory(cache: usize) -> Result<Self, StoreError> {
        let database = Database::builder()
            .set_cache_size(cache)
            .create_with_backend(redb::backends::InMemoryBackend::new())?;
        Ok(Self {
            origin: Origin::Memory,
            cache,
            database: RwLock::new(Some(database)),
            space: Mutex::new(None),
        })
    }

    pub(super) fn in_folder(folder: &Path, cache: usize, reserve: u64) -> Result<Self, OpenError> {
        let io = |action, source| OpenError::Io { folder: folder.to_path_buf(), action, source };
        std::fs::create_dir_all(folder).map_err(|source| io("creating the folder", source))?;
        let lock = FolderLock::take(folder)?;
        let path = folder.join(DATA_FILE);
        let damaged = |reason: String| OpenError::Damaged { file: path.clone(), reason };

        let format_file = folder.join(FORMAT_FILE);
        let known = match std::fs::read_to_string(&format_file) {
            Ok(text) => {
                let found: u32 = text
                    .trim()
                    .parse()
                    .map_err(|_| damaged(format!("the file '{FORMAT_FILE}' beside it is not a number")))?;
                if found > FORMAT {
                    return Err(OpenError::Newer { folder: folder.to_path_buf(), found, supported: FORMAT });
                }
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(source) => return Err(io("reading the format file", source)),
        };
        let length = match std::fs::metadata(&path) {
            Ok(metadata) => Some(metadata.len()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(io("looking at the data file", source)),
        };
        match (known, length) {
            (true, None) => return Err(damaged("it is missing".to_owned())),
            (true, Some(0)) => return Err(damaged("it is empty".to_owned())),
            _ => {}
        }
        let database =
            open(&path, cache, length.unwrap_or(0) <= ALWAYS_VERIFY).map_err(|error| match error {
                DatabaseError::Storage(redb::StorageError::Io(source))
                    if source.kind() != std::io::ErrorKind::InvalidData
                        && source.kind() != std::io::ErrorKind::UnexpectedEof =>
                {
                    io("opening the data file", source)
                }
                other => damaged(other.to_string()),
            })?;
        if !known {
            write_durably(folder, &format_file, format!("{FORMAT}\n").as_bytes())
                .map_err(|source| io("writing the format file", source))?;
        }
        Ok(Self {
            origin: Origin::File { path, folder: folder.to_path_buf(), reserve, _lock: lock },
            cache,
            database: RwLock::new(Some(database)),
            space: Mutex::new(None),
        })
    }

    pub(super) fn folder(&self) -> Option<&Path> {
        match &self.origin {
            Origin::Memory => None,
            Origin::File { folder, .. } => Some(folder),
        }
    }

    /// Runs `read` on a snapshot. The file cannot be reopened meanwhile, so `read` must be short.
    pub(super) fn read<T, E: From<StoreError>>(
        &self,
        read: impl FnOnce(&Snapshot) -> Result<T, E>,
    ) -> Result<T, E> {
        let guard = self.database.read();
        let database = guard.as_ref().ok_or_else(|| StoreError::Io(UNAVAILABLE.to_owned()))?;
        let snapshot = Snapshot::new(database.begin_read().map_err(StoreError::from)?);
        read(&snapshot)
    }

    pub(super) fn begin_write(&self) -> Result<WriteTransaction, StoreError> {
        if self.disk_is_full() {
            return Err(StoreError::Full);
        }
        let guard = self.database.read();
        let database = guard.as_ref().ok_or_else(|| StoreError::Io(UNAVAILABLE.to_owned()))?;
        Ok(database.begin_write()?)
    }

    /// After a failed group: the database refuses further work until it is opened again, which brings back the
    /// last committed state.
    pub(super) fn recover(&self, _error: &StoreError) {
        let Origin::File { path, .. } = &self.origin else { return };
        let healthy = self.database.read().as_ref().is_some_and(|database| database.begin_write().is_ok());
        if healthy {
            return;
        }
        let mut guard = self.database.write();
        *guard = None;
        // Still failing: the next write tries again.
        *guard = open(path, self.cache, false).ok();
    }

    /// Refusing in time keeps the data file healthy: a write that fails half-way closes the database.
    pub(super) fn disk_is_full(&self) -> bool {
        let Origin::File { folder, reserve, .. } = &self.origin else { return false };
        let mut known = self.space.lock();
        match *known {
            Some((at, full)) if at.elapsed() < SPACE_CHECK => full,
            _ => {
                let full = free_space(folder).is_some_and(|free| free < *reserve);
                *known = Some((Instant::now(), full));
                full
            }
        }
    }
}

const UNAVAILABLE: &str = "it could not be opened again after a disk error";

fn open(path: &Path, cache: usize, verify: bool) -> Result<Database, DatabaseError> {
    let attempt = std::panic::catch_unwind(|| {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let backend = Allocated::new(FileBackend::new(file)?);
        Database::builder()
            .set_cache_size(cache)
            .set_check_integrity_on_open(verify)
            .create_with_backend(backend)
    });
    attempt.unwrap_or_else(|panic| {
        let reason = super::writer::panic_text(&*panic);
        Err(DatabaseError::Storage(redb::StorageError::Corrupted(reason)))
    })
}

/// Writes a small file so that it is either there in full or not at all, also after a power cut.
fn write_durably(folder: &Path, file: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let new = file.with_extension("new");
    let mut handle = std::fs::File::create(&new)?;
    handle.write_all(content)?;
    handle.sync_all()?;
    std::fs::rename(&new, file)?;
    sync_folder(folder)
}

/// Makes renames and new names in `folder` survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Bytes an ordinary user may still write; `None` when the system does not say.
#[cfg(unix)]
pub(crate) fn free_space(folder: &Path) -> Option<u64> {
    let status = rustix::fs::statvfs(folder).ok()?;
    Some(status.f_bavail.saturating_mul(status.f_frsize))
}

/// Bytes an ordinary user may still write; `None` when the system does not say.
#[cfg(not(unix))]
pub(crate) fn free_space(_folder: &Path) -> Option<u64> {
    None
}
