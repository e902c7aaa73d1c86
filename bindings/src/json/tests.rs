use super::*;

/// Spec bindings.md §1.8: objects and arrays arrive indented by two spaces.
#[test]
fn indentation_keeps_every_token() {
    let text = r#" {"a":[1,{"b":null}],"e":{},"f":[ ],"s":"x:{[,]}\u0041\"","n":12345678901234567890.10} "#;
    let expected = "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"e\": {},\n  \"f\": [],\n  \
                    \"s\": \"x:{[,]}A\\\"\",\n  \"n\": 12345678901234567890.10\n}";
    assert_eq!(indented(text), expected);
    assert_eq!(
        compact(expected),
        r#"{"a":[1,{"b":null}],"e":{},"f":[],"s":"x:{[,]}A\"","n":12345678901234567890.10}"#
    );
}

#[test]
fn scalars_become_plain_text() {
    for (json, text) in [
        ("null", ""),
        ("true", "True"),
        (" false ", "False"),
        ("\"a\\tb\"", "a\tb"),
        ("1.50", "1.5"),
        ("-3", "-3"),
        ("[]", "[]"),
        ("{\"a\":1}", "{\n  \"a\": 1\n}"),
    ] {
        assert_eq!(to_text(json), text, "{json}");
    }
}

/// Layout never panics, whatever it is given.
#[test]
fn layout_survives_any_text() {
    for text in ["\"", "\"\\", "{", "}", "]]]", "ä:ö", "\"\\ä\"", "{\"a\"", ",,,", "[,", "\u{feff}{}"] {
        let _ = (compact(text), indented(text), to_text(text));
    }
}
