//! The `queue` output: one message per item (spec bindings.md §4).

use std::borrow::Cow;

use async_trait::async_trait;

use super::options::Encoding;
use super::{Wakers, name};
use crate::storage::{Queue, QueueService, StorageError};
use crate::template::Template;
use crate::{BindError, BindingData, BindingError, Output, Value, fanout};

/// Longest message text the service takes, in bytes.
const LONGEST_MESSAGE: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct QueueOutput {
    service: QueueService,
    name: Template,
    /// The queue, when its name does not depend on the event.
    fixed: Option<Queue>,
    function: String,
    encoding: Encoding,
    wakers: Wakers,
}

impl QueueOutput {
    pub(super) fn new(
        service: QueueService,
        name: Template,
        function: String,
        encoding: Encoding,
        wakers: Wakers,
    ) -> Result<Self, BindError> {
        let fixed = match name.is_literal() {
            true => {
                let text = name
                    .render(&BindingData::default(), &function)
                    .map_err(|error| BindError::new(error.to_string()))?;
                let valid = name::validate(&text).map_err(BindError::new)?;
                Some(service.queue(&valid).map_err(|error| BindError::new(error.to_string()))?)
            }
            false => None,
        };
        Ok(Self { service, name, fixed, function, encoding, wakers })
    }

    fn queue(&self, data: &BindingData) -> Result<Cow<'_, Queue>, BindingError> {
        if let Some(queue) = &self.fixed {
            return Ok(Cow::Borrowed(queue));
        }
        let text = self.name.render(data, &self.function)?;
        let valid = name::validate(&text).map_err(BindingError::new)?;
        Ok(Cow::Owned(self.service.queue(&valid)?))
    }

    fn text(&self, item: &Value, queue: &Queue) -> Result<String, BindingError> {
        let text = self.encoding.encode(&fanout::to_bytes(item)).ok_or_else(|| {
            BindingError::new(format!(
                "Queue '{}': the message is not UTF-8 text, which 'messageEncoding' 'none' requires.",
                queue.name()
            ))
        })?;
        match text.len() {
            length if length > LONGEST_MESSAGE => Err(BindingError::new(format!(
                "Queue '{}': the message has {length} bytes in its encoded form; a queue takes at most {LONGEST_MESSAGE}.",
                queue.name()
            ))),
            _ => Ok(text),
        }
    }
}

#[async_trait]
impl Output for QueueOutput {
    /// Messages are sent one after the other, so that they are in the queue in the order of the items. All of
    /// them are checked before the first is sent.
    async fn write(&self, value: Value, data: &BindingData) -> Result<(), BindingError> {
        let items = fanout::items(value);
        if items.is_empty() {
            return Ok(());
        }
        let queue = self.queue(data)?;
        let texts = items.iter().map(|item| self.text(item, &queue)).collect::<Result<Vec<_>, _>>()?;
        for text in texts {
            send(&queue, text).await?;
            self.wakers.notify(queue.key());
        }
        Ok(())
    }
}

/// Sends a message, and creates the queue when there is none.
pub(crate) async fn send(queue: &Queue, text: String) -> Result<(), StorageError> {
    match queue.send(text.clone()).await {
        Err(error) if error.is_not_found() => {
            queue.create().await?;
            queue.send(text).await
        }
        result => result,
    }
}
