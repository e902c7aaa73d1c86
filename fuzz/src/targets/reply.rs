//! Replies of custom handlers and of guests.

use horus_bindings::Value;
use horus_host::envelope::Shape;
use serde_json::value::RawValue;

use super::shapes;
use crate::Target;
use crate::mutate::Stock;
use crate::random::Random;

/// More members than a reply may have values.
const OUTPUTS: usize = 3;

pub(super) struct Reply {
    shapes: [Shape; 2],
}

impl Reply {
    pub(super) fn new() -> Self {
        Self { shapes: shapes::all() }
    }
}

impl Target for Reply {
    fn name(&self) -> &'static str {
        "envelope-reply"
    }

    fn about(&self) -> &'static str {
        "replies are read or refused; what is read was a JSON object"
    }

    fn stock(&self) -> Stock {
        let corpus = [
            r#"{"Outputs":{"next":["a",{"b":"ä\n"}],"raw":"aGVsbG8=","res":{"statusCode":201,"headers":{"h":[1],"x":"y"},"body":"b"}},"Logs":["x",null,3],"ReturnValue":1.5e300}"#,
            r#"{"outputs":{"res":"{\"status\":418,\"body\":{\"a\":[true,false,null]}}"},"returnvalue":"YQ==","logs":[]}"#,
            r#"{"Outputs":{"next":12345678901234567890.10,"res":{"cookies":[],"body":{"deep":[[[[[["x"]]]]]]}}}}"#,
            "\u{feff} {\"ReturnValue\":{\"\\ud83d\\ude00\":\"\\u0000\"},\"Logs\":[\"\\\"\"]} ",
            "null",
            "",
        ];
        let words = [
            "\"Outputs\"",
            "\"Logs\"",
            "\"ReturnValue\"",
            "\"res\"",
            "\"next\"",
            "\"statusCode\"",
            "\"headers\"",
            "\"body\"",
            "null",
            "true",
            "-0",
            "1e999",
            "\\u",
            "\\ud800",
            "[[[[[[[[",
            "{\"a\":",
            "]",
            "}",
            "\"",
            ",",
            ":",
            "\u{feff}",
            "=",
            "====",
        ];
        Stock {
            corpus: corpus.iter().map(|text| text.as_bytes().to_vec()).collect(),
            words: words.iter().map(|text| text.as_bytes().to_vec()).collect(),
            grown: Some(grown),
        }
    }

    fn attempt(&self, input: &[u8]) {
        for shape in &self.shapes {
            let Ok(reply) = shape.reply(input) else { continue };
            let text = std::str::from_utf8(input).expect("what was read is text");
            let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
            if !text.is_empty() && text != "null" {
                assert!(text.starts_with('{'), "what was read is an object");
                let whole = serde_json::from_str::<&RawValue>(text);
                assert!(whole.is_ok(), "what was read is JSON, but {whole:?}");
            }
            assert!(reply.outputs.values.len() <= OUTPUTS, "no more values than bindings");
            let values = reply.outputs.values.iter().map(|(_, value)| value);
            for value in values.chain([&reply.outputs.return_value]) {
                if let Value::Json(json) = value {
                    let valid = serde_json::from_str::<&RawValue>(json.as_str());
                    assert!(valid.is_ok(), "{:?}: {valid:?}", json.as_str());
                }
            }
        }
    }
}

/// Names of members at any depth.
const NAMES: [&str; 14] = [
    "Outputs",
    "Logs",
    "ReturnValue",
    "outputs",
    "res",
    "next",
    "raw",
    "RES",
    "statusCode",
    "status",
    "headers",
    "body",
    "cookies",
    "",
];
/// Values without parts.
const SCALARS: [&str; 14] = [
    "null",
    "true",
    "0",
    "-1",
    "1e999",
    "12345678901234567890.10",
    "\"\"",
    "\"a\"",
    "\"YQ==\"",
    "\"=\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"{\\\"status\\\":418}\"",
    "\"[\"",
];

/// A reply that is valid JSON, with the names that replies have in all places.
fn grown(random: &mut Random) -> Vec<u8> {
    let mut text = String::from("{");
    let value = |random: &mut Random, text: &mut String| grow(random, text, 5);
    members(random, &mut text, value);
    text.push('}');
    text.into_bytes()
}

fn members(random: &mut Random, text: &mut String, mut value: impl FnMut(&mut Random, &mut String)) {
    for n in 0..random.below(6) {
        let name = random.pick(&NAMES).expect("there are names");
        text.push_str(if n == 0 { "" } else { "," });
        text.push_str(&format!("\"{name}\":"));
        value(random, text);
    }
}

fn grow(random: &mut Random, text: &mut String, depth: usize) {
    match random.below(if depth == 0 { 1 } else { 4 }) {
        0 => text.push_str(random.pick(&SCALARS).expect("there are values")),
        1 => {
            text.push('[');
            for n in 0..random.below(8) {
                text.push_str(if n == 0 { "" } else { ", " });
                grow(random, text, depth - 1);
            }
            text.push(']');
        }
        _ => {
            text.push('{');
            members(random, text, |random, text| grow(random, text, depth - 1));
            text.push('}');
        }
    }
}
