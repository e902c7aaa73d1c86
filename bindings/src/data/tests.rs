use super::*;

fn texts(data: &BindingData) -> Vec<(String, String)> {
    data.iter()
        .map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Json(json) => format!("json {json}"),
                other => format!("{other:?}"),
            };
            (name.to_owned(), text)
        })
        .collect()
}

/// bindings.md checklist 10: a body member `Id` replaces the metadata entry `Id`; an array member adds nothing.
#[test]
fn b10_json_members_overwrite_metadata_and_arrays_add_nothing() {
    let mut data = BindingData::default();
    data.push("Id", Value::String("message".into()));
    data.push("DequeueCount", Value::Json(Json::from_valid("1".into())));
    data.add_json_members(
        r#" {"id":"body","list":[1],"n":null,"yes":true,"no":false,"seven":7,"one":1.0,
             "big":12345678901234567890123,"o": {"a" : 1},"text":"\u00e4\n"}"#,
    );
    let expected = [
        ("id", "body"),
        ("DequeueCount", "json 1"),
        ("yes", "True"),
        ("no", "False"),
        ("seven", "7"),
        ("one", "1"),
        ("big", "12345678901234567890123"),
        ("o", r#"json {"a":1}"#),
        ("text", "ä\n"),
    ];
    assert_eq!(texts(&data), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    assert!(matches!(data.get("ID"), Some(Value::String(text)) if text == "body"));
}

/// Spec bindings.md §1.5, rule 2: only text that holds a JSON object contributes.
#[test]
fn other_texts_add_nothing() {
    for text in ["", "hello", "[{\"a\":1}]", "7", "{", "{\"a\":}", "{'a':1}", "{\"a\":1} x", "null"] {
        let mut data = BindingData::default();
        data.add_json_members(text);
        assert!(data.is_empty(), "{text}");
    }
}
