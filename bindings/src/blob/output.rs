//! The `blob` output: one blob, replaced after the function succeeded (spec bindings.md §5.4 and §1.8).

use async_trait::async_trait;
use bytes::Bytes;

use super::hub::Outbox;
use super::path::BlobPath;
use crate::storage::BlobService;
use crate::template::Template;
use crate::{BindingData, BindingError, Output, Value, fanout, json};

#[derive(Debug)]
pub(super) struct BlobOutput {
    pub(super) service: BlobService,
    pub(super) path: Template,
    pub(super) function: String,
    pub(super) outbox: Outbox,
}

#[async_trait]
impl Output for BlobOutput {
    /// Nothing leaves the blob as it is; the container is made when it does not exist.
    async fn write(&self, value: Value, data: &BindingData) -> Result<(), BindingError> {
        let Some(content) = content(value) else { return Ok(()) };
        let text = self.path.render(data, &self.function)?;
        let path = BlobPath::parse_blob(&text).map_err(BindingError::new)?;
        let blob = self.service.blob(&path.container, &path.name);
        match blob.write(content.clone()).await {
            Err(error) if error.is_not_found() => {
                self.service.create_container(&path.container).await?;
                blob.write(content).await?;
            }
            result => result?,
        }
        self.outbox.tell(&self.service, path);
        Ok(())
    }
}

/// The bytes to write; `None` for nothing. Bytes and text are handed on, not copied.
fn content(value: Value) -> Option<Bytes> {
    Some(match value {
        Value::Null => return None,
        Value::Bytes(bytes) => bytes,
        Value::String(text) => text.into(),
        Value::Int(number) => match i32::try_from(number) {
            Ok(number) => Bytes::copy_from_slice(&number.to_le_bytes()),
            Err(_) => Bytes::copy_from_slice(&number.to_le_bytes()),
        },
        Value::Double(number) => Bytes::copy_from_slice(&number.to_le_bytes()),
        Value::Json(text) if matches!(json::kind(text.as_str()), json::Kind::Null) => return None,
        Value::Json(text) => json::compact(text.as_str()).into(),
        other => fanout::to_bytes(&other),
    })
}
