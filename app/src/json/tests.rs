use serde_json::json;

use super::*;

/// spec host.md §1.1 tolerance, cli.md §4.4: comments, trailing commas, marks and line ends people leave behind.
#[test]
fn tolerated_texts() {
    let table = [
        ("\u{feff}{}", json!({})),
        ("{\r\n  // one\r\n  \"a\": 1, /* two\r\n */ \"b\": [1, 2,],\r\n}\r\n", json!({"a":1,"b":[1,2]})),
        ("{\"a\":1,\"a\":2}", json!({"a":2})),
        ("{'a':'b', c: true}", json!({"a":"b","c":true})),
        ("{\"a\":\"\\u00e9\\n\\ud83d\\ude00\"}", json!({"a":"é\n😀"})),
        ("{\"n\":-1.5e3,\"big\":18446744073709551615}", json!({"n":-1500.0,"big":18446744073709551615u64})),
        ("null", Value::Null),
    ];
    for (text, expected) in table {
        assert_eq!(parse(text).as_ref(), Ok(&expected), "{text}");
    }
}

#[test]
fn refused_texts_say_where() {
    let table = [
        ("", "on line 1 column 1"),
        ("// only a comment\n", "on line 2 column 1"),
        ("{\n  \"a\": \n}", "on line 3 column 1"),
        ("{\r\n\"a\": 1\r\n\"b\": 2}", "on line 2"),
        ("{\"a\": 1", "on line 1"),
        ("{\"a\": 0x10}", "on line 1"),
        ("{\"a\": NaN}", "on line 1"),
        ("{} {}", "on line 1 column 4"),
        ("[1e999]", "on line 1 column 2"),
        ("{\"a\": \"x", "on line 1"),
        ("\u{0}", "on line 1"),
    ];
    for (text, expected) in table {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn deep_nesting_is_an_error_and_not_an_overflow() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(&deep(400)).is_ok());
    for levels in [600, 100_000] {
        assert!(parse(&deep(levels)).unwrap_err().message.contains("nesting"), "{levels}");
        assert!(parse(&"{\"a\":".repeat(levels)).is_err());
    }
}

#[test]
fn a_large_file_is_read() {
    let many = (0..50_000).map(|n| format!("\"key{n}\": \"{}\"", "x".repeat(80))).collect::<Vec<_>>();
    let value = parse(&format!("{{{}}}", many.join(",\n"))).unwrap();
    assert_eq!(value.as_object().map(Map::len), Some(50_000));
}

#[test]
fn places_are_found_ignoring_case() {
    let text = "\u{feff}{\n  \"Logging\": { \"a\": [1,\n    22] },\n}";
    assert_eq!(locate(text, &["logging", "A", "1"]), Some(Position { line: 3, column: 5 }));
    assert_eq!(locate(text, &["logging", "none", "x"]), Some(Position { line: 2, column: 14 }));
    assert_eq!(locate("{", &[]), None);
}
