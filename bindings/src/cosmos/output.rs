//! The `cosmosDB` output: one upsert per item (spec bindings.md §7).

use async_trait::async_trait;
use horus_cosmos_client::Error;
use serde_json::{Map, Value as JsonValue};
use uuid::Uuid;

use super::target::{Place, Target};
use crate::{BindingData, BindingError, Output, Value, fanout};

/// Partition key of a container that is created for a binding which names none.
const DEFAULT_PARTITION_KEY: &str = "/id";

/// How to make a container that does not exist.
#[derive(Debug)]
pub(super) struct Creation {
    pub(super) partition_key: Option<String>,
    pub(super) throughput: Option<u64>,
}

#[derive(Debug)]
pub(super) struct CosmosOutput {
    pub(super) target: Target,
    /// `None`: a container that does not exist is an error.
    pub(super) creation: Option<Creation>,
}

/// The path that `text` names, with or without its first slash.
pub(super) fn key_path(text: &str) -> String {
    format!("/{}", text.trim_start_matches('/'))
}

#[async_trait]
impl Output for CosmosOutput {
    async fn write(&self, value: Value, data: &BindingData) -> Result<(), BindingError> {
        let mut items = Vec::new();
        for item in fanout::items(value) {
            items.push(with_id(fanout::to_object(&item)?));
        }
        let place = self.target.place(data)?;
        for item in &items {
            self.upsert(&place, item).await?;
        }
        Ok(())
    }
}

impl CosmosOutput {
    async fn upsert(&self, place: &Place<'_>, item: &Map<String, JsonValue>) -> Result<(), BindingError> {
        let upsert = || place.with(|container| async move { container.upsert(item).await });
        match (upsert().await, &self.creation) {
            (Err(Error::NotFound), Some(creation)) => {
                let key = creation.partition_key.as_deref().unwrap_or(DEFAULT_PARTITION_KEY);
                place
                    .account
                    .create_container(&place.database, &place.container, key, creation.throughput)
                    .await
                    .map_err(|error| place.error(&error))?;
                upsert().await.map_err(|error| place.error(&error))
            }
            (Err(Error::NotFound), None) => Err(BindingError::new(format!(
                "The container '{}' (in database '{}') does not exist. Create it, or set 'createIfNotExists' to true.",
                place.container, place.database
            ))),
            (result, _) => result.map_err(|error| place.error(&error)),
        }
    }
}

/// `item` with an `id`: the service wants one, and the platform's client makes one up.
fn with_id(mut item: Map<String, JsonValue>) -> Map<String, JsonValue> {
    if item.get("id").is_none_or(JsonValue::is_null) {
        item.insert("id".to_owned(), JsonValue::String(Uuid::new_v4().to_string()));
    }
    item
}
