//! Between invocations and the typed world.

use std::sync::Arc;

use bytes::Bytes;
use horus_app::Function;
use horus_app::index::{self, WorkerFunction};
use horus_app::settings::Settings;
use horus_bindings::http::{HttpRequest, HttpResponse};
use horus_bindings::{BindingData, Json, TraceContext, Value};
use horus_wasm::typed::{
    self, HttpResponse as TypedResponse, NamedOutput, Outcome, Output, PayloadParam, PayloadResult, Trigger,
};
use serde_json::{Value as Raw, json};

use crate::envelope::Shape;
use crate::invoke::{Outputs, RetryContext};
use crate::wasm::typed::{Event, Signature};

fn function(bindings: &[Raw]) -> Function {
    let found = WorkerFunction {
        name: "F".into(),
        script_file: "f.wasm".into(),
        raw_bindings: bindings.iter().map(Raw::to_string).collect(),
        ..WorkerFunction::default()
    };
    let settings = Settings::from_pairs(Vec::new());
    index::from_worker(vec![found], &settings, "wasm").functions.remove(0)
}

fn queue(more: &[Raw]) -> Function {
    let trigger = json!({ "type": "queueTrigger", "direction": "in", "name": "message", "queueName": "q" });
    function(&[&[trigger][..], more].concat())
}

fn http(response: &str) -> Function {
    function(&[
        json!({ "type": "httpTrigger", "direction": "in", "name": "req" }),
        json!({ "type": "http", "direction": "out", "name": response }),
        json!({ "type": "queue", "direction": "out", "name": "later", "queueName": "q" }),
    ])
}

fn with_call<T>(
    function: &Function,
    trigger: &Value,
    inputs: &[Value],
    data: &BindingData,
    check: impl FnOnce(typed::Invocation<'_>) -> T,
) -> T {
    let trace = TraceContext { parent: "p".into(), state: "s".into() };
    let retry = RetryContext { count: 2, max: None, exception: Some("why".into()) };
    let signature = Signature::of(function);
    let event = Event { id: "id", trigger, inputs, data, trace: &trace, retry: Some(&retry) };
    let call = signature.call(&event);
    let lists = call.lists();
    check(call.typed(&lists))
}

#[test]
fn events_are_told_whole() {
    let function = queue(&[json!({ "type": "blob", "direction": "in", "name": "photo", "path": "p/x" })]);
    let mut data = BindingData::default();
    data.insert("message", Value::String("again".into()));
    data.insert("DequeueCount", Value::Int(3));
    data.insert("Inserted", Value::Json(Json::from_valid("\"2026-01-02\"".into())));
    data.insert("Nothing", Value::Null);
    let inputs = [Value::Bytes(Bytes::from_static(&[0, 255]))];
    with_call(&function, &Value::String("hi".into()), &inputs, &data, |call| {
        assert_eq!((call.id, call.function), ("id", "F"));
        assert!(matches!(call.trigger, Trigger::Text("hi")), "{:?}", call.trigger);
        assert!(matches!(call.inputs, [input] if input.name == "photo"));
        assert!(matches!(call.inputs[0].value, PayloadParam::Bytes([0, 255])));
        let metadata: Vec<&str> = call.metadata.iter().map(|entry| entry.name).collect();
        assert_eq!(metadata, ["DequeueCount", "Inserted"]);
        assert!(matches!(call.metadata[0].value, PayloadParam::Json("3")));
        assert!(matches!(call.metadata[1].value, PayloadParam::Text("2026-01-02")));
        assert_eq!((call.trace.parent, call.trace.state), ("p", "s"));
        let retry = call.retry.expect("a retry");
        assert_eq!((retry.count, retry.max, retry.reason), (2, None, Some("why")));
    });
    let object = Value::Json(Json::from_valid("{\"a\":1}".into()));
    with_call(&function, &object, &[Value::Strings(vec!["x".into()])], &data, |call| {
        assert!(matches!(call.trigger, Trigger::Json("{\"a\":1}")), "{:?}", call.trigger);
        assert!(matches!(call.inputs[0].value, PayloadParam::Json("[\"x\"]")), "{:?}", call.inputs[0].value);
    });
}

#[test]
fn requests_are_records() {
    let pairs = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let request = HttpRequest {
        method: "POST".into(),
        url: "http://h/api/F/1?x=y".into(),
        headers: pairs("a", "b"),
        query: pairs("x", "y"),
        params: pairs("id", "1"),
        body: Some(Bytes::from_static(b"body")),
        identities: Vec::new(),
    };
    let mut data = BindingData::default();
    data.insert("x", Value::String("y".into()));
    with_call(&http("res"), &Value::HttpRequest(Arc::new(request)), &[], &data, |call| {
        let Trigger::Http(request) = call.trigger else { panic!("{:?}", call.trigger) };
        assert_eq!(
            (request.method, request.url, request.body),
            ("POST", "http://h/api/F/1?x=y", &b"body"[..])
        );
        assert_eq!(
            (request.headers, request.query, request.params),
            (&[("a", "b")][..], &[("x", "y")][..], &[("id", "1")][..])
        );
        assert!(call.metadata.is_empty());
    });
}

fn outputs(function: &Function, named: Vec<(&str, Output)>, return_value: Output) -> Result<Outputs, String> {
    let outputs = named.into_iter().map(|(name, value)| NamedOutput { name: name.into(), value }).collect();
    Signature::of(function).outputs(Outcome { outputs, return_value }, &Shape::of(function))
}

#[test]
fn outputs_have_the_types_they_say() {
    let out = |name: &str| json!({ "type": "queue", "direction": "out", "name": name, "queueName": "q" });
    let function = queue(&[out("a"), out("b"), out("c"), out("$return")]);
    let given = vec![
        ("A", Output::Text("SO IT GOES".into())),
        ("b", Output::Json("[1]".into())),
        ("c", Output::None),
    ];
    let read = outputs(&function, given, Output::Bytes(vec![1])).expect("fits");
    // A text stays a text, whatever it looks like.
    let expected =
        [("a", Value::String("SO IT GOES".into())), ("b", Value::Json(Json::from_valid("[1]".into())))];
    assert_eq!(read.values, expected.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(read.return_value, Value::Bytes(Bytes::from_static(&[1])));

    for (named, returned, part) in [
        (
            vec![("nope", Output::None)],
            Output::None,
            "'nope' is not among the bindings of function 'F' (a, b, c, $return)",
        ),
        (vec![("a", Output::Json("{".into()))], Output::None, "not valid JSON"),
        (
            vec![],
            Output::Http(TypedResponse { status: 200, headers: vec![], body: PayloadResult::None }),
            "no 'http' output",
        ),
    ] {
        let error = outputs(&function, named, returned).expect_err(part);
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn responses_may_be_named_or_returned() {
    let response = || {
        let headers = vec![("x".to_owned(), "1".to_owned()), ("x".to_owned(), "2".to_owned())];
        Output::Http(TypedResponse { status: 201, headers, body: PayloadResult::Text("made".into()) })
    };
    let expected = Value::HttpResponse(Box::new(HttpResponse {
        status: Some("201".into()),
        headers: vec![("x".into(), Some("1".into())), ("x".into(), Some("2".into()))],
        body: Value::String("made".into()),
        ..HttpResponse::default()
    }));
    for (named, returned) in [(vec![("res", response())], Output::None), (vec![], response())] {
        let read = outputs(&http("res"), named, returned).expect("fits");
        assert_eq!(read.values, [("res".to_owned(), expected.clone())]);
    }
    let read =
        outputs(&http("$return"), vec![("later", Output::Text("x".into()))], response()).expect("fits");
    assert_eq!((read.return_value, read.values.len()), (expected, 1));
    // Anything else that an HTTP function returns is the body; JSON says so.
    let read = outputs(&http("res"), vec![], Output::Json("{\"body\":1}".into())).expect("fits");
    let [(name, Value::HttpResponse(response))] = read.values.as_slice() else { panic!("{read:?}") };
    assert_eq!((name.as_str(), response.body.clone()), ("res", Value::Bytes("{\"body\":1}".into())));
    assert_eq!(response.headers[0].1.as_deref(), Some("application/json; charset=utf-8"));
}
