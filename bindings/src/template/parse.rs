//! The grammar of binding expressions.

use super::{Builtin, Expression, Part};
use crate::BindError;

/// Splits `text` into literals and expressions. Positions in errors count characters from 1.
pub(super) fn parts(text: &str) -> Result<Vec<Part>, BindError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        let after = &rest[at + 1..];
        if let Some(remainder) = after.strip_prefix(brace) {
            literal.push_str(brace);
            rest = remainder;
            continue;
        }
        let position = text[..text.len() - after.len()].chars().count();
        if brace == "}" {
            return Err(invalid(text, &format!("Missing opening bracket at position {position}.")));
        }
        let end = match after.find(['{', '}']) {
            Some(end) if after[end..].starts_with('}') => end,
            _ => return Err(invalid(text, &format!("Missing closing bracket at position {position}."))),
        };
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        parts.push(Part::Expression(expression(text, &after[..end])?));
        rest = &after[end + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

fn expression(text: &str, inner: &str) -> Result<Expression, BindError> {
    let (name, format) = match inner.split_once(':') {
        Some((name, format)) => (name, Some(format.to_owned())),
        None => (inner, None),
    };
    let bad_name = || invalid(text, &format!("The parameter name '{inner}' is invalid."));
    let builtin = builtin(name);
    let path: Vec<String> = name.split('.').map(str::to_owned).collect();
    // A hyphen is legal only in `rand-guid`, and in members such as `Headers.x-name`.
    let plain = |segment: &str| segment.chars().all(|c| c.is_alphanumeric() || c == '_');
    let legal = path.iter().all(|segment| !segment.is_empty()) && (builtin.is_some() || plain(&path[0]));
    if !legal {
        return Err(bad_name());
    }
    Ok(Expression { name: name.to_owned(), path, format, builtin })
}

fn builtin(name: &str) -> Option<Builtin> {
    const NAMES: [(&str, Builtin); 5] = [
        ("rand-guid", Builtin::RandGuid),
        ("datetime", Builtin::UtcNow),
        ("sys.randGuid", Builtin::RandGuid),
        ("sys.utcNow", Builtin::UtcNow),
        ("sys.methodName", Builtin::MethodName),
    ];
    NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, builtin)| *builtin)
}

fn invalid(text: &str, detail: &str) -> BindError {
    BindError::new(format!("Invalid template '{text}'. {detail}"))
}
