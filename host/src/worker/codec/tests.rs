use std::collections::HashMap;

use horus_bindings::http::{HttpRequest, SameSite};

use super::*;

fn capable(names: &[&str]) -> Capabilities {
    let announced: HashMap<String, String> =
        names.iter().map(|name| ((*name).to_owned(), "true".to_owned())).collect();
    Capabilities::of(&announced)
}

fn json(text: &str) -> Data {
    Data::Json(text.to_owned())
}

/// host.md §3.6, worker-protocol.md §9.1 and §19.5, bindings.md item 20: numbers and dates travel as JSON, never as int.
#[test]
fn b20_host_values_reach_workers_in_the_documented_kinds() {
    let none = Capabilities::default();
    let table = [
        (Value::Null, None),
        (Value::String("x".into()), Some(Data::String("x".into()))),
        (Value::Bytes(Bytes::from_static(b"\0\xff")), Some(Data::Bytes(Bytes::from_static(b"\0\xff")))),
        (Value::Int(7), Some(json("7"))),
        (Value::Double(1.5), Some(json("1.5"))),
        (Value::json(&serde_json::json!({"a": [1]})), Some(json(r#"{"a":[1]}"#))),
    ];
    for (value, expected) in table {
        assert_eq!(encode(value.clone(), &none).data, expected, "{value:?}");
    }
}

/// host.md W13 and bindings.md item 21.
#[test]
fn w13_arrays_are_collections_only_for_capable_workers() {
    let texts = Value::Strings(vec!["a".into(), String::new(), "b".into()]);
    let collection = |texts: &[&str]| {
        Data::CollectionString(rpc::CollectionString {
            string: texts.iter().map(ToString::to_string).collect(),
        })
    };
    assert_eq!(encode(texts.clone(), &Capabilities::default()).data, Some(json(r#"["a","","b"]"#)));
    let capable_worker = capable(&["TypedDataCollection"]);
    assert_eq!(encode(texts.clone(), &capable_worker).data, Some(collection(&["a", "b"])));
    let keeps = capable(&["TypedDataCollection", "IncludeEmptyEntriesInMessagePayload"]);
    assert_eq!(encode(texts, &keeps).data, Some(collection(&["a", "", "b"])));
    let arrays = Value::ByteArrays(vec![Bytes::from_static(b"\x01")]);
    assert_eq!(encode(arrays, &Capabilities::default()).data, Some(json(r#"["AQ=="]"#)));
}

/// bindings.md §1.8: what workers send, and the kinds that only hosts may send.
#[test]
fn worker_values_become_host_values() {
    let of = |data| decode(TypedData { data });
    assert_eq!(of(None), Ok(Value::Null));
    assert_eq!(of(Some(Data::Int(-3))), Ok(Value::Int(-3)));
    assert_eq!(of(Some(Data::Stream(Bytes::from_static(b"s")))), Ok(Value::Bytes(Bytes::from_static(b"s"))));
    assert!(of(Some(json("{"))).unwrap_err().contains("not JSON"));
    let reference = Data::ModelBindingData(rpc::ModelBindingData::default());
    assert!(of(Some(reference)).is_err());
}

fn request(content_type: &str, body: &'static [u8]) -> Value {
    let request = HttpRequest {
        method: "POST".into(),
        url: "http://h/api/f?a=1".into(),
        headers: vec![("content-type".into(), content_type.into()), ("x-empty".into(), String::new())],
        query: vec![("a".into(), "1,2".into()), ("b".into(), String::new())],
        params: vec![("id".into(), "5".into())],
        body: Some(Bytes::from_static(body)),
        identities: Vec::new(),
    };
    Value::HttpRequest(std::sync::Arc::new(request))
}

fn http(value: Value, names: &[&str]) -> rpc::RpcHttp {
    match encode(value, &capable(names)).data {
        Some(Data::Http(http)) => *http,
        other => panic!("{other:?}"),
    }
}

fn kind(data: Option<Box<TypedData>>) -> Option<Data> {
    data.and_then(|data| data.data)
}

/// host.md H11 to H13 and bindings.md item 31: body and rawBody by capability and content type.
#[test]
fn h11_h12_h13_bodies_take_the_form_the_worker_asked_for() {
    let text = |text: &str| Some(Data::String(text.to_owned()));
    let bytes = |bytes: &'static [u8]| Some(Data::Bytes(Bytes::from_static(bytes)));
    let none: &[&str] = &[];
    let only: &[&str] = &["RpcHttpBodyOnly"];
    let raw: &[&str] = &["RpcHttpBodyOnly", "RawHttpBodyBytes"];
    type Row = (&'static str, &'static [u8], &'static [&'static str], Option<Data>, Option<Data>);
    let only: &'static [&'static str] = Box::leak(only.to_vec().into_boxed_slice());
    let raw: &'static [&'static str] = Box::leak(raw.to_vec().into_boxed_slice());
    let none: &'static [&'static str] = Box::leak(none.to_vec().into_boxed_slice());
    let table: Vec<Row> = vec![
        ("application/json", b"{ \"a\": 1 }", none, Some(json(r#"{"a":1}"#)), text("{ \"a\": 1 }")),
        ("application/json; charset=utf-8", b"\"s\"", none, text("s"), text("\"s\"")),
        ("application/json", b"1.5", none, Some(Data::Double(1.5)), text("1.5")),
        ("application/json", b"5", none, Some(json("5")), text("5")),
        ("application/json", b"null", none, None, text("null")),
        ("application/json", b"{bad", none, text("{bad"), text("{bad")),
        ("text/plain", b"x", none, text("x"), text("x")),
        ("application/octet-stream", b"\x00\x01", none, bytes(b"\x00\x01"), text("\0\u{1}")),
        ("application/json", b"{\"a\":1}", only, text("{\"a\":1}"), None),
        ("multipart/form-data; boundary=x", b"--x", only, bytes(b"--x"), None),
        ("text/plain", b"x", raw, bytes(b"x"), None),
    ];
    for (content_type, body, names, expected, expected_raw) in table {
        let http = http(request(content_type, body), names);
        assert_eq!(kind(http.body), expected, "{content_type} {names:?}");
        assert_eq!(kind(http.raw_body), expected_raw, "{content_type} {names:?}");
    }
}

/// host.md H15 and bindings.md item 32: empty values survive only in the nullable maps.
#[test]
fn h15_empty_values_depend_on_the_nullable_capability() {
    let plain = http(request("text/plain", b"x"), &[]);
    let query: Vec<_> = plain.query.into_iter().collect();
    assert_eq!(query, [("a".to_owned(), "1,2".to_owned())]);
    assert!(plain.headers.contains_key("x-empty"));
    let ignoring = http(request("text/plain", b"x"), &["IgnoreEmptyValuedRpcHttpHeaders"]);
    assert!(!ignoring.headers.contains_key("x-empty"));
    let nullable = http(request("text/plain", b"x"), &["UseNullableValueDictionaryForHttp"]);
    assert!(nullable.query.is_empty() && nullable.headers.is_empty() && nullable.params.is_empty());
    let value = |text: &str| rpc::NullableString {
        string: Some(rpc::nullable_string::String::Value(text.to_owned())),
    };
    assert_eq!(nullable.nullable_query["b"], value(""));
    assert_eq!(nullable.nullable_params["id"], value("5"));
}

/// host.md H22: a message without a body field is not the same as one with an empty body.
#[test]
fn h22_an_absent_body_field_is_told_from_an_empty_one() {
    let of = |body: Option<TypedData>| {
        let http = rpc::RpcHttp { status_code: "201".into(), body: body.map(Box::new), ..Default::default() };
        match decode(TypedData { data: Some(Data::Http(Box::new(http))) }) {
            Ok(Value::HttpResponse(response)) => *response,
            other => panic!("{other:?}"),
        }
    };
    let empty = of(Some(TypedData::default()));
    assert_eq!((empty.status.as_deref(), empty.body), (Some("201"), Value::Null));
    let absent = of(None);
    assert_eq!(absent.status, None);
    assert!(matches!(absent.body, Value::String(text) if text.contains("\"statusCode\":\"201\"")));
}

/// host.md H24: cookies keep what was said and drop what was left out.
#[test]
fn h24_cookies_are_decoded() {
    let wire = rpc::RpcHttpCookie {
        name: "a".into(),
        value: "b".into(),
        domain: Some(rpc::NullableString {
            string: Some(rpc::nullable_string::String::Value(String::new())),
        }),
        same_site: rpc::rpc_http_cookie::SameSite::ExplicitNone.into(),
        max_age: Some(rpc::NullableDouble { double: Some(rpc::nullable_double::Double::Value(60.0)) }),
        http_only: Some(rpc::NullableBool { bool: Some(rpc::nullable_bool::Bool::Value(true)) }),
        ..Default::default()
    };
    let http = rpc::RpcHttp { cookies: vec![wire], body: Some(Box::default()), ..Default::default() };
    let Ok(Value::HttpResponse(response)) = decode(TypedData { data: Some(Data::Http(Box::new(http))) })
    else {
        panic!("not a response")
    };
    let cookie = &response.cookies[0];
    assert_eq!((cookie.domain.as_deref(), cookie.http_only, cookie.secure), (None, Some(true), None));
    assert_eq!((cookie.same_site, cookie.max_age), (SameSite::None, Some(60.0)));
}
