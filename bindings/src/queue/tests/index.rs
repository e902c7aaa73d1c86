//! What is decided when a function is indexed, and what its events look like.

use horus_app::log::Log;
use horus_app::settings::Settings;
use horus_app::{Binding, Cardinality, DataType, Direction, Function, FunctionSource};
use serde_json::{Value as Json, json};

use crate::queue::{Extension, Wakers};
use crate::storage::Storage;
use crate::{BindError, Event, Extension as _, HostState, IndexContext, Value};

fn binding(kind: &str, properties: Json) -> Binding {
    let Json::Object(raw) = properties else { panic!("binding properties are an object") };
    let data_type = match raw.get("dataType").and_then(Json::as_str) {
        Some("binary") => DataType::Binary,
        _ => DataType::Undefined,
    };
    let cardinality = match raw.get("cardinality").and_then(Json::as_str) {
        Some("many") => Cardinality::Many,
        _ => Cardinality::One,
    };
    let direction = if kind == "queue" { Direction::Out } else { Direction::In };
    Binding { name: "item".to_owned(), kind: kind.to_owned(), direction, data_type, cardinality, raw }
}

/// Indexes a function with these bindings; makes the first one a trigger, or an output if it is one.
fn index(bindings: Vec<Binding>) -> Result<Option<Event>, BindError> {
    let settings = Settings::from_pairs(
        [
            ("AzureWebJobsStorage", "UseDevelopmentStorage=true"),
            ("QueueName", "Orders"),
            ("AzureWebJobsOther__queueServiceUri", "https://acc.queue.core.windows.net"),
            ("Broken", "AccountName=acc"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let function = Function {
        name: "F".to_owned(),
        id: "id".to_owned(),
        directory: "/app/F".into(),
        script_file: "/app/F/index.js".into(),
        entry_point: String::new(),
        language: "node".to_owned(),
        bindings,
        retry: None,
        disabled: false,
        source: FunctionSource::Host,
        config: Json::Null,
        properties: Vec::new(),
    };
    let cx = IndexContext {
        function: &function,
        settings: &settings,
        host_id: "tests",
        state: &HostState::in_memory(),
        wakers: &Wakers::default(),
        log: &Log::discard(),
        development: true,
    };
    let extension = Extension::new(Storage::new());
    match function.bindings[0].is_trigger() {
        true => extension
            .trigger(&function.bindings[0], &cx)?
            .manual_event(Some("{\"a\":1}".to_owned()))
            .map(Some),
        false => extension.output(&function.bindings[0], &cx).map(|_| None),
    }
}

#[test]
fn bindings_that_can_be_made() {
    for properties in [
        json!({"queueName": "%QueueName%"}),
        json!({"queueName": "orders", "connection": "Other"}),
        json!({"QUEUENAME": "orders", "Connection": ""}),
    ] {
        index(vec![binding("queueTrigger", properties.clone())])
            .unwrap_or_else(|error| panic!("{properties}: {error}"));
        index(vec![binding("queue", properties.clone())])
            .unwrap_or_else(|error| panic!("{properties}: {error}"));
    }
    index(vec![binding("queue", json!({"queueName": "out-{rand-guid}"}))]).expect("an expression");
}

/// bindings.md 3, 27 and §4: each mistake is reported in words, at index time, without any request.
#[test]
fn b03_bindings_that_cannot_be_made_say_why() {
    for (kind, properties, expected) in [
        ("queueTrigger", json!({}), "Binding 'item' needs a 'queueName'."),
        ("queueTrigger", json!({"queueName": "%Nope%"}), "'%Nope%' does not resolve to a value."),
        ("queueTrigger", json!({"queueName": "a"}), "'a' is not a valid queue name"),
        (
            "queueTrigger",
            json!({"queueName": "orders", "cardinality": "many"}),
            "'cardinality' must be 'one'",
        ),
        (
            "queueTrigger",
            json!({"queueName": "orders", "connection": "Absent"}),
            "Storage account connection string 'AzureWebJobsAbsent' does not exist.",
        ),
        ("queueTrigger", json!({"queueName": "orders", "connection": "Broken"}), "connection 'Broken'"),
        ("queue", json!({"queueName": "Bad_Name"}), "'bad_name' is not a valid queue name"),
        ("queue", json!({"queueName": "a{b"}), "Invalid template"),
    ] {
        let error = index(vec![binding(kind, properties)]).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// bindings.md §1.7: the form that a function asks for.
#[test]
fn payloads_come_in_the_requested_form() {
    let event = |properties| index(vec![binding("queueTrigger", properties)]).unwrap().expect("a trigger");
    let text = event(json!({"queueName": "orders"}));
    assert_eq!(text.value, Value::String("{\"a\":1}".to_owned()));
    assert_eq!(&*text.reason, "New queue message detected on 'orders'.");
    assert_eq!(
        text.details.iter().map(|(key, _)| *key).collect::<Vec<_>>(),
        ["MessageId", "DequeueCount", "InsertionTime"]
    );
    let bytes = event(json!({"queueName": "orders", "dataType": "binary"}));
    assert_eq!(bytes.value, Value::Bytes("{\"a\":1}".into()));
}

/// bindings.md 23: a deferred reference, unless a sibling's expression needs the payload here.
#[test]
fn b23_deferred_bindings_get_a_reference() {
    let deferred = || {
        binding(
            "queueTrigger",
            json!({"queueName": "orders", "properties": {"supportsDeferredBinding": "True"}}),
        )
    };
    let event = index(vec![deferred(), binding("blob", json!({"path": "out/fixed.txt"}))]).unwrap().unwrap();
    let Value::Deferred(reference) = event.value else { panic!("no reference: {:?}", event.value) };
    assert_eq!((reference.source, reference.content_type), ("AzureStorageQueues", "application/json"));
    let content: Json = serde_json::from_slice(&reference.content).unwrap();
    assert_eq!(content["MessageText"], "{\"a\":1}");
    assert_eq!(content["Body"], "{\"a\":1}");
    let keys: Vec<&String> = content.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "MessageId",
            "PopReceipt",
            "MessageText",
            "Body",
            "NextVisibleOn",
            "InsertedOn",
            "ExpiresOn",
            "DequeueCount"
        ]
    );

    let event = index(vec![deferred(), binding("blob", json!({"path": "out/{a}.txt"}))]).unwrap().unwrap();
    assert_eq!(event.value, Value::String("{\"a\":1}".to_owned()));
}
