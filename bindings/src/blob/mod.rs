//! Blobs: `blobTrigger`, and the `blob` input and output (spec bindings.md §5).

mod convert;
mod events;
mod hub;
mod input;
mod message;
mod options;
mod output;
mod path;
mod pattern;
mod scan;
mod trigger;
mod work;

use std::sync::{Arc, OnceLock};

use horus_app::connection::Connection;
use horus_app::{Binding, Cardinality};

use crate::storage::{AccountError, BlobService, QueueService, Storage};
use crate::template::Template;
use crate::{BindError, HostSection, IndexContext, Input, Output, Trigger, Webhook, deferred};

use convert::Shape;
use hub::{Ground, Hub, Outbox};
use path::BlobPath;
use pattern::Pattern;
use trigger::{BlobTrigger, Source, Watch};

pub use options::Options;

/// Where triggers log.
const CATEGORY: &str = "Host.Triggers.Blobs";

/// Answers to `blobTrigger` and `blob`.
#[derive(Debug)]
pub struct Extension {
    storage: Storage,
    options: Options,
    outbox: Outbox,
    /// Made with the first trigger.
    hub: OnceLock<Arc<Hub>>,
}

impl Extension {
    /// The extension on the services of `storage`.
    pub fn new(storage: Storage) -> Self {
        Self { storage, options: Options::default(), outbox: Outbox::default(), hub: OnceLock::new() }
    }

    fn connection(&self, binding: &Binding, cx: &IndexContext<'_>) -> Result<Connection, BindError> {
        cx.settings
            .storage_connection(binding.connection())
            .map_err(|error| BindError::new(error.to_string()))
    }

    fn service(&self, binding: &Binding, cx: &IndexContext<'_>) -> Result<BlobService, BindError> {
        let connection = self.connection(binding, cx)?;
        self.storage.blobs(&connection).map_err(|error| unusable(binding, &error))
    }

    /// What all triggers share, on the host's own account.
    fn hub(&self, cx: &IndexContext<'_>) -> Result<Arc<Hub>, BindError> {
        if let Some(hub) = self.hub.get() {
            return Ok(hub.clone());
        }
        let connection =
            cx.settings.storage_connection(None).map_err(|error| BindError::new(error.to_string()))?;
        let failed = |error: &dyn std::fmt::Display| {
            BindError::new(format!("Blob triggers keep their work in AzureWebJobsStorage: {error}."))
        };
        let blobs = self.storage.blobs(&connection).map_err(|error| failed(&error))?;
        let queues = self.storage.queues(&connection).map_err(|error| failed(&error))?;
        let queue = |name: &str| queues.queue(name).map_err(|error| failed(&error));
        let ground = Ground {
            storage: self.storage.clone(),
            outbox: self.outbox.clone(),
            state: cx.state.clone(),
            host_id: cx.host_id.to_owned(),
            blobs,
            poison: queue(work::POISON)?,
            wakers: cx.wakers.clone(),
            log: cx.log.clone(),
            development: cx.development,
            owner: cx
                .settings
                .get("WEBSITE_INSTANCE_ID")
                .map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned),
        };
        let internal = queue(&format!("azure-webjobs-blobtrigger-{}", cx.host_id.to_ascii_lowercase()))?;
        let hub = Arc::new(Hub::new(ground, internal, self.options.for_queue(cx.development)));
        Ok(self.hub.get_or_init(|| hub).clone())
    }

    /// The queues of the account of the blobs, if it has any.
    fn queues(&self, binding: &Binding, cx: &IndexContext<'_>) -> Option<QueueService> {
        let connection = cx.settings.storage_connection(binding.connection()).ok()?;
        self.storage.queues(&connection).ok()
    }
}

fn unusable(binding: &Binding, error: &AccountError) -> BindError {
    let name = binding.connection().unwrap_or("AzureWebJobsStorage");
    BindError::new(format!("Binding '{}': connection '{name}': {error}.", binding.name))
}

/// The `path` of `binding` with its settings filled in.
fn path_text(binding: &Binding, cx: &IndexContext<'_>) -> Result<String, BindError> {
    let text = binding.text("path").or_else(|| binding.text("blobPath")).ok_or_else(|| {
        BindError::new(format!(
            "Binding '{}' needs a 'path', for example 'container/{{name}}'.",
            binding.name
        ))
    })?;
    cx.settings.expand(text).map_err(|error| BindError::new(error.to_string()))
}

/// The `path` of an input or output. What is wrong with one that does not depend on the event is said now.
fn template(binding: &Binding, cx: &IndexContext<'_>, may_be_container: bool) -> Result<Template, BindError> {
    let text = path_text(binding, cx)?;
    let template = Template::parse(&text)?;
    if template.is_literal() {
        let rendered = template
            .render(&crate::BindingData::default(), &cx.function.name)
            .map_err(|error| BindError::new(error.to_string()))?;
        let parsed = match may_be_container {
            true => BlobPath::parse(&rendered),
            false => BlobPath::parse_blob(&rendered),
        };
        parsed.map_err(|problem| BindError::new(format!("Binding '{}': {problem}", binding.name)))?;
    }
    Ok(template)
}

impl crate::Extension for Extension {
    fn binding_types(&self) -> &'static [&'static str] {
        &["blobTrigger", "blob"]
    }

    fn section(&self) -> &'static str {
        "blobs"
    }

    fn configure(&mut self, section: HostSection<'_>) -> Result<(), BindError> {
        self.options = Options::read(section.value)?;
        Ok(())
    }

    fn webhook(&self) -> Option<(&'static str, Arc<dyn Webhook>)> {
        let hub = self.hub.get()?;
        let told = hub.watches().iter().any(|watch| watch.source == Source::EventGrid);
        told.then(|| ("blobs", Arc::new(events::BlobEvents { hub: hub.clone() }) as Arc<dyn Webhook>))
    }

    fn trigger(&self, binding: &Binding, cx: &IndexContext<'_>) -> Result<Arc<dyn Trigger>, BindError> {
        let wrong = |problem: String| BindError::new(format!("Binding '{}': {problem}", binding.name));
        if binding.cardinality == Cardinality::Many {
            return Err(wrong("a blobTrigger has no batches, 'cardinality' must be 'one'.".to_owned()));
        }
        let source = match binding.text("source") {
            None => Source::Scan,
            Some(text) if text.eq_ignore_ascii_case("LogsAndContainerScan") => Source::Scan,
            Some(text) if text.eq_ignore_ascii_case("EventGrid") => Source::EventGrid,
            Some(text) => {
                return Err(wrong(format!(
                    "'{text}' is no source of a blobTrigger; 'LogsAndContainerScan' and 'EventGrid' are."
                )));
            }
        };
        let pattern = Pattern::parse(&path_text(binding, cx)?).map_err(wrong)?;
        let shape = match Shape::requested(binding, Shape::Bytes) {
            Shape::Deferred if deferred::needs_payload_here(cx.function) => Shape::Bytes,
            shape => shape,
        };
        let hub = self.hub(cx)?;
        let poison = self.queues(binding, cx).and_then(|queues| queues.queue(work::POISON).ok());
        let watch = Arc::new(Watch {
            id: format!("Host.Functions.{}", cx.function.name),
            function: cx.function.name.clone(),
            disabled: cx.function.disabled,
            source,
            pattern,
            service: self.service(binding, cx)?,
            shape,
            connection: binding.connection().map(str::to_owned),
            poison,
            dispatch: tokio::sync::watch::channel(None).0,
        });
        hub.add(watch.clone());
        Ok(Arc::new(BlobTrigger { watch, hub }))
    }

    fn input(&self, binding: &Binding, cx: &IndexContext<'_>) -> Result<Arc<dyn Input>, BindError> {
        let shape = Shape::requested(binding, Shape::Text);
        Ok(Arc::new(input::BlobInput {
            service: self.service(binding, cx)?,
            path: template(binding, cx, shape == Shape::Deferred)?,
            shape,
            connection: binding.connection().map(str::to_owned),
            function: cx.function.name.clone(),
        }))
    }

    fn output(&self, binding: &Binding, cx: &IndexContext<'_>) -> Result<Arc<dyn Output>, BindError> {
        Ok(Arc::new(output::BlobOutput {
            service: self.service(binding, cx)?,
            path: template(binding, cx, false)?,
            function: cx.function.name.clone(),
            outbox: self.outbox.clone(),
        }))
    }
}

#[cfg(test)]
mod tests;
