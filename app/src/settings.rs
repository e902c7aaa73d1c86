//! The app's settings: environment variables and local.settings.json under one case-insensitive roof.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

/// Names the language of the app: `node`, `python`, `custom` …
pub const WORKER_RUNTIME: &str = "FUNCTIONS_WORKER_RUNTIME";
/// `Development` on a developer's machine.
pub const ENVIRONMENT: &str = "AZURE_FUNCTIONS_ENVIRONMENT";

/// Why a `%Name%` in a binding property has no value (spec host.md §1.5).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// The setting does not exist.
    #[error("'%{0}%' does not resolve to a value.")]
    Missing(String),
    /// A `%` without its partner, counted in UTF-16 units from 0 as the platform does.
    #[error("The '%' at position {0} does not have a closing '%'.")]
    Unbalanced(usize),
}

/// All settings of the app. Cheap to clone.
///
/// Names ignore case, and `a__b` and `a:b` are the same name. Values never show in `Debug`.
#[derive(Clone, Default)]
pub struct Settings(Arc<Layers>);

#[derive(Clone, Default)]
struct Layers {
    /// Original spelling, in the order given; what workers inherit.
    pairs: Vec<(String, String)>,
    /// Normal form of the name to its place in `pairs`.
    index: HashMap<String, usize>,
    /// Values that are found by name only when no pair has it; workers do not inherit them.
    beneath: BTreeMap<String, String>,
}

impl Settings {
    /// The process environment. Variables that are not Unicode are left out.
    pub fn from_env() -> Self {
        Self::from_pairs(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Settings from `pairs`; of two pairs with the same name the later one wins.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut layers = Layers::default();
        for (name, value) in pairs {
            layers.set(name, value);
        }
        Self(Arc::new(layers))
    }

    /// A copy with `name` added or replaced.
    #[must_use]
    pub fn with(&self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let mut layers = Layers::clone(&self.0);
        layers.set(name.into(), value.into());
        Self(Arc::new(layers))
    }

    /// A copy in which `pairs` are found when no setting of that name exists. They are not part of
    /// [`Settings::iter`]: host.json is reachable this way (spec host.md §1.5), but not given to workers.
    #[must_use]
    pub fn with_beneath(&self, pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut layers = Layers::clone(&self.0);
        layers.beneath.extend(pairs.into_iter().map(|(name, value)| (normal(&name), value)));
        Self(Arc::new(layers))
    }

    /// The value of `name`, which may be empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let name = normal(name);
        match self.0.index.get(&name) {
            Some(&place) => Some(&self.0.pairs[place].1),
            None => self.0.beneath.get(&name).map(String::as_str),
        }
    }

    /// The value of `name` unless it is empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Whether `name` is `1` or `true`, ignoring case.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }

    /// All keys below `name:` in lower case, with their values: `Photos__queueServiceUri` is `queueserviceuri`
    /// in section `Photos`.
    pub fn section(&self, name: &str) -> BTreeMap<String, String> {
        let mut prefix = normal(name);
        prefix.push(':');
        let key = |full: &str| full.strip_prefix(&prefix).filter(|key| !key.is_empty()).map(str::to_owned);
        let mut found: BTreeMap<String, String> =
            self.0.beneath.iter().filter_map(|(full, value)| Some((key(full)?, value.clone()))).collect();
        found.extend(
            self.0
                .index
                .iter()
                .filter_map(|(full, &place)| Some((key(full)?, self.0.pairs[place].1.clone()))),
        );
        found
    }

    /// Name and value as spelled by their source, each name once, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// `text` with every `%Name%` replaced by the value of that setting (spec host.md §1.5).
    ///
    /// # Errors
    /// When a name has no value, or a `%` has no partner.
    pub fn expand(&self, text: &str) -> Result<String, ExpandError> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find('%') {
            let after = &rest[open + 1..];
            let Some(close) = after.find('%') else {
                let before = &text[..text.len() - after.len() - 1];
                return Err(ExpandError::Unbalanced(before.encode_utf16().count()));
            };
            let name = &after[..close];
            expanded.push_str(&rest[..open]);
            expanded.push_str(self.get(name).ok_or_else(|| ExpandError::Missing(name.to_owned()))?);
            rest = &after[close + 1..];
        }
        expanded.push_str(rest);
        Ok(expanded)
    }
}

impl Layers {
    fn set(&mut self, name: String, value: String) {
        match self.index.get(&normal(&name)) {
            Some(&place) => self.pairs[place] = (name, value),
            None => {
                self.index.insert(normal(&name), self.pairs.len());
                self.pairs.push((name, value));
            }
        }
    }
}

/// The form under which names are equal.
fn normal(name: &str) -> String {
    name.replace("__", ":").to_lowercase()
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings ")?;
        f.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests;
