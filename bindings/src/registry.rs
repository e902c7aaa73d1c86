//! The list of extensions a host runs with: a list that a human can read, not a link-time side effect.

use std::sync::Arc;

use crate::{BindError, Extension, HostSection, Webhook};

/// Extensions by binding type.
#[derive(Default)]
pub struct Registry {
    extensions: Vec<Box<dyn Extension>>,
}

impl Registry {
    /// No extension at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    #[must_use]
    pub fn with(mut self, extension: impl Extension) -> Self {
        self.extensions.push(Box::new(extension));
        self
    }

    /// Hands every extension its section, found by name with `section`.
    pub fn configure(&mut self, section: impl Fn(&str) -> serde_json::Value) -> Result<(), BindError> {
        for extension in &mut self.extensions {
            let name = extension.section();
            let value = section(name);
            extension.configure(HostSection { name, value: &value })?;
        }
        Ok(())
    }

    /// The webhooks that functions need, by name.
    pub fn webhooks(&self) -> Vec<(&'static str, Arc<dyn Webhook>)> {
        self.extensions.iter().filter_map(|extension| extension.webhook()).collect()
    }

    /// The extension that answers to binding type `kind`, ignoring case.
    pub fn for_type(&self, kind: &str) -> Option<&dyn Extension> {
        self.extensions
            .iter()
            .find(|extension| extension.binding_types().iter().any(|known| known.eq_ignore_ascii_case(kind)))
            .map(|extension| &**extension)
    }
}
