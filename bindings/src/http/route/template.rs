//! One route template and how it matches a path.

use super::constraint::Constraint;
use super::parse;
use crate::BindError;

/// A parsed route template. Matching allocates nothing until the route is known to fit.
#[derive(Debug, Clone)]
pub struct Template {
    text: String,
    segments: Vec<Segment>,
}

/// What stands between two slashes.
#[derive(Debug, Clone)]
pub(super) enum Segment {
    Literal(String),
    Parameter(Parameter),
    CatchAll(Parameter),
    /// Literals and parameters in turn, such as `{name}.{extension}`.
    Mixed(Vec<Piece>),
}

#[derive(Debug, Clone)]
pub(super) enum Piece {
    Literal(String),
    Parameter(Parameter),
}

#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) optional: bool,
    pub(super) catch_all: bool,
    pub(super) default: Option<String>,
    pub(super) constraints: Vec<Constraint>,
}

impl Parameter {
    fn accepts(&self, value: &str) -> bool {
        self.constraints.iter().all(|constraint| constraint.accepts(value))
    }
}

impl Segment {
    pub(super) fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        let (one, many) = match self {
            Self::Literal(_) => (None, None),
            Self::Parameter(parameter) | Self::CatchAll(parameter) => (Some(parameter), None),
            Self::Mixed(pieces) => (None, Some(pieces)),
        };
        one.into_iter().chain(many.into_iter().flatten().filter_map(|piece| match piece {
            Piece::Parameter(parameter) => Some(parameter),
            Piece::Literal(_) => None,
        }))
    }
}

impl Template {
    /// Reads a template; slashes at its ends do not matter.
    pub fn parse(text: &str) -> Result<Self, BindError> {
        let text = text.trim_matches('/');
        let segments = parse::segments(text).map_err(|detail| {
            BindError::new(format!("The route template '{text}' is not valid. {detail}"))
        })?;
        Ok(Self { text: text.to_owned(), segments })
    }

    /// The text, without slashes at its ends.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Number of segments.
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Whether it is the root.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The literal at segment `index`, when it is one.
    pub(super) fn literal(&self, index: usize) -> Option<&str> {
        match self.segments.get(index) {
            Some(Segment::Literal(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether `path` (decoded, see [`super::path::decode`]) fits, constraints included.
    pub fn fits(&self, path: &str) -> bool {
        self.walk(path, true, &mut |_, _| {})
    }

    /// The route values of `path`, in template order; optional parameters that are absent are left out. `None` when
    /// the path does not fit.
    pub fn matches(&self, path: &str) -> Option<Vec<(String, String)>> {
        self.fits(path).then(|| self.values(path))
    }

    /// The route values of a path that is known to fit.
    pub(super) fn values(&self, path: &str) -> Vec<(String, String)> {
        let mut values = Vec::new();
        self.walk(path, false, &mut |name, value| values.push((name.to_owned(), value.to_owned())));
        values
    }

    fn walk<'a>(&'a self, path: &'a str, check: bool, found: &mut dyn FnMut(&'a str, &'a str)) -> bool {
        let mut rest = path.strip_prefix('/').unwrap_or(path);
        let mut take = |parameter: &'a Parameter, value: &'a str| {
            let accepted = !check || parameter.accepts(value);
            found(&parameter.name, value);
            accepted
        };
        for segment in &self.segments {
            // An empty segment in the middle of a path fits nothing, not even a catch-all that starts there.
            if rest.starts_with('/') {
                return false;
            }
            if rest.is_empty() {
                let (Segment::Parameter(parameter) | Segment::CatchAll(parameter)) = segment else {
                    return false;
                };
                match &parameter.default {
                    Some(default) if !take(parameter, default) => return false,
                    None if !parameter.optional && !parameter.catch_all => return false,
                    _ => continue,
                }
            }
            let (text, after) = rest.split_once('/').unwrap_or((rest, ""));
            let fits = match segment {
                Segment::Literal(literal) => same(literal, text),
                Segment::Parameter(parameter) => take(parameter, text),
                Segment::CatchAll(parameter) => return take(parameter, rest),
                Segment::Mixed(pieces) => mixed(pieces, text, &mut take),
            };
            if !fits {
                return false;
            }
            rest = after;
        }
        rest.is_empty()
    }
}

/// Equal ignoring case.
fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || (!(one.is_ascii() && other.is_ascii())
            && one.chars().flat_map(char::to_lowercase).eq(other.chars().flat_map(char::to_lowercase)))
}

/// Matches from the right, so that in `{name}.{extension}` the name takes the other dots. The optional end of
/// `{name}.{extension?}` may be missing together with its dot.
fn mixed<'a>(
    pieces: &'a [Piece],
    text: &'a str,
    take: &mut dyn FnMut(&'a Parameter, &'a str) -> bool,
) -> bool {
    if from_the_right(pieces, text, &mut |_, _| true) {
        return from_the_right(pieces, text, take);
    }
    match pieces {
        [first @ .., Piece::Literal(_), Piece::Parameter(last)] if last.optional && !first.is_empty() => {
            from_the_right(first, text, &mut |_, _| true) && from_the_right(first, text, take)
        }
        _ => false,
    }
}

fn from_the_right<'a>(
    pieces: &'a [Piece],
    text: &'a str,
    take: &mut dyn FnMut(&'a Parameter, &'a str) -> bool,
) -> bool {
    match pieces {
        [] => text.is_empty(),
        [first @ .., Piece::Literal(literal)] => {
            ends_with(text, literal).is_some_and(|end| from_the_right(first, &text[..end], take))
        }
        [Piece::Parameter(only)] => !text.is_empty() && take(only, text),
        [Piece::Literal(literal), Piece::Parameter(last)] => {
            let starts = text.len() > literal.len() && same_start(text, literal);
            starts && take(last, &text[literal.len()..])
        }
        [first @ .., Piece::Literal(literal), Piece::Parameter(last)] => {
            let Some(at) = last_index(text, literal) else { return false };
            from_the_right(first, &text[..at], take) && take(last, &text[at + literal.len()..])
        }
        // Two parameters side by side do not pass the parser.
        [.., Piece::Parameter(_), Piece::Parameter(_)] => false,
    }
}

fn same_start(text: &str, literal: &str) -> bool {
    text.as_bytes()[..literal.len()].eq_ignore_ascii_case(literal.as_bytes())
}

fn ends_with(text: &str, literal: &str) -> Option<usize> {
    let at = text.len().checked_sub(literal.len())?;
    text.as_bytes()[at..].eq_ignore_ascii_case(literal.as_bytes()).then_some(at)
}

/// The last place of `literal` in `text` with at least one character behind it.
fn last_index(text: &str, literal: &str) -> Option<usize> {
    let last = text.len().checked_sub(literal.len() + 1)?;
    (0..=last).rev().find(|at| {
        text.as_bytes()[*at..*at + literal.len()].eq_ignore_ascii_case(literal.as_bytes())
            && text.is_char_boundary(*at)
    })
}
