//! Cosmos DB: the `cosmosDB` input and output (spec bindings.md §7).

mod accounts;
mod input;
mod options;
mod output;
mod query;
mod target;

use std::sync::Arc;

use horus_app::Binding;

use crate::storage::Storage;
use crate::template::Template;
use crate::{BindError, HostSection, IndexContext, Input, Output};

use accounts::Accounts;
use target::Target;

/// Answers to `cosmosDB`.
#[derive(Debug)]
pub struct Extension {
    accounts: Accounts,
    options: options::Options,
}

impl Extension {
    /// The extension; tokens of identity-based connections are asked for through the transport of `storage`, and an
    /// account that is a store of this process is reached like its other services.
    pub fn new(storage: &Storage) -> Self {
        Self { accounts: Accounts::new(storage.clone()), options: options::Options::default() }
    }

    fn target(&self, binding: &Binding, cx: &IndexContext<'_>) -> Result<Target, BindError> {
        let connection = text(binding, "connection", "connectionStringSetting").unwrap_or("CosmosDB");
        let found = cx.settings.connection(connection).map_err(|error| BindError::new(error.to_string()))?;
        let regions = binding.text("preferredLocations").unwrap_or_default();
        let regions = cx.settings.expand(regions).map_err(|error| BindError::new(error.to_string()))?;
        let regions = regions.split(',').map(str::trim).filter(|region| !region.is_empty());
        let account =
            self.accounts.account(&found, regions.map(str::to_owned).collect()).map_err(|error| {
                BindError::new(format!("Binding '{}': connection '{connection}': {error}.", binding.name))
            })?;
        let required = |name: &str, older: &str| {
            text(binding, name, older)
                .ok_or_else(|| BindError::new(format!("Binding '{}' needs a '{name}'.", binding.name)))
                .and_then(|text| template(text, cx))
        };
        Ok(Target {
            account,
            database: required("databaseName", "databaseName")?,
            container: required("containerName", "collectionName")?,
            function: cx.function.name.clone(),
        })
    }
}

/// A property by its name today or in the extension's third major version (spec bindings.md §1.2).
fn text<'a>(binding: &'a Binding, name: &str, older: &str) -> Option<&'a str> {
    binding.text(name).or_else(|| binding.text(older))
}

fn template(text: &str, cx: &IndexContext<'_>) -> Result<Template, BindError> {
    Template::parse(&cx.settings.expand(text).map_err(|error| BindError::new(error.to_string()))?)
}

impl crate::Extension for Extension {
    fn binding_types(&self) -> &'static [&'static str] {
        &["cosmosDB"]
    }

    fn section(&self) -> &'static str {
        "cosmosDB"
    }

    fn configure(&mut self, section: HostSection<'_>) -> Result<(), BindError> {
        self.options = options::Options::read(section.value)?;
        self.accounts.set_user_agent_suffix(self.options.user_agent_suffix.clone());
        Ok(())
    }

    fn input(&self, binding: &Binding, cx: &IndexContext<'_>) -> Result<Arc<dyn Input>, BindError> {
        let optional = |name: &str| binding.text(name).map(|text| template(text, cx)).transpose();
        let key = optional("partitionKey")?;
        let what = match (optional("id")?, binding.text("sqlQuery")) {
            (Some(_), Some(_)) => {
                let message =
                    format!("Binding '{}' may have an 'id' or a 'sqlQuery', not both.", binding.name);
                return Err(BindError::new(message));
            }
            (Some(id), None) => input::What::Document(id),
            (None, Some(text)) => {
                let text = cx.settings.expand(text).map_err(|error| BindError::new(error.to_string()))?;
                input::What::Query(query::SqlQuery::parse(&text)?)
            }
            (None, None) => input::What::Query(query::SqlQuery::everything()),
        };
        Ok(Arc::new(input::CosmosInput { target: self.target(binding, cx)?, what, key }))
    }

    fn output(&self, binding: &Binding, cx: &IndexContext<'_>) -> Result<Arc<dyn Output>, BindError> {
        let throughput =
            binding.property("containerThroughput").or_else(|| binding.property("collectionThroughput"));
        let throughput = throughput.and_then(|value| match value {
            serde_json::Value::String(text) => text.parse().ok(),
            value => value.as_u64(),
        });
        let creation = binding.flag("createIfNotExists").unwrap_or(false).then(|| output::Creation {
            partition_key: binding.text("partitionKey").map(output::key_path),
            throughput,
        });
        Ok(Arc::new(output::CosmosOutput { target: self.target(binding, cx)?, creation }))
    }
}

#[cfg(test)]
mod tests;
