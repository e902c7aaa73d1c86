//! Query text to tokens. Never looks at meaning: keywords are words until the parser asks.

use std::ops::Range;

use serde_json::{Number, Value};

use super::SqlError;

/// One token and where it stood.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind<'t>,
    pub(super) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind<'t> {
    /// A keyword, an alias or a function name.
    Word(&'t str),
    /// `@name`, without the sign.
    Parameter(&'t str),
    Number(Number),
    Text(String),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// Longest first, so that `>>>` is not read as `>>` and `>`.
const SIGNS: [&str; 33] = [
    ">>>", "<<", ">>", "<=", ">=", "<>", "!=", "||", "??", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|",
    "^", "~", "?", ":", ",", ".", "(", ")", "[", "]", "{", "}", "!", ";",
];

/// All tokens of `text`, closed by [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, SqlError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank()?;
        let start = lexer.at;
        let kind = lexer.next_kind()?;
        let ended = kind == Kind::End;
        tokens.push(Token { kind, span: start..lexer.at });
        if ended {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn skip_blank(&mut self) -> Result<(), SqlError> {
        loop {
            self.take_while(|c| c.is_whitespace() || c == '\u{feff}');
            let start = self.at;
            if self.rest().starts_with("--") {
                self.take_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                match self.rest().find("*/") {
                    Some(end) => self.at += end + 2,
                    None => return Err(SqlError::token("comment", start..self.text.len())),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn next_kind(&mut self) -> Result<Kind<'t>, SqlError> {
        let start = self.at;
        let Some(first) = self.rest().chars().next() else { return Ok(Kind::End) };
        let second = self.rest()[first.len_utf8()..].chars().next();
        match first {
            '\'' | '"' => self.text_literal(first).map(Kind::Text),
            '0'..='9' => self.number(),
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => self.number(),
            '@' => {
                self.at += 1;
                match self.take_while(is_word) {
                    "" => Err(SqlError::token("parameter", start..self.at)),
                    name => Ok(Kind::Parameter(name)),
                }
            }
            c if is_word(c) => Ok(Kind::Word(self.take_while(is_word))),
            other => match SIGNS.into_iter().find(|sign| self.rest().starts_with(sign)) {
                Some(sign) => {
                    self.at += sign.len();
                    Ok(Kind::Sign(sign))
                }
                None => Err(SqlError::token(&format!("'{other}'"), start..start + other.len_utf8())),
            },
        }
    }

    fn number(&mut self) -> Result<Kind<'t>, SqlError> {
        let start = self.at;
        if self.rest().starts_with("0x") || self.rest().starts_with("0X") {
            self.at += 2;
            let digits = self.take_while(is_word);
            return match i64::from_str_radix(digits, 16) {
                Ok(number) => Ok(Kind::Number(number.into())),
                Err(_) => Err(SqlError::token("number literal", start..self.at)),
            };
        }
        self.take_while(|c| c.is_ascii_digit());
        if self.rest().starts_with('.') {
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
        if self.rest().starts_with(['e', 'E']) {
            self.at += 1;
            if self.rest().starts_with(['+', '-']) {
                self.at += 1;
            }
            self.take_while(|c| c.is_ascii_digit());
        }
        let digits = &self.text[start..self.at];
        // `1abc` is one bad token, not a number followed by an alias.
        let tail = self.take_while(is_word);
        let exact = digits.parse::<i64>().ok().map(Number::from);
        let number = exact.or_else(|| digits.parse::<f64>().ok().and_then(Number::from_f64));
        match number {
            Some(number) if tail.is_empty() => Ok(Kind::Number(number)),
            _ => Err(SqlError::token("number literal", start..self.at)),
        }
    }

    /// Single or double quotes, with JSON's escapes in both.
    fn text_literal(&mut self, quote: char) -> Result<String, SqlError> {
        let start = self.at;
        let bad = |at: usize| SqlError::token("string literal", start..at);
        self.at += 1;
        let mut out = String::new();
        loop {
            out.push_str(self.take_while(|c| c != quote && c != '\\'));
            match self.rest().chars().next() {
                Some('\\') => {
                    self.at += 1;
                    let escaped = self.rest().chars().next().ok_or_else(|| bad(self.at))?;
                    self.at += escaped.len_utf8();
                    match escaped {
                        'b' => out.push('\u{8}'),
                        'f' => out.push('\u{c}'),
                        'n' => out.push('\n'),
                        'r' => out.push('\r'),
                        't' => out.push('\t'),
                        'u' => out.push(self.unicode_escape().ok_or_else(|| bad(self.at))?),
                        '\\' | '/' | '\'' | '"' => out.push(escaped),
                        // The service keeps what follows an unknown escape.
                        other => out.push(other),
                    }
                }
                Some(_) => {
                    self.at += 1;
                    return Ok(out);
                }
                None => return Err(bad(self.at)),
            }
        }
    }

    /// The four digits after `\u`, with a following low surrogate when they open a pair.
    fn unicode_escape(&mut self) -> Option<char> {
        let high = self.four_hex_digits()?;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high);
        }
        self.at += self.rest().strip_prefix("\\u").map(|_| 2)?;
        let low = self.four_hex_digits()?.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + low)
    }

    fn four_hex_digits(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

impl Kind<'_> {
    /// As an error message shows it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(word) => (*word).to_owned(),
            Self::Parameter(name) => format!("@{name}"),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => Value::from(text.as_str()).to_string(),
            Self::Sign(sign) => (*sign).to_owned(),
            Self::End => String::new(),
        }
    }
}
