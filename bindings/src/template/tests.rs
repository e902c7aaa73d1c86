use bytes::Bytes;
use rand::RngExt as _;
use regex::Regex;

use super::*;
use crate::{BindingData, Json, Value};

fn data() -> BindingData {
    let mut data = BindingData::default();
    data.push("Name", Value::String("Ada".into()));
    data.push("DequeueCount", Value::Json(Json::from_valid("3".into())));
    data.push("InsertionTime", Value::Json(Json::from_valid("\"2024-03-09T07:05:04+00:00\"".into())));
    data.push("flag", Value::Json(Json::from_valid("true".into())));
    data.push(
        "o",
        Value::Json(Json::from_valid(r#"{"Inner":{"Key":"deep","n":1.0,"none":null},"x-id":7}"#.into())),
    );
    data.push("nothing", Value::Null);
    data.push("blob", Value::Bytes(Bytes::from_static(b"raw")));
    data.push("count", Value::Int(42));
    data
}

fn render(text: &str) -> Result<String, String> {
    Template::parse(text).map_err(|error| error.0)?.render(&data(), "Resize").map_err(|error| error.0)
}

fn matches(pattern: &str, text: &str) {
    let rendered = render(text).unwrap();
    assert!(Regex::new(pattern).unwrap().is_match(&rendered), "{text} became {rendered}");
}

/// bindings.md checklist 4: `{rand-guid}` is a D-format identifier, new each time; `{rand-guid:N}` has 32 digits.
#[test]
fn b04_rand_guid_is_new_each_time() {
    let hex = "[0-9a-f]";
    matches(&format!("^{hex}{{8}}-{hex}{{4}}-{hex}{{4}}-{hex}{{4}}-{hex}{{12}}$"), "{rand-guid}");
    matches(&format!("^{hex}{{32}}$"), "{rand-guid:N}");
    matches(r"^\{.{36}\}$", "{RAND-GUID:b}");
    matches(r"^\(.{36}\)$", "{sys.randGuid:P}");
    assert_ne!(render("{rand-guid}"), render("{rand-guid}"));
    assert!(render("{rand-guid:Q}").unwrap_err().contains("'Q' is not valid"));
}

/// bindings.md checklist 5: `{datetime}` default output and `{datetime:yyyy}`.
#[test]
fn b05_datetime_is_free_of_colons() {
    matches(r"^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$", "{datetime}");
    matches(r"^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$", "{sys.utcNow}");
    matches(r"^\d{4}$", "{datetime:yyyy}");
    matches(r"^\d\d:\d\d$", "{DateTime:HH:mm}");
}

/// bindings.md checklist 6: `{sys.methodName}` equals the function name.
#[test]
fn b06_method_name_is_the_function_name() {
    assert_eq!(render("{sys.methodName}/{SYS.METHODNAME}").unwrap(), "Resize/Resize");
}

/// bindings.md checklist 7: `{a.b}` reads a nested member, ignoring case.
#[test]
fn b07_members_are_found_ignoring_case() {
    assert_eq!(render("{o.inner.KEY}-{O.Inner.n}-{o.X-Id}").unwrap(), "deep-1-7");
    assert_eq!(
        render("{o.inner.nope}").unwrap_err(),
        "Error while accessing 'nope': property doesn't exist."
    );
    assert_eq!(render("{Name.first}").unwrap_err(), "Error while accessing 'first': property doesn't exist.");
}

/// bindings.md checklist 8: an unknown `{x}` fails at run time.
#[test]
fn b08_unknown_names_fail_per_invocation() {
    assert_eq!(render("a{x}").unwrap_err(), "No value for named parameter 'x'.");
    assert_eq!(render("{x.y}").unwrap_err(), "No value for named parameter 'x'.");
}

/// bindings.md checklist 9: `{{` and `}}` are literal braces.
#[test]
fn b09_doubled_braces_are_literal() {
    assert_eq!(render("a{{b}}c{{{name}}}").unwrap(), "a{b}c{Ada}");
    assert!(Template::parse("a{{b}}").unwrap().is_literal());
}

/// Spec bindings.md §1.4: scalars, formats and the ways to fail.
#[test]
fn values_become_invariant_text() {
    for (text, expected) in [
        ("", ""),
        ("plain", "plain"),
        ("{name}", "Ada"),
        ("{name:D4}", "Ada"),
        ("{dequeuecount}", "3"),
        ("{DequeueCount:D4}", "0003"),
        ("{count:X}", "2A"),
        ("{flag}", "True"),
        ("{InsertionTime:yyyy/MM}", "2024/03"),
        ("{InsertionTime}", "2024-03-09T07:05:04+00:00"),
        ("{blob}", "raw"),
    ] {
        assert_eq!(render(text).as_deref(), Ok(expected), "{text}");
    }
    assert_eq!(render("{nothing}").unwrap_err(), "The value of 'nothing' is null.");
    assert_eq!(render("{o.inner.none}").unwrap_err(), "The value of 'o.inner.none' is null.");
    assert_eq!(render("{o}").unwrap_err(), "The value of 'o' cannot be converted to text.");
}

/// Spec bindings.md §1.4: binding data named like a builtin wins.
#[test]
fn data_hides_builtins() {
    let mut data = BindingData::default();
    data.push("DateTime", Value::String("mine".into()));
    assert_eq!(Template::parse("{datetime}").unwrap().render(&data, "f").unwrap(), "mine");
}

/// Spec bindings.md §1.4: the words of an unbalanced brace.
#[test]
fn unbalanced_braces_are_reported_with_their_position() {
    for (text, detail) in [
        ("a{b", "Missing closing bracket at position 2."),
        ("a{b{c}", "Missing closing bracket at position 2."),
        ("ab}c", "Missing opening bracket at position 3."),
        ("{}", "The parameter name '' is invalid."),
        ("{a b}", "The parameter name 'a b' is invalid."),
        ("{a-b}", "The parameter name 'a-b' is invalid."),
        ("{a..b}", "The parameter name 'a..b' is invalid."),
    ] {
        let error = Template::parse(text).unwrap_err().0;
        assert_eq!(error, format!("Invalid template '{text}'. {detail}"));
    }
}

/// Spec bindings.md §1.4: names are checked against a static trigger contract when the app is loaded.
#[test]
fn names_are_checked_against_a_contract() {
    let template = Template::parse("{rand-guid}/{Queue.x}/{id}").unwrap();
    assert_eq!(template.names().collect::<Vec<_>>(), ["Queue", "id"]);
    assert!(template.check(&["queue", "ID"]).is_ok());
    let error = template.check(&["queue"]).unwrap_err().0;
    assert!(
        error.starts_with("Unable to resolve binding parameter 'id'. Binding expressions must map"),
        "{error}"
    );
}

/// The parser and the renderer never panic.
#[test]
fn random_texts_never_panic() {
    let alphabet: Vec<char> = "{}{}:.-abonamedatetime%\\'äfFyHKz0#".chars().collect();
    let mut random = rand::rng();
    for _ in 0..20_000 {
        let length = random.random_range(0..24);
        let text: String = (0..length).map(|_| alphabet[random.random_range(0..alphabet.len())]).collect();
        let _ = render(&text);
        let _ = crate::dotnet::number::format("1234.5", &text);
        let _ = crate::dotnet::date::Stamp::from(chrono::Utc::now()).format(&text);
    }
}
