//! Settings named `AzureFunctionsJobHost__a__b` over host.json (spec host.md §1.1).

use serde_json::{Map, Number, Value};

use crate::settings::Settings;

/// The configuration root under which host.json lies.
pub(super) const ROOT: &str = "AzureFunctionsJobHost";

/// One override: its path below the root and its value.
#[derive(Clone)]
pub(super) struct Override {
    /// Name of the setting as spelled by its source.
    pub(super) setting: String,
    /// Path below the root.
    pub(super) path: Vec<String>,
    value: String,
}

impl Override {
    /// Whether this override sets the property at `path` or one below it.
    pub(super) fn covers(&self, path: &[&str]) -> bool {
        self.path.len() >= path.len()
            && self.path.iter().zip(path).all(|(mine, theirs)| mine.eq_ignore_ascii_case(theirs))
    }
}

/// All overrides of `settings`; array elements in the order of their numbers.
pub(super) fn overrides(settings: &Settings) -> Vec<Override> {
    let mut found: Vec<Override> = settings
        .iter()
        .filter_map(|(setting, value)| {
            let name = setting.replace("__", ":");
            let mut path = name.split(':').map(str::to_owned);
            let is_ours = path.next()?.eq_ignore_ascii_case(ROOT);
            let path: Vec<String> = path.collect();
            (is_ours && !path.is_empty()).then(|| Override {
                setting: setting.to_owned(),
                path,
                value: value.to_owned(),
            })
        })
        .collect();
    found.sort_by_cached_key(|one| {
        one.path.iter().map(|step| (step.parse::<usize>().ok(), step.to_lowercase())).collect::<Vec<_>>()
    });
    found
}

/// Lays `overrides` over `file`: names ignore case, array elements are replaced or appended by number.
pub(super) fn apply(file: &mut Value, overrides: &[Override]) {
    for one in overrides {
        set(file, &one.path, &one.value);
    }
}

fn set(node: &mut Value, path: &[String], text: &str) {
    let Some((step, rest)) = path.split_first() else {
        // A value beside children: options bind the children, so a text does not replace them.
        if !has_children(node) {
            *node = typed(node, text);
        }
        return;
    };
    if !node.is_object() && !node.is_array() {
        *node = match step.parse::<usize>() {
            Ok(_) => Value::Array(Vec::new()),
            Err(_) => Value::Object(Map::new()),
        };
    }
    match node {
        Value::Array(elements) => {
            let place = step.parse().unwrap_or(usize::MAX);
            if place >= elements.len() {
                elements.push(Value::Null);
            }
            let place = place.min(elements.len() - 1);
            set(&mut elements[place], rest, text);
        }
        Value::Object(map) => {
            let key = map.keys().rev().find(|key| key.eq_ignore_ascii_case(step)).cloned();
            set(map.entry(key.unwrap_or_else(|| step.clone())).or_insert(Value::Null), rest, text);
        }
        _ => {}
    }
}

fn has_children(node: &Value) -> bool {
    node.as_object().is_some_and(|map| !map.is_empty()) || node.as_array().is_some_and(|all| !all.is_empty())
}

/// `text` in the type that JSON would have, so that it looks as if it stood in the file: a text stays a text
/// where the file has one.
fn typed(replaced: &Value, text: &str) -> Value {
    if replaced.is_string() {
        return Value::from(text);
    }
    if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        return Value::Bool(text.eq_ignore_ascii_case("true"));
    }
    match text.parse::<Number>() {
        // Only what JSON would print the same way: "007" and "1.0" are more likely names or versions.
        Ok(number) if number.to_string() == text => Value::Number(number),
        _ => Value::from(text),
    }
}

/// `value` as the platform's configuration keys below [`ROOT`], for `%AzureFunctionsJobHost:a:b%`.
pub(super) fn flatten(value: &Value) -> Vec<(String, String)> {
    let mut flat = Vec::new();
    flatten_into(ROOT.to_owned(), value, &mut flat);
    flat
}

fn flatten_into(name: String, value: &Value, flat: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| flatten_into(format!("{name}:{key}"), value, flat));
        }
        Value::Array(elements) => {
            let numbered = elements.iter().enumerate();
            numbered.for_each(|(place, value)| flatten_into(format!("{name}:{place}"), value, flat));
        }
        Value::Null => flat.push((name, String::new())),
        Value::Bool(flag) => flat.push((name, if *flag { "True" } else { "False" }.to_owned())),
        Value::Number(number) => flat.push((name, number.to_string())),
        Value::String(text) => flat.push((name, text.clone())),
    }
}
