use chrono::{TimeZone, Utc};

use super::*;
use crate::Json;
use crate::http::{Cookie, SameSite};

fn json(text: &str) -> Value {
    Value::Json(Json::from_valid(text.to_owned()))
}

fn response(body: Value) -> HttpResponse {
    HttpResponse { body, ..HttpResponse::default() }
}

fn with_type(body: Value, content_type: &str) -> HttpResponse {
    HttpResponse { headers: vec![("content-type".into(), Some(content_type.into()))], ..response(body) }
}

fn of(value: impl Into<Value>) -> Reply {
    reply(value.into(), None).unwrap()
}

impl From<HttpResponse> for Value {
    fn from(response: HttpResponse) -> Self {
        Self::HttpResponse(Box::new(response))
    }
}

/// Status, content type and body in one line.
fn line(reply: &Reply) -> String {
    let body = String::from_utf8_lossy(&reply.body);
    format!("{} {} {body}", reply.status, content_type(&reply.headers).unwrap_or("-"))
}

/// host.md H18 to H21: bodies and content types of response messages.
#[test]
fn h18_to_h21_bodies_and_content_types() {
    for (given, expected) in [
        (response(Value::String("hi".into())), "200 text/plain; charset=utf-8 hi"),
        (
            with_type(Value::String("asdf".into()), "application/json"),
            "200 application/json; charset=utf-8 asdf",
        ),
        (
            with_type(Value::String("x".into()), "text/html; Charset=latin1"),
            "200 text/html; Charset=latin1 x",
        ),
        (with_type(Value::Bytes("png".into()), "image/png"), "200 image/png png"),
        (response(Value::Bytes("raw".into())), "200 - raw"),
        (response(json(r#"{"a":[1]}"#)), "200 text/plain; charset=utf-8 {\n  \"a\": [\n    1\n  ]\n}"),
        (with_type(json("[]"), "application/json"), "200 application/json; charset=utf-8 []"),
        (response(json("true")), "200 text/plain; charset=utf-8 True"),
        (response(json("\"q\"")), "200 text/plain; charset=utf-8 q"),
        (response(Value::Int(7)), "200 text/plain; charset=utf-8 7"),
        (response(Value::Double(1.5)), "200 text/plain; charset=utf-8 1.5"),
        (response(Value::Null), "200 - "),
        (with_type(Value::Null, "text/html"), "200 text/html "),
        // A text body inside a message is never parsed.
        (response(Value::String("{\"body\":1}".into())), "200 text/plain; charset=utf-8 {\"body\":1}"),
    ] {
        assert_eq!(line(&of(given.clone())), expected, "{given:?}");
    }
}

/// Bytes are handed on, not copied: the path of every Node v4 and Python reply.
#[test]
fn byte_bodies_are_not_copied() {
    let body = Bytes::from(vec![1_u8; 100]);
    assert_eq!(of(response(Value::Bytes(body.clone()))).body.as_ptr(), body.as_ptr());
    assert_eq!(of(Value::Bytes(body.clone())).body.as_ptr(), body.as_ptr());
}

/// host.md H22: a message without its body field is itself the body.
#[test]
fn h22_messages_without_body_field_are_the_body() {
    let message = HttpResponse {
        status: Some("404".into()),
        headers: vec![("a".into(), Some("b".into()))],
        ..HttpResponse::default()
    };
    let expected = r#"200 text/plain; charset=utf-8 {"method":"","query":{},"statusCode":"404","headers":{"a":"b"},"enableContentNegotiation":false,"cookies":[]}"#;
    assert_eq!(line(&of(message.without_body_field())), expected);
}

/// host.md H23: status texts.
#[test]
fn h23_unreadable_statuses_mean_200() {
    for (status, expected) in [
        (None, 200),
        (Some("404"), 404),
        (Some(" 201 "), 201),
        (Some("abc"), 200),
        (Some(""), 200),
        (Some("2.5"), 200),
    ] {
        let given = HttpResponse { status: status.map(str::to_owned), ..response(Value::Null) };
        assert_eq!(of(given).status, expected, "{status:?}");
    }
    let given = HttpResponse { status: Some("70000".into()), ..response(Value::Null) };
    assert!(reply(given.into(), None).unwrap_err().0.contains("70000"));
}

/// host.md H24: cookies.
#[test]
fn h24_cookies_have_the_reference_spelling() {
    let cookie = |cookie: Cookie| HttpResponse { cookies: vec![cookie], ..response(Value::Null) };
    let named =
        |name: &str, value: &str| Cookie { name: name.into(), value: value.into(), ..Cookie::default() };
    for (given, expected) in [
        (named("a", "b c;"), "a=b%20c%3B; path=/"),
        (Cookie { same_site: SameSite::Lax, ..named("a", "b") }, "a=b; path=/; samesite=lax"),
        (Cookie { same_site: SameSite::Strict, ..named("a", "b") }, "a=b; path=/; samesite=strict"),
        (Cookie { same_site: SameSite::None, ..named("a", "b") }, "a=b; path=/; samesite=none"),
        (
            Cookie {
                max_age: Some(60.9),
                expires: Utc.with_ymd_and_hms(2015, 10, 21, 7, 28, 0).single(),
                domain: Some("h".into()),
                path: Some("/p".into()),
                secure: Some(true),
                http_only: Some(true),
                ..named("a", "b")
            },
            "a=b; expires=Wed, 21 Oct 2015 07:28:00 GMT; max-age=60; domain=h; path=/p; secure; httponly",
        ),
        // The Python library sends empty texts for what is not set.
        (Cookie { domain: Some(String::new()), path: Some(String::new()), ..named("a", "b") }, "a=b"),
    ] {
        assert_eq!(of(cookie(given)).cookies, [expected]);
    }
    for bad in [
        named("", "b"),
        named("a b", ""),
        named("a\r\nX: y", ""),
        Cookie { path: Some("/;x".into()), ..named("a", "") },
    ] {
        assert!(reply(cookie(bad).into(), None).is_err());
    }
}

/// host.md H25 (the reply; the merge of return values is the host's) and bindings.md checklist 33.
#[test]
fn h25_b33_objects_with_a_body_describe_a_response() {
    for (text, expected) in [
        (r#"{"statusCode":201,"body":"x"}"#, "201 text/plain; charset=utf-8 x"),
        (r#"{"status":"201","Body":"x"}"#, "201 text/plain; charset=utf-8 x"),
        (r#"{"STATUSCODE":"202","status":400,"BODY":7}"#, "202 text/plain; charset=utf-8 7"),
        (r#"{"statusCode":"x","body":true}"#, "200 text/plain; charset=utf-8 True"),
        (r#"{"body":null,"statusCode":404}"#, "404 - "),
        (r#"{"body":{"a": 1}}"#, "200 text/plain; charset=utf-8 {\"a\":1}"),
        (r#"{"body":[1, 2]}"#, "200 text/plain; charset=utf-8 [1,2]"),
        (r#"{"body":"{\"a\": 1}"}"#, "200 text/plain; charset=utf-8 {\"a\": 1}"),
        (r#"{"body":"x","headers":{"Content-Type":"text/css"}}"#, "200 text/css; charset=utf-8 x"),
        // Without a body, everything is the body.
        (r#"{"statusCode":404}"#, "200 text/plain; charset=utf-8 {\n  \"statusCode\": 404\n}"),
    ] {
        assert_eq!(line(&of(json(text))), expected, "{text}");
        assert_eq!(line(&of(Value::String(text.into()))), expected, "{text}");
    }
    let reply = of(json(
        r#"{"body":"","headers":{"N":7,"L":["a"]},"cookies":[{"name":"c","value":"v","sameSite":"Lax","maxAge":5,"expires":"2015-10-21T07:28:00Z"},7]}"#,
    ));
    assert_eq!(reply.headers[..2], [("N".into(), "7".into()), ("L".into(), "[\"a\"]".into())]);
    assert_eq!(
        reply.cookies,
        ["c=v; expires=Wed, 21 Oct 2015 07:28:00 GMT; max-age=5; path=/; samesite=lax"]
    );
}

/// Spec host.md §3.7 and worker-protocol.md §19.11, the table of values; host.md F10 and bindings.md checklist 34.
#[test]
fn f10_b34_values_that_are_not_responses_are_bodies() {
    for (given, expected) in [
        (Value::Null, "200 - "),
        (Value::String(String::new()), "200 - "),
        (Value::String("hello".into()), "200 text/plain; charset=utf-8 hello"),
        (Value::String("\"abc\"".into()), "200 text/plain; charset=utf-8 abc"),
        (Value::String("123".into()), "200 text/plain; charset=utf-8 123"),
        (Value::String("true".into()), "200 text/plain; charset=utf-8 True"),
        (Value::String("true story".into()), "200 text/plain; charset=utf-8 true story"),
        (Value::String("null".into()), "200 - "),
        (Value::String("[1,2]".into()), "200 text/plain; charset=utf-8 [\n  1,\n  2\n]"),
        (Value::String("{broken".into()), "200 text/plain; charset=utf-8 {broken"),
        (json(r#"{"a":1}"#), "200 text/plain; charset=utf-8 {\n  \"a\": 1\n}"),
        (Value::Bytes("raw".into()), "200 - raw"),
        (Value::Int(5), "200 text/plain; charset=utf-8 5"),
        (Value::Double(0.5), "200 text/plain; charset=utf-8 0.5"),
    ] {
        assert_eq!(line(&of(given.clone())), expected, "{given:?}");
    }
    assert!(reply(Value::Strings(vec![]), None).is_err());
}

/// host.md H26: content negotiation.
#[test]
fn h26_clients_choose_the_representation() {
    let text = || Value::String("hi".into());
    let object = || json(r#"{ "a": 1 }"#);
    let negotiated = |body: Value| HttpResponse { enable_content_negotiation: true, ..response(body) };
    let xml = "<string xmlns=\"http://schemas.microsoft.com/2003/10/Serialization/\">hi</string>";
    let xml = format!("200 application/xml; charset=utf-8 {xml}");
    for (body, accept, expected) in [
        (text(), Some("application/json"), "200 application/json; charset=utf-8 \"hi\""),
        (text(), None, "200 text/plain; charset=utf-8 hi"),
        (text(), Some("text/html, */*"), "200 text/plain; charset=utf-8 hi"),
        (text(), Some("application/json;q=0.5, text/plain"), "200 text/plain; charset=utf-8 hi"),
        (text(), Some("text/html, application/json;q=0.1"), "200 application/json; charset=utf-8 \"hi\""),
        (text(), Some("application/xml"), xml.as_str()),
        (object(), None, "200 application/json; charset=utf-8 {\"a\":1}"),
        (object(), Some("text/plain"), "200 application/json; charset=utf-8 {\"a\":1}"),
        (object(), Some("text/json"), "200 text/json; charset=utf-8 {\"a\":1}"),
        (json("7"), Some("image/png"), "200 application/json; charset=utf-8 7"),
        (Value::Bytes("b".into()), Some("application/json"), "200 - b"),
        (Value::Null, None, "200 - "),
    ] {
        let actual = reply(negotiated(body.clone()).into(), accept).unwrap();
        assert_eq!(line(&actual), expected, "{body:?} for {accept:?}");
    }
    // The response's own type decides before the client does.
    let own = HttpResponse { enable_content_negotiation: true, ..with_type(text(), "application/json") };
    let actual = reply(own.into(), Some("text/plain")).unwrap();
    assert_eq!(line(&actual), "200 application/json; charset=utf-8 \"hi\"");
    // From a JSON envelope, and without cookies.
    let envelope = r#"{"body":{"a":1},"enableContentNegotiation":true,"cookies":[{"name":"c","value":"v"}]}"#;
    let actual = reply(json(envelope), Some("application/json")).unwrap();
    assert_eq!(line(&actual), "200 application/json; charset=utf-8 {\"a\":1}");
    assert!(actual.cookies.is_empty());
}

/// Spec host.md §3.7, headers.
#[test]
fn headers_are_checked_and_kept_in_order() {
    let with = |headers: &[(&str, Option<&str>)]| HttpResponse {
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect(),
        ..response(Value::Bytes("x".into()))
    };
    let error = |headers: &[(&str, Option<&str>)]| reply(with(headers).into(), None).unwrap_err().0;
    assert_eq!(error(&[("Content-Type", None)]), "content-type header cannot be null");
    assert_eq!(error(&[("X-A", None)]), "The value of header 'X-A' cannot be null");
    let given =
        [("B", "1"), ("Content-Length", "99"), ("a", "2"), ("b", "3"), ("Transfer-Encoding", "chunked")];
    let reply = of(with(&given.map(|(name, value)| (name, Some(value)))));
    assert_eq!(reply.headers, [("B".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())]);
    assert_eq!(reply.duplicates, ["b"]);
}
