//! The built-in functions. Each takes its arguments already evaluated and answers a value or undefined.
//!
//! <https://learn.microsoft.com/azure/cosmos-db/nosql/query/functions>

mod array;
mod kind;
mod math;
mod text;
mod time;

use std::ops::RangeInclusive;

use serde_json::Value;

use super::{eval::Run, value::Datum};

type Body = for<'a> fn(&[Datum<'a>], &Run) -> Option<Value>;

/// One built-in function.
pub(super) struct Function {
    /// Upper case; queries may write it in any.
    pub(super) name: &'static str,
    pub(super) arguments: RangeInclusive<usize>,
    pub(super) body: Body,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Any number of arguments.
const MANY: usize = usize::MAX;

const fn function(name: &'static str, arguments: RangeInclusive<usize>, body: Body) -> Function {
    Function { name, arguments, body }
}

const FAMILIES: [&[Function]; 5] =
    [text::FUNCTIONS, kind::FUNCTIONS, array::FUNCTIONS, math::FUNCTIONS, time::FUNCTIONS];

/// The function called `name` in any case.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FAMILIES.into_iter().flatten().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// Whether the service knows `name` although we do not: worth another message than a misspelling.
pub(super) fn is_beyond(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["ST_", "VECTOR", "FULLTEXT", "RRF", "DOCUMENTID", "UDF", "LASTSUBSTRING"]
        .iter()
        .any(|family| name.starts_with(family))
}

/// Argument `index` as text.
fn text<'a>(arguments: &'a [Datum<'_>], index: usize) -> Option<&'a str> {
    arguments.get(index)?.as_deref()?.as_str()
}

/// Argument `index` as a number.
fn number(arguments: &[Datum<'_>], index: usize) -> Option<f64> {
    arguments.get(index)?.as_deref()?.as_f64()
}

/// Argument `index` as a whole number; fractions make it undefined.
fn integer(arguments: &[Datum<'_>], index: usize) -> Option<i64> {
    let value = arguments.get(index)?.as_deref()?;
    value.as_i64().or_else(|| value.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as i64))
}

/// Argument `index` as an array.
fn items<'a>(arguments: &'a [Datum<'_>], index: usize) -> Option<&'a Vec<Value>> {
    arguments.get(index)?.as_deref()?.as_array()
}

/// An optional flag: absent is `false`, anything but a boolean is undefined.
fn flag(arguments: &[Datum<'_>], index: usize) -> Option<bool> {
    match arguments.get(index) {
        None => Some(false),
        Some(value) => value.as_deref()?.as_bool(),
    }
}
