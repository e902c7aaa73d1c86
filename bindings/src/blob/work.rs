//! What is done with the messages of the internal queue (spec bindings.md §5.2).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::CATEGORY;
use super::convert::iso;
use super::hub::{Hub, Recheck};
use super::message::Message;
use super::path::BlobPath;
use super::trigger::{Current, Source, Watch};
use crate::queue::{Consumer, send};
use crate::storage::{Queue, ReceivedMessage, StorageError};
use crate::{Value, Verdict};

/// Where blobs go that fail for good.
pub(super) const POISON: &str = "webjobs-blobtrigger-poison";

/// How long a message of a function that is switched off stays out of sight.
const SWITCHED_OFF: Duration = Duration::from_secs(10 * 60);

/// Runs the function of each message.
pub(super) struct Work {
    pub(super) hub: Arc<Hub>,
    pub(super) rechecks: mpsc::Sender<Recheck>,
}

/// The message needs nothing more.
fn done() -> Verdict {
    Verdict::Succeeded(Value::Null)
}

#[async_trait]
impl Consumer for Work {
    async fn consume(&self, message: &ReceivedMessage, _body: Bytes, cancel: CancellationToken) -> Verdict {
        let log = &self.hub.ground.log;
        let Some(about) = Message::parse(&message.text) else {
            let text = format!("Message '{}' of the blob trigger's queue names no blob.", message.id);
            log.warning(CATEGORY, text.clone());
            return Verdict::Failed(text);
        };
        let Some(watch) = self.hub.watch(&about.function_id) else {
            let name = &about.function_id;
            log.info(CATEGORY, format!("A blob for '{name}' is skipped: the app has no such function."));
            return done();
        };
        if watch.disabled {
            return self.postpone(message).await;
        }
        let path = BlobPath { container: about.container_name, name: about.blob_name };
        if !watch.pattern.matches(&path.container, &path.name) {
            let function = &watch.function;
            log.info(
                CATEGORY,
                format!("Blob '{path}' is skipped: function '{function}' no longer watches it."),
            );
            return done();
        }
        self.process(&watch, path, &about.etag, message, &cancel).await
    }

    fn poison(&self) -> Option<&str> {
        Some(POISON)
    }

    /// In the account of the blob, or the host's where that one takes no messages.
    async fn bury(&self, message: &ReceivedMessage) -> Result<(), StorageError> {
        let wakers = &self.hub.ground.wakers;
        let watch = Message::parse(&message.text).and_then(|about| self.hub.watch(&about.function_id));
        let bury = async |queue: &Queue| {
            send(queue, message.text.clone()).await?;
            wakers.notify(queue.key());
            Ok::<_, StorageError>(())
        };
        if let Some(queue) = watch.as_ref().and_then(|watch| watch.poison.as_ref()) {
            match bury(queue).await {
                Err(error) if !error.is_transient() => {
                    let note = format!("{error}; the message goes to '{POISON}' of the host's account.");
                    self.hub.ground.log.warning(CATEGORY, note);
                }
                result => return result,
            }
        }
        bury(&self.hub.ground.poison).await
    }
}

impl Work {
    async fn process(
        &self,
        watch: &Arc<Watch>,
        path: BlobPath,
        etag: &str,
        message: &ReceivedMessage,
        cancel: &CancellationToken,
    ) -> Verdict {
        let log = &self.hub.ground.log;
        // An event tells that a blob was written, whichever version it is by now; a scan finds each version.
        let any = watch.source == Source::EventGrid || etag.is_empty();
        let found = tokio::select! {
            found = watch.current(&path, |properties| any || properties.etag() == etag) => found,
            () = cancel.cancelled() => return Verdict::Lost("The host is stopping.".to_owned()),
        };
        let mut event = match found {
            Ok(Current::Event(event)) => *event,
            Ok(Current::Gone) => {
                log.debug(CATEGORY, || format!("Blob '{path}' is skipped: it no longer exists."));
                return done();
            }
            Ok(Current::Other) => {
                // The sweep finds the new version in any case; this only saves the wait.
                let _ = self.rechecks.try_send(Recheck { watch: watch.clone(), path });
                return done();
            }
            Err(error) => {
                let function = &watch.function;
                let text = format!("Function '{function}' cannot run for blob '{path}': {error}.");
                log.error(CATEGORY, text.clone());
                return Verdict::Failed(text);
            }
        };
        let details = [
            ("MessageId", message.id.clone()),
            ("DequeueCount", message.dequeue_count.to_string()),
            ("InsertionTime", message.inserted.map_or_else(String::new, iso)),
        ];
        event.details.splice(..0, details);
        event.cancel = cancel.clone();
        let dispatch = tokio::select! {
            dispatch = watch.dispatch() => dispatch,
            () = cancel.cancelled() => None,
        };
        match dispatch {
            Some(dispatch) => dispatch.invoke(event).await,
            None => Verdict::Lost("The function does not listen.".to_owned()),
        }
    }

    /// Puts a fresh copy back for later: the function is switched off, which says nothing about the blob.
    async fn postpone(&self, message: &ReceivedMessage) -> Verdict {
        match self.hub.pump.queue.send_later(message.text.clone(), SWITCHED_OFF).await {
            Ok(()) => done(),
            Err(error) => Verdict::Lost(error.to_string()),
        }
    }
}
