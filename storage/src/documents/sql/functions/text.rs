//! String functions. Positions and lengths count characters, as the service's do for everything in the basic plane.

use fancy_regex::RegexBuilder;
use serde_json::Value;

use super::{Function, MANY, flag, function, integer, items, text};
use crate::documents::sql::{eval::Run, value, value::Datum};

/// Longest text REPLICATE may build: the service's limit, in characters.
const LONGEST_REPLICA: usize = 10_000;

pub(super) const FUNCTIONS: &[Function] = &[
    function("CONCAT", 2..=MANY, |a, _| {
        let mut whole = String::new();
        for index in 0..a.len() {
            whole.push_str(text(a, index)?);
        }
        Some(Value::String(whole))
    }),
    function("CONTAINS", 2..=3, |a, _| two_texts(a, |text, part| text.contains(part))),
    function("STARTSWITH", 2..=3, |a, _| two_texts(a, |text, part| text.starts_with(part))),
    function("ENDSWITH", 2..=3, |a, _| two_texts(a, |text, part| text.ends_with(part))),
    function("STRINGEQUALS", 2..=3, |a, _| two_texts(a, |text, other| text == other)),
    function("CONTAINS_ANY_CI", 2..=MANY, |a, _| parts(a, true).map(|mut found| found.any(|f| f).into())),
    function("CONTAINS_ANY_CS", 2..=MANY, |a, _| parts(a, false).map(|mut found| found.any(|f| f).into())),
    function("CONTAINS_ALL_CI", 2..=MANY, |a, _| parts(a, true).map(|mut found| found.all(|f| f).into())),
    function("CONTAINS_ALL_CS", 2..=MANY, |a, _| parts(a, false).map(|mut found| found.all(|f| f).into())),
    function("LOWER", 1..=1, |a, _| Some(text(a, 0)?.to_lowercase().into())),
    function("UPPER", 1..=1, |a, _| Some(text(a, 0)?.to_uppercase().into())),
    function("LENGTH", 1..=1, |a, _| Some(text(a, 0)?.chars().count().into())),
    function("REVERSE", 1..=1, |a, _| Some(text(a, 0)?.chars().rev().collect::<String>().into())),
    function("TRIM", 1..=2, |a, _| trimmed(a, true, true)),
    function("LTRIM", 1..=2, |a, _| trimmed(a, true, false)),
    function("RTRIM", 1..=2, |a, _| trimmed(a, false, true)),
    function("LEFT", 2..=2, |a, _| {
        let count = usize::try_from(integer(a, 1)?.max(0)).ok()?;
        Some(text(a, 0)?.chars().take(count).collect::<String>().into())
    }),
    function("RIGHT", 2..=2, |a, _| {
        let (whole, count) = (text(a, 0)?, usize::try_from(integer(a, 1)?.max(0)).ok()?);
        let skipped = whole.chars().count().saturating_sub(count);
        Some(whole.chars().skip(skipped).collect::<String>().into())
    }),
    function("SUBSTRING", 2..=3, |a, _| {
        let start = integer(a, 1)?;
        let count = if a.len() == 3 { integer(a, 2)? } else { i64::MAX };
        // A start outside of the text gives the empty text, as in the service.
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let count = usize::try_from(count.max(0)).ok()?;
        Some(text(a, 0)?.chars().skip(start).take(count).collect::<String>().into())
    }),
    function("INDEX_OF", 2..=3, |a, _| {
        let (whole, part) = (text(a, 0)?, text(a, 1)?);
        let skipped = if a.len() == 3 { usize::try_from(integer(a, 2)?).ok()? } else { 0 };
        let Some(from) = whole.char_indices().map(|(at, _)| at).chain([whole.len()]).nth(skipped) else {
            return Some((-1).into());
        };
        Some(match whole[from..].find(part) {
            Some(at) => (skipped + whole[from..from + at].chars().count()).into(),
            None => (-1).into(),
        })
    }),
    function("REPLACE", 3..=3, |a, _| {
        let (whole, part, with) = (text(a, 0)?, text(a, 1)?, text(a, 2)?);
        Some(if part.is_empty() { whole.into() } else { whole.replace(part, with).into() })
    }),
    function("REPLICATE", 2..=2, |a, _| {
        let (part, times) = (text(a, 0)?, usize::try_from(integer(a, 1)?).ok()?);
        let length = part.chars().count().checked_mul(times)?;
        if length > LONGEST_REPLICA { None } else { Some(part.repeat(times).into()) }
    }),
    function("REGEXMATCH", 2..=3, regex_match),
    function("STRINGJOIN", 2..=2, |a, _| {
        let parts: Option<Vec<&str>> = items(a, 0)?.iter().map(Value::as_str).collect();
        Some(parts?.join(text(a, 1)?).into())
    }),
    function("STRINGSPLIT", 2..=2, |a, _| {
        let (whole, at) = (text(a, 0)?, text(a, 1)?);
        Some(if at.is_empty() { vec![whole].into() } else { whole.split(at).collect::<Vec<_>>().into() })
    }),
    function("TOSTRING", 1..=1, |a, _| {
        Some(match a[0].as_deref()? {
            Value::String(text) => text.as_str().into(),
            Value::Number(n) => {
                n.as_f64().and_then(value::number).map_or(n.to_string(), |n| n.to_string()).into()
            }
            other => other.to_string().into(),
        })
    }),
    function("STRINGTOARRAY", 1..=1, |a, _| parsed(a).filter(Value::is_array)),
    function("STRINGTOBOOLEAN", 1..=1, |a, _| parsed(a).filter(Value::is_boolean)),
    function("STRINGTONULL", 1..=1, |a, _| parsed(a).filter(Value::is_null)),
    function("STRINGTONUMBER", 1..=1, |a, _| parsed(a).filter(Value::is_number)),
    function("STRINGTOOBJECT", 1..=1, |a, _| parsed(a).filter(Value::is_object)),
];

/// A test of one text against another, the third argument asking to ignore case.
fn two_texts(a: &[Datum<'_>], test: impl Fn(&str, &str) -> bool) -> Option<Value> {
    let (first, second) = (text(a, 0)?, text(a, 1)?);
    let found =
        if flag(a, 2)? { test(&first.to_lowercase(), &second.to_lowercase()) } else { test(first, second) };
    Some(Value::Bool(found))
}

/// For every part behind the first argument, whether the first contains it.
fn parts<'a>(a: &'a [Datum<'_>], ignore_case: bool) -> Option<impl Iterator<Item = bool> + 'a> {
    let cased = move |text: &str| if ignore_case { text.to_lowercase() } else { text.to_owned() };
    let whole = cased(text(a, 0)?);
    let parts: Option<Vec<&str>> = (1..a.len()).map(|index| text(a, index)).collect();
    Some(parts?.into_iter().map(move |part| whole.contains(&cased(part))))
}

fn trimmed(a: &[Datum<'_>], start: bool, end: bool) -> Option<Value> {
    let mut rest = text(a, 0)?;
    if a.len() == 2 {
        let part = text(a, 1)?;
        while let Some(shorter) =
            Some(part).filter(|p| start && !p.is_empty()).and_then(|p| rest.strip_prefix(p))
        {
            rest = shorter;
        }
        while let Some(shorter) =
            Some(part).filter(|p| end && !p.is_empty()).and_then(|p| rest.strip_suffix(p))
        {
            rest = shorter;
        }
    } else {
        rest = if start { rest.trim_start() } else { rest };
        rest = if end { rest.trim_end() } else { rest };
    }
    Some(rest.into())
}

fn regex_match(a: &[Datum<'_>], run: &Run) -> Option<Value> {
    let (whole, pattern) = (text(a, 0)?, text(a, 1)?);
    let modifiers = if a.len() == 3 { text(a, 2)? } else { "" };
    let mut known = run.patterns.borrow_mut();
    let key = (pattern.to_owned(), modifiers.to_owned());
    let compiled = known.entry(key).or_insert_with(|| {
        let mut builder = RegexBuilder::new(pattern);
        for modifier in modifiers.chars() {
            match modifier {
                'm' => builder.multi_line(true),
                's' => builder.dot_matches_new_line(true),
                'i' => builder.case_insensitive(true),
                'x' => builder.ignore_whitespace(true),
                _ => return None,
            };
        }
        // Look-around and back references may backtrack; the limits bound time and memory per document.
        builder.backtrack_limit(100_000).delegate_size_limit(1 << 20).build().ok()
    });
    compiled.as_ref().and_then(|regex| regex.is_match(whole).ok()).map(Value::Bool)
}

fn parsed(a: &[Datum<'_>]) -> Option<Value> {
    serde_json::from_str(text(a, 0)?).ok()
}
