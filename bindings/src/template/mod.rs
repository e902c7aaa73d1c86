//! Binding expressions: `orders/{customer.id}-{rand-guid}` and what they become per invocation
//! (spec bindings.md §1.4).

mod parse;
mod render;

use crate::BindError;

/// A parsed text with expressions in it. Parsed once, when the app is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Expression(Expression),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Expression {
    /// As written, without the format.
    name: String,
    /// The dotted segments of `name`; at least one.
    path: Vec<String>,
    format: Option<String>,
    /// What the name stands for when the event has no value of that name.
    builtin: Option<Builtin>,
}

/// Values that the host itself supplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Builtin {
    RandGuid,
    UtcNow,
    MethodName,
}

impl Template {
    /// Reads `text`; the error is worded as the platform words it.
    pub fn parse(text: &str) -> Result<Self, BindError> {
        Ok(Self { text: text.to_owned(), parts: parse::parts(text)? })
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether every rendering is the same.
    pub fn is_literal(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Literal(_)))
    }

    /// The names that must come from the event, first segments only, in order; built-in expressions are left out.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expression(expression) if expression.builtin.is_none() => Some(expression.path[0].as_str()),
            _ => None,
        })
    }

    /// Checks the names against a trigger whose contract is known in advance. Triggers whose payload brings its own
    /// names (JSON bodies, http, manual) are not checked: they fail per invocation.
    pub fn check(&self, contract: &[&str]) -> Result<(), BindError> {
        match self.names().find(|name| !contract.iter().any(|known| known.eq_ignore_ascii_case(name))) {
            None => Ok(()),
            Some(unknown) => Err(BindError::new(format!(
                "Unable to resolve binding parameter '{unknown}'. Binding expressions must map to either a value \
                 provided by the trigger or a property of the value the trigger is bound to, or must be a system \
                 binding expression (e.g. sys.randguid, sys.utcnow, etc.)."
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
