//! What came back, as text that can be compared with what came back another time.

use std::fmt::Write as _;

use regex::Regex;

use super::{Answer, App};

/// Headers that differ from run to run or say nothing.
const VOLATILE: [&str; 3] = ["date", "x-ms-invocation-id", "connection"];
/// Bodies are shown up to this length, JSON is put on several lines from this one on.
const LONGEST: usize = 4000;
const LONG: usize = 200;

/// A response: status, headers in order, body.
pub(crate) fn answer_text(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.status);
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !VOLATILE.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    headers.sort();
    text.extend(headers);
    if !answer.body.is_empty() {
        let body = match std::str::from_utf8(&answer.body) {
            Ok(body) => body.to_owned(),
            Err(_) => answer.body.iter().map(|byte| format!("{byte:02x} ")).collect(),
        };
        let _ = writeln!(text, "\n{}", indented(body.trim_end()));
    }
    text
}

/// `text` on several lines where it is long JSON, and cut where it is longer than anybody reads.
pub(crate) fn indented(text: &str) -> String {
    if text.len() < LONG {
        return text.to_owned();
    }
    let json = serde_json::from_str::<serde_json::Value>(text).ok();
    let text =
        json.and_then(|json| serde_json::to_string_pretty(&json).ok()).unwrap_or_else(|| text.to_owned());
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}… {} bytes", &text[..end], text.len()),
        None => text,
    }
}

/// Ids, ports, durations and paths of this run replaced by what they are.
pub(crate) fn neutral(text: &str, app: &App) -> String {
    let guid = Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").expect("valid");
    let port = Regex::new("(127\\.0\\.0\\.1|localhost):[0-9]+").expect("valid");
    let took = Regex::new("Duration=[0-9]+ms").expect("valid");
    let text = text.replace(&*app.root().to_string_lossy(), "APP");
    let text = guid.replace_all(&text, "GUID");
    let text = port.replace_all(&text, "$1:PORT");
    took.replace_all(&text, "Duration=Nms").into_owned()
}

/// The first lines that differ, with what surrounds them; `None` when nothing does.
pub(crate) fn difference(wanted: &str, got: &str) -> Option<String> {
    const AROUND: usize = 4;
    if wanted == got {
        return None;
    }
    let (wanted, got): (Vec<&str>, Vec<&str>) = (wanted.lines().collect(), got.lines().collect());
    let first = wanted.iter().zip(&got).take_while(|(a, b)| a == b).count();
    let same_tail = wanted.iter().rev().zip(got.iter().rev()).take_while(|(a, b)| a == b).count();
    let tail = same_tail.min(wanted.len().min(got.len()) - first);
    let mut text = String::new();
    for line in &got[first.saturating_sub(AROUND)..first] {
        let _ = writeln!(text, "  {line}");
    }
    for line in &wanted[first..wanted.len() - tail] {
        let _ = writeln!(text, "- {line}");
    }
    for line in &got[first..got.len() - tail] {
        let _ = writeln!(text, "+ {line}");
    }
    text.push_str("(- expected, + came; BLESS=1 accepts what came)");
    Some(text)
}
