//! Array and set functions.

use serde_json::{Value, json};

use super::{Function, MANY, function, integer, items};
use crate::documents::sql::value::equal;

pub(super) const FUNCTIONS: &[Function] = &[
    function("ARRAY_LENGTH", 1..=1, |a, _| Some(items(a, 0)?.len().into())),
    function("ARRAY_CONCAT", 2..=MANY, |a, _| {
        let mut whole = Vec::new();
        for index in 0..a.len() {
            whole.extend_from_slice(items(a, index)?);
        }
        Some(Value::Array(whole))
    }),
    function("ARRAY_CONTAINS", 2..=3, |a, _| {
        let (array, wanted) = (items(a, 0)?, a[1].as_deref()?);
        let partial = a.get(2).is_some_and(|partial| partial.as_deref() == Some(&Value::Bool(true)));
        Some(array.iter().any(|item| if partial { covers(item, wanted) } else { equal(item, wanted) }).into())
    }),
    function("ARRAY_CONTAINS_ANY", 2..=MANY, |a, _| {
        let array = items(a, 0)?;
        Some(a[1..].iter().flatten().any(|wanted| has(array, wanted)).into())
    }),
    function("ARRAY_CONTAINS_ALL", 2..=MANY, |a, _| {
        let array = items(a, 0)?;
        Some(a[1..].iter().all(|wanted| wanted.as_deref().is_some_and(|wanted| has(array, wanted))).into())
    }),
    function("ARRAY_SLICE", 2..=3, |a, _| {
        let array = items(a, 0)?;
        let length = array.len() as i64;
        let start = integer(a, 1)?;
        let start = if start < 0 { (length + start).max(0) } else { start.min(length) };
        let count = if a.len() == 3 { integer(a, 2)?.clamp(0, length - start) } else { length - start };
        // Both lie within the array now, so the casts cannot wrap.
        Some(array[start as usize..(start + count) as usize].to_vec().into())
    }),
    function("SETINTERSECT", 2..=2, |a, _| {
        let second = items(a, 1)?;
        Some(distinct(items(a, 0)?.iter().filter(|item| has(second, item))))
    }),
    function("SETUNION", 2..=2, |a, _| Some(distinct(items(a, 0)?.iter().chain(items(a, 1)?)))),
    function("SETDIFFERENCE", 2..=2, |a, _| {
        let second = items(a, 1)?;
        Some(distinct(items(a, 0)?.iter().filter(|item| !has(second, item))))
    }),
    function("SETEQUAL", 2..=2, |a, _| {
        let (first, second) = (items(a, 0)?, items(a, 1)?);
        let equal = first.iter().all(|item| has(second, item)) && second.iter().all(|item| has(first, item));
        Some(equal.into())
    }),
    function("OBJECTTOARRAY", 1..=3, |a, _| {
        let name = |index: usize, default: &'static str| match a.get(index) {
            Some(name) => name.as_deref()?.as_str().map(str::to_owned),
            None => Some(default.to_owned()),
        };
        let (key, value) = (name(1, "k")?, name(2, "v")?);
        let object = a[0].as_deref()?.as_object()?;
        Some(
            object
                .iter()
                .map(|(k, v)| json!({ key.as_str(): k, value.as_str(): v }))
                .collect::<Vec<_>>()
                .into(),
        )
    }),
];

fn has(array: &[Value], wanted: &Value) -> bool {
    array.iter().any(|item| equal(item, wanted))
}

/// Partial match: objects need only the wanted properties, at every depth.
fn covers(item: &Value, wanted: &Value) -> bool {
    match (item, wanted) {
        (Value::Object(item), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| item.get(name).is_some_and(|item| covers(item, wanted)))
        }
        _ => equal(item, wanted),
    }
}

fn distinct<'v>(items: impl Iterator<Item = &'v Value>) -> Value {
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        if !has(&kept, item) {
            kept.push(item.clone());
        }
    }
    Value::Array(kept)
}
