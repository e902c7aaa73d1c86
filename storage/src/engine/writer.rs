//! The one thread that writes: many waiting requests become one durable transaction.

use super::commit::Failure;
use super::file::DataFile;
use super::journal::Redo;
use super::{StoreError, Tx};
use redb::WriteTransaction;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Requests waiting for the writer. A full queue makes callers wait: that is the store's back-pressure.
pub(super) const QUEUE_LENGTH: usize = 4096;
/// A group is committed at this many requests even if more are waiting, so none waits long for its answer.
const GROUP_REQUESTS: usize = 1024;
/// The same in bytes written.
const GROUP_BYTES: usize = 8 << 20;

/// The longest a group waits for the callers that took part in the one before.
const LONGEST_WAIT: Duration = Duration::from_millis(1);
/// Nothing new for this part of a commit's time: the others are not coming.
const QUIET: u32 = 4;

/// After this long without a write the data file is made durable, so that a later start has nothing to catch up with.
const IDLE: Duration = Duration::from_secs(1);

/// When to stop waiting for more requests. Callers that just got their answers usually ask again at once; a group that
/// started with the first of them would leave the others waiting for a second flush. So a group waits for as many
/// requests as came together last time, as long as they keep coming, and never longer than a flush takes. A lone caller
/// never waits.
#[derive(Debug, Default)]
struct Pace {
    /// Callers answered last time, and those that were waiting at that moment.
    expected: usize,
    last_commit: Duration,
}

impl Pace {
    /// How long to stay awake for callers that are about to come back: waking up costs them and us more.
    fn eagerness(&self) -> Duration {
        if self.expected > 1 { (self.last_commit / 2).min(LONGEST_WAIT) } else { Duration::ZERO }
    }

    /// Whether to wait on with so many requests, `begun` ago, when the last one came `quiet` ago.
    fn waits(&self, requests: usize, begun: Duration, quiet: Duration) -> bool {
        requests < self.expected
            && begun < self.last_commit.min(LONGEST_WAIT)
            && quiet < self.last_commit / QUIET
    }
}

/// One request: does its work in the group's transaction and leaves how to tell its caller.
pub(super) type Job = Box<dyn FnOnce(&mut Tx<'_>) -> Reply + Send>;
/// Called once with the fate of the group.
pub(super) type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

pub(super) enum Message {
    Write(Job),
    /// Finish what is queued before this, then stop.
    Stop(oneshot::Sender<()>),
}

/// Packs typed work and its caller's channel into a [`Job`].
pub(super) fn job<T, E, F>(work: F, caller: oneshot::Sender<Result<T, E>>) -> Job
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
{
    Box::new(move |tx| {
        let result = catch_unwind(AssertUnwindSafe(|| work(tx)))
            .unwrap_or_else(|panic| Err(StoreError::Panicked(panic_text(&*panic)).into()));
        let result = match result {
            Ok(value) => {
                tx.keep();
                Ok(value)
            }
            Err(error) => tx.undo().map_err(E::from).and(Err(error)),
        };
        // A caller that no longer listens has given up its answer; the write stands.
        Box::new(move |fate: Result<(), StoreError>| {
            let _ = caller.send(match fate {
                Ok(()) => result,
                Err(error) => Err(error.into()),
            });
        })
    })
}

pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown".to_owned())
}

/// The thread's body. Ends on `Stop` or when every handle is gone, with everything in the data file.
pub(super) fn run(file: &Arc<DataFile>, queue: mpsc::Receiver<Message>) {
    let mut inbox = Inbox::new(queue);
    let mut pace = Pace::default();
    let mut redo = Redo::new();
    loop {
        let first = match inbox.next(pace.eagerness(), file.is_unsettled().then_some(IDLE)) {
            Next::Message(Message::Write(job)) => job,
            Next::Message(Message::Stop(done)) => {
                file.settle();
                let _ = done.send(());
                return;
            }
            Next::Idle => {
                file.settle();
                continue;
            }
            Next::Gone => {
                file.settle();
                return;
            }
        };
        let mut replies = Vec::new();
        let mut stop = None;
        // The file stays borrowed for the whole group; only recovery from a disk error replaces it.
        let fate = file.begin_write().map_err(Failure::from).and_then(|transaction| {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let mut group = Group { replies: &mut replies, stop: &mut stop };
                group.run(file, transaction, first, &mut inbox, &mut pace, &mut redo)
            }));
            outcome.unwrap_or_else(|panic| Err(StoreError::Damaged(panic_text(&*panic)).into()))
        });
        let fate = match fate {
            Ok(()) => Ok(()),
            Err(Failure::Undone(error)) => {
                file.recover(&error);
                Err(error)
            }
            Err(Failure::AfterDurable(error)) => file.recover_durable(error),
        };
        pace.expected = replies.len() + inbox.queue.len();
        for reply in replies {
            reply(fate.clone());
        }
        if let Some(done) = stop {
            file.settle();
            let _ = done.send(());
            return;
        }
    }
}

/// Where a group leaves its answers.
struct Group<'a> {
    replies: &'a mut Vec<Reply>,
    stop: &'a mut Option<oneshot::Sender<()>>,
}

impl Group<'_> {
    /// Runs `first` and whatever else is waiting in one transaction and commits it.
    fn run(
        &mut self,
        file: &DataFile,
        transaction: WriteTransaction,
        first: Job,
        inbox: &mut Inbox,
        pace: &mut Pace,
        redo: &mut Redo,
    ) -> Result<(), Failure> {
        let mut tx = Tx::new(&transaction, redo);
        let begun = Instant::now();
        self.replies.push(first(&mut tx));
        let mut last = Instant::now();
        while self.replies.len() < GROUP_REQUESTS && tx.written() < GROUP_BYTES {
            match inbox.queue.try_recv() {
                Ok(Message::Write(job)) => {
                    self.replies.push(job(&mut tx));
                    last = Instant::now();
                }
                Ok(Message::Stop(done)) => {
                    *self.stop = Some(done);
                    break;
                }
                Err(_) if pace.waits(self.replies.len(), begun.elapsed(), last.elapsed()) => {
                    std::thread::yield_now();
                }
                Err(_) => break,
            }
        }
        if tx.finish()? {
            let begun = Instant::now();
            file.commit(transaction, redo)?;
            pace.last_commit = begun.elapsed();
        } else {
            // Nothing changed: no reason to touch the disk.
            transaction.abort()?;
        }
        Ok(())
    }
}

enum Next {
    Message(Message),
    /// Nothing came for so long.
    Idle,
    /// Every handle is gone.
    Gone,
}

/// The writer's end of the queue, with a time limit.
struct Inbox {
    queue: mpsc::Receiver<Message>,
    waker: Waker,
}

/// Wakes the writer.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

impl Inbox {
    /// To be made on the thread that will wait.
    fn new(queue: mpsc::Receiver<Message>) -> Self {
        Self { queue, waker: Waker::from(Arc::new(Unpark(std::thread::current()))) }
    }

    /// Waits for the next message, awake for `eager`, and at most for `idle`.
    fn next(&mut self, eager: Duration, idle: Option<Duration>) -> Next {
        let begun = Instant::now();
        loop {
            match self.queue.try_recv() {
                Ok(message) => return Next::Message(message),
                Err(mpsc::error::TryRecvError::Disconnected) => return Next::Gone,
                Err(mpsc::error::TryRecvError::Empty) if begun.elapsed() < eager => std::thread::yield_now(),
                Err(mpsc::error::TryRecvError::Empty) => break,
            }
        }
        loop {
            match self.queue.poll_recv(&mut Context::from_waker(&self.waker)) {
                Poll::Ready(Some(message)) => return Next::Message(message),
                Poll::Ready(None) => return Next::Gone,
                Poll::Pending => {}
            }
            match idle.map(|idle| idle.saturating_sub(begun.elapsed())) {
                None => std::thread::park(),
                Some(Duration::ZERO) => return Next::Idle,
                Some(left) => std::thread::park_timeout(left),
            }
        }
    }
}
