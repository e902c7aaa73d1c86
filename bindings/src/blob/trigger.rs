//! One `blobTrigger`: what it watches, and how a blob becomes its event.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::sleep;

use super::convert::{self, Shape};
use super::hub::Hub;
use super::path::BlobPath;
use super::pattern::Pattern;
use crate::storage::{BlobProperties, BlobService, Queue, StorageError};
use crate::{Backlog, BindError, Dispatch, Drain, Event, ListenError, Trigger, Value};

/// Pauses between attempts while the account of the blobs is away.
const AWAY: Duration = Duration::from_secs(1);
const AWAY_LONGEST: Duration = Duration::from_secs(30);
/// How often a blob is read again that changes while it is read.
const READS: usize = 5;

/// How blobs are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Containers are listed again and again.
    Scan,
    /// Somebody tells about each blob over the webhook.
    EventGrid,
}

/// One function and its blobs, as known when the app is loaded.
#[derive(Debug)]
pub(super) struct Watch {
    /// `Host.Functions.{name}`.
    pub(super) id: String,
    /// Its name.
    pub(super) function: String,
    pub(super) disabled: bool,
    pub(super) source: Source,
    pub(super) pattern: Pattern,
    pub(super) service: BlobService,
    pub(super) shape: Shape,
    /// Name of the connection as the app gives it.
    pub(super) connection: Option<String>,
    /// `webjobs-blobtrigger-poison` of the account of the blobs, if that account has queues.
    pub(super) poison: Option<Queue>,
    /// The way to the function, once it listens.
    pub(super) dispatch: watch::Sender<Option<Dispatch>>,
}

/// The trigger of one function; all of a host share its [`Hub`].
#[derive(Debug)]
pub(super) struct BlobTrigger {
    pub(super) watch: Arc<Watch>,
    pub(super) hub: Arc<Hub>,
}

#[async_trait]
impl Trigger for BlobTrigger {
    async fn listen(self: Arc<Self>, dispatch: Dispatch, drain: Drain) -> Result<(), ListenError> {
        self.watch.dispatch.send_replace(Some(dispatch));
        self.hub.run(&drain).await;
        Ok(())
    }

    fn manual_event(&self, _input: Option<String>) -> Result<Event, BindError> {
        Err(BindError::new("The blob has to be read first."))
    }

    /// The payload is the path of a blob.
    async fn read_manual_event(&self, input: Option<String>) -> Result<Event, BindError> {
        let function = &self.watch.function;
        let text = input.unwrap_or_default();
        let path = BlobPath::parse_blob(text.trim()).map_err(|problem| {
            BindError::new(format!("Function '{function}' is called with the path of a blob: {problem}"))
        })?;
        let failed = |error: StorageError| BindError::new(error.to_string());
        for _ in 0..READS {
            let Some(properties) = self.watch.properties(&path).await.map_err(failed)? else { break };
            if let Some(event) = self.watch.event(&path, &properties).await.map_err(failed)? {
                return Ok(event);
            }
        }
        Err(BindError::new(format!("The blob '{path}' does not exist.")))
    }

    async fn backlog(&self) -> Option<Backlog> {
        self.hub.backlog().await
    }
}

impl Watch {
    /// What the blob tells about itself; `None` when it does not exist.
    pub(super) async fn properties(&self, path: &BlobPath) -> Result<Option<BlobProperties>, StorageError> {
        self.service.blob(&path.container, &path.name).properties().await
    }

    /// The event of that version of the blob; `None` when the version is gone meanwhile.
    pub(super) async fn event(
        &self,
        path: &BlobPath,
        properties: &BlobProperties,
    ) -> Result<Option<Event>, StorageError> {
        let blob = self.service.blob(&path.container, &path.name);
        let value = match self.shape {
            Shape::Deferred => Value::Deferred(convert::reference(self.connection.as_deref(), path)),
            shape => match blob.read_version(&properties.etag(), properties.length()).await? {
                Some(content) => shape.value(content),
                None => return Ok(None),
            },
        };
        let captures = self.pattern.captures(&path.container, &path.name).unwrap_or_default();
        let mut event = Event::new(value, format!("New blob detected: {path}"));
        event.data = convert::metadata(path, &blob.url(), properties, captures);
        let date = |name| {
            let date = properties.date(name);
            date.map_or_else(String::new, convert::iso)
        };
        event.details =
            vec![("BlobCreated", date("x-ms-creation-time")), ("BlobLastModified", date("last-modified"))];
        Ok(Some(event))
    }

    /// The version of the blob that is current, with its event. Waits while the account is away.
    pub(super) async fn current(
        &self,
        path: &BlobPath,
        wanted: impl Fn(&BlobProperties) -> bool,
    ) -> Result<Current, StorageError> {
        let mut pause = AWAY;
        let mut reads = 0;
        loop {
            let attempt = async {
                let Some(properties) = self.properties(path).await? else { return Ok(Some(Current::Gone)) };
                if !wanted(&properties) {
                    return Ok(Some(Current::Other));
                }
                let event = self.event(path, &properties).await?;
                Ok(event.map(|event| Current::Event(Box::new(event))))
            };
            match attempt.await {
                Ok(Some(current)) => return Ok(current),
                // Written while it was read.
                Ok(None) if reads < READS => reads += 1,
                Ok(None) => return Ok(Current::Other),
                Err(error) if StorageError::is_transient(&error) => {
                    sleep(pause).await;
                    pause = (pause * 2).min(AWAY_LONGEST);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The way to the function, as soon as it listens.
    pub(super) async fn dispatch(&self) -> Option<Dispatch> {
        let mut known = self.dispatch.subscribe();
        known.wait_for(Option::is_some).await.ok().and_then(|dispatch| dispatch.clone())
    }
}

/// What has become of a blob that a message is about.
pub(super) enum Current {
    /// It is there.
    Event(Box<Event>),
    /// It is there, but not the version that is wanted.
    Other,
    /// It is gone.
    Gone,
}
