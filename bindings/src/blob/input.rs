//! The `blob` input: one blob, read before the function runs (spec bindings.md §5.4).

use async_trait::async_trait;

use super::convert::{Shape, reference};
use super::path::BlobPath;
use crate::storage::BlobService;
use crate::template::Template;
use crate::{BindingData, BindingError, Input, Value};

#[derive(Debug)]
pub(super) struct BlobInput {
    pub(super) service: BlobService,
    pub(super) path: Template,
    pub(super) shape: Shape,
    /// Name of the connection as the app gives it.
    pub(super) connection: Option<String>,
    pub(super) function: String,
}

#[async_trait]
impl Input for BlobInput {
    /// A blob or container that does not exist is nothing.
    async fn read(&self, data: &BindingData) -> Result<Value, BindingError> {
        let text = self.path.render(data, &self.function)?;
        if self.shape == Shape::Deferred {
            let path = BlobPath::parse(&text).map_err(BindingError::new)?;
            return Ok(Value::Deferred(reference(self.connection.as_deref(), &path)));
        }
        let path = BlobPath::parse_blob(&text).map_err(BindingError::new)?;
        let content = self.service.blob(&path.container, &path.name).read().await?;
        Ok(content.map_or(Value::Null, |content| self.shape.value(content)))
    }
}
