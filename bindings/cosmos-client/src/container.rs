//! One container.

use std::fmt;
use std::sync::Arc;

use azure_data_cosmos::models::{PartitionKeyDefinition, PartitionKeyValue};
use azure_data_cosmos::{ContainerClient, CosmosClient, FeedScope, PartitionKey, Query};
use futures::TryStreamExt;
use serde_json::{Map, Value};

use super::Error;

/// One container, opened. Cheap to clone.
#[derive(Clone)]
pub struct Container {
    client: ContainerClient,
    /// Paths of the partition key, taken apart at their slashes.
    key: Arc<[Vec<String>]>,
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Container({:?})", self.key)
    }
}

impl Container {
    pub(super) async fn open(client: &CosmosClient, database: &str, name: &str) -> Result<Self, Error> {
        let client =
            client.database_client(database.to_owned()).container_client(name.to_owned(), None).await?;
        let properties = client.read(None).await?.into_model()?;
        Ok(Self { client, key: paths(&properties.partition_key) })
    }

    /// Whether documents are spread by their id.
    pub fn is_keyed_by_id(&self) -> bool {
        *self.key == [["id"]]
    }

    /// Creates or replaces a document, which has an `id`.
    pub async fn upsert(&self, item: &Map<String, Value>) -> Result<(), Error> {
        let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
        self.client.upsert_item(self.key_of(item)?, id, item, None).await?;
        Ok(())
    }

    /// The document `id` in the partition `key`, as the service stores it. Without a key: documents that have none.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such document.
    pub async fn read(&self, id: &str, key: Option<&str>) -> Result<Value, Error> {
        let key = match key {
            Some(key) => PartitionKey::from(key.to_owned()),
            None => PartitionKey::from(PartitionKeyValue::UNDEFINED),
        };
        Ok(self.client.read_item(key, id, None).await?.into_model()?)
    }

    /// All results of a query; in the partition `key` only, if given.
    pub async fn query(
        &self,
        text: &str,
        parameters: Vec<(String, Value)>,
        key: Option<&str>,
    ) -> Result<Vec<Value>, Error> {
        let mut query = Query::from(text);
        for (name, value) in parameters {
            query = query.with_parameter(name, value)?;
        }
        let scope = match key {
            Some(key) => FeedScope::partition(key.to_owned()),
            None => FeedScope::full_container(),
        };
        Ok(self.client.query_items::<Value>(query, scope, None).await?.try_collect().await?)
    }

    fn key_of(&self, item: &Map<String, Value>) -> Result<PartitionKey, Error> {
        let values: Vec<PartitionKeyValue> = self.key.iter().map(|path| key_value(item, path)).collect();
        Ok(PartitionKey::try_from(values)?)
    }
}

fn paths(definition: &PartitionKeyDefinition) -> Arc<[Vec<String>]> {
    definition.paths().iter().map(|path| segments(path)).collect()
}

/// `/a/b` and `/"a b"/c`, taken apart.
fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty()).map(|part| part.trim_matches('"').to_owned()).collect()
}

/// The value that `item` has at `path`: a scalar, or undefined as the service sees objects, arrays and absence.
fn key_value(item: &Map<String, Value>, path: &[String]) -> PartitionKeyValue {
    let mut steps = path.iter();
    let first = steps.next().and_then(|name| item.get(name));
    match steps.fold(first, |value, name| value?.get(name)) {
        Some(Value::Null) => PartitionKeyValue::NULL,
        Some(Value::Bool(flag)) => PartitionKeyValue::from(*flag),
        Some(Value::String(text)) => PartitionKeyValue::from(text.clone()),
        Some(Value::Number(number)) => number
            .as_f64()
            .and_then(|number| PartitionKeyValue::try_from(number).ok())
            .unwrap_or(PartitionKeyValue::UNDEFINED),
        _ => PartitionKeyValue::UNDEFINED,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn partition_keys_are_found_in_documents() {
        let Value::Object(item) = json!({
            "id": "1", "a": {"b c": "x", "n": 5, "t": true, "o": {}}, "null": null
        }) else {
            unreachable!()
        };
        for (path, expected) in [
            ("/id", PartitionKeyValue::from("1")),
            ("/a/\"b c\"", PartitionKeyValue::from("x")),
            ("/a/n", PartitionKeyValue::from(5)),
            ("/a/t", PartitionKeyValue::from(true)),
            ("/a/o", PartitionKeyValue::UNDEFINED),
            ("/null", PartitionKeyValue::NULL),
            ("/missing", PartitionKeyValue::UNDEFINED),
            ("/id/deeper", PartitionKeyValue::UNDEFINED),
        ] {
            assert_eq!(key_value(&item, &segments(path)), expected, "{path}");
        }
    }
}
