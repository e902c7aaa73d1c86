use horus_app::settings::Settings;
use horus_app::{Binding, Cardinality, DataType, Direction};
use serde_json::json;

use super::*;
use crate::{BindingData, HostSection, Trigger as _, Value};

fn binding(properties: serde_json::Value) -> Binding {
    Binding {
        name: "req".into(),
        kind: "httpTrigger".into(),
        direction: Direction::In,
        data_type: DataType::Undefined,
        cardinality: Cardinality::One,
        raw: properties.as_object().unwrap().clone(),
    }
}

fn trigger(properties: serde_json::Value) -> Result<Trigger, String> {
    let settings = Settings::from_pairs([("R".to_owned(), "from/settings".to_owned())]);
    Trigger::new(&binding(properties), "MyFunction", &settings, "api").map_err(|error| error.0)
}

/// Spec bindings.md §2.1: properties and their defaults.
#[test]
fn triggers_have_defaults() {
    let plain = trigger(json!({})).unwrap();
    assert_eq!((plain.route.as_str(), plain.template.text()), ("MyFunction", "api/MyFunction"));
    assert_eq!(plain.auth_level, AuthLevel::Function);
    assert!(plain.methods.allow("PATCH"));
    let full = trigger(json!({ "Route": "/a/{b?}/", "AuthLevel": "ANONYMOUS", "methods": ["get"] })).unwrap();
    assert_eq!((full.route.as_str(), full.auth_level), ("a/{b?}", AuthLevel::Anonymous));
    assert!(!full.methods.allow("post"));
    assert_eq!(trigger(json!({ "route": "" })).unwrap().template.text(), "api");
    assert_eq!(trigger(json!({ "route": "%R%/x" })).unwrap().route, "from/settings/x");
    assert!(AuthLevel::Anonymous < AuthLevel::Function && AuthLevel::Function < AuthLevel::Admin);
}

/// Spec host.md §2.4: what is refused, and in which words; F17 and C15.
#[test]
fn f17_c15_triggers_are_validated() {
    let reserved = "The specified route conflicts with one or more built in routes.";
    for (properties, expected) in [
        (json!({ "route": "admin/x" }), reserved),
        (json!({ "route": "/Runtime" }), reserved),
        (json!({ "route": "%Nope%" }), "'%Nope%' does not resolve to a value."),
        (
            json!({ "route": "{a" }),
            "The route template 'api/{a' is not valid. There is an incomplete parameter",
        ),
        (
            json!({ "route": 7 }),
            "Error parsing function.json: Invalid value specified for binding property 'route' of type String.",
        ),
        (
            json!({ "authLevel": "root" }),
            "Error parsing function.json: Invalid value specified for binding property 'authLevel' of enum type AuthorizationLevel.",
        ),
        (
            json!({ "methods": "get" }),
            "Error parsing function.json: Invalid value specified for binding property 'methods' of type String[].",
        ),
    ] {
        let error = trigger(properties).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    let many = Binding { cardinality: Cardinality::Many, ..binding(json!({})) };
    let error = Trigger::new(&many, "f", &Settings::default(), "api").unwrap_err().0;
    assert_eq!(error, "Binding 'req' of type 'httpTrigger' does not support cardinality 'many'.");
}

/// host.md A05: an HTTP function cannot be run by hand.
#[test]
fn a05_runs_by_hand_need_a_request() {
    let error = trigger(json!({})).unwrap().manual_event(Some("x".into())).unwrap_err();
    assert_eq!(error.0, "An HttpRequest is required");
}

fn options(section: serde_json::Value) -> Result<Options, String> {
    Options::parse(HostSection { name: "http", value: &section }).map_err(|error| error.0)
}

/// Spec host.md §1.3, `extensions.http`; C07, C08 and C14 as far as they are options.
#[test]
fn options_have_defaults_and_take_text() {
    assert_eq!(options(json!({})), Ok(Options::default()));
    let all = options(json!({
        "RoutePrefix": "/v1/", "maxOutstandingRequests": "20", "maxConcurrentRequests": -1,
        "dynamicThrottlesEnabled": "True", "customHeaders": { "X-A": "1" },
        "hsts": { "isEnabled": true, "maxAge": "10.00:00:00", "preload": "true", "excludedHosts": ["h"] },
    }))
    .unwrap();
    assert_eq!((all.route_prefix.as_str(), all.max_outstanding_requests), ("v1", Some(20)));
    assert_eq!((all.max_concurrent_requests, all.dynamic_throttles_enabled), (None, true));
    assert_eq!(all.custom_headers, [("X-A".to_owned(), "1".to_owned())]);
    assert!(all.hsts.is_enabled && all.hsts.preload && !all.hsts.include_sub_domains);
    assert_eq!((all.hsts.max_age.as_secs(), all.hsts.excluded_hosts.len()), (864_000, 4));
    assert_eq!(options(json!({ "routePrefix": "" })).unwrap().route_prefix, "");
    assert_eq!(all.hsts.header("example.org").as_deref(), Some("max-age=864000; preload"));
    assert_eq!((all.hsts.header("H"), all.hsts.header("LocalHost")), (None, None));
    assert_eq!(Hsts::default().header("example.org"), None);
}

/// Errors of a section name the key and what it holds.
#[test]
fn options_errors_name_the_key() {
    for (section, expected) in [
        (json!(7), "host.json: 'extensions.http' must be an object, not 7."),
        (
            json!({ "maxConcurrentRequests": 0 }),
            "host.json: 'extensions.http.maxConcurrentRequests' must be a number above 0, or -1 for no limit, not 0.",
        ),
        (
            json!({ "hsts": { "maxAge": "long" } }),
            "host.json: 'extensions.http.hsts.maxAge' must be a time span such as 30.00:00:00, not \"long\".",
        ),
        (
            json!({ "dynamicThrottlesEnabled": "maybe" }),
            "host.json: 'extensions.http.dynamicThrottlesEnabled' must be true or false, not \"maybe\".",
        ),
        (
            json!({ "customHeaders": [] }),
            "host.json: 'extensions.http.customHeaders' must be an object, not [].",
        ),
        (json!({ "routePrefix": {} }), "host.json: 'extensions.http.routePrefix' must be text, not {}."),
    ] {
        assert_eq!(options(section).unwrap_err(), expected);
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// host.md H15 and bindings.md checklist 32: repeated keys are joined by commas; empty values are kept here and
/// dropped by the codec, which knows the worker. H16: header names are lower-case.
#[test]
fn h15_h16_b32_query_and_headers_are_joined() {
    for (raw, expected) in [
        ("a=1&a=2&b=", &[("a", "1,2"), ("b", "")][..]),
        ("A=1&a=2&a", &[("A", "1,2")]),
        ("a=&a=2", &[("a", "2")]),
        ("x=a+b%20%C3%A4%&y=%zz", &[("x", "a b ä%"), ("y", "%zz")]),
        ("&&", &[]),
        ("=v", &[("", "v")]),
        ("a=b=c", &[("a", "b=c")]),
    ] {
        assert_eq!(request::query(raw), pairs(expected), "{raw}");
    }
    let headers = request::headers([("X-Foo", "1"), ("Accept", "a"), ("x-foo", "2"), ("Empty", "")]);
    assert_eq!(headers, pairs(&[("x-foo", "1,2"), ("accept", "a"), ("empty", "")]));
}

fn text(data: &BindingData, name: &str) -> Option<String> {
    match data.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Json(json) => Some(json.to_string()),
        other => Some(format!("{other:?}")),
    }
}

/// host.md H17 and bindings.md checklist 11: route beats query beats body; `code` never comes from the query.
#[test]
fn h17_b11_route_beats_query_beats_body() {
    let request = HttpRequest {
        method: "POST".into(),
        url: "https://h/api/x?q=query&only=query&code=key".into(),
        headers: pairs(&[("x-a", "say \"hi\"")]),
        query: pairs(&[("q", "query"), ("only", "query"), ("Code", "key")]),
        params: pairs(&[("Q", "route")]),
        body: Some(r#" {"q":"body","only":"body","mine":{"a":1},"list":[1],"flag":true}"#.into()),
        ..HttpRequest::default()
    };
    let data = request::binding_data(&request);
    for (name, expected) in [
        ("q", Some("route")),
        ("only", Some("query")),
        ("mine", Some(r#"{"a":1}"#)),
        ("flag", Some("True")),
        ("list", None),
        ("code", None),
        ("Query", Some(r#"{"q":"query","only":"query","Code":"key"}"#)),
        ("Headers", Some(r#"{"x-a":"say \"hi\""}"#)),
    ] {
        assert_eq!(text(&data, name).as_deref(), expected, "{name}");
    }
    let taken = HttpRequest { params: pairs(&[("query", "mine")]), ..request };
    assert_eq!(text(&request::binding_data(&taken), "Query").as_deref(), Some("mine"));
}

/// bindings.md checklist 31: which bodies are bytes.
#[test]
fn b31_octet_stream_and_multipart_are_bytes() {
    for (content_type, binary) in [
        ("application/octet-stream", true),
        ("Application/Octet-Stream; x=y", true),
        ("multipart/form-data; boundary=x", true),
        ("text/plain", false),
        ("application/json", false),
        ("mult", false),
    ] {
        let request =
            HttpRequest { headers: pairs(&[("content-type", content_type)]), ..HttpRequest::default() };
        assert_eq!(request.is_binary(), binary, "{content_type}");
    }
}

/// Neither keys in the query nor headers nor bodies reach a log by accident.
#[test]
fn debug_hides_what_may_be_secret() {
    let request = HttpRequest {
        url: "https://h/api/x?code=secret".into(),
        headers: pairs(&[("x-functions-key", "secret")]),
        query: pairs(&[("code", "secret")]),
        body: Some("secret".into()),
        ..HttpRequest::default()
    };
    assert!(!format!("{request:?}").contains("secret"));
}
