//! The `cosmosDB` input: one document, or the results of a query (spec bindings.md §7).

use async_trait::async_trait;
use horus_cosmos_client::Error;
use serde_json::Value as JsonValue;

use super::query::SqlQuery;
use super::target::Target;
use crate::template::Template;
use crate::{BindingData, BindingError, Input, Value};

/// What to read.
#[derive(Debug)]
pub(super) enum What {
    /// The document with this id.
    Document(Template),
    /// Whatever this query finds.
    Query(SqlQuery),
}

#[derive(Debug)]
pub(super) struct CosmosInput {
    pub(super) target: Target,
    pub(super) what: What,
    pub(super) key: Option<Template>,
}

#[async_trait]
impl Input for CosmosInput {
    async fn read(&self, data: &BindingData) -> Result<Value, BindingError> {
        let place = self.target.place(data)?;
        let function = &*self.target.function;
        let key = self.key.as_ref().map(|key| key.render(data, function)).transpose()?;
        let key = key.as_deref();
        match &self.what {
            What::Document(id) => {
                let id = &*id.render(data, function)?;
                let read = |container: horus_cosmos_client::Container| async move {
                    // Containers spread by id need no key besides it.
                    let key = key.or(container.is_keyed_by_id().then_some(id));
                    container.read(id, key).await
                };
                match place.with(read).await {
                    Ok(document) => Ok(Value::json(&document)),
                    Err(Error::NotFound) => Ok(Value::Null),
                    Err(error) => Err(place.error(&error)),
                }
            }
            What::Query(query) => {
                let parameters = &query.parameters(data, function)?;
                let read = |container: horus_cosmos_client::Container| async move {
                    container.query(query.text(), parameters.clone(), key).await
                };
                let found = place.with(read).await.map_err(|error| place.error(&error))?;
                Ok(Value::json(&JsonValue::Array(found)))
            }
        }
    }
}
