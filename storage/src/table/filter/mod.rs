//! `$filter`: the OData subset of the table service, parsed once and evaluated per entity.
//! <https://learn.microsoft.com/rest/api/storageservices/querying-tables-and-entities>

mod lex;
mod parse;

#[cfg(test)]
mod tests;

use super::entity::Value;
use crate::protocol::Fault;
use std::cmp::Ordering;

/// Where the names in a filter get their values.
pub(super) trait Subject {
    fn value(&self, name: &str) -> Option<Value>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
        }
    }

    /// The comparison with its sides exchanged.
    fn turned(self) -> Self {
        match self {
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            same => same,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Name(String),
    Literal(Value),
}

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    Or(Box<Expression>, Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Compare(Operand, Comparison, Operand),
    /// A property or literal on its own: true when it is the boolean `true`.
    Truth(Operand),
}

/// A parsed filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter(Expression);

/// Values a string property must lie between (both included) for a filter to match.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) lower: Option<String>,
    pub(super) upper: Option<String>,
}

impl Filter {
    /// # Errors
    /// 400 `InvalidInput` that names the place and what was expected there.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        parse::parse(text).map(Self)
    }

    pub(super) fn matches(&self, subject: &impl Subject) -> bool {
        matches(&self.0, subject)
    }

    /// What the top-level `and`s demand of `name`.
    pub(super) fn bounds(&self, name: &str) -> Bounds {
        let mut bounds = Bounds::default();
        narrow(&self.0, name, &mut bounds);
        bounds
    }
}

fn matches(expression: &Expression, subject: &impl Subject) -> bool {
    let value = |operand: &Operand| match operand {
        Operand::Name(name) => subject.value(name),
        Operand::Literal(value) => Some(value.clone()),
    };
    match expression {
        Expression::Or(left, right) => matches(left, subject) || matches(right, subject),
        Expression::And(left, right) => matches(left, subject) && matches(right, subject),
        Expression::Not(inner) => !matches(inner, subject),
        // An entity without the property satisfies no comparison with it, not even `ne`.
        Expression::Compare(left, comparison, right) => match (value(left), value(right)) {
            (Some(left), Some(right)) => compare(&left, &right).is_some_and(|order| comparison.holds(order)),
            _ => false,
        },
        Expression::Truth(operand) => value(operand) == Some(Value::Boolean(true)),
    }
}

/// `None` when the types cannot be compared.
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    use Value::{Binary, Boolean, DateTime, Double, Guid, Int32, Int64, String};
    match (left, right) {
        (String(left), String(right)) => Some(left.cmp(right)),
        (Boolean(left), Boolean(right)) => Some(left.cmp(right)),
        (DateTime(left), DateTime(right)) => Some(left.cmp(right)),
        (Guid(left), Guid(right)) => Some(left.cmp(right)),
        (Binary(left), Binary(right)) => Some(left.cmp(right)),
        (Int32(_) | Int64(_), Int32(_) | Int64(_)) => Some(whole(left)?.cmp(&whole(right)?)),
        (Int32(_) | Int64(_) | Double(_), Int32(_) | Int64(_) | Double(_)) => {
            number(left)?.partial_cmp(&number(right)?)
        }
        _ => None,
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int32(number) => Some(i64::from(*number)),
        Value::Int64(number) => Some(*number),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Double(number) => Some(*number),
        other => whole(other).map(|whole| whole as f64),
    }
}

fn narrow(expression: &Expression, name: &str, bounds: &mut Bounds) {
    let (comparison, text) = match expression {
        Expression::And(left, right) => {
            narrow(left, name, bounds);
            narrow(right, name, bounds);
            return;
        }
        Expression::Compare(Operand::Name(known), comparison, Operand::Literal(Value::String(text)))
            if known == name =>
        {
            (*comparison, text)
        }
        Expression::Compare(Operand::Literal(Value::String(text)), comparison, Operand::Name(known))
            if known == name =>
        {
            (comparison.turned(), text)
        }
        _ => return,
    };
    let lower = matches!(comparison, Comparison::Equal | Comparison::Greater | Comparison::GreaterOrEqual);
    let upper = matches!(comparison, Comparison::Equal | Comparison::Less | Comparison::LessOrEqual);
    if lower && bounds.lower.as_ref().is_none_or(|known| known < text) {
        bounds.lower = Some(text.clone());
    }
    if upper && bounds.upper.as_ref().is_none_or(|known| known > text) {
        bounds.upper = Some(text.clone());
    }
}
