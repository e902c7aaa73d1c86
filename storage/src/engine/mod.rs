//! The engine room: one embedded database, one writer thread with group commit, any number of snapshot readers.
//!
//! Every service keeps its state here and nowhere else. A write is a closure over [`Tx`]; its future resolves only
//! after the transaction that contains it is durable. Many requests waiting at once share one commit. A read is a
//! closure over [`Snapshot`] and never waits for a writer. Both see the same [`View`].
//!
//! ```no_run
//! # use horus_storage::engine::{Engine, EngineOptions, Space, StoreError, View};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! const NAMES: Space = Space::new("example.names");
//! let engine = Engine::open(EngineOptions::in_memory())?;
//! engine.write(|tx| { tx.put(NAMES, b"key", b"value")?; Ok::<_, StoreError>(()) }).await?;
//! let value = engine.read(|view| view.get(NAMES, b"key"))?;
//! # Ok(()) }
//! ```

mod backend;
mod clock;
mod commit;
mod error;
mod file;
mod journal;
mod lock;
mod sweep;
mod tx;
mod view;
mod writer;

#[cfg(test)]
mod tests;

pub use clock::{Clock, Timestamp};
pub use error::{OpenError, StoreError};
pub use tx::{Tx, counter};
pub use view::{KeyRange, Row, Snapshot, Space, View, Visit, after_prefix};

pub(crate) use error::is_full;
pub(crate) use file::sync_folder;

use file::DataFile;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use writer::Message;

/// Where the data lives and how much memory may cache it.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The data folder; `None` keeps everything in memory and loses it at exit.
    pub folder: Option<PathBuf>,
    /// Most bytes of the data file cached in memory. Only pages in use are cached.
    pub cache: usize,
    /// Writes are refused ([`StoreError::Full`]) when fewer bytes than this are free on the disk.
    pub reserve: u64,
    /// Most bytes of the journal. A longer one makes the data file durable less often, and a start after a crash longer.
    pub journal: u64,
    /// What time it is; tests move it.
    pub clock: Clock,
}

impl EngineOptions {
    /// Durable data in `folder`, which is created when missing.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), ..Self::in_memory() }
    }

    /// Nothing on disk.
    pub fn in_memory() -> Self {
        Self { folder: None, cache: 32 << 20, reserve: 32 << 20, journal: 8 << 20, clock: Clock::system() }
    }
}

/// The handle: cheap to clone, the only way in.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    file: Arc<DataFile>,
    queue: Option<mpsc::Sender<Message>>,
    writer: Option<JoinHandle<()>>,
    clock: Clock,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("folder", &self.folder()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens or creates the store and starts its writer thread. Blocks while a crashed store is repaired.
    pub fn open(options: EngineOptions) -> Result<Self, OpenError> {
        let file = match &options.folder {
            Some(folder) => DataFile::in_folder(folder, &options)?,
            None => DataFile::in_memory(options.cache).map_err(|error| OpenError::Damaged {
                file: PathBuf::from(":memory:"),
                reason: error.to_string(),
            })?,
        };
        let file = Arc::new(file);
        let (queue, jobs) = mpsc::channel(writer::QUEUE_LENGTH);
        let thread_file = Arc::clone(&file);
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer::run(&thread_file, jobs))
            .map_err(|source| OpenError::Io {
                folder: options.folder.unwrap_or_default(),
                action: "starting the writer thread",
                source,
            })?;
        Ok(Self(Arc::new(Inner { file, queue: Some(queue), writer: Some(writer), clock: options.clock })))
    }

    /// Runs `work` in the next group and returns after the group is durable. When `work` fails or panics its own
    /// changes are undone and those of the group's other requests stand. `work` must not block or do I/O.
    ///
    /// Waits while the writer's queue is full. Dropping the future after the first poll does not undo the write.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let job = writer::job(work, caller);
        let queue = self.0.queue.as_ref().expect("the queue lives as long as the handle");
        queue.send(Message::Write(job)).await.map_err(|_| StoreError::Closed)?;
        match answer.await {
            Ok(result) => result,
            // The group failed before this request ran.
            Err(_) => Err(self.refusal().into()),
        }
    }

    /// Runs `read` on the last committed state, on the calling thread: keep it to point reads and short scans.
    pub fn read<T, E: From<StoreError>>(&self, read: impl FnOnce(&Snapshot) -> Result<T, E>) -> Result<T, E> {
        let attempt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.0.file.read(read)));
        attempt.unwrap_or_else(|panic| Err(StoreError::Damaged(writer::panic_text(&*panic)).into()))
    }

    /// Like [`Engine::read`] on a thread where a long scan disturbs nobody.
    pub async fn scan<T, E, F>(&self, read: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Snapshot) -> Result<T, E> + Send + 'static,
    {
        let engine = self.clone();
        match tokio::task::spawn_blocking(move || engine.read(read)).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::Closed.into()),
        }
    }

    /// The clock every expiry and timestamp uses.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The data folder; `None` in memory.
    pub fn folder(&self) -> Option<&Path> {
        self.0.file.folder()
    }

    /// Finishes the writes already submitted, then refuses new ones. Reads keep working until the last handle goes.
    pub async fn close(&self) {
        let (done, stopped) = oneshot::channel();
        let queue = self.0.queue.as_ref().expect("the queue lives as long as the handle");
        if queue.send(Message::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
    }

    /// Whether writes are refused at the moment for lack of disk space.
    pub fn is_full(&self) -> bool {
        self.0.file.disk_is_full()
    }

    fn refusal(&self) -> StoreError {
        let closed = self.0.queue.as_ref().is_none_or(mpsc::Sender::is_closed);
        if closed { StoreError::Closed } else { self.0.file.refusal() }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Closing the queue ends the thread; waiting for it makes the folder free when the last handle is gone.
        drop(self.queue.take());
        if let Some(writer) = self.writer.take()
            && writer.thread().id() != std::thread::current().id()
        {
            let _ = writer.join();
        }
    }
}
