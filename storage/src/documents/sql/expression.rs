//! Tokens to tree: expressions, by precedence.
//!
//! From loose to tight: `? :` and `??`, OR, AND, NOT, comparison (with IN, BETWEEN, LIKE), `|`, `^`, `&`, shifts,
//! `+ - ||`, `* / %`, signs, members.

use std::ops::Range;

use serde_json::Value;

use super::{
    SqlError,
    ast::{Aggregate, AggregateKind, Binary, Expr, Unary},
    functions,
    lex::Kind,
    parse::{Parser, is_reserved},
    value,
};

/// Binary operators by level, loose to tight. Level 0 is comparison, which does not associate further than left.
const LEVELS: [&[(&str, Binary)]; 7] = [
    &[
        ("=", Binary::Equal),
        ("!=", Binary::NotEqual),
        ("<>", Binary::NotEqual),
        ("<=", Binary::LessOrEqual),
        (">=", Binary::GreaterOrEqual),
        ("<", Binary::Less),
        (">", Binary::Greater),
    ],
    &[("|", Binary::BitOr)],
    &[("^", Binary::BitXor)],
    &[("&", Binary::BitAnd)],
    &[("<<", Binary::ShiftLeft), (">>>", Binary::ShiftRightZero), (">>", Binary::ShiftRight)],
    &[("+", Binary::Add), ("-", Binary::Subtract), ("||", Binary::Concat)],
    &[("*", Binary::Multiply), ("/", Binary::Divide), ("%", Binary::Modulo)],
];

const AGGREGATES: [(&str, AggregateKind); 5] = [
    ("COUNT", AggregateKind::Count),
    ("SUM", AggregateKind::Sum),
    ("MIN", AggregateKind::Min),
    ("MAX", AggregateKind::Max),
    ("AVG", AggregateKind::Avg),
];

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expr, SqlError> {
        let depth = self.depth;
        self.deeper()?;
        let mut left = self.alternatives()?;
        // Both operators group to the right: `a ?? b ?? c` asks `a` first, and so does `a ? b : c ? d : e`.
        if self.sign("??") {
            left = Expr::Coalesce(Box::new(left), Box::new(self.expression()?));
        }
        if self.sign("?") {
            let yes = self.expression()?;
            self.expect_sign(":")?;
            left = Expr::Conditional(Box::new(left), Box::new(yes), Box::new(self.expression()?));
        }
        self.depth = depth;
        Ok(left)
    }

    fn alternatives(&mut self) -> Result<Expr, SqlError> {
        let mut all = vec![self.conjunction()?];
        while self.word("OR") {
            all.push(self.conjunction()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expr::Or(all) })
    }

    fn conjunction(&mut self) -> Result<Expr, SqlError> {
        let mut all = vec![self.negation()?];
        while self.word("AND") {
            all.push(self.negation()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expr::And(all) })
    }

    fn negation(&mut self) -> Result<Expr, SqlError> {
        if self.word("NOT") {
            return self.nested(|p| Ok(Expr::Unary(Unary::Not, Box::new(p.negation()?))));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expr, SqlError> {
        let depth = self.depth;
        let mut left = self.binary(1)?;
        loop {
            let negated = self.at_word("NOT") && self.word("NOT");
            let test = if self.word("IN") {
                self.expect_sign("(")?;
                if self.at_word("SELECT") {
                    return Err(self.unsupported("A query inside IN (use EXISTS or ARRAY_CONTAINS)"));
                }
                let all = self.comma_separated(Self::expression)?;
                self.expect_sign(")")?;
                Expr::In(Box::new(left), all)
            } else if self.word("BETWEEN") {
                let low = self.binary(1)?;
                self.expect_word("AND")?;
                Expr::Between(Box::new(left), Box::new(low), Box::new(self.binary(1)?))
            } else if self.word("LIKE") {
                let pattern = self.binary(1)?;
                Expr::Like(Box::new(left), Box::new(pattern), self.escape()?)
            } else if negated {
                return Err(self.unexpected());
            } else if let Some((_, operator)) = self.operator(0) {
                Expr::Binary(operator, Box::new(left), Box::new(self.binary(1)?))
            } else {
                self.depth = depth;
                return Ok(left);
            };
            self.deeper()?;
            left = if negated { Expr::Unary(Unary::Not, Box::new(test)) } else { test };
        }
    }

    fn escape(&mut self) -> Result<Option<char>, SqlError> {
        if !self.word("ESCAPE") {
            return Ok(None);
        }
        let character = match self.peek() {
            Kind::Text(text) => text.chars().next().filter(|c| c.len_utf8() == text.len()),
            _ => None,
        };
        let character = character.ok_or_else(|| self.unexpected())?;
        self.advance();
        Ok(Some(character))
    }

    /// The next binary operator if it binds at least as tightly as `loosest`, with its own level.
    fn operator(&mut self, loosest: usize) -> Option<(usize, Binary)> {
        let Kind::Sign(sign) = *self.peek() else { return None };
        let mut levels = LEVELS.iter().enumerate().skip(loosest);
        let found =
            levels.find_map(|(level, signs)| Some((level, signs.iter().find(|(s, _)| *s == sign)?.1)));
        if found.is_some() {
            self.advance();
        }
        found
    }

    /// Operators from level `loosest` on; one loop for all levels keeps the stack of deep queries short.
    fn binary(&mut self, loosest: usize) -> Result<Expr, SqlError> {
        let depth = self.depth;
        let mut left = self.signed()?;
        while let Some((level, operator)) = self.operator(loosest) {
            self.deeper()?;
            left = Expr::Binary(operator, Box::new(left), Box::new(self.binary(level + 1)?));
        }
        self.depth = depth;
        Ok(left)
    }

    fn signed(&mut self) -> Result<Expr, SqlError> {
        let operator = match self.peek() {
            Kind::Sign("-") => Unary::Minus,
            Kind::Sign("+") => Unary::Plus,
            Kind::Sign("~") => Unary::BitNot,
            _ => {
                let depth = self.depth;
                let operand = self.operand()?;
                let whole = self.members(operand)?;
                self.depth = depth;
                return Ok(whole);
            }
        };
        self.advance();
        let operand = self.nested(Self::signed)?;
        Ok(match (operator, &operand) {
            // `-1` is a literal, so that it may stand where only literals do.
            (Unary::Minus, Expr::Literal(Value::Number(n))) => {
                match n.as_f64().and_then(|n| value::number(-n)) {
                    Some(negative) => Expr::Literal(negative),
                    None => Expr::Undefined,
                }
            }
            _ => Expr::Unary(operator, Box::new(operand)),
        })
    }

    /// `.name`, `["name"]` and `[index]` behind `of`. Leaves the depth raised by one per step.
    pub(super) fn members(&mut self, mut of: Expr) -> Result<Expr, SqlError> {
        loop {
            let member = if self.sign(".") {
                Expr::Literal(Value::from(self.identifier()?))
            } else if self.sign("[") {
                let member = self.expression()?;
                self.expect_sign("]")?;
                member
            } else {
                return Ok(of);
            };
            self.deeper()?;
            of = Expr::Member(Box::new(of), Box::new(member));
        }
    }

    fn operand(&mut self) -> Result<Expr, SqlError> {
        let operand = match self.peek() {
            Kind::Number(number) => Expr::Literal(Value::Number(number.clone())),
            Kind::Text(text) => Expr::Literal(Value::from(text.as_str())),
            Kind::Parameter(name) => Expr::Parameter((*name).to_owned()),
            Kind::Sign("(") => return self.parenthesis(),
            Kind::Sign("[") => return self.array(),
            Kind::Sign("{") => return self.object(),
            Kind::Word(word) => {
                let word = *word;
                return self.word_operand(word);
            }
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(operand)
    }

    fn parenthesis(&mut self) -> Result<Expr, SqlError> {
        self.advance();
        let inner =
            if self.at_word("SELECT") { Expr::Scalar(Box::new(self.query()?)) } else { self.expression()? };
        self.expect_sign(")")?;
        Ok(inner)
    }

    fn array(&mut self) -> Result<Expr, SqlError> {
        self.advance();
        if self.sign("]") {
            return Ok(Expr::Array(Vec::new()));
        }
        let items = self.comma_separated(Self::expression)?;
        self.expect_sign("]")?;
        Ok(Expr::Array(items))
    }

    fn object(&mut self) -> Result<Expr, SqlError> {
        self.advance();
        if self.sign("}") {
            return Ok(Expr::Object(Vec::new()));
        }
        let properties = self.comma_separated(|parser| {
            let name = match parser.peek() {
                Kind::Text(text) => text.clone(),
                Kind::Word(word) => (*word).to_owned(),
                _ => return Err(parser.unexpected()),
            };
            parser.advance();
            parser.expect_sign(":")?;
            Ok((name, parser.expression()?))
        })?;
        self.expect_sign("}")?;
        Ok(Expr::Object(properties))
    }

    fn word_operand(&mut self, word: &str) -> Result<Expr, SqlError> {
        let called = matches!(self.peek_second(), Kind::Sign("("));
        let literal = match word.to_ascii_lowercase().as_str() {
            "true" => Some(Expr::Literal(Value::Bool(true))),
            "false" => Some(Expr::Literal(Value::Bool(false))),
            "null" => Some(Expr::Literal(Value::Null)),
            "undefined" => Some(Expr::Undefined),
            _ => None,
        };
        if let Some(literal) = literal {
            self.advance();
            return Ok(literal);
        }
        match word.to_ascii_uppercase().as_str() {
            "EXISTS" if called => return Ok(Expr::Exists(Box::new(self.called_query()?))),
            "ARRAY" if called => return Ok(Expr::Rows(Box::new(self.called_query()?))),
            "UDF" => return Err(self.unsupported("A user-defined function")),
            "ALL" | "ANY" if called => return Err(self.unsupported(&format!("{word}(…)"))),
            _ if called && !is_reserved(word) => return self.call(word),
            _ => {}
        }
        Ok(Expr::Name(self.identifier()?))
    }

    fn called_query(&mut self) -> Result<super::ast::Query, SqlError> {
        self.advance();
        self.expect_sign("(")?;
        let query = self.query()?;
        self.expect_sign(")")?;
        Ok(query)
    }

    fn call(&mut self, name: &str) -> Result<Expr, SqlError> {
        let span = self.tokens[self.at].span.clone();
        self.advance();
        self.expect_sign("(")?;
        let mut arguments = Vec::new();
        if !self.sign(")") {
            arguments = self.comma_separated(Self::expression)?;
            self.expect_sign(")")?;
        }
        self.called(name, arguments, span)
    }

    /// The call itself, apart from [`Self::call`] so that nested calls keep a small frame each.
    fn called(&mut self, name: &str, arguments: Vec<Expr>, span: Range<usize>) -> Result<Expr, SqlError> {
        let miscounted = |given: usize| SqlError {
            code: "SC2009",
            message: format!("The function '{name}' does not take {given} argument(s)."),
            span: span.clone(),
        };
        if let Some((_, kind)) = AGGREGATES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            let [of] = <[Expr; 1]>::try_from(arguments).map_err(|given| miscounted(given.len()))?;
            self.aggregates.push(Aggregate { kind: *kind, of });
            return Ok(Expr::Aggregate(self.aggregates.len() - 1));
        }
        match functions::find(name) {
            Some(function) if function.arguments.contains(&arguments.len()) => {
                Ok(Expr::Call(function, arguments))
            }
            Some(_) => Err(miscounted(arguments.len())),
            None if functions::is_beyond(name) => {
                Err(SqlError::unsupported(&format!("The function '{name}'"), span))
            }
            None => Err(SqlError {
                code: "SC2005",
                message: format!("'{name}' is not a recognized built-in function name."),
                span,
            }),
        }
    }
}
