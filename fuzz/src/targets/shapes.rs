//! Functions whose messages are read and written.

use horus_app::Settings;
use horus_app::index::{WorkerFunction, from_worker};
use horus_host::envelope::Shape;
use serde_json::{Value, json};

fn shape(bindings: &[Value]) -> Shape {
    let found = WorkerFunction {
        name: "Orders".into(),
        script_file: "x".into(),
        raw_bindings: bindings.iter().map(Value::to_string).collect(),
        ..WorkerFunction::default()
    };
    let index = from_worker(vec![found], &Settings::default(), "http");
    assert!(index.errors.is_empty(), "{:?}", index.errors);
    Shape::of(&index.functions[0])
}

/// A queue function with every kind of output, and an HTTP function.
pub(super) fn all() -> [Shape; 2] {
    let queue = |name: &str| json!({ "type": "queue", "direction": "out", "name": name, "queueName": "n" });
    let mut raw = queue("raw");
    raw["dataType"] = json!("binary");
    [
        shape(&[
            json!({ "type": "queueTrigger", "direction": "in", "name": "order", "queueName": "q" }),
            json!({ "type": "blob", "direction": "in", "name": "photo", "path": "p" }),
            queue("next"),
            raw,
            queue("$return"),
        ]),
        shape(&[
            json!({ "type": "httpTrigger", "direction": "in", "name": "req" }),
            json!({ "type": "http", "direction": "out", "name": "res" }),
            queue("next"),
        ]),
    ]
}
