//! The grammar of route templates.

use super::constraint::Constraint;
use super::template::{Parameter, Piece, Segment};

/// Splits a template (no slashes at its ends) into segments; the error says what is wrong with it.
pub(super) fn segments(text: &str) -> Result<Vec<Segment>, String> {
    let mut segments = Vec::new();
    let mut pieces: Vec<Piece> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('/') {
            if pieces.is_empty() {
                return Err(
                    "The route template separator character '/' cannot appear consecutively. It must be \
                            separated by either a parameter or a literal value."
                        .into(),
                );
            }
            segments.push(segment(std::mem::take(&mut pieces))?);
            rest = after;
        } else if rest.starts_with('{') && !rest.starts_with("{{") {
            let (inner, after) = enclosed(&rest[1..])?;
            if matches!(pieces.last(), Some(Piece::Parameter(_))) {
                return Err(
                    "A path segment cannot contain two consecutive parameters. They must be separated by a \
                            '/' or by a literal string."
                        .into(),
                );
            }
            pieces.push(Piece::Parameter(parameter(&inner)?));
            rest = after;
        } else {
            let (literal, after) = literal(rest)?;
            pieces.push(Piece::Literal(literal));
            rest = after;
        }
    }
    if !pieces.is_empty() {
        segments.push(segment(pieces)?);
    }
    check(&segments)?;
    Ok(segments)
}

const INCOMPLETE: &str = "There is an incomplete parameter in the route template. Check that each '{' character has \
                          a matching '}' character.";

/// Literal text up to the next parameter or slash, its doubled braces made single.
fn literal(text: &str) -> Result<(String, &str), String> {
    let mut literal = String::new();
    let mut rest = text;
    loop {
        let at = rest.find(['{', '}', '/']).unwrap_or(rest.len());
        literal.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("{{") {
            literal.push('{');
            rest = after;
        } else if let Some(after) = rest.strip_prefix("}}") {
            literal.push('}');
            rest = after;
        } else if rest.starts_with('}') {
            return Err(INCOMPLETE.into());
        } else {
            break;
        }
    }
    if literal.contains('?') {
        return Err(format!(
            "The literal section '{literal}' is invalid. Literal sections cannot contain the '?' character."
        ));
    }
    Ok((literal, rest))
}

/// The inside of a parameter whose `{` was just read, and what follows its `}`.
fn enclosed(text: &str) -> Result<(String, &str), String> {
    let mut inner = String::new();
    let mut rest = text;
    loop {
        let at = rest.find(['{', '}']).ok_or(INCOMPLETE)?;
        inner.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("{{") {
            inner.push('{');
            rest = after;
        } else if let Some(after) = rest.strip_prefix("}}") {
            inner.push('}');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('}') {
            return Ok((inner, after));
        } else {
            return Err(INCOMPLETE.into());
        }
    }
}

fn parameter(inner: &str) -> Result<Parameter, String> {
    let (body, catch_all) = match inner.strip_prefix("**").or_else(|| inner.strip_prefix('*')) {
        Some(body) => (body, true),
        None => (inner, false),
    };
    let (body, optional) = match body.strip_suffix('?') {
        Some(body) => (body, true),
        None => (body, false),
    };
    let end = body.find([':', '=']).unwrap_or(body.len());
    let (name, mut rest) = body.split_at(end);
    if name.is_empty() || name.contains(['{', '}', '/', '?', '*']) {
        return Err(format!(
            "The route parameter name '{name}' is invalid. Route parameter names must be non-empty and cannot \
             contain these characters: '{{', '}}', '/'. The '?' character marks a parameter as optional, and can \
             occur only at the end of the parameter. The '*' character marks a parameter as catch-all, and can \
             occur only at the start of the parameter."
        ));
    }
    let mut constraints = Vec::new();
    while let Some(after) = rest.strip_prefix(':') {
        let end = constraint_end(after);
        constraints.push(Constraint::parse(&after[..end])?);
        rest = &after[end..];
    }
    let default = rest.strip_prefix('=').map(str::to_owned);
    if optional && default.is_some() {
        return Err("An optional parameter cannot have default value.".into());
    }
    if optional && catch_all {
        return Err("A catch-all parameter cannot be marked optional.".into());
    }
    Ok(Parameter { name: name.to_owned(), optional, catch_all, default, constraints })
}

/// Where a constraint ends: before `:` or `=`; inside parentheses only after a `)` that one of them (or the end)
/// follows.
fn constraint_end(text: &str) -> usize {
    let plain = text.find([':', '=', '(']).unwrap_or(text.len());
    if !text[plain..].starts_with('(') {
        return plain;
    }
    text.match_indices(')')
        .map(|(at, _)| at + 1)
        .find(|end| text[*end..].is_empty() || text[*end..].starts_with([':', '=']))
        .unwrap_or(text.len())
}

/// One segment of its pieces, following the rules for mixed segments.
fn segment(mut pieces: Vec<Piece>) -> Result<Segment, String> {
    if pieces.len() == 1 {
        return Ok(match pieces.remove(0) {
            Piece::Literal(text) => Segment::Literal(text),
            Piece::Parameter(parameter) if parameter.catch_all => Segment::CatchAll(parameter),
            Piece::Parameter(parameter) => Segment::Parameter(parameter),
        });
    }
    for (index, piece) in pieces.iter().enumerate() {
        let Piece::Parameter(parameter) = piece else { continue };
        if parameter.catch_all {
            return Err(
                "A path segment that contains more than one section, such as a literal section or a \
                        parameter, cannot contain a catch-all parameter."
                    .into(),
            );
        }
        if !parameter.optional {
            continue;
        }
        let name = &parameter.name;
        if index + 1 < pieces.len() {
            return Err(format!(
                "An optional parameter must be at the end of the segment; optional parameter '{name}' is not."
            ));
        }
        if !matches!(index.checked_sub(1).map(|before| &pieces[before]), Some(Piece::Literal(text)) if text == ".")
        {
            return Err(format!(
                "The optional parameter '{name}' is preceded by an invalid segment. Only a period (.) can precede \
                 an optional parameter."
            ));
        }
    }
    Ok(Segment::Mixed(pieces))
}

/// Rules across segments.
fn check(segments: &[Segment]) -> Result<(), String> {
    if segments.iter().rev().skip(1).any(|segment| matches!(segment, Segment::CatchAll(_))) {
        return Err("A catch-all parameter can only appear as the last segment of the route template.".into());
    }
    let mut names: Vec<&str> = Vec::new();
    for parameter in segments.iter().flat_map(Segment::parameters) {
        if names.iter().any(|name| name.eq_ignore_ascii_case(&parameter.name)) {
            return Err(format!(
                "The route parameter name '{}' appears more than one time in the route template.",
                parameter.name
            ));
        }
        names.push(&parameter.name);
    }
    Ok(())
}
