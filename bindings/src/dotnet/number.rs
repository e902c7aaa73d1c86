//! Numbers: plain text and format strings.

use std::fmt::Write;

/// A 64-bit float as the platform writes it: shortest text that reads back equal, scientific from 1E+15 and below
/// 0.0001, no trailing `.0`.
pub fn double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.into();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').expect("LowerExp always writes an exponent");
    let exponent: i32 = exponent.parse().expect("LowerExp writes an integer exponent");
    if (-4..15).contains(&exponent) {
        format!("{value}")
    } else {
        format!("{digits}E{}", signed(exponent, 2))
    }
}

fn signed(exponent: i32, width: usize) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{:0width$}", exponent.unsigned_abs())
}

/// The text of a JSON number: integers of any size as they are, everything else as a float.
pub fn json(text: &str) -> String {
    let integer = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    match text.parse::<f64>() {
        Ok(value) if !integer => double(value),
        _ => text.to_owned(),
    }
}

/// `number` (its plain text) under a .NET format string: the standard forms `C D E F G N P R X B` with an optional
/// precision, or a custom picture of `0 # . , %` and literals. `None` when the format does not apply.
pub fn format(number: &str, format: &str) -> Option<String> {
    let mut chars = format.chars();
    let Some(first) = chars.next() else { return Some(json(number)) };
    let rest = chars.as_str();
    if first.is_ascii_alphabetic() && rest.len() <= 2 && rest.bytes().all(|byte| byte.is_ascii_digit()) {
        let precision = (!rest.is_empty()).then(|| rest.parse().unwrap_or(0));
        return standard(number, first, precision);
    }
    picture(number.parse().ok()?, format)
}

fn standard(number: &str, kind: char, precision: Option<usize>) -> Option<String> {
    let value: f64 = number.parse().ok()?;
    let upper = kind.is_ascii_uppercase();
    Some(match kind.to_ascii_uppercase() {
        'D' => {
            let integer: i64 = number.parse().ok()?;
            let sign = if integer < 0 { "-" } else { "" };
            format!("{sign}{:0width$}", integer.unsigned_abs(), width = precision.unwrap_or(0))
        }
        'X' => {
            let integer: i64 = number.parse().ok()?;
            let width = precision.unwrap_or(0);
            // Negative numbers show the two's complement of the smallest of 32 and 64 bits that holds them.
            match (i32::try_from(integer), upper) {
                (Ok(small), true) => format!("{small:0width$X}"),
                (Ok(small), false) => format!("{small:0width$x}"),
                (Err(_), true) => format!("{integer:0width$X}"),
                (Err(_), false) => format!("{integer:0width$x}"),
            }
        }
        'B' => format!("{:0width$b}", number.parse::<i64>().ok()?, width = precision.unwrap_or(0)),
        'F' => format!("{:.*}", precision.unwrap_or(2), rounded(value, precision.unwrap_or(2))),
        'N' => grouped(value, precision.unwrap_or(2)),
        'C' => {
            let sign = if value < 0.0 { "-" } else { "" };
            format!("{sign}\u{a4}{}", grouped(value.abs(), precision.unwrap_or(2)))
        }
        'P' => format!("{} %", grouped(value * 100.0, precision.unwrap_or(2))),
        'E' => {
            let text = format!("{:.*e}", precision.unwrap_or(6), value);
            let (digits, exponent) = text.split_once('e')?;
            format!("{digits}{}{}", if upper { 'E' } else { 'e' }, signed(exponent.parse().ok()?, 3))
        }
        'G' | 'R' => match precision {
            None | Some(0) => json(number),
            Some(digits) => {
                let text = format!("{:.*e}", digits - 1, value);
                double(text.parse().ok()?)
            }
        },
        _ => return None,
    })
}

/// Half away from zero, as the platform rounds when it formats.
fn rounded(value: f64, decimals: usize) -> f64 {
    let scale = 10_f64.powi(i32::try_from(decimals).unwrap_or(i32::MAX));
    let scaled = (value * scale).round() / scale;
    if scaled.is_finite() { scaled } else { value }
}

fn grouped(value: f64, decimals: usize) -> String {
    let plain = format!("{:.*}", decimals, rounded(value.abs(), decimals));
    let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), ""), |(whole, rest)| (whole, rest));
    let mut text = String::new();
    if value < 0.0 && plain.bytes().any(|byte| byte.is_ascii_digit() && byte != b'0') {
        text.push('-');
    }
    push_groups(&mut text, whole);
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

fn push_groups(text: &mut String, whole: &str) {
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
}

/// A custom picture: `0` a digit, `#` a digit if significant, one `.`, `,` between digits for groups, `%` for
/// hundredths, and literals (quoted, escaped with `\`, or any other character).
fn picture(value: f64, format: &str) -> Option<String> {
    let percent = format.contains('%');
    let (whole_picture, fraction_picture) = format.split_once('.').unwrap_or((format, ""));
    let digits = |text: &str| text.chars().filter(|c| matches!(c, '0' | '#')).count();
    let zeros = |text: &str| text.chars().filter(|c| *c == '0').count();
    if digits(format) == 0 {
        return None;
    }
    let decimals = digits(fraction_picture);
    let scaled = if percent { value * 100.0 } else { value };
    let plain = format!("{:.*}", decimals, rounded(scaled.abs(), decimals));
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut fraction = fraction.to_owned();
    while fraction.len() > zeros(fraction_picture) && fraction.ends_with('0') {
        fraction.pop();
    }
    let mut whole = if whole == "0" { String::new() } else { whole.to_owned() };
    while whole.len() < zeros(whole_picture) {
        whole.insert(0, '0');
    }
    let mut text = String::new();
    if value < 0.0 {
        text.push('-');
    }
    let (mut written, mut chars) = (false, format.chars());
    while let Some(c) = chars.next() {
        match c {
            '0' | '#' | ',' | '.' => {
                if !written {
                    written = true;
                    if whole_picture.contains(',') {
                        push_groups(&mut text, &whole)
                    } else {
                        text.push_str(&whole)
                    }
                    if !fraction.is_empty() {
                        let _ = write!(text, ".{fraction}");
                    }
                }
            }
            '\\' => text.extend(chars.next()),
            '\'' | '"' => text.extend(chars.by_ref().take_while(|other| *other != c)),
            other => text.push(other),
        }
    }
    Some(text)
}
