//! The binding type `timerTrigger`.

use std::sync::Arc;
use std::time::Duration;

use horus_app::{Binding, Cardinality};
use serde_json::Value as JsonValue;

use super::listener::{Clock, Timer};
use super::{Schedule, Zone};
use crate::{BindError, HostSection, IndexContext};

/// Timers. They have no options of their own in host.json.
#[derive(Debug, Default)]
pub struct Extension;

impl Extension {
    /// The extension.
    pub fn new() -> Self {
        Self
    }
}

/// Log category of timers; passes the default filter because it starts with `Host.`.
pub(super) const CATEGORY: &str = "Host.Triggers.Timer";

impl crate::Extension for Extension {
    fn binding_types(&self) -> &'static [&'static str] {
        &["timerTrigger"]
    }

    fn section(&self) -> &'static str {
        "timers"
    }

    fn configure(&mut self, _section: HostSection<'_>) -> Result<(), BindError> {
        Ok(())
    }

    fn trigger(
        &self,
        binding: &Binding,
        cx: &IndexContext<'_>,
    ) -> Result<Arc<dyn crate::Trigger>, BindError> {
        Ok(Arc::new(timer(binding, cx, Clock::system())?))
    }
}

/// Makes the timer for `binding`.
pub(super) fn timer(binding: &Binding, cx: &IndexContext<'_>, clock: Clock) -> Result<Timer, BindError> {
    if binding.cardinality == Cardinality::Many {
        return Err(BindError::new(format!(
            "Binding '{}' of type '{}' does not support cardinality 'many'.",
            binding.name, binding.kind
        )));
    }
    let text = binding.text("schedule").ok_or_else(|| {
        BindError::new(format!(
            "Unable to configure binding '{}' of type '{}'. This may indicate invalid function.json properties: \
             'schedule' is missing.",
            binding.name, binding.kind
        ))
    })?;
    let text = cx.settings.expand(text).map_err(|error| BindError::new(error.to_string()))?;
    let zone = Zone::of(cx.settings).unwrap_or_else(|(zone, name)| {
        cx.log.warning(CATEGORY, format!("The time zone '{name}' is not known; timers run in UTC."));
        zone
    });
    let schedule = Schedule::parse(&text, zone)?;
    let monitored = flag(binding, "useMonitor")?.unwrap_or(true) && !schedule.is_fast(clock.now());
    let function = &cx.function.name;
    Ok(Timer {
        function: function.clone(),
        schedule,
        monitored,
        run_on_startup: flag(binding, "runOnStartup")?.unwrap_or(false),
        state: cx.state.clone(),
        status_path: format!("timers/{}/Host.Functions.{function}/status", cx.host_id),
        lock_path: format!("locks/{}/Host.Functions.{function}.Listener", cx.host_id),
        // The reference host lets listener locks lapse sooner while somebody develops (spec host.md §1.3).
        lock_period: Duration::from_secs(if cx.development { 15 } else { 60 }),
        owner: cx
            .settings
            .get("WEBSITE_INSTANCE_ID")
            .map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned),
        log: cx.log.clone(),
        clock,
        status: parking_lot::Mutex::new(None),
    })
}

fn flag(binding: &Binding, name: &str) -> Result<Option<bool>, BindError> {
    match binding.property(name) {
        None | Some(JsonValue::Null) => Ok(None),
        Some(_) => binding.flag(name).map(Some).ok_or_else(|| {
            BindError::new(format!(
                "Error parsing function.json: Invalid value specified for binding property '{name}' of type Boolean."
            ))
        }),
    }
}
