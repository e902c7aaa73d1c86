use std::sync::Arc;

use bytes::Bytes;
use horus_app::Settings;
use horus_app::index::{WorkerFunction, from_worker};
use horus_bindings::Value;
use horus_bindings::http::{HttpRequest, HttpResponse, Identity};
use horus_bindings::{BindingData, Json, TraceContext};
use serde_json::{Value as JsonValue, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::invoke::{Invocation, RetryContext};

fn shape(bindings: &[JsonValue]) -> Shape {
    let found = WorkerFunction {
        name: "Orders".into(),
        script_file: "x".into(),
        raw_bindings: bindings.iter().map(JsonValue::to_string).collect(),
        ..WorkerFunction::default()
    };
    let index = from_worker(vec![found], &Settings::default(), "http");
    assert!(index.errors.is_empty(), "{:?}", index.errors);
    Shape::of(&index.functions[0])
}

fn queue() -> Shape {
    shape(&[
        json!({"type": "queueTrigger", "direction": "in", "name": "order", "queueName": "q"}),
        json!({"type": "blob", "direction": "in", "name": "photo", "path": "p"}),
        json!({"type": "queue", "direction": "out", "name": "next", "queueName": "n"}),
        json!({"type": "queue", "direction": "out", "name": "raw", "queueName": "n", "dataType": "binary"}),
        json!({"type": "queue", "direction": "out", "name": "$return", "queueName": "n"}),
    ])
}

fn web() -> Shape {
    shape(&[
        json!({"type": "httpTrigger", "direction": "in", "name": "req"}),
        json!({"type": "http", "direction": "out", "name": "res"}),
    ])
}

fn invocation(trigger: Value, inputs: Vec<Value>) -> Invocation {
    Invocation {
        id: "id".into(),
        trigger,
        inputs,
        data: BindingData::default(),
        trace: TraceContext::default(),
        retry: None,
        cancel: CancellationToken::new(),
        exchange: None,
    }
}

fn written(shape: &Shape, invocation: &Invocation) -> JsonValue {
    let moment = Moment { utc_now: "2026-01-02T03:04:05Z".into(), rand_guid: "guid".into() };
    let text = shape.request(invocation, &moment);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// host.md X02: a queue message `hello` arrives as the JSON of a text inside a JSON string.
#[test]
fn x02_texts_are_json_inside_a_json_string() {
    let message = written(&queue(), &invocation(Value::String("hello".into()), vec![Value::Null]));
    assert_eq!(message["Data"]["order"], "\"hello\"");
    assert_eq!(message["Data"]["photo"], "null");
}

/// host.md §7.2 "Other inputs": one row per kind of value.
#[test]
fn every_kind_of_value_has_its_form() {
    let json = |text: &str| Value::Json(Json::from_valid(text.to_owned()));
    let table = [
        (Value::String("{\"a\": 1}".into()), json!("\"{\\\"a\\\": 1}\"")),
        (Value::String("zwölf\n".into()), json!("\"zwölf\\n\"")),
        (Value::Bytes(Bytes::from_static(b"\x00\xff")), json!("AP8=")),
        (json("{\"IsPastDue\":false}"), json!({"IsPastDue": false})),
        (json("[{\"id\":\"1\"}]"), json!("[{\"id\":\"1\"}]")),
        (json("\"2026-01-02T03:04:05+00:00\""), json!("2026-01-02T03:04:05+00:00")),
        (json("12"), json!("12")),
        (json("true"), json!("true")),
        (Value::Int(-3), json!("-3")),
        (Value::Double(1.5), json!("1.5")),
        (Value::Strings(vec!["a".into(), "b".into()]), json!("[\"a\",\"b\"]")),
        (Value::ByteArrays(vec![Bytes::from_static(b"a")]), json!("[\"YQ==\"]")),
        (Value::Null, json!("null")),
    ];
    for (value, expected) in table {
        let shown = format!("{value:?}");
        let message = written(&queue(), &invocation(value, vec![]));
        assert_eq!(message["Data"]["order"], expected, "{shown}");
    }
}

/// host.md §7.2 "Metadata": neither requests nor triggers, always `sys`, and the retry context where there is one.
#[test]
fn metadata_is_the_binding_data_with_sys() {
    let mut call = invocation(Value::String("hello".into()), vec![]);
    for (name, value) in [
        ("QueueTrigger", Value::String("hello".into())),
        ("order", Value::String("hello".into())),
        ("DequeueCount", Value::Json(Json::from_valid("1".into()))),
        ("Id", Value::String("a-b".into())),
        ("InsertionTime", Value::Json(Json::from_valid("\"2026-01-02T03:04:05+00:00\"".into()))),
        ("Nothing", Value::Null),
        ("$request", Value::HttpRequest(Arc::default())),
    ] {
        call.data.push(name, value);
    }
    let expected = json!({
        "DequeueCount": "1",
        "Id": "\"a-b\"",
        "InsertionTime": "2026-01-02T03:04:05+00:00",
        "sys": {"MethodName": "Orders", "UtcNow": "2026-01-02T03:04:05Z", "RandGuid": "guid"},
    });
    assert_eq!(written(&queue(), &call)["Metadata"], expected);
    call.retry = Some(RetryContext { count: 0, max: Some(3), exception: None });
    assert_eq!(
        written(&queue(), &call)["Metadata"]["RetryContext"],
        json!({"RetryCount": 0, "MaxRetryCount": 3})
    );
    call.retry = Some(RetryContext { count: 2, max: None, exception: Some("boom".into()) });
    assert_eq!(
        written(&queue(), &call)["Metadata"]["RetryContext"],
        json!({"RetryCount": 2, "MaxRetryCount": -1, "Exception": {"Message": "boom"}})
    );
}

/// host.md X01: a request with all its members.
#[test]
fn x01_requests_are_objects() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut request = HttpRequest {
        method: "POST".into(),
        url: "http://h/api/f?x=1".into(),
        headers: vec![pair("host", "h"), pair("content-type", "application/json"), pair("x-ab-c", "1,2")],
        query: vec![pair("x", "1")],
        params: vec![pair("id", "5")],
        body: Some(Bytes::from_static(b"{\"a\":1}")),
        identities: vec![Identity {
            authentication_type: Some("WebJobsAuthLevel".into()),
            claims: vec![pair("level", "Function")],
            ..Identity::default()
        }],
    };
    let data = |request: &HttpRequest| {
        written(&web(), &invocation(Value::HttpRequest(Arc::new(request.clone())), vec![]))["Data"]["req"]
            .take()
    };
    assert_eq!(
        data(&request),
        json!({
            "Url": "http://h/api/f?x=1",
            "Method": "POST",
            "Query": {"x": "1"},
            "Headers": {"Host": ["h"], "Content-Type": ["application/json"], "X-Ab-C": ["1,2"]},
            "Params": {"id": "5"},
            "Identities": [{
                "AuthenticationType": "WebJobsAuthLevel",
                "IsAuthenticated": true,
                "Claims": [{"Type": "level", "Value": "Function"}],
                "NameClaimType": null,
                "RoleClaimType": null,
            }],
            "Body": "{\"a\":1}",
        })
    );
    request.headers = vec![pair("content-type", "multipart/form-data; boundary=x")];
    assert_eq!(data(&request)["Body"], "eyJhIjoxfQ==");
    request.body = None;
    assert_eq!(data(&request).get("Body"), None);
}

/// host.md X03: the response in `Outputs`, whatever the case of the names.
#[test]
fn x03_http_outputs_become_responses() {
    let response = |status: Option<&str>, headers: &[(&str, Option<&str>)], body: Value| {
        Value::HttpResponse(Box::new(HttpResponse {
            status: status.map(str::to_owned),
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), v.map(str::to_owned))).collect(),
            body,
            ..HttpResponse::default()
        }))
    };
    let text = |text: &str| Value::String(text.into());
    let table = [
        (
            json!({"statusCode": 201, "body": "b", "headers": {"h": "v"}}),
            response(Some("201"), &[("h", Some("v"))], text("b")),
        ),
        (json!({"STATUS": "404", "Body": {"a": [1, 2]}}), response(Some("404"), &[], text("{\"a\":[1,2]}"))),
        (json!({"statusCode": 202}), response(Some("202"), &[], Value::Null)),
        (
            json!({"body": "", "headers": {"a": ["1", "2"], "b": 3, "c": null}}),
            response(None, &[("a", Some("1, 2")), ("b", Some("3")), ("c", None)], text("")),
        ),
        (json!("plain"), response(None, &[], text("plain"))),
        (json!("{\"statusCode\":418,\"body\":\"tea\"}"), response(Some("418"), &[], text("tea"))),
    ];
    for (given, expected) in table {
        let reply = json!({"outputs": {"Res": given}}).to_string();
        let read = web().reply(reply.as_bytes()).unwrap();
        assert_eq!(read.outputs.values, [("res".to_owned(), expected)], "{reply}");
    }
    for (given, found) in [(json!([1]), "an array"), (json!(5), "a number or a boolean")] {
        let reply = json!({"Outputs": {"res": given}}).to_string();
        let error = web().reply(reply.as_bytes()).unwrap_err();
        assert_eq!(error, EnvelopeError::HttpOutput { name: "res".into(), found });
        assert!(error.to_string().starts_with(
            "Failed while trying to Deserialize to httpOutputBindingResponse. Output is not in expected format"
        ));
    }
}

/// host.md §7.2 "other outputs": base64 is bytes unless the binding is binary, arrays and objects stay JSON.
#[test]
fn other_outputs_keep_what_they_are() {
    let json = |text: &str| Value::Json(Json::from_valid(text.to_owned()));
    let table = [
        ("next", json!("hello world"), Value::String("hello world".into())),
        ("next", json!("aGVs\nbG8="), Value::Bytes(Bytes::from_static(b"hello"))),
        ("next", json!("test"), Value::Bytes(Bytes::from_static(b"\xb5\xeb\x2d"))),
        ("next", json!("aGVsbG8"), Value::String("aGVsbG8".into())),
        ("raw", json!("aGVsbG8="), Value::String("aGVsbG8=".into())),
        ("next", json!(["a", "b"]), json("[\"a\",\"b\"]")),
        ("next", json!({"a": 1.50}), json("{\"a\":1.5}")),
        ("next", json!(12), json("12")),
    ];
    for (name, given, expected) in table {
        let reply = json!({"Outputs": {name: given}, "ReturnValue": null}).to_string();
        let read = queue().reply(reply.as_bytes()).unwrap();
        assert_eq!(read.outputs.values, [(name.to_owned(), expected)], "{reply}");
        assert_eq!(read.outputs.return_value, Value::Null);
    }
    // Numbers keep every digit on their way through.
    let read = queue().reply(br#"{"Outputs":{"next":{"n":12345678901234567890.10}}}"#).unwrap();
    assert_eq!(read.outputs.values[0].1, json("{\"n\":12345678901234567890.10}"));
}

/// host.md §7.2 "ReturnValue": feeds `$return`, and nothing where there is none.
#[test]
fn return_values_feed_the_return_binding_only() {
    let reply = br#"{"returnvalue": "a b", "Outputs": {"unknown": 1, "next": null}}"#;
    let read = queue().reply(reply).unwrap();
    assert_eq!(read.outputs, Outputs { values: vec![], return_value: Value::String("a b".into()) });
    let members = br#"{"ReturnValue": {"res": "not an output"}}"#;
    assert_eq!(web().reply(members).unwrap().outputs, Outputs::default());
}

/// host.md X03 and §7.2 "Logs", and what is no reply.
#[test]
fn x03_logs_are_read_and_nonsense_is_refused() {
    let read = queue().reply(br#"{"LOGS": ["one", 2, {"a": true}]}"#).unwrap();
    assert_eq!(read.logs, ["one", "2", "{\"a\":true}"]);
    for empty in ["", "  \n", "null", "{}", "{\"Outputs\":null,\"Logs\":null}", "\u{feff}{}"] {
        assert_eq!(queue().reply(empty.as_bytes()), Ok(Reply::default()), "{empty:?}");
    }
    for (nonsense, part) in [
        ("<html>", "not a JSON object"),
        ("[1]", "not a JSON object"),
        ("{\"Outputs\":", "not a JSON object"),
        ("{\"Outputs\":[1]}", "'Outputs' must be an object"),
        ("{\"Logs\":\"one\"}", "'Logs' must be a list"),
    ] {
        let error = queue().reply(nonsense.as_bytes()).unwrap_err();
        assert!(matches!(&error, EnvelopeError::Malformed(_)), "{nonsense}");
        assert!(error.to_string().contains(part), "{nonsense}: {error}");
    }
    assert!(queue().reply(b"\xff\xfe").is_err());
}

/// Whatever a handler sends is read or refused: replies cut off or changed at any byte end in no panic, and those that
/// are cut off are never taken for whole.
#[test]
fn broken_replies_are_refused() {
    let reply = json!({
        "Outputs": {"next": ["a", {"b": "\u{e4}\n"}], "raw": "aGVsbG8=", "res": {"statusCode": 1, "headers": {"h": [1]}}},
        "Logs": ["x", null],
        "ReturnValue": 1.5e300,
    })
    .to_string();
    for shape in [queue(), web()] {
        assert!(shape.reply(reply.as_bytes()).is_ok());
        for cut in 1..reply.len() {
            assert!(
                shape.reply(&reply.as_bytes()[..cut]).is_err(),
                "{}",
                &String::from_utf8_lossy(&reply.as_bytes()[..cut])
            );
        }
        for place in 0..reply.len() {
            for byte in [0, b'"', b'{', b']', b'\\', b'9', 0xff] {
                let mut changed = reply.clone().into_bytes();
                changed[place] = byte;
                let _ = shape.reply(&changed);
            }
        }
    }
}
