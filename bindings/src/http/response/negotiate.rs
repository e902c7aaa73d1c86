//! Representations chosen by the client (spec host.md §3.7, `enableContentNegotiation`).

use bytes::Bytes;

use crate::dotnet::number;
use crate::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Text,
    Xml,
}

/// Content type and bytes for `body`, by the response's own content type if it names a format, else by `accept`,
/// else text for strings and JSON for everything else. `None` when there is nothing to choose: bytes and empty bodies
/// stay what they are.
pub(super) fn represent(
    body: &Value,
    content_type: Option<&str>,
    accept: Option<&str>,
) -> Option<(String, Bytes)> {
    let (document, plain) = match body {
        Value::String(text) => {
            (serde_json::to_string(text).expect("text always serialises"), Some(text.clone()))
        }
        Value::Int(integer) => (integer.to_string(), Some(integer.to_string())),
        Value::Double(float) => (number::double(*float), Some(number::double(*float))),
        Value::Json(text) => (json::compact(text.as_str()), scalar(text.as_str())),
        _ => return None,
    };
    let is_text = matches!(body, Value::String(_)) || document.starts_with('"');
    let usable = |media: &str| {
        format(media).filter(|format| match format {
            Format::Json => true,
            Format::Text => is_text,
            Format::Xml => plain.is_some(),
        })
    };
    let (media, format) = match content_type {
        Some(own) => (own.to_owned(), usable(media_of(own))?),
        None => preferred(accept.unwrap_or("*/*"), usable).unwrap_or_else(|| {
            if is_text {
                ("text/plain".to_owned(), Format::Text)
            } else {
                ("application/json".to_owned(), Format::Json)
            }
        }),
    };
    let bytes = match format {
        Format::Json => document,
        Format::Text => plain.unwrap_or_default(),
        Format::Xml => xml(&document, &plain.unwrap_or_default()),
    };
    let media = if super::has_charset(&media) { media } else { format!("{media}; charset=utf-8") };
    Some((media, bytes.into()))
}

fn scalar(text: &str) -> Option<String> {
    match json::kind(text) {
        json::Kind::Scalar(plain) => Some(plain),
        _ => None,
    }
}

fn media_of(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// The format that writes `media`.
fn format(media: &str) -> Option<Format> {
    let media = media.to_ascii_lowercase();
    match media.as_str() {
        "application/json" | "text/json" | "application/*" => Some(Format::Json),
        "text/plain" | "text/*" => Some(Format::Text),
        "application/xml" | "text/xml" => Some(Format::Xml),
        _ if media.ends_with("+json") => Some(Format::Json),
        _ if media.ends_with("+xml") => Some(Format::Xml),
        _ => None,
    }
}

/// The first of the most wanted types that can be written. A header that takes anything is no wish at all, which is
/// how the reference host treats browsers.
fn preferred(accept: &str, usable: impl Fn(&str) -> Option<Format>) -> Option<(String, Format)> {
    let mut wishes: Vec<(f32, &str)> = Vec::new();
    for wish in accept.split(',') {
        let media = media_of(wish);
        if media == "*/*" {
            return None;
        }
        let quality = wish.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse().unwrap_or(1.0))
        });
        wishes.push((quality.unwrap_or(1.0), media));
    }
    wishes.retain(|(quality, _)| *quality > 0.0);
    wishes.sort_by(|one, other| other.0.total_cmp(&one.0));
    wishes.into_iter().find_map(|(_, media)| {
        let format = usable(media)?;
        let concrete = match media {
            "application/*" => "application/json".to_owned(),
            "text/*" => "text/plain".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        Some((concrete, format))
    })
}

/// A scalar as the platform's serialiser writes it.
fn xml(document: &str, plain: &str) -> String {
    let (name, text) = match document.as_bytes().first() {
        Some(b'"') => ("string", plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")),
        Some(b't' | b'f') => ("boolean", plain.to_lowercase()),
        _ if document.contains(['.', 'e', 'E']) => ("double", plain.to_owned()),
        _ => ("long", plain.to_owned()),
    };
    format!("<{name} xmlns=\"http://schemas.microsoft.com/2003/10/Serialization/\">{text}</{name}>")
}
