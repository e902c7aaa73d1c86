//! The binding types `httpTrigger` and `http`.

use std::sync::Arc;

use async_trait::async_trait;
use horus_app::settings::Settings;
use horus_app::{Binding, Cardinality};
use serde_json::Value as JsonValue;

use super::Options;
use super::route::{self, Methods, Template};
use crate::{
    BindError, BindingData, BindingError, Dispatch, Drain, Event, HostSection, IndexContext, ListenError,
};
use crate::{Input, Output, Value};

/// HTTP triggers and replies. Serving them is the front end's task; this side validates and describes them.
#[derive(Debug, Default)]
pub struct Extension {
    options: Options,
}

impl Extension {
    /// With the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// The section of host.json.
    pub fn options(&self) -> &Options {
        &self.options
    }
}

impl crate::Extension for Extension {
    fn binding_types(&self) -> &'static [&'static str] {
        &["httpTrigger", "http"]
    }

    fn section(&self) -> &'static str {
        "http"
    }

    fn configure(&mut self, section: HostSection<'_>) -> Result<(), BindError> {
        self.options = Options::parse(section)?;
        Ok(())
    }

    fn trigger(
        &self,
        binding: &Binding,
        cx: &IndexContext<'_>,
    ) -> Result<Arc<dyn crate::Trigger>, BindError> {
        let prefix = &self.options.route_prefix;
        Ok(Arc::new(Trigger::new(binding, &cx.function.name, cx.settings, prefix)?))
    }

    fn input(&self, _binding: &Binding, _cx: &IndexContext<'_>) -> Result<Arc<dyn Input>, BindError> {
        Err(BindError::new("Http binding can only be used for output."))
    }

    fn output(&self, _binding: &Binding, _cx: &IndexContext<'_>) -> Result<Arc<dyn Output>, BindError> {
        Ok(Arc::new(Reply))
    }
}

/// Who may call a function (spec host.md §3.4), from everybody to the holder of the master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum AuthLevel {
    /// Everybody.
    Anonymous,
    /// Signed-in users; in practice the master key only.
    User,
    /// A key of the function or of the host.
    #[default]
    Function,
    /// A system key.
    System,
    /// The master key.
    Admin,
}

impl AuthLevel {
    /// The level called `name`, ignoring case.
    pub fn parse(name: &str) -> Option<Self> {
        const LEVELS: [AuthLevel; 5] =
            [AuthLevel::Anonymous, AuthLevel::User, AuthLevel::Function, AuthLevel::System, AuthLevel::Admin];
        LEVELS.into_iter().find(|level| level.name().eq_ignore_ascii_case(name))
    }

    /// Its name in function.json.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User => "user",
            Self::Function => "function",
            Self::System => "system",
            Self::Admin => "admin",
        }
    }
}

/// A validated `httpTrigger`.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// The route without prefix, settings expanded, slashes at its ends removed.
    pub route: String,
    /// Where the function is: prefix and route.
    pub template: Template,
    /// Which verbs it answers to.
    pub methods: Methods,
    /// Who may call it.
    pub auth_level: AuthLevel,
}

impl Trigger {
    /// Validates `binding` of `function`. An absent route is the function's name; an empty one is the root beneath
    /// the prefix.
    pub fn new(
        binding: &Binding,
        function: &str,
        settings: &Settings,
        prefix: &str,
    ) -> Result<Self, BindError> {
        if binding.cardinality == Cardinality::Many {
            return Err(BindError::new(format!(
                "Binding '{}' of type '{}' does not support cardinality 'many'.",
                binding.name, binding.kind
            )));
        }
        let route = match binding.property("route") {
            None | Some(JsonValue::Null) => function.to_owned(),
            Some(JsonValue::String(text)) => {
                settings.expand(text).map_err(|error| BindError::new(error.to_string()))?
            }
            Some(_) => return Err(wrong("route", "type String")),
        };
        let route = route.trim().trim_matches('/').to_owned();
        let lower = route.to_lowercase();
        if lower.starts_with("admin") || lower.starts_with("runtime") {
            return Err(BindError::new("The specified route conflicts with one or more built in routes."));
        }
        let template = Template::parse(&route::join(prefix, &route))?;
        Ok(Self { route, template, methods: methods(binding)?, auth_level: auth_level(binding)? })
    }
}

fn auth_level(binding: &Binding) -> Result<AuthLevel, BindError> {
    match binding.property("authLevel") {
        None | Some(JsonValue::Null) => Ok(AuthLevel::default()),
        Some(level) => level
            .as_str()
            .and_then(AuthLevel::parse)
            .ok_or_else(|| wrong("authLevel", "enum type AuthorizationLevel")),
    }
}

fn methods(binding: &Binding) -> Result<Methods, BindError> {
    match binding.property("methods") {
        None | Some(JsonValue::Null) => Ok(Methods::all()),
        Some(JsonValue::Array(verbs)) => {
            let verbs: Option<Vec<&str>> = verbs.iter().map(JsonValue::as_str).collect();
            verbs.map(Methods::of).ok_or_else(|| wrong("methods", "type String[]"))
        }
        Some(_) => Err(wrong("methods", "type String[]")),
    }
}

/// In the platform's words (spec host.md §2.4).
fn wrong(property: &str, kind: &str) -> BindError {
    BindError::new(format!(
        "Error parsing function.json: Invalid value specified for binding property '{property}' of {kind}."
    ))
}

#[async_trait]
impl crate::Trigger for Trigger {
    /// Waits for the end: the front end does the serving.
    async fn listen(self: Arc<Self>, _dispatch: Dispatch, drain: Drain) -> Result<(), ListenError> {
        drain.draining().await;
        Ok(())
    }

    fn manual_event(&self, _input: Option<String>) -> Result<Event, BindError> {
        Err(BindError::new("An HttpRequest is required"))
    }
}

/// The `http` output. Its value becomes the reply in the front end, after all other outputs are written, so there is
/// nothing left to write here.
#[derive(Debug)]
struct Reply;

#[async_trait]
impl Output for Reply {
    async fn write(&self, _value: Value, _data: &BindingData) -> Result<(), BindingError> {
        Ok(())
    }
}
