//! Tokens to tree: the statement. Expressions are next door.

use serde_json::Value;

use super::{
    SqlError,
    ast::{Aggregate, Expr, Order, Query, Select, Set, Source},
    lex::{Kind, Token, tokens},
};

/// Deepest tree a query may build. Evaluation and drop recurse, so this bounds the stack they need.
const DEEPEST: usize = 64;

/// Words that cannot be an alias or follow a dot; the service wants `c["order"]` for such properties.
const RESERVED: [&str; 30] = [
    "AND",
    "ARRAY",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "DESC",
    "DISTINCT",
    "ESCAPE",
    "EXISTS",
    "FALSE",
    "FROM",
    "GROUP",
    "HAVING",
    "IN",
    "JOIN",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "OFFSET",
    "OR",
    "ORDER",
    "SELECT",
    "TOP",
    "TRUE",
    "UDF",
    "UNDEFINED",
    "VALUE",
    "WHERE",
];

pub(super) struct Parser<'t> {
    pub(super) tokens: Vec<Token<'t>>,
    pub(super) at: usize,
    pub(super) depth: usize,
    /// Aggregate calls of the innermost query so far.
    pub(super) aggregates: Vec<Aggregate>,
}

/// The whole text as one statement, names not yet resolved.
pub(super) fn statement(text: &str) -> Result<Query, SqlError> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, aggregates: Vec::new() };
    let query = parser.query()?;
    parser.sign(";");
    match parser.peek() {
        Kind::End => Ok(query),
        _ => Err(parser.unexpected()),
    }
}

impl<'t> Parser<'t> {
    pub(super) fn peek(&self) -> &Kind<'t> {
        &self.tokens[self.at].kind
    }

    pub(super) fn peek_second(&self) -> &Kind<'t> {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind
    }

    /// Steps over the current token; stays on the closing [`Kind::End`].
    pub(super) fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    pub(super) fn unexpected(&self) -> SqlError {
        let token = &self.tokens[self.at];
        SqlError::syntax(&token.kind.shown(), token.span.clone())
    }

    pub(super) fn unsupported(&self, what: &str) -> SqlError {
        SqlError::unsupported(what, self.tokens[self.at].span.clone())
    }

    pub(super) fn at_word(&self, keyword: &str) -> bool {
        matches!(self.peek(), Kind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// Takes `keyword` if it is next.
    pub(super) fn word(&mut self, keyword: &str) -> bool {
        let found = self.at_word(keyword);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn expect_word(&mut self, keyword: &str) -> Result<(), SqlError> {
        if self.word(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Takes `sign` if it is next.
    pub(super) fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Kind::Sign(s) if *s == sign);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn expect_sign(&mut self, sign: &str) -> Result<(), SqlError> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// An alias or property name: any word the grammar does not keep for itself.
    pub(super) fn identifier(&mut self) -> Result<String, SqlError> {
        match self.peek() {
            Kind::Word(word) if !is_reserved(word) && !word.starts_with(|c: char| c.is_ascii_digit()) => {
                let name = (*word).to_owned();
                self.advance();
                Ok(name)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Runs `parse` one level down, or refuses to go deeper.
    pub(super) fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        self.deeper()?;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Counts one more level. Left-leaning chains call this without coming back, until their expression ends.
    pub(super) fn deeper(&mut self) -> Result<(), SqlError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let message = format!("The query nests deeper than the limit of {DEEPEST} levels.");
            return Err(SqlError { code: "SC3002", message, span: self.tokens[self.at].span.clone() });
        }
        Ok(())
    }

    pub(super) fn comma_separated<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, SqlError>,
    ) -> Result<Vec<T>, SqlError> {
        let mut items = vec![item(self)?];
        while self.sign(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    pub(super) fn query(&mut self) -> Result<Query, SqlError> {
        let outer = std::mem::take(&mut self.aggregates);
        let query = self.nested(Self::query_here);
        self.aggregates = outer;
        query
    }

    fn query_here(&mut self) -> Result<Query, SqlError> {
        self.expect_word("SELECT")?;
        let distinct = self.word("DISTINCT");
        let top = if self.word("TOP") { Some(self.count()?) } else { None };
        let select = self.select()?;
        let mut sources = Vec::new();
        if self.word("FROM") {
            sources.push(self.source()?);
            while self.word("JOIN") {
                sources.push(self.source()?);
            }
        }
        let filter = if self.word("WHERE") { Some(self.expression()?) } else { None };
        let mut group_by = Vec::new();
        if self.word("GROUP") {
            self.expect_word("BY")?;
            group_by = self.comma_separated(Self::expression)?;
        }
        if self.at_word("HAVING") {
            return Err(self.unsupported("HAVING"));
        }
        let mut order_by = Vec::new();
        if self.word("ORDER") {
            self.expect_word("BY")?;
            if self.at_word("RANK") {
                return Err(self.unsupported("ORDER BY RANK"));
            }
            order_by = self.comma_separated(Self::order)?;
        }
        let mut window = None;
        if self.word("OFFSET") {
            let offset = self.count()?;
            self.expect_word("LIMIT")?;
            window = Some((offset, self.count()?));
        }
        let aggregates = std::mem::take(&mut self.aggregates);
        Ok(Query { distinct, top, select, sources, filter, group_by, order_by, window, aggregates })
    }

    /// The number or parameter behind TOP, OFFSET and LIMIT.
    fn count(&mut self) -> Result<Expr, SqlError> {
        let count = match self.peek() {
            Kind::Number(number) if number.as_u64().is_some() => Expr::Literal(Value::Number(number.clone())),
            Kind::Parameter(name) => Expr::Parameter((*name).to_owned()),
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(count)
    }

    fn select(&mut self) -> Result<Select, SqlError> {
        if self.sign("*") {
            return Ok(Select::All);
        }
        if self.word("VALUE") {
            return Ok(Select::Value(self.expression()?));
        }
        let mut unnamed = 0;
        let properties = self.comma_separated(|parser| {
            let value = parser.expression()?;
            let name = match (parser.alias()?, &value) {
                (Some(alias), _) => alias,
                (None, value) => own_name(value).unwrap_or_else(|| {
                    // `$1`, `$2`, …: the service numbers what has no name of its own.
                    unnamed += 1;
                    format!("${unnamed}")
                }),
            };
            Ok((name, value))
        })?;
        Ok(Select::Properties(properties))
    }

    /// `AS name`, or just `name`.
    fn alias(&mut self) -> Result<Option<String>, SqlError> {
        let bare = matches!(self.peek(), Kind::Word(word) if !is_reserved(word));
        if self.word("AS") || bare { self.identifier().map(Some) } else { Ok(None) }
    }

    fn source(&mut self) -> Result<Source, SqlError> {
        if matches!(self.peek_second(), Kind::Word(word) if word.eq_ignore_ascii_case("IN")) {
            let alias = self.identifier()?;
            self.expect_word("IN")?;
            let (set, _) = self.set()?;
            return Ok(Source { alias, set, each: true });
        }
        let (set, own_name) = self.set()?;
        let alias = match self.alias()? {
            Some(alias) => alias,
            // A nested query without a name cannot be referred to, which is allowed.
            None => own_name.unwrap_or_default(),
        };
        Ok(Source { alias, set, each: false })
    }

    /// The set and the name it has when no alias is given: the last property of its path.
    fn set(&mut self) -> Result<(Set, Option<String>), SqlError> {
        if self.sign("(") {
            let query = self.query()?;
            self.expect_sign(")")?;
            return Ok((Set::Query(Box::new(query)), None));
        }
        let depth = self.depth;
        let root = self.identifier()?;
        let path = self.members(Expr::Name(root))?;
        self.depth = depth;
        let name = own_name(&path);
        Ok((Set::Path(path), name))
    }

    fn order(&mut self) -> Result<Order, SqlError> {
        let by = self.expression()?;
        let descending = self.word("DESC");
        if !descending {
            self.word("ASC");
        }
        Ok(Order { by, descending })
    }
}

/// The name a path has without an alias: its last property, or the name it starts from.
fn own_name(path: &Expr) -> Option<String> {
    match path {
        Expr::Name(name) => Some(name.clone()),
        Expr::Member(_, last) => match &**last {
            Expr::Literal(Value::String(name)) => Some(name.clone()),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word))
}
