use super::*;

fn json(text: &str) -> Value {
    Value::Json(Json::from_valid(text.to_owned()))
}

fn texts(value: Value) -> Vec<String> {
    items(value).iter().map(to_text).collect()
}

/// bindings.md checklist 13: a JSON array creates one message per element, in order.
#[test]
fn b13_json_arrays_become_one_item_per_element_in_order() {
    assert_eq!(
        texts(json(r#"["a",2,true,null,{"b":1},[3]]"#)),
        ["a", "2", "True", "", "{\n  \"b\": 1\n}", "[\n  3\n]"]
    );
    assert_eq!(texts(Value::Strings(vec!["x".into(), "y".into()])), ["x", "y"]);
    assert_eq!(texts(Value::Ints(vec![1, 2])), ["1", "2"]);
    assert_eq!(texts(Value::Doubles(vec![1.5, 2.0])), ["1.5", "2"]);
    let bytes = items(Value::ByteArrays(vec![Bytes::from_static(b"\xff"), Bytes::new()]));
    assert_eq!(bytes, [Value::Bytes(Bytes::from_static(b"\xff")), Value::Bytes(Bytes::new())]);
    assert!(items(json("[]")).is_empty());
}

/// bindings.md checklist 14: text `[1,2]` two messages; `hello` one; null none; an object arrives indented.
#[test]
fn b14_text_fans_out_only_when_it_holds_json() {
    assert_eq!(texts(Value::String("[1,2]".into())), ["1", "2"]);
    assert_eq!(texts(Value::String("  [1, 2]\n".into())), ["1", "2"]);
    assert_eq!(texts(Value::String("hello".into())), ["hello"]);
    assert_eq!(texts(Value::String("7".into())), ["7"]);
    assert_eq!(texts(Value::String("[1,".into())), ["[1,"]);
    assert_eq!(texts(Value::String("[not json]".into())), ["[not json]"]);
    assert_eq!(texts(Value::String("{\"a\":[]}".into())), ["{\n  \"a\": []\n}"]);
    assert!(items(Value::Null).is_empty());
    assert_eq!(texts(json("{\"a\":1}")), ["{\n  \"a\": 1\n}"]);
    assert_eq!(items(Value::Bytes(Bytes::from_static(b"[1,2]"))).len(), 1);
}

/// bindings.md checklist 12 (the part before the service): 256 byte values pass unchanged, and are not copied.
#[test]
fn b12_bytes_stay_bytes() {
    let all: Bytes = (0..=255).collect::<Vec<u8>>().into();
    let out = to_bytes(&Value::Bytes(all.clone()));
    assert_eq!(out.as_ptr(), all.as_ptr());
    assert_eq!(out, all);
    assert_eq!(to_bytes(&Value::String("ä".into())), "ä".as_bytes());
}

/// Spec bindings.md §1.8: to JSON object = must be an object, else error.
#[test]
fn objects_must_be_objects() {
    assert_eq!(to_object(&json("{\"a\":1}")).unwrap()["a"], 1);
    assert_eq!(to_object(&Value::String("{\"a\":1}".into())).unwrap()["a"], 1);
    for value in [json("[1]"), json("7"), Value::String("x".into()), Value::Int(1), Value::Null] {
        assert!(to_object(&value).unwrap_err().0.ends_with("cannot be written as a JSON object."));
    }
}
