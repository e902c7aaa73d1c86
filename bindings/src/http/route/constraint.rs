//! Inline constraints of route parameters: `{id:int:min(1)}`.

use chrono::NaiveDateTime;
use fancy_regex::{Regex, RegexBuilder};

use crate::dotnet::guid;

/// One parsed constraint.
#[derive(Debug, Clone)]
pub(super) enum Constraint {
    Int,
    Long,
    Bool,
    DateTime,
    Decimal,
    Float,
    Double,
    Guid,
    /// Shortest and longest length in UTF-16 units, as the platform counts.
    Length(usize, usize),
    /// Smallest and largest integer.
    Range(i64, i64),
    Alpha,
    Regex(Box<Regex>),
    Required,
    File,
    NonFile,
}

impl Constraint {
    /// Reads `name` or `name(arguments)`; the error is the detail of an invalid route.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')').map(str::trim)),
            None => (text, None),
        };
        let unknown = || format!("The constraint reference '{name}' could not be resolved to a type.");
        let wrong = || format!("The arguments of constraint '{text}' are not valid.");
        let Some(arguments) = arguments else {
            return Ok(match name.to_ascii_lowercase().as_str() {
                "int" => Self::Int,
                "long" => Self::Long,
                "bool" => Self::Bool,
                "datetime" => Self::DateTime,
                "decimal" => Self::Decimal,
                "double" => Self::Double,
                "float" => Self::Float,
                "guid" => Self::Guid,
                "alpha" => Self::Alpha,
                "required" => Self::Required,
                "file" => Self::File,
                "nonfile" => Self::NonFile,
                "minlength" | "maxlength" | "length" | "min" | "max" | "range" | "regex" => {
                    return Err(wrong());
                }
                _ => return Err(unknown()),
            });
        };
        let size = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
        let number = |text: &str| text.trim().parse::<i64>().map_err(|_| wrong());
        let pair = arguments.split_once(',');
        let constraint = match (name.to_ascii_lowercase().as_str(), pair) {
            ("minlength", None) => Self::Length(size(arguments)?, usize::MAX),
            ("maxlength", None) => Self::Length(0, size(arguments)?),
            ("length", None) => Self::Length(size(arguments)?, size(arguments)?),
            ("length", Some((least, most))) => Self::Length(size(least)?, size(most)?),
            ("min", None) => Self::Range(number(arguments)?, i64::MAX),
            ("max", None) => Self::Range(i64::MIN, number(arguments)?),
            ("range", Some((least, most))) => Self::Range(number(least)?, number(most)?),
            ("regex", _) => {
                let regex = RegexBuilder::new(arguments).case_insensitive(true).build();
                return regex.map(|regex| Self::Regex(Box::new(regex))).map_err(|error| {
                    format!("The regular expression of constraint '{text}' is not valid: {error}.")
                });
            }
            ("minlength" | "maxlength" | "min" | "max" | "range", _) => return Err(wrong()),
            _ => return Err(unknown()),
        };
        match constraint {
            Self::Length(least, most) if least > most => Err(wrong()),
            Self::Range(least, most) if least > most => Err(wrong()),
            other => Ok(other),
        }
    }

    /// Whether `value` satisfies it. A regular expression that runs out of its backtracking budget does not.
    pub(super) fn accepts(&self, value: &str) -> bool {
        match self {
            Self::Int => value.trim().parse::<i32>().is_ok(),
            Self::Long => value.trim().parse::<i64>().is_ok(),
            Self::Bool => ["true", "false"].iter().any(|word| word.eq_ignore_ascii_case(value.trim())),
            Self::DateTime => is_date(value.trim()),
            Self::Decimal => is_number(value.trim(), false),
            Self::Float | Self::Double => is_number(value.trim(), true),
            Self::Guid => guid::parse(value).is_some(),
            Self::Length(least, most) => (*least..=*most).contains(&value.encode_utf16().count()),
            Self::Range(least, most) => {
                value.trim().parse::<i64>().is_ok_and(|number| (*least..=*most).contains(&number))
            }
            Self::Alpha => value.bytes().all(|byte| byte.is_ascii_alphabetic()),
            Self::Regex(regex) => regex.is_match(value).unwrap_or(false),
            Self::Required => !value.is_empty(),
            Self::File => is_file(value),
            Self::NonFile => !is_file(value),
        }
    }
}

/// Digits with an optional sign, thousands separators and a point; an exponent and the special names when `float`.
fn is_number(text: &str, float: bool) -> bool {
    if float
        && ["nan", "infinity", "-infinity", "\u{221e}", "-\u{221e}"].contains(&text.to_lowercase().as_str())
    {
        return true;
    }
    let signed = text.strip_prefix(['+', '-']).unwrap_or(text);
    // Decimal texts may carry the sign at the end.
    let unsigned =
        if float || signed.len() != text.len() { signed } else { signed.trim_end_matches(['+', '-']) };
    let (mantissa, exponent) = match unsigned.find(['e', 'E']).filter(|_| float) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let grouped = whole.bytes().all(|byte| byte.is_ascii_digit() || byte == b',') && !whole.starts_with(',');
    let some = whole.len() + fraction.len() > 0;
    let exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    some && grouped && digits(fraction) && exponent
}

/// The spellings of a date that the platform reads in its invariant culture and that make sense in a URL.
fn is_date(text: &str) -> bool {
    const DATES: [&str; 7] =
        ["%Y-%m-%d", "%m/%d/%Y", "%Y/%m/%d", "%m-%d-%Y", "%d %b %Y", "%d %B %Y", "%B %d, %Y"];
    const CLOCKS: [&str; 6] =
        ["T%H:%M:%S%.f", "T%H:%M", " %H:%M:%S%.f", " %H:%M", " %I:%M:%S %p", " %I:%M %p"];
    if text.len() < 6 || text.len() > 40 {
        return false;
    }
    let zoneless = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    chrono::DateTime::parse_from_rfc3339(text).is_ok()
        || chrono::DateTime::parse_from_rfc2822(text).is_ok()
        || DATES.iter().any(|date| {
            chrono::NaiveDate::parse_from_str(zoneless, date).is_ok()
                || CLOCKS
                    .iter()
                    .any(|clock| NaiveDateTime::parse_from_str(zoneless, &format!("{date}{clock}")).is_ok())
        })
}

/// Whether the last segment looks like a file name: a dot with something behind it.
fn is_file(value: &str) -> bool {
    let last = value.rsplit('/').next().unwrap_or_default();
    last.rfind('.').is_some_and(|dot| dot + 1 < last.len())
}
