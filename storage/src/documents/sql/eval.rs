//! One expression over one row. Never fails: what has no answer is undefined.

use std::{
    borrow::Cow,
    cell::RefCell,
    cmp::Ordering,
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use fancy_regex::Regex;
use serde_json::{Map, Value};

use super::{
    ast::{Binary, Expr, Unary},
    execute, like,
    value::{Datum, compare, equal, number},
};

/// What stays the same for all rows of one run.
pub(super) struct Run {
    /// Taken once, so that every row of a query sees the same "current" time.
    pub(super) now: Duration,
    /// Patterns of RegexMatch by pattern and modifiers; `None` for patterns that do not compile.
    pub(super) patterns: RefCell<HashMap<(String, String), Option<Regex>>>,
}

impl Run {
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { now, patterns: RefCell::default() }
    }
}

/// One alias and what it stands for in this row, in front of the aliases further out.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) alias: &'a str,
    pub(super) value: Option<&'a Value>,
    pub(super) outer: Option<&'a Scope<'a>>,
}

/// A group whose rows have all been seen.
#[derive(Clone, Copy)]
pub(super) struct Finished<'a> {
    pub(super) keys: &'a [Option<Value>],
    pub(super) aggregates: &'a [Option<Value>],
}

/// Where an expression looks things up.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) run: &'a Run,
    pub(super) scope: Option<&'a Scope<'a>>,
    /// The document of the outermost FROM.
    pub(super) document: Option<&'a Value>,
    pub(super) group: Option<Finished<'a>>,
}

impl<'a> Row<'a> {
    fn lookup(&self, alias: &str) -> Option<&'a Value> {
        let mut scope = self.scope;
        while let Some(here) = scope {
            if here.alias == alias {
                return here.value;
            }
            scope = here.outer;
        }
        None
    }

    /// The value of `expression` in this row.
    pub(super) fn value(&self, expression: &'a Expr) -> Datum<'a> {
        match expression {
            Expr::Literal(value) => Some(Cow::Borrowed(value)),
            // Parameters were replaced when the query was prepared.
            Expr::Undefined | Expr::Parameter(_) => None,
            Expr::Name(alias) => self.lookup(alias).map(Cow::Borrowed),
            Expr::Document => self.document.map(Cow::Borrowed),
            Expr::Member(of, member) => self.member(of, member),
            Expr::Unary(operator, of) => self.unary(*operator, of),
            Expr::Binary(operator, a, b) => self.binary(*operator, a, b),
            Expr::And(all) => self.all_or_any(all, false).map(owned),
            Expr::Or(all) => self.all_or_any(all, true).map(owned),
            Expr::Coalesce(a, b) => self.value(a).or_else(|| self.value(b)),
            Expr::Conditional(test, yes, no) => self.value(if self.holds(test) { yes } else { no }),
            Expr::In(of, all) => self.one_of(of, all).map(owned),
            Expr::Between(of, low, high) => self.between(of, low, high).map(owned),
            Expr::Like(of, pattern, escape) => {
                match (self.value(of)?.as_ref(), self.value(pattern)?.as_ref()) {
                    (Value::String(text), Value::String(pattern)) => {
                        Some(owned(like::matches(text, pattern, *escape)))
                    }
                    _ => None,
                }
            }
            Expr::Call(function, arguments) => {
                let arguments: Vec<Datum<'a>> =
                    arguments.iter().map(|argument| self.value(argument)).collect();
                (function.body)(&arguments, self.run).map(Cow::Owned)
            }
            Expr::Aggregate(index) => self.group?.aggregates.get(*index)?.as_ref().map(Cow::Borrowed),
            Expr::GroupKey(index) => self.group?.keys.get(*index)?.as_ref().map(Cow::Borrowed),
            Expr::Object(properties) => {
                let mut object = Map::new();
                for (name, value) in properties {
                    if let Some(value) = self.value(value) {
                        object.insert(name.clone(), value.into_owned());
                    }
                }
                Some(owned(object))
            }
            Expr::Array(items) => Some(owned(
                items.iter().filter_map(|item| self.value(item)).map(Cow::into_owned).collect::<Vec<_>>(),
            )),
            Expr::Exists(query) => Some(owned(execute::has_rows(query, self))),
            Expr::Scalar(query) => execute::rows(query, self).into_iter().next().map(Cow::Owned),
            Expr::Rows(query) => Some(owned(execute::rows(query, self))),
        }
    }

    /// Whether `condition` is true; neither false nor undefined nor any other value is.
    pub(super) fn holds(&self, condition: &'a Expr) -> bool {
        self.value(condition).is_some_and(|value| *value == Value::Bool(true))
    }

    fn member(&self, of: &'a Expr, member: &'a Expr) -> Datum<'a> {
        let of = self.value(of)?;
        let member = self.value(member)?;
        match of {
            Cow::Borrowed(of) => step(of, &member).map(Cow::Borrowed),
            Cow::Owned(of) => step(&of, &member).cloned().map(Cow::Owned),
        }
    }

    fn unary(&self, operator: Unary, of: &'a Expr) -> Datum<'a> {
        let of = self.value(of)?;
        let result = match (operator, of.as_ref()) {
            (Unary::Not, Value::Bool(b)) => Value::Bool(!b),
            (Unary::Minus, Value::Number(n)) => number(-n.as_f64()?)?,
            (Unary::Plus, Value::Number(_)) => return Some(of),
            (Unary::BitNot, Value::Number(n)) => number(f64::from(!int32(n.as_f64()?)))?,
            _ => return None,
        };
        Some(Cow::Owned(result))
    }

    fn binary(&self, operator: Binary, a: &'a Expr, b: &'a Expr) -> Datum<'a> {
        let (a, b) = (self.value(a)?, self.value(b)?);
        let ordered =
            |accepted: fn(Ordering) -> bool| compare(&a, &b).map(|order| Value::Bool(accepted(order)));
        let result = match operator {
            Binary::Equal => Some(Value::Bool(equal(&a, &b))),
            Binary::NotEqual => Some(Value::Bool(!equal(&a, &b))),
            Binary::Less => ordered(Ordering::is_lt),
            Binary::LessOrEqual => ordered(Ordering::is_le),
            Binary::Greater => ordered(Ordering::is_gt),
            Binary::GreaterOrEqual => ordered(Ordering::is_ge),
            Binary::Concat => match (a.as_ref(), b.as_ref()) {
                (Value::String(a), Value::String(b)) => Some(Value::String(format!("{a}{b}"))),
                _ => None,
            },
            arithmetic => match (a.as_ref(), b.as_ref()) {
                (Value::Number(a), Value::Number(b)) => computed(arithmetic, a.as_f64()?, b.as_f64()?),
                _ => None,
            },
        };
        result.map(Cow::Owned)
    }

    /// Three-valued AND (`decisive` = false) and OR (`decisive` = true): one decisive operand settles it, else any
    /// operand that is no boolean leaves it undefined.
    fn all_or_any(&self, all: &'a [Expr], decisive: bool) -> Option<bool> {
        let mut open = false;
        for operand in all {
            match self.value(operand).as_deref() {
                Some(Value::Bool(b)) if *b == decisive => return Some(decisive),
                Some(Value::Bool(_)) => {}
                _ => open = true,
            }
        }
        if open { None } else { Some(!decisive) }
    }

    fn one_of(&self, of: &'a Expr, all: &'a [Expr]) -> Option<bool> {
        let of = self.value(of)?;
        Some(all.iter().filter_map(|item| self.value(item)).any(|item| equal(&of, &item)))
    }

    fn between(&self, of: &'a Expr, low: &'a Expr, high: &'a Expr) -> Option<bool> {
        let of = self.value(of)?;
        let from = compare(&of, self.value(low)?.as_ref())?;
        let to = compare(&of, self.value(high)?.as_ref())?;
        Some(from.is_ge() && to.is_le())
    }
}

/// A property of an object or an item of an array.
fn step<'v>(of: &'v Value, member: &Value) -> Option<&'v Value> {
    match (of, member) {
        (Value::Object(object), Value::String(name)) => object.get(name),
        (Value::Array(items), Value::Number(index)) => items.get(usize::try_from(index.as_u64()?).ok()?),
        _ => None,
    }
}

fn owned<'a>(value: impl Into<Value>) -> Cow<'a, Value> {
    Cow::Owned(value.into())
}

/// Bitwise operators work on 32 bits, as in the service.
fn int32(value: f64) -> i32 {
    value as i64 as i32
}

fn computed(operator: Binary, a: f64, b: f64) -> Option<Value> {
    let shift = int32(b) as u32 & 31;
    number(match operator {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::Modulo => a % b,
        Binary::BitAnd => f64::from(int32(a) & int32(b)),
        Binary::BitOr => f64::from(int32(a) | int32(b)),
        Binary::BitXor => f64::from(int32(a) ^ int32(b)),
        Binary::ShiftLeft => f64::from(int32(a).wrapping_shl(shift)),
        Binary::ShiftRight => f64::from(int32(a).wrapping_shr(shift)),
        Binary::ShiftRightZero => f64::from((int32(a) as u32).wrapping_shr(shift)),
        _ => return None,
    })
}
