//! The queue service of one account, and one queue of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::http::{HttpClient, RequestContent};
use azure_core::time::OffsetDateTime;
use azure_storage_queue::models::{
    QueueClientGetPropertiesResultHeaders, QueueClientReceiveMessagesOptions, QueueClientSendMessageOptions,
    QueueMessage,
};
use azure_storage_queue::{QueueClient, QueueServiceClient, QueueServiceClientOptions};
use chrono::{DateTime, Utc};

use super::StorageError;
use super::account::{Account, AccountError, Credential, address};
use super::options::{API_VERSION, client_options};

/// One account's queues. Cheap to clone.
#[derive(Clone)]
pub struct QueueService {
    client: Arc<QueueServiceClient>,
    address: Arc<str>,
}

impl QueueService {
    pub(super) fn new(account: &Account, transport: &Arc<dyn HttpClient>) -> Result<Self, AccountError> {
        let options = QueueServiceClientOptions {
            client_options: client_options(&account.credential, transport),
            version: API_VERSION.to_owned(),
        };
        let client =
            QueueServiceClient::new(account.endpoint.clone(), token(&account.credential), Some(options))
                .map_err(|error| AccountError::Identity(error.to_string()))?;
        Ok(Self { client: Arc::new(client), address: account.address().into() })
    }

    /// The queue called `name`, which need not exist.
    ///
    /// # Errors
    /// Never for names that the service would take.
    pub fn queue(&self, name: &str) -> Result<Queue, StorageError> {
        let place = format!("queue '{name}' at {}", self.address);
        let client = self.client.queue_client(name).map_err(|error| StorageError::new(&*place, &error))?;
        Ok(Queue {
            key: address(client.url()).into(),
            place: place.into(),
            name: name.into(),
            client: Arc::new(client),
        })
    }
}

impl fmt::Debug for QueueService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueueService({})", self.address)
    }
}

pub(super) fn token(credential: &Credential) -> Option<Arc<dyn TokenCredential>> {
    match credential {
        Credential::Token(token) => Some(token.clone()),
        Credential::SharedKey { .. } | Credential::SignedUrl => None,
    }
}

/// One message, invisible to others until [`ReceivedMessage::next_visible`].
#[derive(Debug, Clone)]
pub struct ReceivedMessage {
    /// Identifier, for the message's whole life.
    pub id: String,
    /// Proof that we received it last; changes with every update.
    pub pop_receipt: String,
    /// The text as stored, encoding and all.
    pub text: String,
    /// How often it has been received, this time included.
    pub dequeue_count: i64,
    /// When it was put.
    pub inserted: Option<DateTime<Utc>>,
    /// When it will be dropped.
    pub expires: Option<DateTime<Utc>>,
    /// When others will see it again.
    pub next_visible: Option<DateTime<Utc>>,
}

/// One queue. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    client: Arc<QueueClient>,
    key: Arc<str>,
    place: Arc<str>,
    name: Arc<str>,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Queue({})", self.key)
    }
}

impl Queue {
    /// Its full address, which names it uniquely and holds no secret.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes up to `count` (1 to 32) messages and hides them from others for `invisible`.
    pub async fn receive(
        &self,
        count: u32,
        invisible: Duration,
    ) -> Result<Vec<ReceivedMessage>, StorageError> {
        let options = QueueClientReceiveMessagesOptions {
            number_of_messages: Some(count.cast_signed()),
            visibility_timeout: Some(seconds(invisible)),
            ..Default::default()
        };
        let response =
            self.client.receive_messages(Some(options)).await.map_err(|error| self.error(&error))?;
        let messages = response.into_model().map_err(|error| self.error(&error))?;
        Ok(messages.items.unwrap_or_default().into_iter().filter_map(message).collect())
    }

    /// Puts a message with this text, stored as it is.
    pub async fn send(&self, text: String) -> Result<(), StorageError> {
        let content: RequestContent<QueueMessage, _> =
            QueueMessage { message_text: Some(text) }.try_into().map_err(|error| self.error(&error))?;
        self.client.send_message(content, None).await.map_err(|error| self.error(&error))?;
        Ok(())
    }

    /// As [`Queue::send`]; nobody sees the message before `delay` is over.
    pub async fn send_later(&self, text: String, delay: Duration) -> Result<(), StorageError> {
        let content: RequestContent<QueueMessage, _> =
            QueueMessage { message_text: Some(text) }.try_into().map_err(|error| self.error(&error))?;
        let options =
            QueueClientSendMessageOptions { visibility_timeout: Some(seconds(delay)), ..Default::default() };
        self.client.send_message(content, Some(options)).await.map_err(|error| self.error(&error))?;
        Ok(())
    }

    /// Deletes a message.
    pub async fn delete(&self, id: &str, pop_receipt: &str) -> Result<(), StorageError> {
        self.client.delete_message(id, pop_receipt, None).await.map_err(|error| self.error(&error))?;
        Ok(())
    }

    /// Lets others see a message after `invisible`, and returns its new pop receipt.
    pub async fn hide(
        &self,
        id: &str,
        pop_receipt: &str,
        invisible: Duration,
    ) -> Result<String, StorageError> {
        let response = self
            .client
            .update_message(id, pop_receipt, seconds(invisible), None)
            .await
            .map_err(|error| self.error(&error))?;
        let name = azure_core::http::headers::HeaderName::from_static("x-ms-popreceipt");
        Ok(response.headers().get_optional_string(&name).unwrap_or_else(|| pop_receipt.to_owned()))
    }

    /// Creates the queue; that it exists already is fine.
    pub async fn create(&self) -> Result<(), StorageError> {
        match self.client.create(None).await.map_err(|error| self.error(&error)) {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("QueueAlreadyExists") => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// About how many messages there are, hidden ones included. `None` when the queue does not exist.
    pub async fn approximate_count(&self) -> Result<Option<u64>, StorageError> {
        match self.client.get_properties(None).await.map_err(|error| self.error(&error)) {
            Ok(response) => {
                let count = response.approximate_messages_count().map_err(|error| self.error(&error))?;
                Ok(Some(count.unwrap_or_default().max(0).cast_unsigned()))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn error(&self, error: &azure_core::Error) -> StorageError {
        StorageError::new(&*self.place, error)
    }
}

/// Drops what is no message at all: without id and receipt nothing could be done with it.
fn message(message: azure_storage_queue::models::ReceivedMessage) -> Option<ReceivedMessage> {
    Some(ReceivedMessage {
        id: message.message_id?,
        pop_receipt: message.pop_receipt?,
        text: message.message_text.unwrap_or_default(),
        dequeue_count: message.dequeue_count.unwrap_or(1),
        inserted: message.insertion_time.and_then(utc),
        expires: message.expiration_time.and_then(utc),
        next_visible: message.time_next_visible.and_then(utc),
    })
}

fn utc(time: OffsetDateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.unix_timestamp(), time.nanosecond())
}

/// Whole seconds, as the service counts; at most seven days.
fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX).min(7 * 24 * 60 * 60)
}
