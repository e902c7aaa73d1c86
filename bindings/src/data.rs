//! Binding data: what an event tells about itself, by name, ignoring case.

use std::borrow::Cow;

use crate::{Json, Value, json};

/// One case-insensitive dictionary per invocation (spec bindings.md §1.5). Keeps the order and the case of the
/// first writer, since both reach the worker; small enough that a scan beats hashing.
#[derive(Debug, Clone, Default)]
pub struct BindingData(Vec<(Cow<'static, str>, Value)>);

impl BindingData {
    /// Empty, with room for `capacity` entries.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// The value called `name`, ignoring case.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Sets `name`, replacing an entry of the same name in any case.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, value: Value) {
        let name = name.into();
        match self.0.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(&name)) {
            Some(entry) => *entry = (name, value),
            None => self.0.push((name, value)),
        }
    }

    /// Adds `name`, which the caller knows to be new.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: Value) {
        self.0.push((name.into(), value));
    }

    /// Adds the members of `text` if it holds a JSON object, overwriting entries of the same name (spec bindings.md
    /// §1.5, rule 2): scalars become text, objects stay JSON, arrays and nulls are skipped. Any other text adds nothing.
    pub fn add_json_members(&mut self, text: &str) {
        if !text.trim_start().starts_with('{') {
            return;
        }
        let Some(members) = json::members(text) else { return };
        for (name, member) in members {
            let value = match json::kind(member.get()) {
                json::Kind::Null | json::Kind::Array => continue,
                json::Kind::Scalar(plain) => Value::String(plain),
                json::Kind::Object => Value::Json(Json::from_valid(json::compact(member.get()))),
            };
            self.insert(name, value);
        }
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// All entries in order, by value.
    pub fn into_entries(self) -> impl Iterator<Item = (Cow<'static, str>, Value)> {
        self.0.into_iter()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests;
