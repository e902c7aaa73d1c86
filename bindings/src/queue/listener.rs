//! The event source of one `queueTrigger`.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Utc;
use tokio_util::sync::CancellationToken;

use super::convert::{self, Shape};
use super::pump::{Consumer, Pump};
use super::{CATEGORY, output};
use crate::storage::{Queue, ReceivedMessage, StorageError};
use crate::{Backlog, BindError, Dispatch, Drain, Event, ListenError, Trigger, Verdict};

#[derive(Debug)]
pub(super) struct Listener {
    pub(super) shape: Shape,
    pub(super) reason: Arc<str>,
    pub(super) pump: Arc<Pump>,
    pub(super) poison: Option<Queue>,
}

#[async_trait]
impl Trigger for Listener {
    async fn listen(self: Arc<Self>, dispatch: Dispatch, drain: Drain) -> Result<(), ListenError> {
        let pump = self.pump.clone();
        pump.run(Arc::new(Invoke { listener: self, dispatch }), &drain).await;
        Ok(())
    }

    fn manual_event(&self, input: Option<String>) -> Result<Event, BindError> {
        let message = convert::made_up(Utc::now());
        let body = Bytes::from(input.unwrap_or_default());
        Ok(convert::event(&message, body, self.shape, &self.reason))
    }

    async fn backlog(&self) -> Option<Backlog> {
        match self.pump.queue.approximate_count().await {
            Ok(count) => Some(Backlog { length: count.unwrap_or_default() }),
            Err(error) => {
                self.pump.log.debug(CATEGORY, || format!("The backlog cannot be read: {error}"));
                None
            }
        }
    }
}

/// Runs the function for each message.
struct Invoke {
    listener: Arc<Listener>,
    dispatch: Dispatch,
}

#[async_trait]
impl Consumer for Invoke {
    async fn consume(&self, message: &ReceivedMessage, body: Bytes, cancel: CancellationToken) -> Verdict {
        let mut event = convert::event(message, body, self.listener.shape, &self.listener.reason);
        event.cancel = cancel;
        self.dispatch.invoke(event).await
    }

    fn poison(&self) -> Option<&str> {
        self.listener.poison.as_ref().map(Queue::name)
    }

    async fn bury(&self, message: &ReceivedMessage) -> Result<(), StorageError> {
        let Some(poison) = &self.listener.poison else { return Ok(()) };
        output::send(poison, message.text.clone()).await?;
        self.listener.pump.wakers.notify(poison.key());
        Ok(())
    }
}
