//! `.env` files: settings beside local.settings.json, for people who keep them there.

/// Name of the file in the app's root.
pub const FILE_NAME: &str = ".env";

/// The settings in `text`, in order, and what is wrong with lines that are none.
///
/// Lines are `NAME=value`, with or without `export`. A value in single quotes is taken as it is, in double quotes `\n`,
/// `\t`, `\"` and `\\` are escapes; without quotes it ends at ` #`. Nothing is expanded.
pub fn parse(text: &str) -> (Vec<(String, String)>, Vec<String>) {
    let mut settings = Vec::new();
    let mut warnings = Vec::new();
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        match line.split_once('=') {
            Some((name, value)) if is_name(name.trim_end()) => {
                settings.push((name.trim_end().to_owned(), unquoted(value.trim())));
            }
            _ => warnings.push(format!("{FILE_NAME} line {number} is not NAME=value and is left out.")),
        }
    }
    (settings, warnings)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '-'))
}

fn unquoted(value: &str) -> String {
    let inside = |quote: char| {
        let rest = value.strip_prefix(quote)?;
        let mut is_escaped = false;
        let end = rest.find(|c| {
            let ends = c == quote && !is_escaped;
            is_escaped = c == '\\' && !is_escaped && quote == '"';
            ends
        })?;
        Some(&rest[..end])
    };
    if let Some(literal) = inside('\'') {
        return literal.to_owned();
    }
    if let Some(text) = inside('"') {
        return unescaped(text);
    }
    value.split(" #").next().unwrap_or_default().trim_end().to_owned()
}

fn unescaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            result.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => result.push('\n'),
            Some('t') => result.push('\t'),
            Some(other @ ('"' | '\\')) => result.push(other),
            Some(other) => result.extend(['\\', other]),
            None => result.push('\\'),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_settings() {
        let table = [
            ("A=b", "A", "b"),
            ("export A = b c ", "A", "b c"),
            ("A=b # comment", "A", "b"),
            ("A=b#c", "A", "b#c"),
            ("A='b # $c \\n'", "A", "b # $c \\n"),
            (r#"A="x\ny \"z\" \\ \d" # c"#, "A", "x\ny \"z\" \\ \\d"),
            ("A=", "A", ""),
            ("A=\"unfinished", "A", "\"unfinished"),
            ("Queue__serviceUri=http://h/?a=b", "Queue__serviceUri", "http://h/?a=b"),
        ];
        for (line, name, value) in table {
            let (settings, warnings) = parse(line);
            assert_eq!(settings, [(name.to_owned(), value.to_owned())], "{line}");
            assert!(warnings.is_empty());
        }
    }

    #[test]
    fn other_lines_are_named_and_left_out() {
        let (settings, warnings) = parse("\u{feff}# comment\r\n\r\nA=1\r\nnonsense\nb c=2\n");
        assert_eq!(settings, [("A".to_owned(), "1".to_owned())]);
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].contains("line 4") && warnings[1].contains("line 5"));
    }
}
