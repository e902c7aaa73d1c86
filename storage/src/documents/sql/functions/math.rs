//! Numbers. Results JSON cannot hold (infinity, NaN) are undefined.

use serde_json::Value;

use super::{Function, function, integer, number};
use crate::documents::sql::value::{self, Datum};

pub(super) const FUNCTIONS: &[Function] = &[
    function("ABS", 1..=1, |a, _| of_one(a, f64::abs)),
    function("ACOS", 1..=1, |a, _| of_one(a, f64::acos)),
    function("ASIN", 1..=1, |a, _| of_one(a, f64::asin)),
    function("ATAN", 1..=1, |a, _| of_one(a, f64::atan)),
    function("ATN2", 2..=2, |a, _| value::number(number(a, 0)?.atan2(number(a, 1)?))),
    function("CEILING", 1..=1, |a, _| of_one(a, f64::ceil)),
    function("COS", 1..=1, |a, _| of_one(a, f64::cos)),
    function("COT", 1..=1, |a, _| of_one(a, |n| n.tan().recip())),
    function("DEGREES", 1..=1, |a, _| of_one(a, f64::to_degrees)),
    function("EXP", 1..=1, |a, _| of_one(a, f64::exp)),
    function("FLOOR", 1..=1, |a, _| of_one(a, f64::floor)),
    function("LOG", 1..=2, |a, _| {
        let of = number(a, 0)?;
        value::number(if a.len() == 2 { of.ln() / number(a, 1)?.ln() } else { of.ln() })
    }),
    function("LOG10", 1..=1, |a, _| of_one(a, f64::log10)),
    function("NUMBERBIN", 1..=2, |a, _| {
        let size = if a.len() == 2 { number(a, 1)? } else { 1.0 };
        value::number((number(a, 0)? / size).floor() * size)
    }),
    function("PI", 0..=0, |_, _| value::number(std::f64::consts::PI)),
    function("POWER", 2..=2, |a, _| value::number(number(a, 0)?.powf(number(a, 1)?))),
    function("RADIANS", 1..=1, |a, _| of_one(a, f64::to_radians)),
    function("RAND", 0..=0, |_, _| value::number(rand::random::<f64>())),
    function("ROUND", 1..=2, |a, _| {
        let scale = if a.len() == 2 { 10f64.powi(i32::try_from(integer(a, 1)?).ok()?) } else { 1.0 };
        // Halves go away from zero, as in the service.
        value::number((number(a, 0)? * scale).round() / scale)
    }),
    function("SIGN", 1..=1, |a, _| of_one(a, |n| if n == 0.0 { 0.0 } else { n.signum() })),
    function("SIN", 1..=1, |a, _| of_one(a, f64::sin)),
    function("SQRT", 1..=1, |a, _| of_one(a, f64::sqrt)),
    function("SQUARE", 1..=1, |a, _| of_one(a, |n| n * n)),
    function("TAN", 1..=1, |a, _| of_one(a, f64::tan)),
    function("TRUNC", 1..=1, |a, _| of_one(a, f64::trunc)),
    function("INTADD", 2..=2, |a, _| of_two(a, |x, y| Some(x.wrapping_add(y)))),
    function("INTSUB", 2..=2, |a, _| of_two(a, |x, y| Some(x.wrapping_sub(y)))),
    function("INTMUL", 2..=2, |a, _| of_two(a, |x, y| Some(x.wrapping_mul(y)))),
    function("INTDIV", 2..=2, |a, _| of_two(a, i64::checked_div)),
    function("INTMOD", 2..=2, |a, _| of_two(a, i64::checked_rem)),
    function("INTBITAND", 2..=2, |a, _| of_two(a, |x, y| Some(x & y))),
    function("INTBITOR", 2..=2, |a, _| of_two(a, |x, y| Some(x | y))),
    function("INTBITXOR", 2..=2, |a, _| of_two(a, |x, y| Some(x ^ y))),
    function("INTBITNOT", 1..=1, |a, _| Some((!integer(a, 0)?).into())),
    function("INTBITLEFTSHIFT", 2..=2, |a, _| of_two(a, |x, y| x.checked_shl(u32::try_from(y).ok()?))),
    function("INTBITRIGHTSHIFT", 2..=2, |a, _| of_two(a, |x, y| x.checked_shr(u32::try_from(y).ok()?))),
];

fn of_one(a: &[Datum<'_>], compute: impl Fn(f64) -> f64) -> Option<Value> {
    value::number(compute(number(a, 0)?))
}

fn of_two(a: &[Datum<'_>], compute: impl Fn(i64, i64) -> Option<i64>) -> Option<Value> {
    compute(integer(a, 0)?, integer(a, 1)?).map(Value::from)
}
