//! Words to expression: `or` binds least, then `and`, then `not`.

use super::lex::{Placed, Token, tokens, wrong};
use super::{Comparison, Expression, Operand};
use crate::protocol::Fault;

/// Parentheses and `not`s deeper than this are refused: the parser calls itself once per level.
const DEEPEST: usize = 100;
/// Comparisons in one filter; the service allows 15, we are more generous.
const MOST_WORDS: usize = 4000;

pub(super) fn parse(text: &str) -> Result<Expression, Fault> {
    let words = tokens(text)?;
    if words.len() > MOST_WORDS {
        return Err(wrong(1, "it is too long"));
    }
    let mut parser = Parser { words: words.into_iter().peekable(), end: text.len() + 1, depth: 0 };
    let expression = parser.or()?;
    match parser.words.next() {
        None => Ok(expression),
        Some((at, _)) => Err(wrong(at, "'and', 'or' or the end is expected")),
    }
}

struct Parser {
    words: std::iter::Peekable<std::vec::IntoIter<Placed>>,
    end: usize,
    depth: usize,
}

impl Parser {
    fn or(&mut self) -> Result<Expression, Fault> {
        let mut left = self.and()?;
        while self.takes("or") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, Fault> {
        let mut left = self.not()?;
        while self.takes("and") {
            left = Expression::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expression, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(wrong(self.end, "it is nested too deeply"));
        }
        let expression = if self.takes("not") {
            Expression::Not(Box::new(self.not()?))
        } else if matches!(self.words.peek(), Some((_, Token::Open))) {
            self.words.next();
            let inner = self.or()?;
            match self.words.next() {
                Some((_, Token::Close)) => inner,
                Some((at, _)) => return Err(wrong(at, "')' is expected")),
                None => return Err(wrong(self.end, "')' is missing")),
            }
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn comparison(&mut self) -> Result<Expression, Fault> {
        let left = self.operand()?;
        let comparison = match self.words.peek() {
            Some((_, Token::Word(word))) => match word.as_str() {
                "eq" => Comparison::Equal,
                "ne" => Comparison::NotEqual,
                "gt" => Comparison::Greater,
                "ge" => Comparison::GreaterOrEqual,
                "lt" => Comparison::Less,
                "le" => Comparison::LessOrEqual,
                _ => return Ok(Expression::Truth(left)),
            },
            _ => return Ok(Expression::Truth(left)),
        };
        self.words.next();
        Ok(Expression::Compare(left, comparison, self.operand()?))
    }

    fn operand(&mut self) -> Result<Operand, Fault> {
        match self.words.next() {
            Some((_, Token::Literal(value))) => Ok(Operand::Literal(value)),
            Some((_, Token::Word(name))) if !is_operator(&name) => Ok(Operand::Name(name)),
            Some((at, _)) => Err(wrong(at, "a property or a literal is expected")),
            None => Err(wrong(self.end, "a property or a literal is missing")),
        }
    }

    fn takes(&mut self, word: &str) -> bool {
        self.words.next_if(|(_, token)| matches!(token, Token::Word(known) if known == word)).is_some()
    }
}

fn is_operator(word: &str) -> bool {
    matches!(word, "and" | "or" | "not" | "eq" | "ne" | "gt" | "ge" | "lt" | "le")
}
