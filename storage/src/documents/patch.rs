//! Partial updates: add, set, replace, remove, incr and move at JSON pointers, under an optional condition.
//!
//! <https://learn.microsoft.com/azure/cosmos-db/partial-document-update>

use serde_json::{Map, Value};

use super::{
    Fault,
    sql::{self, Execution, Query},
};

/// Most operations in one patch: the service's limit.
const MOST: usize = 10;

/// A parsed patch request.
#[derive(Debug)]
pub(super) struct Patch {
    operations: Vec<Operation>,
    condition: Option<Query>,
}

#[derive(Debug)]
struct Operation {
    kind: Kind,
    path: Vec<String>,
}

#[derive(Debug)]
enum Kind {
    Add(Value),
    Set(Value),
    Replace(Value),
    Remove,
    Increment(f64),
    Move { from: Vec<String> },
}

impl Patch {
    /// Reads `{"operations": […], "condition": "from c where …"}`, or the array alone.
    pub(super) fn parse(body: &Value) -> Result<Self, Fault> {
        let operations = body.get("operations").unwrap_or(body);
        let operations =
            operations.as_array().filter(|all| !all.is_empty() && all.len() <= MOST).ok_or_else(|| {
                Fault::bad_request(format!("A patch needs 'operations', an array of 1 to {MOST} operations."))
            })?;
        let condition = match body.get("condition").and_then(Value::as_str) {
            Some(text) => Some(Query::parse_condition(text)?),
            None => None,
        };
        Ok(Self { operations: operations.iter().map(Operation::parse).collect::<Result<_, _>>()?, condition })
    }

    /// Whether the condition, if any, holds for `document`.
    pub(super) fn applies_to(&self, document: &Value) -> Result<bool, Fault> {
        let Some(condition) = &self.condition else { return Ok(true) };
        let mut execution = Execution::new(condition);
        execution.push(document);
        Ok(!execution.finish().is_empty())
    }

    /// `document` after all operations, or the first that fails.
    pub(super) fn apply(&self, document: Map<String, Value>) -> Result<Map<String, Value>, Fault> {
        let mut document = Value::Object(document);
        for operation in &self.operations {
            operation.apply(&mut document)?;
        }
        match document {
            Value::Object(document) => Ok(document),
            _ => Err(Fault::bad_request("A patch must leave a JSON object.")),
        }
    }
}

impl Operation {
    fn parse(operation: &Value) -> Result<Self, Fault> {
        let text = |name: &str| operation.get(name).and_then(Value::as_str);
        let op = text("op").ok_or_else(|| Fault::bad_request("A patch operation needs 'op'."))?;
        let path = pointer(text("path"))?;
        let value = || {
            let value = operation.get("value").cloned();
            value.ok_or_else(|| Fault::bad_request(format!("The patch operation '{op}' needs 'value'.")))
        };
        let kind = match op.to_ascii_lowercase().as_str() {
            "add" => Kind::Add(value()?),
            "set" => Kind::Set(value()?),
            "replace" => Kind::Replace(value()?),
            "remove" => Kind::Remove,
            "incr" | "increment" => Kind::Increment(value()?.as_f64().ok_or_else(|| {
                Fault::bad_request("The patch operation 'incr' needs a number as its 'value'.")
            })?),
            "move" => Kind::Move { from: pointer(text("from"))? },
            other => return Err(Fault::unsupported(&format!("The patch operation '{other}'"))),
        };
        Ok(Self { kind, path })
    }

    fn apply(&self, document: &mut Value) -> Result<(), Fault> {
        let (last, parents) = self.path.split_last().expect("a pointer has at least one name");
        let missing =
            || Fault::bad_request(format!("The patch path '/{}' does not exist.", self.path.join("/")));
        match &self.kind {
            Kind::Remove => remove(document, &self.path).map(drop).ok_or_else(missing),
            Kind::Move { from } => {
                if self.path.starts_with(from) && self.path != *from {
                    return Err(Fault::bad_request("A value cannot be moved into itself."));
                }
                let value = remove(document, from).ok_or_else(|| {
                    Fault::bad_request(format!("The patch path '/{}' does not exist.", from.join("/")))
                })?;
                let parent = at(document, parents).ok_or_else(missing)?;
                insert(parent, last, value, true).ok_or_else(missing)
            }
            Kind::Add(value) => insert(at(document, parents).ok_or_else(missing)?, last, value.clone(), true)
                .ok_or_else(missing),
            Kind::Set(value) => {
                insert(at(document, parents).ok_or_else(missing)?, last, value.clone(), false)
                    .ok_or_else(missing)
            }
            Kind::Replace(value) => {
                *at(document, &self.path).ok_or_else(missing)? = value.clone();
                Ok(())
            }
            Kind::Increment(by) => {
                let target = match at(document, &self.path) {
                    Some(target) => target,
                    // A counter that is not there yet starts at the increment.
                    None => {
                        let parent = at(document, parents).ok_or_else(missing)?;
                        let start = sql::number(*by).ok_or_else(missing)?;
                        return insert(parent, last, start, false).ok_or_else(missing);
                    }
                };
                let sum = target.as_f64().and_then(|old| sql::number(old + by));
                *target = sum.ok_or_else(|| {
                    Fault::bad_request(format!("The patch path '/{}' is not a number.", self.path.join("/")))
                })?;
                Ok(())
            }
        }
    }
}

fn pointer(text: Option<&str>) -> Result<Vec<String>, Fault> {
    let names = text.and_then(|text| text.strip_prefix('/')).filter(|names| !names.is_empty());
    let names = names.ok_or_else(|| Fault::bad_request("A patch path looks like /property or /list/0."))?;
    // Escapes of JSON pointers (RFC 6901).
    let names: Vec<String> =
        names.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect();
    if names[0].starts_with('_')
        && ["_rid", "_self", "_etag", "_ts", "_attachments"].contains(&names[0].as_str())
    {
        return Err(Fault::bad_request(format!("The system property '{}' cannot be patched.", names[0])));
    }
    Ok(names)
}

fn at<'v>(value: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, name| match value {
        Value::Object(object) => object.get_mut(name),
        Value::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Puts `value` at `name`. In an array, `shifting` makes room instead of overwriting, and `-` is the end.
fn insert(parent: &mut Value, name: &str, value: Value, shifting: bool) -> Option<()> {
    match parent {
        Value::Object(object) => _ = object.insert(name.to_owned(), value),
        Value::Array(items) if name == "-" => items.push(value),
        Value::Array(items) => {
            let index: usize = name.parse().ok().filter(|index| *index <= items.len())?;
            if shifting || index == items.len() {
                items.insert(index, value);
            } else {
                items[index] = value;
            }
        }
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Value, path: &[String]) -> Option<Value> {
    let (last, parents) = path.split_last()?;
    match at(document, parents)? {
        Value::Object(object) => object.shift_remove(last),
        Value::Array(items) => {
            let index: usize = last.parse().ok().filter(|index| *index < items.len())?;
            Some(items.remove(index))
        }
        _ => None,
    }
}
