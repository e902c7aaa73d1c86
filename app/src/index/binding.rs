//! Bindings from JSON, and the rules that hold for the bindings of one function (spec host.md §2.2, §2.4).

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::function::{Binding, Cardinality, DataType, Direction};
use crate::json::property;

const LONGEST_NAME: usize = 128;

/// The name rule of functions: a letter, then up to 127 letters, digits, `_` or `-`; not `host`.
pub(super) fn check_function_name(name: &str) -> Result<(), String> {
    let mut bytes = name.bytes();
    let valid = bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        && name.len() <= LONGEST_NAME
        && !name.eq_ignore_ascii_case("host");
    valid.then_some(()).ok_or_else(|| format!("'{name}' is not a valid function name."))
}

/// Reads one binding. Names and enums ignore case; numbers are taken as text where text is expected.
pub(super) fn read(raw: &Value) -> Result<Binding, String> {
    let Value::Object(raw) = raw else {
        return Err("Error parsing function.json: Invalid value specified for binding property 'bindings' of type Object.".to_owned());
    };
    let direction = match text(raw, "direction")? {
        None => Direction::In,
        Some(name) => {
            one_of(&name, &[("in", Direction::In), ("out", Direction::Out), ("inout", Direction::InOut)])
                .ok_or_else(|| format!("'{name}' is not a valid binding direction."))?
        }
    };
    let data_type = enumeration(
        raw,
        "dataType",
        "DataType",
        &[
            ("undefined", DataType::Undefined),
            ("string", DataType::String),
            ("binary", DataType::Binary),
            ("stream", DataType::Stream),
        ],
    )?;
    let cardinality = enumeration(
        raw,
        "cardinality",
        "Cardinality",
        &[("one", Cardinality::One), ("many", Cardinality::Many)],
    )?;
    text(raw, "connection")?;
    if property(raw, "properties").is_some_and(|bag| !bag.is_object() && !bag.is_null()) {
        return Err(mistyped("properties", "Object"));
    }
    Ok(Binding {
        name: text(raw, "name")?.unwrap_or_default(),
        kind: text(raw, "type")?.unwrap_or_default(),
        direction,
        data_type,
        cardinality,
        raw: raw.clone(),
    })
}

/// The rules across the bindings of one function.
pub(super) fn check(bindings: &[Binding]) -> Result<(), String> {
    if bindings.is_empty() {
        return Err("At least one binding must be declared.".to_owned());
    }
    let mut names = HashSet::new();
    for binding in bindings {
        check_one(binding)?;
        if !names.insert(binding.name.to_ascii_lowercase()) {
            return Err(format!(
                "Multiple bindings with name '{}' discovered. Binding names must be unique.",
                binding.name
            ));
        }
    }
    if !bindings.iter().any(|binding| binding.is_trigger() && binding.direction != Direction::Out) {
        return Err("No trigger binding specified. A function must have a trigger input binding.".to_owned());
    }
    if bindings.iter().filter(|binding| binding.is_trigger()).count() > 1 {
        return Err("Multiple trigger bindings defined. A function can only have a single trigger binding."
            .to_owned());
    }
    Ok(())
}

fn check_one(binding: &Binding) -> Result<(), String> {
    let name = binding.name.as_str();
    let is_return = name == "$return";
    let mut bytes = name.bytes();
    let valid = bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric())
        && name.len() <= LONGEST_NAME;
    if !valid && !is_return {
        return Err(format!(
            "The binding name {name} is invalid. Please assign a valid name to the binding."
        ));
    }
    if binding.kind.is_empty() {
        return Err(format!("Binding '{name}' is invalid. Bindings must specify a Type."));
    }
    if is_return && binding.direction != Direction::Out {
        return Err("$return bindings must specify a direction of 'out'.".to_owned());
    }
    if binding.is("http") && binding.direction == Direction::In {
        return Err("Http binding can only be used for output.".to_owned());
    }
    Ok(())
}

fn mistyped(property: &str, expected: &str) -> String {
    format!(
        "Error parsing function.json: Invalid value specified for binding property '{property}' of type {expected}."
    )
}

/// A text property; scalars of other types are taken as text, empty text is absent.
fn text(raw: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    let text = match property(raw, name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(_) | Value::Object(_)) => return Err(mistyped(name, "String")),
        Some(scalar) => scalar.to_string(),
    };
    Ok((!text.is_empty()).then_some(text))
}

fn enumeration<T: Copy + Default>(
    raw: &Map<String, Value>,
    name: &str,
    enum_name: &str,
    known: &[(&str, T)],
) -> Result<T, String> {
    let invalid = || {
        format!(
            "Error parsing function.json: Invalid value specified for binding property '{name}' of enum type {enum_name}."
        )
    };
    match property(raw, name) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(Value::String(text)) if text.is_empty() => Ok(T::default()),
        Some(Value::String(text)) => one_of(text, known).ok_or_else(invalid),
        Some(_) => Err(invalid()),
    }
}

fn one_of<T: Copy>(text: &str, known: &[(&str, T)]) -> Option<T> {
    known.iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim())).map(|(_, value)| *value)
}
