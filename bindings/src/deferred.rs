//! When a binding is delivered as a reference instead of its content (spec bindings.md §1.10).

use horus_app::{Binding, Function};
use serde_json::Value;

/// Whether the library behind `binding` resolves references itself: `properties.SupportsDeferredBinding`.
pub(crate) fn is_supported(binding: &Binding) -> bool {
    binding
        .property("properties")
        .and_then(Value::as_object)
        .and_then(|bag| bag.iter().find(|(key, _)| key.eq_ignore_ascii_case("SupportsDeferredBinding")))
        .is_some_and(|(_, value)| match value {
            Value::Bool(flag) => *flag,
            Value::String(text) => text.eq_ignore_ascii_case("true"),
            _ => false,
        })
}

/// Whether the host needs the trigger's payload itself: expressions of other bindings are filled in from it.
pub(crate) fn needs_payload_here(function: &Function) -> bool {
    function
        .bindings
        .iter()
        .filter(|other| !other.is_trigger())
        .flat_map(|other| other.raw.values())
        .any(|value| value.as_str().is_some_and(|text| text.contains('{')))
}
