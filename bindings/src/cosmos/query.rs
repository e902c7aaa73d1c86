//! `sqlQuery`: expressions become parameters, never text (spec bindings.md §7).

use std::fmt::Write;

use serde_json::Value as JsonValue;

use crate::template::Template;
use crate::{BindError, BindingData, BindingError, Value};

/// A query with `@name` in place of each `{name}`.
#[derive(Debug, Clone)]
pub(super) struct SqlQuery {
    text: String,
    parameters: Vec<Parameter>,
}

#[derive(Debug, Clone)]
struct Parameter {
    /// With its `@`.
    name: String,
    /// What stood between the braces.
    expression: String,
    template: Template,
}

impl SqlQuery {
    /// All documents.
    pub(super) fn everything() -> Self {
        Self { text: "SELECT * FROM c".to_owned(), parameters: Vec::new() }
    }

    /// Reads `text`.
    pub(super) fn parse(text: &str) -> Result<Self, BindError> {
        // Says what is wrong with the braces, if anything, so that below they are known to match.
        Template::parse(text)?;
        let mut query = Self { text: String::with_capacity(text.len()), parameters: Vec::new() };
        let mut rest = text;
        while let Some(place) = rest.find(['{', '}']) {
            query.text.push_str(&rest[..place]);
            let after = &rest[place..];
            if after.starts_with("{{") || after.starts_with("}}") {
                query.text.push_str(&after[..1]);
                rest = &after[2..];
                continue;
            }
            let end = after.find('}').ok_or_else(|| BindError::new("A brace of the sqlQuery has no end."))?;
            let name = query.parameter(&after[1..end])?;
            query.text.push_str(&name);
            rest = &after[end + 1..];
        }
        query.text.push_str(rest);
        Ok(query)
    }

    /// Name of the parameter for `expression`; the same one each time it occurs.
    fn parameter(&mut self, expression: &str) -> Result<String, BindError> {
        if let Some(known) = self.parameters.iter().find(|parameter| parameter.expression == expression) {
            return Ok(known.name.clone());
        }
        let mut name = String::from("@");
        name.extend(expression.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }));
        if self.parameters.iter().any(|parameter| parameter.name == name) {
            let _ = write!(name, "_{}", self.parameters.len());
        }
        let template = Template::parse(&format!("{{{expression}}}"))?;
        self.parameters.push(Parameter { name: name.clone(), expression: expression.to_owned(), template });
        Ok(name)
    }

    /// The query's text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Its parameters for one event. Numbers and booleans that the event has as such stay what they are; all else
    /// is text.
    pub(super) fn parameters(
        &self,
        data: &BindingData,
        function: &str,
    ) -> Result<Vec<(String, JsonValue)>, BindingError> {
        self.parameters
            .iter()
            .map(|parameter| {
                let value = match data.get(&parameter.expression) {
                    Some(Value::Json(json)) => json.parse(),
                    Some(Value::Int(number)) => JsonValue::from(*number),
                    Some(Value::Double(number)) => JsonValue::from(*number),
                    _ => JsonValue::String(parameter.template.render(data, function)?),
                };
                Ok((parameter.name.clone(), value))
            })
            .collect()
    }
}
