//! Partial updates, as tables.

use serde_json::{Value, json};

use super::super::patch::Patch;

fn patched(document: &Value, operations: Value) -> Result<Value, String> {
    let patch = Patch::parse(&json!({"operations": operations})).map_err(|fault| fault.message)?;
    let document = document.as_object().unwrap().clone();
    patch.apply(document).map(Value::Object).map_err(|fault| fault.message)
}

/// Point 4: patch.
#[test]
fn operations_do_what_the_service_documents() {
    let document = json!({"n": 1, "list": [1, 2], "o": {"a": 1, "b/c": 2}, "z": null});
    for (operations, path, expected) in [
        (json!([{"op": "add", "path": "/new", "value": 1}]), "/new", json!(1)),
        (json!([{"op": "add", "path": "/list/0", "value": 0}]), "/list", json!([0, 1, 2])),
        (json!([{"op": "add", "path": "/list/2", "value": 3}]), "/list", json!([1, 2, 3])),
        (json!([{"op": "add", "path": "/list/-", "value": 3}]), "/list", json!([1, 2, 3])),
        (json!([{"op": "set", "path": "/list/0", "value": 9}]), "/list", json!([9, 2])),
        (json!([{"op": "set", "path": "/o/new", "value": {"x": []}}]), "/o/new", json!({"x": []})),
        (json!([{"op": "replace", "path": "/z", "value": 1}]), "/z", json!(1)),
        (json!([{"op": "remove", "path": "/list/0"}]), "/list", json!([2])),
        (json!([{"op": "remove", "path": "/o/b~1c"}]), "/o", json!({"a": 1})),
        (json!([{"op": "incr", "path": "/n", "value": -2.5}]), "/n", json!(-1.5)),
        (json!([{"op": "increment", "path": "/fresh", "value": 2}]), "/fresh", json!(2)),
        (json!([{"op": "move", "from": "/o/a", "path": "/list/0"}]), "/list", json!([1, 1, 2])),
        (
            json!([{"op": "add", "path": "/o/d", "value": {}}, {"op": "set", "path": "/o/d/e", "value": 1}]),
            "/o/d",
            json!({"e": 1}),
        ),
    ] {
        let result =
            patched(&document, operations.clone()).unwrap_or_else(|why| panic!("{operations}: {why}"));
        assert_eq!(result.pointer(path), Some(&expected), "{operations}");
    }
}

/// Bad input: what cannot be done is refused, by name, and nothing is half done.
#[test]
fn impossible_operations_are_refused() {
    let document = json!({"n": 1, "list": [1], "s": "x"});
    for (operations, part) in [
        (json!([{"op": "remove", "path": "/missing"}]), "/missing"),
        (json!([{"op": "replace", "path": "/missing", "value": 1}]), "/missing"),
        (json!([{"op": "add", "path": "/list/5", "value": 1}]), "/list/5"),
        (json!([{"op": "add", "path": "/missing/deeper", "value": 1}]), "/missing/deeper"),
        (json!([{"op": "incr", "path": "/s", "value": 1}]), "not a number"),
        (json!([{"op": "incr", "path": "/n", "value": "1"}]), "needs a number"),
        (json!([{"op": "move", "from": "/missing", "path": "/x"}]), "/missing"),
        (json!([{"op": "set", "path": "/_ts", "value": 1}]), "_ts"),
        (json!([{"op": "set", "path": "n", "value": 1}]), "path looks like"),
        (json!([{"op": "set", "path": "/n"}]), "needs 'value'"),
        (json!([{"op": "test", "path": "/n", "value": 1}]), "'test'"),
        (json!([{"path": "/n"}]), "'op'"),
        (json!([]), "1 to 10"),
        (json!(vec![json!({"op": "incr", "path": "/n", "value": 1}); 11]), "1 to 10"),
    ] {
        let why = patched(&document, operations.clone()).expect_err(&operations.to_string());
        assert!(why.contains(part), "{operations}: {why}");
    }
}
