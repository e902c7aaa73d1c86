//! The data file: opening it safely, and coming back after the disk failed.

use super::backend::{Allocated, CatchingUp};
use super::commit::{read_mark, replay, write_mark};
use super::error::OpenError;
use super::journal::{JOURNAL_FILE, Journal, ReplayError, Settled};
use super::lock::FolderLock;
use super::{EngineOptions, Snapshot, StoreError};
use parking_lot::{Mutex, RwLock};
use redb::{Database, DatabaseError, ReadableDatabase, WriteTransaction};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const DATA_FILE: &str = "store.redb";
/// Written after the data file was created: from then on a missing or empty data file is damage, not a new store.
const FORMAT_FILE: &str = "format";
/// 1: the data file alone. 2: the data file and its journal; a release that does not know the journal must not open it.
const FORMAT: u32 = 2;
const FORMAT_WITHOUT_JOURNAL: u32 = 1;
/// Data files up to this size are verified page by page at every start; larger ones only after a crash.
const ALWAYS_VERIFY: u64 = 64 << 20;
/// How long a look at the free disk space is believed.
const SPACE_CHECK: Duration = Duration::from_millis(200);
/// After the disk refused a write the next is tried when so many more bytes are free,
const MORE_SPACE: u64 = 1 << 20;
/// or after this time: every failure costs opening the data file again.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// How many milliseconds a read waits for the writer to notice that the disk failed.
const REOPENED_WITHIN: u32 = 500;

/// Where the data lives and how to open it again.
enum Origin {
    Memory,
    File(Place),
}

/// Everything it takes to open the data file.
struct Place {
    path: PathBuf,
    folder: PathBuf,
    reserve: u64,
    cache: usize,
    catching_up: CatchingUp,
    _lock: FolderLock,
}

/// The data file and its journal.
pub(super) struct DataFile {
    origin: Origin,
    /// `None` between a disk error and a successful reopening.
    pub(super) database: RwLock<Option<Database>>,
    /// Only the writer takes it; `None` in memory.
    pub(super) journal: Mutex<Option<Journal>>,
    space: Mutex<Space>,
    /// Why `database` is `None`.
    unavailable: Mutex<StoreError>,
}

/// What is known of the free space on the disk.
#[derive(Debug, Default)]
struct Space {
    /// When it was last looked at, and whether it was too little.
    looked: Option<(Instant, bool)>,
    /// When the disk refused a write, and what it said was free.
    refused: Option<(Instant, u64)>,
}

impl DataFile {
    pub(super) fn in_memory(cache: usize) -> Result<Self, StoreError> {
        let database = Database::builder()
            .set_cache_size(cache)
            .create_with_backend(redb::backends::InMemoryBackend::new())?;
        Ok(Self {
            origin: Origin::Memory,
            database: RwLock::new(Some(database)),
            journal: Mutex::new(None),
            space: Mutex::default(),
            unavailable: Mutex::new(StoreError::Io(UNAVAILABLE.to_owned())),
        })
    }

    pub(super) fn in_folder(folder: &Path, options: &EngineOptions) -> Result<Self, OpenError> {
        let &EngineOptions { cache, reserve, journal: most_journal, .. } = options;
        let io = |action, source| OpenError::Io { folder: folder.to_path_buf(), action, source };
        std::fs::create_dir_all(folder).map_err(|source| io("creating the folder", source))?;
        let lock = FolderLock::take(folder)?;
        let path = folder.join(DATA_FILE);
        let damaged = |reason: String| OpenError::Damaged { file: path.clone(), reason };

        let format = read_format(folder, &path)?;
        let length = match std::fs::metadata(&path) {
            Ok(metadata) => Some(metadata.len()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(io("looking at the data file", source)),
        };
        match (format, length) {
            (Some(_), None) => return Err(damaged("it is missing".to_owned())),
            (Some(_), Some(0)) => return Err(damaged("it is empty".to_owned())),
            _ => {}
        }
        let place = Place {
            path: path.clone(),
            folder: folder.to_path_buf(),
            reserve,
            cache,
            catching_up: CatchingUp::default(),
            _lock: lock,
        };
        let verify = length.unwrap_or(0) <= ALWAYS_VERIFY;
        let database = open(&place, verify).map_err(|error| match error {
            DatabaseError::Storage(redb::StorageError::Io(source))
                if source.kind() != std::io::ErrorKind::InvalidData
                    && source.kind() != std::io::ErrorKind::UnexpectedEof =>
            {
                io("opening the data file", source)
            }
            other => damaged(other.to_string()),
        })?;
        let journal = if format.is_some_and(|format| format > FORMAT_WITHOUT_JOURNAL) {
            with_journal(&place, &database, most_journal).map_err(|error| match error {
                ReplayError::Damaged(reason) => {
                    OpenError::Damaged { file: folder.join(JOURNAL_FILE), reason }
                }
                ReplayError::Io(source) => io("reading the journal", source),
                ReplayError::Store(StoreError::Full) => {
                    io("replaying the journal", std::io::ErrorKind::StorageFull.into())
                }
                ReplayError::Store(error) => damaged(error.to_string()),
            })?
        } else {
            new_journal(folder, &database, most_journal)
                .map_err(|source| io("creating the journal", source))?
        };
        Ok(Self {
            origin: Origin::File(place),
            database: RwLock::new(Some(database)),
            journal: Mutex::new(Some(journal)),
            space: Mutex::default(),
            unavailable: Mutex::new(StoreError::Io(UNAVAILABLE.to_owned())),
        })
    }

    pub(super) fn folder(&self) -> Option<&Path> {
        match &self.origin {
            Origin::Memory => None,
            Origin::File(place) => Some(&place.folder),
        }
    }

    /// Runs `read` on a snapshot. The file cannot be reopened meanwhile, so `read` must be short.
    pub(super) fn read<T, E: From<StoreError>>(
        &self,
        read: impl FnOnce(&Snapshot) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut attempts = 0;
        let (_guard, transaction) = loop {
            let guard = self.database.read();
            let database = guard.as_ref().ok_or_else(|| self.unavailable.lock().clone())?;
            match database.begin_read().map_err(StoreError::from) {
                Ok(transaction) => break (guard, transaction),
                // The disk failed the writer, which is about to open the file again.
                Err(StoreError::Reopening) if attempts < REOPENED_WITHIN => attempts += 1,
                Err(error) => return Err(error.into()),
            }
            drop(guard);
            std::thread::sleep(Duration::from_millis(1));
        };
        let snapshot = Snapshot::new(transaction);
        read(&snapshot)
    }

    pub(super) fn begin_write(&self) -> Result<WriteTransaction, StoreError> {
        if self.disk_is_full() {
            return Err(StoreError::Full);
        }
        self.begin()
    }

    pub(super) fn begin(&self) -> Result<WriteTransaction, StoreError> {
        let guard = self.database.read();
        let database = guard.as_ref().ok_or_else(|| self.unavailable.lock().clone())?;
        Ok(database.begin_write()?)
    }

    /// After a failed group: the database refuses further work until it is opened again, which brings back what it
    /// last made durable; the journal has the rest. Readers wait meanwhile, so they never see the older state.
    /// False when it could not be opened: then reads fail and the next write tries again.
    pub(super) fn recover(&self, error: &StoreError) -> bool {
        let Origin::File(place) = &self.origin else { return true };
        if matches!(error, StoreError::Full) {
            let mut space = self.space.lock();
            space.looked = None;
            space.refused = free_space(&place.folder).map(|free| (Instant::now(), free));
        }
        let healthy = self.database.read().as_ref().is_some_and(|database| database.begin_write().is_ok());
        if healthy {
            return true;
        }
        let mut guard = self.database.write();
        *guard = None;
        let mut journal = self.journal.lock();
        let Some(journal) = journal.as_mut() else { return false };
        let reopened = place.catching_up.during(|| {
            let database = open(place, false)?;
            let lost = || StoreError::Damaged("it does not know its journal any more".to_owned());
            let settled = read_mark(&database)?.ok_or_else(lost)?;
            match replay(&database, journal, settled) {
                Ok(()) => Ok(database),
                Err(ReplayError::Store(error)) => Err(error),
                Err(ReplayError::Io(error)) => Err(error.into()),
                Err(ReplayError::Damaged(reason)) => {
                    Err(StoreError::Damaged(format!("its journal: {reason}")))
                }
            }
        });
        match reopened {
            Ok(database) => *guard = Some(database),
            Err(error) => *self.unavailable.lock() = error,
        }
        guard.is_some()
    }

    /// Why a write could not even begin.
    pub(super) fn refusal(&self) -> StoreError {
        if self.disk_is_full() {
            return StoreError::Full;
        }
        match &*self.database.read() {
            Some(_) => StoreError::Io("the write could not be started".to_owned()),
            None => self.unavailable.lock().clone(),
        }
    }

    /// Refusing in time keeps the data file healthy: a write that fails half-way closes the database.
    pub(super) fn disk_is_full(&self) -> bool {
        let Origin::File(Place { folder, reserve, .. }) = &self.origin else { return false };
        let mut space = self.space.lock();
        if let Some((at, full)) = space.looked
            && at.elapsed() < SPACE_CHECK
        {
            return full;
        }
        let free = free_space(folder);
        let refused = space.refused.is_some_and(|(at, then)| {
            at.elapsed() < TRY_AGAIN && free.is_some_and(|free| free < then.saturating_add(MORE_SPACE))
        });
        if !refused {
            space.refused = None;
        }
        let full = refused || free.is_some_and(|free| free < *reserve);
        space.looked = Some((Instant::now(), full));
        full
    }
}

const UNAVAILABLE: &str = "it could not be opened again after a disk error";

/// The format of the folder's data; `None` for a folder without any.
fn read_format(folder: &Path, data_file: &Path) -> Result<Option<u32>, OpenError> {
    let damaged = |_| OpenError::Damaged {
        file: data_file.to_path_buf(),
        reason: format!("the file '{FORMAT_FILE}' beside it is not a number"),
    };
    match std::fs::read_to_string(folder.join(FORMAT_FILE)) {
        Ok(text) => match text.trim().parse().map_err(damaged)? {
            found if found > FORMAT => {
                Err(OpenError::Newer { folder: folder.to_path_buf(), found, supported: FORMAT })
            }
            found => Ok(Some(found)),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => {
            Err(OpenError::Io { folder: folder.to_path_buf(), action: "reading the format file", source })
        }
    }
}

/// The first journal of a new store, or of one written by a release without journals. The format changes last: until
/// then nothing was recorded, and the next start begins here again.
fn new_journal(folder: &Path, database: &Database, most: u64) -> std::io::Result<Journal> {
    let settled = Settled { sequence: 0, salt: rand::random(), capacity: Journal::first_capacity(most) };
    write_mark(database, settled).map_err(std::io::Error::other)?;
    let journal = Journal::create(&folder.join(JOURNAL_FILE), settled, most)?;
    write_durably(folder, &folder.join(FORMAT_FILE), format!("{FORMAT}\n").as_bytes())?;
    Ok(journal)
}

/// The journal beside `database`, after putting into `database` what only the journal had.
fn with_journal(place: &Place, database: &Database, most: u64) -> Result<Journal, ReplayError> {
    let lost = || ReplayError::Damaged("the data file beside it does not know it".to_owned());
    let settled = read_mark(database)?.ok_or_else(lost)?;
    let mut journal = match Journal::open(&place.folder.join(JOURNAL_FILE), settled, most) {
        Err(ReplayError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ReplayError::Damaged("it is missing".to_owned()));
        }
        opened => opened?,
    };
    place.catching_up.during(|| replay(database, &mut journal, settled))?;
    Ok(journal)
}

fn open(place: &Place, verify: bool) -> Result<Database, DatabaseError> {
    let Place { path, folder, reserve, cache, catching_up, .. } = place;
    let attempt = std::panic::catch_unwind(|| {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let backend = Allocated::new(file, folder, *reserve, catching_up.clone())?;
        Database::builder()
            .set_cache_size(*cache)
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
