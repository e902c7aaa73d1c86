//! The `path` of a `blobTrigger`: which blobs it watches, and what their names tell (spec bindings.md §5).

use regex::Regex;

use super::path::container_name;

/// A container and what the names of its blobs must look like.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    container: String,
    /// What every matching name begins with.
    prefix: String,
    /// `None` matches every blob.
    name: Option<Regex>,
    /// Names of the captures, in order.
    captures: Vec<String>,
}

impl Pattern {
    /// Reads `text`, in which settings are filled in already. `{x}` in the blob's part captures as much as it can;
    /// doubled braces stand for themselves.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (container, name) = text.split_once('/').unwrap_or((text, ""));
        if container.contains(['{', '}']) {
            return Err(format!("The path '{text}' may hold no expressions in the name of its container."));
        }
        let container = container_name(container)?;
        if name.is_empty() {
            return Ok(Self { container, prefix: String::new(), name: None, captures: Vec::new() });
        }
        let mut pattern = String::from("(?s)^");
        let mut prefix = String::new();
        let mut captures = Vec::new();
        let mut literal = |text: &str, pattern: &mut String, captures: &[String]| {
            pattern.push_str(&regex::escape(text));
            if captures.is_empty() {
                prefix.push_str(text);
            }
        };
        let mut rest = name;
        while let Some(at) = rest.find(['{', '}']) {
            literal(&rest[..at], &mut pattern, &captures);
            let (brace, after) = (&rest[at..=at], &rest[at + 1..]);
            if let Some(remainder) = after.strip_prefix(brace) {
                literal(brace, &mut pattern, &captures);
                rest = remainder;
                continue;
            }
            let position = text[..text.len() - after.len()].chars().count();
            let bracket = |which: &str| {
                format!("Invalid template '{text}'. Missing {which} bracket at position {position}.")
            };
            if brace == "}" {
                return Err(bracket("opening"));
            }
            let end = after.find(['{', '}']).filter(|end| after[*end..].starts_with('}'));
            let end = end.ok_or_else(|| bracket("closing"))?;
            let capture = &after[..end];
            if capture.is_empty() || !capture.chars().all(|c| c.is_alphanumeric() || c == '_') {
                return Err(format!("Invalid template '{text}'. The parameter name '{capture}' is invalid."));
            }
            captures.push(capture.to_owned());
            pattern.push_str("(.*)");
            rest = &after[end + 1..];
        }
        literal(rest, &mut pattern, &captures);
        pattern.push('$');
        let name = Regex::new(&pattern).map_err(|_| format!("The path '{text}' is too long."))?;
        Ok(Self { container, prefix, name: Some(name), captures })
    }

    /// The container it watches, in lower case.
    pub(super) fn container(&self) -> &str {
        &self.container
    }

    /// What the names of all matching blobs begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What the blob's name tells, as names and values; `None` when it does not match.
    pub(super) fn captures(&self, container: &str, name: &str) -> Option<Vec<(String, String)>> {
        if !container.eq_ignore_ascii_case(&self.container) {
            return None;
        }
        let Some(regex) = &self.name else { return Some(Vec::new()) };
        let found = regex.captures(name)?;
        let values = self.captures.iter().enumerate().map(|(index, capture)| {
            let value = found.get(index + 1).map_or("", |group| group.as_str());
            (capture.clone(), value.to_owned())
        });
        Some(values.collect())
    }

    /// Whether it watches this blob.
    pub(super) fn matches(&self, container: &str, name: &str) -> bool {
        container.eq_ignore_ascii_case(&self.container)
            && self.name.as_ref().is_none_or(|regex| regex.is_match(name))
    }
}
