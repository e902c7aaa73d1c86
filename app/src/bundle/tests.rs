use serde_json::json;

use super::*;
use crate::function::{Cardinality, DataType, Direction};

/// spec host.md §13.1 step 3: the ranges an app may declare, and the major that decides the dialect.
#[test]
fn ranges() {
    let table = [
        ("[4.*, 5.0.0)", Some(4)),
        ("[4.0.0,5.0.0)", Some(4)),
        ("[3.3.0, 4.0.0)", Some(3)),
        ("[3.*, 4.0.0]", Some(4)),
        ("[2.*, 3.0.0)", Some(2)),
        ("[1.*, 2.0.0)", Some(1)),
        ("4.0.0", Some(4)),
        ("3.1", Some(4)),
        ("[2.6.1]", Some(2)),
        ("(,3.0.0)", Some(2)),
        ("[9.*, 10.0.0)", None),
        ("[4.1.0-preview, 5)", Some(4)),
    ];
    for (text, major) in table {
        let bundle = ExtensionBundle::new("Id", text).expect(text);
        assert_eq!(bundle.major(), major, "{text}");
    }
    for text in [
        "",
        "*.1",
        "[4.*, 5.0.0",
        "4.*, 5.0.0)",
        "[,]",
        "[5.0.0, 4.0.0)",
        "(4.0.0)",
        "[a, b)",
        "[",
        "1.2.3.4.5",
        "4..0",
    ] {
        assert_eq!(ExtensionBundle::new("Id", text), None, "{text}");
    }
}

/// bindings.md §1.2.
#[test]
fn legacy_names_are_added() {
    let raw = json!({"collectionName":"c","ConnectionStringSetting":"s","connection":"new"});
    let mut binding = Binding {
        name: "doc".to_owned(),
        kind: "CosmosDB".to_owned(),
        direction: Direction::Out,
        data_type: DataType::Undefined,
        cardinality: Cardinality::One,
        raw: raw.as_object().unwrap().clone(),
    };
    modernize(&mut binding);
    assert_eq!(binding.text("containerName"), Some("c"));
    assert_eq!(binding.connection(), Some("new"));
    assert!(ExtensionBundle::new("x", "[3.3.0, 4.0.0)").unwrap().has_legacy_cosmos_dialect());
    assert!(
        ExtensionBundle::is_id("Microsoft.Azure.Functions.ExtensionBundle") && !ExtensionBundle::is_id("a/b")
    );
}
