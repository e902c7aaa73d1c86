//! The one thread that writes: many waiting requests become one durable transaction.

use super::file::DataFile;
use super::{StoreError, Tx};
use redb::WriteTransaction;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
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

/// When to stop waiting for more requests. Callers that just got their answers usually ask again at once; a group that
/// started with the first of them would leave the others waiting for a second commit. So a group waits for as many
/// requests as the last one had, but never longer than a fraction of what a commit takes. A lone caller never waits.
#[derive(Debug, Default)]
struct Pace {
    last_group: usize,
    last_commit: Duration,
}

impl Pace {
    fn patience(&self) -> Duration {
        if self.last_group > 1 { (self.last_commit / 4).min(LONGEST_WAIT) } else { Duration::ZERO }
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

/// The thread's body. Ends on `Stop` or when every handle is gone.
pub(super) fn run(file: &Arc<DataFile>, mut queue: mpsc::Receiver<Message>) {
    let mut pace = Pace::default();
    while let Some(first) = queue.blocking_recv() {
        let first = match first {
            Message::Write(job) => job,
            Message::Stop(done) => {
                let _ = done.send(());
                return;
            }
        };
        let mut replies = Vec::new();
        let mut stop = None;
        // The file stays borrowed for the whole group; only recovery from a disk error replaces it.
        let fate = file.begin_write().and_then(|transaction| {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                group(transaction, first, &mut queue, &mut pace, &mut replies, &mut stop)
            }));
            outcome.unwrap_or_else(|panic| Err(StoreError::Damaged(panic_text(&*panic))))
        });
        if let Err(error) = &fate {
            file.recover(error);
        }
        for reply in replies {
            reply(fate.clone());
        }
        if let Some(done) = stop {
            let _ = done.send(());
            return;
        }
    }
}

/// Runs `first` and whatever else is waiting in one transaction and commits it.
fn group(
    transaction: WriteTransaction,
    first: Job,
    queue: &mut mpsc::Receiver<Message>,
    pace: &mut Pace,
    replies: &mut Vec<Reply>,
    stop: &mut Option<oneshot::Sender<()>>,
) -> Result<(), StoreError> {
    let mut tx = Tx::new(&transaction);
    let begun = Instant::now();
    let patience = pace.patience();
    replies.push(first(&mut tx));
    while replies.len() < GROUP_REQUESTS && tx.written() < GROUP_BYTES {
        match queue.try_recv() {
            Ok(Message::Write(job)) => replies.push(job(&mut tx)),
            Ok(Message::Stop(done)) => {
                *stop = Some(done);
                break;
            }
            Err(_) if replies.len() < pace.last_group && begun.elapsed() < patience => {
                std::thread::yield_now();
            }
            Err(_) => break,
        }
    }
    pace.last_group = replies.len();
    if tx.finish()? {
        let begun = Instant::now();
        transaction.commit()?;
        pace.last_commit = begun.elapsed();
    } else {
        // Nothing changed: no reason to touch the disk.
        transaction.abort()?;
    }
    Ok(())
}
