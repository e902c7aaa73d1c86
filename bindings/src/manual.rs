//! Triggers without a source of events: `manualTrigger`, run by hand only, and `warmupTrigger`, run once by the host
//! (spec host.md §2.6 and §2.8).

use std::sync::Arc;

use async_trait::async_trait;
use horus_app::Binding;

use crate::{
    BindError, Dispatch, Drain, Event, HostSection, IndexContext, Json, ListenError, Trigger, Value,
};

/// Why such a function runs, in the platform's words.
const REASON: &str = "This function was programmatically called via the host APIs.";

/// Both binding types.
#[derive(Debug, Default)]
pub struct Extension;

impl Extension {
    /// There is nothing to set.
    pub fn new() -> Self {
        Self
    }
}

impl crate::Extension for Extension {
    fn binding_types(&self) -> &'static [&'static str] {
        &["manualTrigger", "warmupTrigger"]
    }

    fn section(&self) -> &'static str {
        "manual"
    }

    fn configure(&mut self, _section: HostSection<'_>) -> Result<(), BindError> {
        Ok(())
    }

    fn trigger(&self, _binding: &Binding, _cx: &IndexContext<'_>) -> Result<Arc<dyn Trigger>, BindError> {
        Ok(Arc::new(ByHand))
    }
}

#[derive(Debug)]
struct ByHand;

#[async_trait]
impl Trigger for ByHand {
    async fn listen(self: Arc<Self>, _dispatch: Dispatch, drain: Drain) -> Result<(), ListenError> {
        drain.draining().await;
        Ok(())
    }

    /// The payload as it is; without one the empty object, which is what a warm-up context looks like.
    fn manual_event(&self, input: Option<String>) -> Result<Event, BindError> {
        let value = input.map_or_else(|| Value::Json(Json::from_valid("{}".to_owned())), Value::String);
        Ok(Event::new(value, REASON))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// host.md §2.8: the payload of a call by hand is the trigger's value.
    #[test]
    fn payloads_pass_as_they_are() {
        let event = ByHand.manual_event(Some("order 7".into())).unwrap();
        assert!(matches!(event.value, Value::String(text) if text == "order 7"));
        let event = ByHand.manual_event(None).unwrap();
        assert!(matches!(event.value, Value::Json(json) if json.as_str() == "{}"));
        assert_eq!(&*event.reason, REASON);
    }
}
