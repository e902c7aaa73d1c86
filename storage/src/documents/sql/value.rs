//! What an expression can be: any JSON value, or nothing at all ("undefined"), and how values compare.
//!
//! Rules: <https://learn.microsoft.com/azure/cosmos-db/nosql/query/equality-comparison-operators> and the type order of
//! ORDER BY (undefined, null, booleans, numbers, strings, arrays, objects).

use std::{borrow::Cow, cmp::Ordering, fmt::Write};

use serde_json::{Number, Value};

/// A value or undefined.
pub(super) type Datum<'a> = Option<Cow<'a, Value>>;

/// Above this a double no longer holds every integer, so we stop writing results as integers.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A computed number. Not finite means undefined: JSON has no such number.
pub(in crate::documents) fn number(value: f64) -> Option<Value> {
    if value.fract() == 0.0 && value.abs() < EXACT {
        // The cast is exact below 2^53.
        return Some(Value::Number(Number::from(value as i64)));
    }
    Number::from_f64(value).map(Value::Number)
}

fn rank(value: Option<&Value>) -> u8 {
    match value {
        None => 0,
        Some(Value::Null) => 1,
        Some(Value::Bool(_)) => 2,
        Some(Value::Number(_)) => 3,
        Some(Value::String(_)) => 4,
        Some(Value::Array(_)) => 5,
        Some(Value::Object(_)) => 6,
    }
}

fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            a.partial_cmp(&b).unwrap_or(Ordering::Equal)
        }
    }
}

/// For `<` and its kin: `None` (undefined) across types and for arrays and objects.
pub(super) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => Some(compare_numbers(a, b)),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Deep equality; numbers by value (`1 = 1.0`), objects without regard to property order, `false` across types.
///
/// The documentation's table calls equality across types undefined. The service answers `c.x != null` with true for
/// every other type all the same, and clients that translate queries rely on it, so that is what we do.
pub(in crate::documents) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        _ => compare(a, b) == Some(Ordering::Equal),
    }
}

/// The total order of ORDER BY, MIN and MAX.
pub(super) fn order(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    match (a, b) {
        (Some(Value::Array(x)), Some(Value::Array(y))) => {
            let unequal = x.iter().zip(y).map(|(x, y)| order(Some(x), Some(y))).find(|o| o.is_ne());
            unequal.unwrap_or_else(|| x.len().cmp(&y.len()))
        }
        (Some(x @ Value::Object(_)), Some(y @ Value::Object(_))) => canonical(x).cmp(&canonical(y)),
        (Some(x), Some(y)) => compare(x, y).unwrap_or_else(|| rank(a).cmp(&rank(b))),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// Equal values have equal texts: sorted properties, one spelling per number. For DISTINCT and GROUP BY.
pub(in crate::documents) fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write_canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(properties) => {
            let mut sorted: Vec<_> = properties.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in sorted {
                write_canonical(&Value::from(name.as_str()), out);
                out.push(':');
                write_canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Number(n) if n.as_i64().is_none() => match n.as_f64().and_then(number) {
            Some(normal) => _ = write!(out, "{normal}"),
            None => _ = write!(out, "{n}"),
        },
        other => _ = write!(out, "{other}"),
    }
}
