//! JSON as people write it in an app: with comments, trailing commas, a byte-order mark, single quotes.

use std::fmt;
use std::path::Path;

use jsonc_parser::ast::{Object, ObjectProp, Value as Node};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::{Map, Value};

/// A place in a file; both numbers count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

/// What is wrong with a text, and where. Never repeats the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} on {position}")]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub position: Position,
}

/// What the reference host's parser lets pass as well; nothing beyond it.
fn dialect() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: true,
        allow_single_quoted_strings: true,
        allow_missing_commas: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// Parses `text`. Of two properties with the same name the later one wins; at most 512 levels may be nested.
///
/// # Errors
/// When `text` is no JSON, or holds no value at all.
pub fn parse(text: &str) -> Result<Value, SyntaxError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value = syntax(text)?;
    value_of(text, value)
}

/// Where the value at `path` (property names ignoring case, array places as numbers) begins in `text`; the
/// deepest existing part of the path if it does not exist itself.
pub fn locate(text: &str, path: &[&str]) -> Option<Position> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = syntax(text).ok()?;
    let mut node = &root;
    for step in path {
        let next = match node {
            Node::Object(object) => object
                .properties
                .iter()
                .rfind(|property| property.name.as_str().to_lowercase() == step.to_lowercase())
                .map(|property| &property.value),
            Node::Array(array) => step.parse::<usize>().ok().and_then(|place| array.elements.get(place)),
            _ => None,
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    Some(position(text, node.start()))
}

fn syntax(text: &str) -> Result<Node<'_>, SyntaxError> {
    let parsed = parse_to_ast(text, &CollectOptions::default(), &dialect()).map_err(|error| SyntaxError {
        message: error.kind().to_string(),
        position: Position { line: error.line_display(), column: error.column_display() },
    })?;
    parsed.value.ok_or_else(|| SyntaxError {
        message: "The file holds no JSON value".to_owned(),
        position: position(text, text.len()),
    })
}

fn value_of(text: &str, node: Node<'_>) -> Result<Value, SyntaxError> {
    Ok(match node {
        Node::NullKeyword(_) => Value::Null,
        Node::BooleanLit(literal) => Value::Bool(literal.value),
        Node::StringLit(literal) => Value::String(literal.value.into_owned()),
        Node::NumberLit(literal) => {
            Value::Number(serde_json::from_str(literal.value).map_err(|_| SyntaxError {
                message: "A number is out of range".to_owned(),
                position: position(text, literal.range.start),
            })?)
        }
        Node::Array(array) => {
            let values = array.elements.into_iter().map(|element| value_of(text, element));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        Node::Object(Object { properties, .. }) => {
            let mut map = Map::with_capacity(properties.len());
            for ObjectProp { name, value, .. } in properties {
                map.insert(name.into_string(), value_of(text, value)?);
            }
            Value::Object(map)
        }
    })
}

fn position(text: &str, offset: usize) -> Position {
    let before = &text[..offset.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |place| place + 1);
    Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}

/// The property called `name`, ignoring case; the last one if there are several.
pub(crate) fn property<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Removes a byte-order mark and decodes; the files of an app are UTF-8, foreign bytes become U+FFFD.
pub(crate) fn read_text(path: &Path) -> std::io::Result<String> {
    let bytes = std::fs::read(path)?;
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

#[cfg(test)]
mod tests;
