//! Storage queues: `queueTrigger` and the `queue` output (spec bindings.md §4).

mod convert;
mod listener;
mod name;
mod options;
mod output;
mod poll;
mod pump;
mod settle;
mod wakers;

use std::sync::Arc;

use async_trait::async_trait;
use horus_app::{Binding, Cardinality};

use crate::storage::{QueueService, Storage};
use crate::template::Template;
use crate::{BindError, HostSection, IndexContext, Output, Trigger};

pub use options::{Encoding, Options};
pub use wakers::Wakers;

pub(crate) use options::ListenerOptions;
pub(crate) use output::send;
pub(crate) use poll::Outage;
pub(crate) use pump::{Consumer, Pump};
pub(crate) use settle::Losses;

/// Where listeners and poison handling log.
const CATEGORY: &str = "Host.Triggers.Queue";

/// Answers to `queueTrigger` and `queue`.
#[derive(Debug)]
pub struct Extension {
    storage: Storage,
    options: Options,
}

impl Extension {
    /// The extension on the services of `storage`.
    pub fn new(storage: Storage) -> Self {
        Self { storage, options: Options::default() }
    }

    fn service(&self, binding: &Binding, cx: &IndexContext<'_>) -> Result<QueueService, BindError> {
        let connection = cx
            .settings
            .storage_connection(binding.connection())
            .map_err(|error| BindError::new(error.to_string()))?;
        self.storage.queues(&connection).map_err(|error| {
            let name = binding.connection().unwrap_or("AzureWebJobsStorage");
            BindError::new(format!("Binding '{}': connection '{name}': {error}.", binding.name))
        })
    }
}

/// The `queueName` of `binding` with its settings filled in.
fn queue_name(binding: &Binding, cx: &IndexContext<'_>) -> Result<String, BindError> {
    let text = binding
        .text("queueName")
        .ok_or_else(|| BindError::new(format!("Binding '{}' needs a 'queueName'.", binding.name)))?;
    cx.settings.expand(text).map_err(|error| BindError::new(error.to_string()))
}

#[async_trait]
impl crate::Extension for Extension {
    fn binding_types(&self) -> &'static [&'static str] {
        &["queueTrigger", "queue"]
    }

    fn section(&self) -> &'static str {
        "queues"
    }

    fn configure(&mut self, section: HostSection<'_>) -> Result<(), BindError> {
        self.options = Options::read(section.value)?;
        Ok(())
    }

    fn trigger(&self, binding: &Binding, cx: &IndexContext<'_>) -> Result<Arc<dyn Trigger>, BindError> {
        if binding.cardinality == Cardinality::Many {
            let message = format!(
                "Binding '{}': a queueTrigger has no batches, 'cardinality' must be 'one'.",
                binding.name
            );
            return Err(BindError::new(message));
        }
        let name = name::validate(&queue_name(binding, cx)?).map_err(BindError::new)?;
        let service = self.service(binding, cx)?;
        let queue = |name: &str| service.queue(name).map_err(|error| BindError::new(error.to_string()));
        let poison = name::poison(&name).map(|name| queue(&name)).transpose()?;
        let listener = listener::Listener {
            shape: convert::Shape::requested(binding, cx.function),
            reason: format!("New queue message detected on '{name}'.").into(),
            poison,
            pump: Arc::new(pump::Pump {
                who: format!("Function '{}'", cx.function.name).into(),
                queue: queue(&name)?,
                options: self.options.for_listener(cx.settings, cx.development),
                wakers: cx.wakers.clone(),
                log: cx.log.clone(),
                losses: settle::Losses::default(),
            }),
        };
        Ok(Arc::new(listener))
    }

    fn output(&self, binding: &Binding, cx: &IndexContext<'_>) -> Result<Arc<dyn Output>, BindError> {
        let name = Template::parse(&queue_name(binding, cx)?)?;
        let service = self.service(binding, cx)?;
        let output = output::QueueOutput::new(
            service,
            name,
            cx.function.name.clone(),
            self.options.encoding,
            cx.wakers.clone(),
        )?;
        Ok(Arc::new(output))
    }
}

#[cfg(test)]
mod tests;
