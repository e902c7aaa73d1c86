//! Inputs and outputs.

use bytes::Bytes;
use horus_bindings::{BindingData, Value};
use serde_json::json;

use super::super::Service;
use super::host::Host;

fn all_bytes() -> Bytes {
    (0..=255).collect::<Vec<u8>>().into()
}

/// bindings.md 12 and 60: bytes arrive unchanged, in a container that did not exist.
#[tokio::test]
async fn b12_b60_bytes_round_trip_and_containers_are_made() {
    let service = Service::in_memory();
    let host = Host::new(&service, json!({}));
    let mut data = BindingData::default();
    data.push("id", Value::String("7 ü".to_owned()));
    let output = host.output(json!({"path": "made/{id}/all.bin"}));
    output.write(Value::Bytes(all_bytes()), &data).await.unwrap();
    let input = host.input(json!({"path": "made/{id}/all.bin", "dataType": "binary"}));
    assert_eq!(input.read(&data).await.unwrap(), Value::Bytes(all_bytes()));
    assert_eq!(host.read("made", "7 ü/all.bin").await, Some(all_bytes()));
}

/// bindings.md 60: nothing leaves the blob alone; empty text is an empty blob; a blob is replaced as a whole.
#[tokio::test]
async fn b60_nothing_is_not_empty() {
    let service = Service::in_memory();
    let host = Host::new(&service, json!({}));
    host.put("kept", "a.txt", b"before and long").await;
    let output = host.output(json!({"path": "kept/a.txt"}));
    let data = BindingData::default();
    let write = async |value| {
        output.write(value, &data).await.unwrap();
        host.read("kept", "a.txt").await.expect("it exists")
    };
    assert_eq!(write(Value::Null).await, "before and long");
    assert_eq!(write(Value::json(&json!(null))).await, "before and long");
    assert_eq!(write(Value::String("short".to_owned())).await, "short");
    assert_eq!(write(Value::json(&json!({"a": [1, "x"]}))).await, "{\"a\":[1,\"x\"]}");
    assert_eq!(write(Value::Int(258)).await, &[2, 1, 0, 0][..]);
    assert_eq!(write(Value::Double(1.0)).await, &1f64.to_le_bytes()[..]);
    assert_eq!(write(Value::String(String::new())).await, "");
}

/// bindings.md 18: what does not exist is nothing; content is text unless bytes are asked for.
#[tokio::test]
async fn b18_inputs_that_do_not_exist_are_nothing() {
    let service = Service::in_memory();
    let host = Host::new(&service, json!({}));
    let read = async |properties| host.input(properties).read(&BindingData::default()).await.unwrap();
    assert_eq!(read(json!({"path": "nowhere/a.txt"})).await, Value::Null);
    host.put("docs", "a b/ü.txt", "\u{feff}grün".as_bytes()).await;
    assert_eq!(read(json!({"path": "docs/other.txt"})).await, Value::Null);
    assert_eq!(read(json!({"path": "docs/a b/ü.txt"})).await, Value::String("grün".to_owned()));
    let bytes = Value::Bytes(Bytes::from_static("\u{feff}grün".as_bytes()));
    assert_eq!(read(json!({"path": "docs/a b/ü.txt", "dataType": "binary"})).await, bytes);
    let address = format!("{}/docs/a%20b/%C3%BC.txt", host.blobs().address());
    let mut data = BindingData::default();
    data.push("url", Value::String(address));
    let found = host.input(json!({"path": "{url}"})).read(&data).await.unwrap();
    assert_eq!(found, Value::String("grün".to_owned()));
    host.put("docs", "empty", b"").await;
    assert_eq!(read(json!({"path": "docs/empty"})).await, Value::String(String::new()));
}

/// Bodies larger than one request carries.
#[tokio::test]
async fn large_blobs_round_trip() {
    let service = Service::in_memory();
    let host = Host::new(&service, json!({}));
    let large: Bytes = (0..9_500_000u32).map(|index| (index % 251) as u8).collect::<Vec<u8>>().into();
    let data = BindingData::default();
    host.output(json!({"path": "large/body"})).write(Value::Bytes(large.clone()), &data).await.unwrap();
    let read = host.input(json!({"path": "large/body", "dataType": "binary"})).read(&data).await.unwrap();
    assert!(read == Value::Bytes(large.clone()), "the same 9.5 MB");
    let trigger = host.trigger("Large", json!({"path": "large/{name}"}));
    let event = trigger.read_manual_event(Some("large/body".to_owned())).await.unwrap();
    assert!(event.value == Value::Bytes(large), "the same 9.5 MB");
}

/// Spec bindings.md §1.10: a reference names the blob, or the container.
#[tokio::test]
async fn deferred_inputs_are_references() {
    let service = Service::in_memory();
    let host = Host::new(&service, json!({}));
    let mut data = BindingData::default();
    data.push("id", Value::String("7".to_owned()));
    let read = async |path: &str| {
        let properties =
            json!({"path": path, "connection": "Storage", "properties": {"supportsDeferredBinding": "True"}});
        match host.input(properties).read(&data).await.unwrap() {
            Value::Deferred(reference) => {
                assert_eq!(
                    (reference.source, reference.content_type),
                    ("AzureStorageBlobs", "application/json")
                );
                serde_json::from_slice::<serde_json::Value>(&reference.content).unwrap()
            }
            other => panic!("{other:?}"),
        }
    };
    let blob = json!({"Connection": "Storage", "ContainerName": "docs", "BlobName": "7/a.txt"});
    assert_eq!(read("docs/{id}/a.txt").await, blob);
    let container = json!({"Connection": "Storage", "ContainerName": "docs", "BlobName": null});
    assert_eq!(read("docs").await, container);
}
