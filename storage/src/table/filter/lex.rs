//! Words of a filter.

use super::super::entity::{Value, ticks_in};
use crate::protocol::Fault;
use crate::protocol::fault::INVALID_INPUT;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    /// A property name or an operator word.
    Word(String),
    Literal(Value),
}

/// A token and where it began, in characters from 1.
pub(super) type Placed = (usize, Token);

pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, Fault> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(found) };
        let at = text.len() - rest.len() + 1;
        let (token, after) = match first {
            '(' => (Token::Open, &rest[1..]),
            ')' => (Token::Close, &rest[1..]),
            '\'' => {
                let (value, after) = quoted(rest, at)?;
                (Token::Literal(Value::String(value)), after)
            }
            '-' | '0'..='9' => number(rest, at)?,
            first if first.is_alphabetic() || first == '_' => word(rest, at)?,
            other => return Err(wrong(at, format!("'{other}' is not expected here"))),
        };
        found.push((at, token));
        rest = after;
    }
}

/// The fault for a filter that cannot be understood.
pub(super) fn wrong(at: usize, reason: impl std::fmt::Display) -> Fault {
    INVALID_INPUT.because(format!("The filter is not valid at position {at}: {reason}."))
}

fn quoted(text: &str, at: usize) -> Result<(String, &str), Fault> {
    super::super::address::quoted(text).map_err(|_| wrong(at, "the string does not end"))
}

fn number(text: &str, at: usize) -> Result<(Token, &str), Fault> {
    let end = text
        .char_indices()
        .find(|(index, one)| {
            let in_number = one.is_ascii_alphanumeric() || *one == '.';
            let sign = matches!(one, '-' | '+') && (*index == 0 || text[..*index].ends_with(['e', 'E']));
            !(in_number || sign)
        })
        .map_or(text.len(), |(index, _)| index);
    let (literal, after) = text.split_at(end);
    let value = match literal.strip_suffix(['L', 'l']) {
        Some(long) => long.parse().ok().map(Value::Int64),
        None => match literal.parse::<i32>() {
            Ok(small) => Some(Value::Int32(small)),
            Err(_) => match literal.parse::<i64>() {
                Ok(large) => Some(Value::Int64(large)),
                Err(_) => literal.trim_end_matches(['d', 'D']).parse().ok().map(Value::Double),
            },
        },
    };
    let value = value.ok_or_else(|| wrong(at, format!("'{literal}' is not a number")))?;
    Ok((Token::Literal(value), after))
}

fn word(text: &str, at: usize) -> Result<(Token, &str), Fault> {
    let end = text.find(|one: char| !(one.is_alphanumeric() || one == '_')).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    if after.starts_with('\'') {
        let (inside, after) = quoted(after, at + end)?;
        let value = match word {
            "datetime" => ticks_in(&inside).map(Value::DateTime),
            "guid" => uuid::Uuid::parse_str(&inside).ok().map(Value::Guid),
            "X" | "x" | "binary" => hex(&inside).map(Value::Binary),
            _ => None,
        };
        let value = value.ok_or_else(|| wrong(at, format!("{word}'{inside}' is not a literal")))?;
        return Ok((Token::Literal(value), after));
    }
    if after.starts_with('(') && !matches!(word, "not" | "and" | "or") {
        return Err(wrong(at, format!("functions such as '{word}' are not supported")));
    }
    let token = match word {
        "true" => Token::Literal(Value::Boolean(true)),
        "false" => Token::Literal(Value::Boolean(false)),
        "NaN" => Token::Literal(Value::Double(f64::NAN)),
        "Infinity" => Token::Literal(Value::Double(f64::INFINITY)),
        _ => Token::Word(word.to_owned()),
    };
    Ok((token, after))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
