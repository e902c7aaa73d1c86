use super::*;
use std::collections::HashMap;

impl Subject for HashMap<&str, Value> {
    fn value(&self, name: &str) -> Option<Value> {
        self.get(name).cloned()
    }
}

fn entity() -> HashMap<&'static str, Value> {
    HashMap::from([
        ("Name", Value::String("O'Neil".to_owned())),
        ("Age", Value::Int32(40)),
        ("Big", Value::Int64(1 << 40)),
        ("Ratio", Value::Double(0.5)),
        ("Active", Value::Boolean(true)),
        ("When", Value::DateTime(crate::table::entity::ticks_in("2026-01-02T03:04:05Z").unwrap())),
        ("Id", Value::Guid(uuid::Uuid::from_u128(7))),
        ("Raw", Value::Binary(vec![0xAB, 0x01])),
    ])
}

#[test]
fn filters_select_what_they_say() {
    let entity = entity();
    for (filter, expected) in [
        ("Name eq 'O''Neil'", true),
        ("Name gt 'M' and Name lt 'P'", true),
        ("Age gt 39 and Age le 40", true),
        ("Age eq 40L", true),
        ("Age lt 40.5", true),
        ("Big gt 5", true),
        ("Big eq 1099511627776L", true),
        ("Ratio ge 0.5", true),
        ("Ratio lt 5e-1", false),
        ("Age eq -40", false),
        ("Active", true),
        ("not Active", false),
        ("Active eq true and not (Age eq 1 or Age eq 2)", true),
        ("Age eq 1 or Age eq 40 and Name eq 'x'", false),
        ("(Age eq 1 or Age eq 40) and Active", true),
        ("When ge datetime'2026-01-02T03:04:05Z'", true),
        ("When gt datetime'2026-01-02T03:04:05.0000001Z'", false),
        ("Id eq guid'00000000-0000-0000-0000-000000000007'", true),
        ("Raw eq X'ab01'", true),
        ("Raw ne binary'AB02'", true),
        ("40 eq Age", true),
        ("39 gt Age", false),
        // No comparison holds for what is not there or has another type.
        ("Missing eq 1", false),
        ("Missing ne 1", false),
        ("Name eq 40", false),
    ] {
        assert_eq!(Filter::parse(filter).unwrap().matches(&entity), expected, "{filter}");
    }
}

#[test]
fn a_bad_filter_is_refused_with_the_place() {
    for (filter, place, reason) in [
        ("", 1, "missing"),
        ("Age eq", 7, "missing"),
        ("Age eq 4 4", 10, "end is expected"),
        ("Age eq 'x", 8, "does not end"),
        ("(Age eq 1", 10, "')' is missing"),
        ("startswith(Name,'x')", 1, "'startswith' are not supported"),
        ("Age eq 12x", 8, "not a number"),
        ("Age & 1", 5, "'&' is not expected"),
        ("When eq datetime'soon'", 9, "not a literal"),
    ] {
        let fault = Filter::parse(filter).unwrap_err();
        assert_eq!((fault.status, &*fault.code), (400, "InvalidInput"));
        assert!(fault.message.contains(&format!("position {place}")), "{filter}: {}", fault.message);
        assert!(fault.message.contains(reason), "{filter}: {}", fault.message);
    }
    assert!(Filter::parse(&"(".repeat(10_000)).is_err());
    assert!(Filter::parse(&"not ".repeat(3_000)).is_err());
}

#[test]
fn key_conditions_bound_the_scan() {
    let bounds = |filter: &str| {
        let bounds = Filter::parse(filter).unwrap().bounds("PartitionKey");
        (bounds.lower, bounds.upper)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(bounds("PartitionKey eq 'a' and Age gt 1"), (some("a"), some("a")));
    assert_eq!(bounds("PartitionKey ge 'a' and PartitionKey lt 'c'"), (some("a"), some("c")));
    assert_eq!(bounds("'b' le PartitionKey and PartitionKey ge 'a'"), (some("b"), None));
    assert_eq!(bounds("PartitionKey eq 'a' or Age gt 1"), (None, None));
    assert_eq!(bounds("not (PartitionKey eq 'a')"), (None, None));
}
