//! Keys and ids: the values other clients compute on their own must come out the same here.

use serde_json::{Value, json};

use super::super::{
    epk::EpkRange,
    partition::{Component, KeyPaths, PartitionKey, properties},
    rid::{self, ContainerRid},
};

fn effective(version: u8, kind: &str, values: &Value) -> String {
    let levels = values.as_array().unwrap().len();
    let paths: Vec<_> = ["/a", "/b", "/c"].into_iter().take(levels).collect();
    let paths = KeyPaths::of(&json!({"paths": paths, "kind": kind, "version": version})).unwrap();
    paths.effective(&paths.parse_header(&values.to_string()).unwrap())
}

/// Point 4: change feed by range. The right-hand sides were computed by the public Python client.
#[test]
fn effective_keys_are_the_services() {
    for (values, expected) in [
        (json!(["a"]), "3A5381E1114EB8D3FCC90795045B49B7"),
        (json!([""]), "32E9366E637A71B4E710384B2F4970A0"),
        (json!(["ümlaut"]), "03A448A7A742F2F4E4EB565FB4DE160C"),
        (json!([7]), "36ECBAF0D9CC21F10F0938014BB52739"),
        (json!([-1.5]), "151793206780805FF6E1DCAE6C787B6A"),
        (json!([true]), "0E711127C5B5A8E4726AC6DD306A3E59"),
        (json!([false]), "2FE1BE91E90A3439635E0E9E37361EF2"),
        (json!([null]), "378867E4430E67857ACE5C908374FE16"),
        (json!([{}]), "11622DAA78F835834610ABE56EFF5CB5"),
        (json!(["x".repeat(150)]), "165D5EACD9E5ED8FE2683C0B57ED57CC"),
    ] {
        assert_eq!(effective(2, "Hash", &values), expected, "{values}");
    }
    for (values, expected) in [
        (json!(["redmond"]), "05C1EFE313830C087366656E706F6500".to_owned()),
        (json!([""]), "05C1CF33970FF80800".to_owned()),
        (json!(["ümlaut"]), "05C1EBAD6321BA08C4BD6E6D62767500".to_owned()),
        (json!([-1.5]), "05C1E901090F44054008".to_owned()),
        (json!([true]), "05C1D7C5A903D803".to_owned()),
        (json!([null]), "05C1ED45D7475601".to_owned()),
        (json!(["x".repeat(150)]), format!("05C1DD45A3938C08{}00", "79".repeat(100))),
    ] {
        assert_eq!(effective(1, "Hash", &values), expected, "{values}");
    }
    let both = "3A5381E1114EB8D3FCC90795045B49B73C80B1B7310BB39F29CC4EA05BDD461E";
    assert_eq!(effective(2, "MultiHash", &json!(["a", "1"])), both);
}

#[test]
fn ranges_are_half_open_and_a_point_is_itself() {
    let range = EpkRange { min: "05".to_owned(), max: "10".to_owned() };
    assert!(
        range.contains("05") && range.contains("0FFF") && !range.contains("10") && !range.contains("04FF")
    );
    assert!(EpkRange { min: "05".to_owned(), max: "05".to_owned() }.contains("05"));
    assert!(EpkRange { min: String::new(), max: "FF".to_owned() }.is_everything());
}

#[test]
fn partition_keys_survive_their_text() {
    let key = PartitionKey(vec![
        Component::Undefined,
        Component::Null,
        Component::Bool(true),
        Component::Number(1.5),
        Component::Text("a\"\u{0}ü,".to_owned()),
    ]);
    assert_eq!(PartitionKey::from_text(&key.text()), Some(key.clone()));
    assert!(!key.text().contains('\0'), "rows use the zero byte as a separator");
    assert!(PartitionKey(key.0[..2].to_vec()).covers(&key));
    assert!(key.text().starts_with(&PartitionKey(key.0[..2].to_vec()).prefix_text()));
}

#[test]
fn paths_of_keys() {
    assert_eq!(properties("/a/b"), Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(properties("/\"a/b\"/c"), Some(vec!["a/b".to_owned(), "c".to_owned()]));
    for bad in ["", "a", "/", "/a//b", "/\"a", "/\"a\"b"] {
        assert_eq!(properties(bad), None, "{bad}");
    }
    for bad in [json!({}), json!({"paths": []}), json!({"paths": ["a"]}), json!({"paths": ["/a", "/b"]})] {
        assert!(KeyPaths::of(&bad).is_err(), "{bad}");
    }
}

#[test]
fn resource_ids_name_their_owner() {
    let container = ContainerRid { database: 7, container: 300 };
    assert_eq!(ContainerRid::parse(&container.to_string()), Some(container));
    let document = container.document(u64::MAX >> 8);
    assert_eq!(container.parse_document(&document), Some(u64::MAX >> 8));
    assert_eq!(ContainerRid { database: 8, container: 300 }.parse_document(&document), None);
    assert_eq!(rid::parse_database(&rid::database(7)), Some(7));
    assert_eq!(ContainerRid::parse("orders"), None);
    assert!(!document.contains('/'), "it is part of paths");
}
