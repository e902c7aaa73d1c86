//! Type tests and choices. The tests answer for undefined too, where other functions stay undefined.

use serde_json::Value;

use super::{Function, MANY, function, integer};
use crate::documents::sql::value::Datum;

pub(super) const FUNCTIONS: &[Function] = &[
    function("IS_DEFINED", 1..=1, |a, _| is(a, |_| true)),
    function("IS_NULL", 1..=1, |a, _| is(a, Value::is_null)),
    function("IS_BOOL", 1..=1, |a, _| is(a, Value::is_boolean)),
    function("IS_NUMBER", 1..=1, |a, _| is(a, Value::is_number)),
    function("IS_FINITE_NUMBER", 1..=1, |a, _| is(a, Value::is_number)),
    function("IS_INTEGER", 1..=1, |a, _| is(a, |v| v.as_f64().is_some_and(|n| n.fract() == 0.0))),
    function("IS_STRING", 1..=1, |a, _| is(a, Value::is_string)),
    function("IS_ARRAY", 1..=1, |a, _| is(a, Value::is_array)),
    function("IS_OBJECT", 1..=1, |a, _| is(a, Value::is_object)),
    function("IS_PRIMITIVE", 1..=1, |a, _| is(a, |v| !v.is_array() && !v.is_object())),
    function("IIF", 3..=3, |a, _| {
        let chosen = if a[0].as_deref() == Some(&Value::Bool(true)) { &a[1] } else { &a[2] };
        chosen.as_deref().cloned()
    }),
    function("CHOOSE", 2..=MANY, |a, _| {
        let position = usize::try_from(integer(a, 0)?).ok().filter(|position| *position > 0)?;
        a.get(position)?.as_deref().cloned()
    }),
];

fn is(a: &[Datum<'_>], test: impl Fn(&Value) -> bool) -> Option<Value> {
    Some(Value::Bool(a[0].as_deref().is_some_and(test)))
}
