//! Request paths as routes see them.

use std::borrow::Cow;

/// `raw` (the path of the request target) decoded as the reference server decodes it: percent escapes become UTF-8,
/// except `%2F`, escapes that are not UTF-8 and `%00`, which stay as they are; dot segments are resolved. Borrows
/// when there is nothing to do.
pub fn decode(raw: &str) -> Cow<'_, str> {
    let decoded = if raw.contains('%') { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) };
    if decoded.contains("/.") { Cow::Owned(without_dots(&decoded)) } else { decoded }
}

fn unescape(raw: &str) -> String {
    let bytes = raw.as_bytes();
    let mut text = String::with_capacity(raw.len());
    let mut at = 0;
    while at < bytes.len() {
        let run = escapes(&bytes[at..]);
        if run.is_empty() {
            let width = raw[at..].chars().next().map_or(1, char::len_utf8);
            text.push_str(&raw[at..at + width]);
            at += width;
            continue;
        }
        for chunk in run.utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
        at += run.len() * 3;
    }
    text
}

/// The bytes of the escapes that `bytes` starts with, up to the first that must stay.
fn escapes(bytes: &[u8]) -> Vec<u8> {
    bytes
        .chunks_exact(3)
        .map_while(|chunk| match chunk {
            [b'%', high, low] => Some((digit(*high)? << 4) | digit(*low)?),
            _ => None,
        })
        .take_while(|byte| !matches!(byte, b'/' | 0))
        .collect()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut text = String::with_capacity(path.len());
    for segment in &kept {
        text.push('/');
        text.push_str(segment);
    }
    if path.ends_with("/.") || path.ends_with("/..") || kept.is_empty() {
        text.push('/');
    }
    text
}
