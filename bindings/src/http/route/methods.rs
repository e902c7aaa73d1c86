//! The verbs a route answers to.

use std::fmt;

/// Verbs, compared ignoring case; none given means all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Methods(Vec<String>);

impl Methods {
    /// Every verb.
    pub fn all() -> Self {
        Self::default()
    }

    /// These verbs; an empty list means every verb.
    pub fn of(verbs: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self(verbs.into_iter().map(|verb| verb.as_ref().to_ascii_lowercase()).collect())
    }

    /// Whether `verb` is among them.
    pub fn allow(&self, verb: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|known| known.eq_ignore_ascii_case(verb))
    }

    /// Whether some verb is in both.
    pub fn overlap(&self, other: &Self) -> bool {
        self.0.is_empty() || other.0.is_empty() || self.0.iter().any(|verb| other.0.contains(verb))
    }

    /// The verbs, lower-case; empty for all.
    pub fn verbs(&self) -> &[String] {
        &self.0
    }
}

/// `get,post`, or `all`.
impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("all") } else { f.write_str(&self.0.join(",")) }
    }
}
