//! The command-line grammar of the platform's tools (spec cli.md §1.1): contexts, an action, options in several
//! spellings, lists that end at the next option, unknown options that are only warned about.

use std::fmt;

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing, or a yes/no value.
    Flag,
    /// One value.
    Value,
    /// Values up to the next option.
    List,
}

/// One option that a command knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) long: &'static str,
    pub(crate) short: Option<char>,
    pub(crate) takes: Takes,
    /// One line for the help.
    pub(crate) help: &'static str,
}

/// An option with a value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadOption(pub(crate) String);

impl fmt::Display for BadOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadOption {}

/// Options as given.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Given {
    values: Vec<(&'static str, Vec<String>)>,
    /// Options nobody knows; warned about, then ignored.
    pub(crate) unknown: Vec<String>,
}

impl Given {
    /// Reads `tokens` against the options that the command knows.
    pub(crate) fn parse(tokens: &[String], known: &[Known]) -> Result<Self, BadOption> {
        let mut given = Self::default();
        let mut tokens = tokens.iter().peekable();
        while let Some(token) = tokens.next() {
            let Some((name, inline)) = split(token) else {
                given.unknown.push(token.clone());
                continue;
            };
            let Some(option) = known.iter().find(|option| option.is(name)) else {
                given.unknown.push(token.clone());
                // Its value, if it has one, must not be taken for something else.
                if inline.is_none() && tokens.peek().is_some_and(|next| split(next).is_none()) {
                    tokens.next();
                }
                continue;
            };
            let mut values: Vec<String> = inline.into_iter().map(str::to_owned).collect();
            match option.takes {
                Takes::Flag => {
                    if values.is_empty()
                        && let Some(next) = tokens.peek()
                        && flag(next).is_some()
                    {
                        values.extend(tokens.next().cloned());
                    }
                }
                Takes::Value => {
                    if values.is_empty() {
                        // A value may start with a dash: worker arguments do.
                        match tokens.next() {
                            Some(next) => values.push(next.clone()),
                            None => return Err(BadOption(format!("Option '{token}' needs a value."))),
                        }
                    }
                }
                Takes::List => {
                    while tokens.peek().is_some_and(|next| split(next).is_none()) {
                        values.extend(tokens.next().cloned());
                    }
                }
            }
            given.values.push((option.long, values));
        }
        Ok(given)
    }

    /// Whether the flag is on; `None` when it was not given.
    pub(crate) fn flag(&self, long: &str) -> Result<Option<bool>, BadOption> {
        let Some(values) = self.find(long) else { return Ok(None) };
        match values.first() {
            None => Ok(Some(true)),
            Some(text) => flag(text)
                .map(Some)
                .ok_or_else(|| BadOption(format!("Option '--{long}' takes true or false, not '{text}'."))),
        }
    }

    /// The value of the option, the last one when it was given more than once.
    pub(crate) fn value(&self, long: &str) -> Option<&str> {
        self.find(long)?.first().map(String::as_str)
    }

    /// The values of a list option.
    pub(crate) fn list(&self, long: &str) -> &[String] {
        self.find(long).unwrap_or_default()
    }

    fn find(&self, long: &str) -> Option<&[String]> {
        self.values.iter().rev().find(|(name, _)| *name == long).map(|(_, values)| values.as_slice())
    }
}

impl Known {
    fn is(&self, name: Name<'_>) -> bool {
        match name {
            // Names are case-sensitive, as in the platform's tools.
            Name::Long(long) => self.long == long,
            Name::Short(short) => self.short == Some(short),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name<'a> {
    Long(&'a str),
    Short(char),
}

/// `--name`, `--name=value`, `--name:value`, `-n`, `-n=value`; anything else is not an option.
fn split(token: &str) -> Option<(Name<'_>, Option<&str>)> {
    if let Some(rest) = token.strip_prefix("--") {
        if rest.is_empty() {
            return None;
        }
        let (name, value) = match rest.find(['=', ':']) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        return Some((Name::Long(name), value));
    }
    let rest = token.strip_prefix('-')?;
    let short = rest.chars().next().filter(char::is_ascii_alphabetic)?;
    match &rest[1..] {
        "" => Some((Name::Short(short), None)),
        more => more.strip_prefix('=').map(|value| (Name::Short(short), Some(value))),
    }
}

/// The spellings of yes and no.
fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "+" => Some(true),
        "false" | "off" | "no" | "-" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Known; 4] = [
        Known { long: "port", short: Some('p'), takes: Takes::Value, help: "" },
        Known { long: "verbose", short: None, takes: Takes::Flag, help: "" },
        Known { long: "functions", short: None, takes: Takes::List, help: "" },
        Known { long: "language-worker", short: None, takes: Takes::Value, help: "" },
    ];

    fn parse(line: &str) -> Given {
        let tokens: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Given::parse(&tokens, &KNOWN).unwrap()
    }

    /// cli.md item 6.
    #[test]
    fn c06_values_come_in_three_spellings() {
        for line in ["--port 8080", "--port=8080", "--port:8080", "-p 8080", "-p=8080"] {
            assert_eq!(parse(line).value("port"), Some("8080"), "{line}");
        }
    }

    /// cli.md §1.1 booleans.
    #[test]
    fn flags_are_bare_or_spelled_out() {
        let table = [
            ("--verbose", Some(true)),
            ("--verbose true", Some(true)),
            ("--verbose=off", Some(false)),
            ("--verbose no", Some(false)),
            ("--verbose --port 1", Some(true)),
            ("", None),
        ];
        for (line, expected) in table {
            assert_eq!(parse(line).flag("verbose").unwrap(), expected, "{line}");
        }
        assert!(parse("--verbose=maybe").flag("verbose").is_err());
    }

    #[test]
    fn lists_end_at_the_next_option() {
        let given = parse("--functions a b c --port 1");
        assert_eq!(given.list("functions"), ["a", "b", "c"]);
        assert_eq!(given.value("port"), Some("1"));
    }

    /// cli.md §1.1: unknown options are ignored with a warning, their values too, and `--Port` is unknown (item 5).
    #[test]
    fn unknown_options_are_kept_for_a_warning() {
        let given = parse("--Port 1 --nope x --port 2");
        assert_eq!(given.value("port"), Some("2"));
        assert_eq!(given.unknown, ["--Port", "--nope"]);
    }

    #[test]
    fn a_value_may_start_with_a_dash() {
        assert_eq!(parse("--language-worker --inspect").value("language-worker"), Some("--inspect"));
        let missing = Given::parse(&["--port".to_owned()], &KNOWN);
        assert_eq!(missing, Err(BadOption("Option '--port' needs a value.".into())));
    }
}
