//! The query language as a tree. Aliases, expressions and sources in the order they were written.

use serde_json::Value;

use super::functions::Function;

/// A SELECT statement, outermost or nested.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub(super) distinct: bool,
    pub(super) top: Option<Expr>,
    pub(super) select: Select,
    pub(super) sources: Vec<Source>,
    pub(super) filter: Option<Expr>,
    pub(super) group_by: Vec<Expr>,
    pub(super) order_by: Vec<Order>,
    /// OFFSET and LIMIT; the grammar has them only together.
    pub(super) window: Option<(Expr, Expr)>,
    /// The aggregate calls of the projection; [`Expr::Aggregate`] is an index into it.
    pub(super) aggregates: Vec<Aggregate>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Select {
    /// `SELECT *`
    All,
    /// `SELECT VALUE expression`
    Value(Expr),
    /// `SELECT a, b AS c`: property names are settled while parsing.
    Properties(Vec<(String, Expr)>),
}

/// One FROM or JOIN item: a name and the set it walks over.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Source {
    pub(super) alias: String,
    pub(super) set: Set,
    /// `alias IN set`: once per array element, where the plain form is bound to the whole value.
    pub(super) each: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Set {
    /// A path below a name in scope.
    Path(Expr),
    /// A path below the container itself: the outermost FROM. The expression is rooted in [`Expr::Document`].
    Documents(Expr),
    Query(Box<Query>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Order {
    pub(super) by: Expr,
    pub(super) descending: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Aggregate {
    pub(super) kind: AggregateKind,
    pub(super) of: Expr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AggregateKind {
    Count,
    Sum,
    Min,
    Max,
    Avg,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Literal(Value),
    Undefined,
    Parameter(String),
    /// An alias of FROM or JOIN.
    Name(String),
    /// The document the outermost FROM walks over.
    Document,
    /// `of.name`, `of["name"]`, `of[index]`
    Member(Box<Expr>, Box<Expr>),
    Unary(Unary, Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// Flat, so that a thousand alternatives are not a thousand levels.
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Coalesce(Box<Expr>, Box<Expr>),
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    Between(Box<Expr>, Box<Expr>, Box<Expr>),
    Like(Box<Expr>, Box<Expr>, Option<char>),
    Call(&'static Function, Vec<Expr>),
    /// Index into [`Query::aggregates`].
    Aggregate(usize),
    /// Index into [`Query::group_by`]; replaces equal expressions in the projection.
    GroupKey(usize),
    Object(Vec<(String, Expr)>),
    Array(Vec<Expr>),
    Exists(Box<Query>),
    /// `(SELECT …)`: the first row.
    Scalar(Box<Query>),
    /// `ARRAY(SELECT …)`
    Rows(Box<Query>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unary {
    Not,
    Minus,
    Plus,
    BitNot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Concat,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
    ShiftRightZero,
}

impl Expr {
    /// Every direct child, nested queries excepted.
    pub(super) fn children_mut(&mut self) -> Vec<&mut Expr> {
        match self {
            Self::Literal(_) | Self::Undefined | Self::Parameter(_) | Self::Name(_) | Self::Document => {
                Vec::new()
            }
            Self::Aggregate(_) | Self::GroupKey(_) | Self::Exists(_) | Self::Scalar(_) | Self::Rows(_) => {
                Vec::new()
            }
            Self::Unary(_, a) => vec![a],
            Self::Member(a, b) | Self::Binary(_, a, b) | Self::Coalesce(a, b) | Self::Like(a, b, _) => {
                vec![a, b]
            }
            Self::Conditional(a, b, c) | Self::Between(a, b, c) => vec![a, b, c],
            Self::And(all) | Self::Or(all) | Self::Array(all) | Self::Call(_, all) => {
                all.iter_mut().collect()
            }
            Self::In(a, all) => std::iter::once(a.as_mut()).chain(all).collect(),
            Self::Object(properties) => properties.iter_mut().map(|(_, value)| value).collect(),
        }
    }
}
