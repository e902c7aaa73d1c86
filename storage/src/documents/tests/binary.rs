//! The binary form of JSON: written here by hand as the clients write it.

use serde_json::{Value, json};

use super::super::binary::{BinaryError, decode};

/// What clients emit: length-and-count containers, plain strings, 64-bit numbers.
fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xD0),
        Value::Bool(value) => out.push(if *value { 0xD2 } else { 0xD1 }),
        Value::Number(number) => match number.as_i64() {
            Some(small @ 0..=31) => out.push(small as u8),
            Some(number) => {
                out.push(0xCB);
                out.extend_from_slice(&number.to_le_bytes());
            }
            None => {
                out.push(0xCC);
                out.extend_from_slice(&number.as_f64().unwrap().to_le_bytes());
            }
        },
        Value::String(text) => match text.len() {
            short @ 0..64 => {
                out.push(0x80 | short as u8);
                out.extend_from_slice(text.as_bytes());
            }
            long => {
                out.push(0xC2);
                out.extend_from_slice(&(long as u32).to_le_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        },
        Value::Array(items) => {
            let mut inner = Vec::new();
            items.iter().for_each(|item| encode(item, &mut inner));
            container([0xE5, 0xE6, 0xE7], items.len(), &inner, out);
        }
        Value::Object(properties) => {
            let mut inner = Vec::new();
            for (name, value) in properties {
                encode(&Value::from(name.as_str()), &mut inner);
                encode(value, &mut inner);
            }
            container([0xED, 0xEE, 0xEF], properties.len(), &inner, out);
        }
    }
}

fn container(markers: [u8; 3], count: usize, inner: &[u8], out: &mut Vec<u8>) {
    let width = if inner.len() < 256 { 1 } else { 4 };
    out.push(if width == 1 { markers[0] } else { markers[2] });
    out.extend_from_slice(&(inner.len() as u32).to_le_bytes()[..width]);
    out.extend_from_slice(&(count as u32).to_le_bytes()[..width]);
    out.extend_from_slice(inner);
}

fn buffer(value: &Value) -> Vec<u8> {
    let mut out = vec![0x80];
    encode(value, &mut out);
    out
}

#[test]
fn values_come_back() {
    let value = json!({
        "id": "1", "list": [0, 31, 32, -1, i64::MIN, 1.5, null, true, false, "", {}, []],
        "text": "ÿ€😀", "long": "x".repeat(70_000), "deep": {"a": {"b": [[[1]]]}},
    });
    assert_eq!(decode(&buffer(&value)), Ok(value));
}

#[test]
fn forms_other_clients_use() {
    for (bytes, expected) in [
        (vec![0x80, 0xE9, 0x2C, 0xC8, 200], json!({"id": 200})),
        (vec![0x80, 0xE1, 0xC9, 0xFE, 0xFF], json!([-2])),
        (vec![0x80, 0xE2, 5, 0x83, b'a', b'b', b'c', 0xD0], json!(["abc", null])),
        // The second string is the first, by its place.
        (vec![0x80, 0xE2, 5, 0x82, b'a', b'b', 0xC3, 3], json!(["ab", "ab"])),
        (vec![0x80, 0xCD, 0, 0, 0xC0, 0x3F], json!(1.5)),
        (vec![0x80, 0xE8], json!({})),
    ] {
        assert_eq!(decode(&bytes), Ok(expected), "{bytes:02X?}");
    }
}

/// Bad input: cut, bent and endless buffers end in an error.
#[test]
fn broken_buffers_are_refused() {
    let good = buffer(&json!({"id": "1", "list": [1.5, {"a": "text"}], "long": "x".repeat(300)}));
    for length in 1..good.len() {
        assert!(decode(&good[..length]).is_err(), "cut at {length}");
    }
    let mut state = 7u64;
    for _ in 0..20_000 {
        let mut bent = good.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = 1 + (state >> 33) as usize % (bent.len() - 1);
            bent[at] = (state >> 25) as u8;
        }
        let _ = decode(&bent);
    }
    let deep: Vec<u8> = std::iter::once(0x80).chain(std::iter::repeat_n(0xE1, 100_000)).collect();
    assert_eq!(decode(&deep), Err(BinaryError::TooDeep));
    assert_eq!(decode(&[0x80, 0xE2, 2, 0xC3, 3]), Err(BinaryError::Malformed(5)), "a reference to itself");
    assert_eq!(decode(&[0x80, 0x78, 1, 1]), Err(BinaryError::Unsupported(0x78)));
}
