//! Triggers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::FutureExt;
use horus_bindings::{BindingData, Value, Verdict};
use horus_test_support::eventually;
use serde_json::{Value as Json, json};
use tokio::sync::Semaphore;

use super::super::Service;
use super::super::app::{Running, always, failure, success};
use super::host::{Host, name, names, triggered};
use crate::Counterpart as _;

async fn ran(running: &Running, count: usize) {
    eventually(&format!("{count} invocations"), || async { (running.count() >= count).then_some(()) }).await;
}

async fn settled(host: &Host) {
    eventually("the internal queue is empty", || async {
        (host.internal().approximate_count().await.unwrap().unwrap_or(0) == 0).then_some(())
    })
    .await;
}

/// bindings.md 54 and 55: blobs that are there before the first start run once, a restart repeats nothing, and new
/// content is a new event.
#[tokio::test]
async fn b54_b55_each_version_of_a_blob_runs_once() {
    let service = Service::in_memory();
    let host = Host::sharing(&service);
    for name in ["a.txt", "b.txt", "ignored.bin"] {
        host.put("inbox", name, b"one").await;
    }
    let properties = json!({"path": "inbox/{name}.txt"});
    let running = Running::start(host.trigger("Once", properties.clone()), always(success));
    ran(&running, 2).await;
    assert_eq!(names(&running), ["inbox/a.txt", "inbox/b.txt"]);
    settled(&host).await;
    running.stop().await;

    let host = Host::sharing(&service);
    host.put("inbox", "a.txt", b"two").await;
    let running = Running::start(host.trigger("Once", properties.clone()), always(success));
    ran(&running, 1).await;
    host.put("inbox", "c.txt", b"one").await;
    ran(&running, 2).await;
    assert_eq!(names(&running), ["inbox/a.txt", "inbox/c.txt"]);
    assert_eq!(running.events.lock()[0].value, Value::Bytes(Bytes::from_static(b"two")));
    settled(&host).await;
    running.stop().await;
}

/// bindings.md 55: two instances that both look for new blobs run each of them once, thanks to the receipts.
#[tokio::test]
async fn b55_receipts_keep_two_hosts_from_running_a_blob_twice() {
    let service = Service::in_memory();
    let hosts = [Host::new(&service, json!({})), Host::new(&service, json!({}))];
    let both: Vec<Running> = hosts
        .iter()
        .map(|host| Running::start(host.trigger("Once", json!({"path": "shared"})), always(success)))
        .collect();
    let count = || both.iter().map(Running::count).sum::<usize>();
    let expected: Vec<String> = (0..8).map(|number| format!("shared/{number}")).collect();
    for name in &expected {
        hosts[0].put("shared", name.strip_prefix("shared/").unwrap(), b"x").await;
    }
    eventually("all blobs ran", || async { (count() >= 8).then_some(()) }).await;
    // By the time both have looked again, a second message for one of the blobs would have come.
    hosts[0].put("shared", "last", b"x").await;
    eventually("the last blob ran", || async { (count() >= 9).then_some(()) }).await;
    let mut seen: Vec<String> = both.iter().flat_map(names).collect();
    seen.sort();
    assert_eq!(seen[..8], expected[..]);
    assert_eq!(seen[8..], ["shared/last"]);
    for running in both {
        running.stop().await;
    }
}

/// bindings.md 56 and 58: captures are greedy, content is bytes unless text is asked for, and metadata are complete.
#[tokio::test]
async fn b56_b58_events_tell_about_their_blob() {
    let service = Service::in_memory();
    let host = Host::new(&service, json!({}));
    let bytes: Vec<u8> = (0..=255).collect();
    host.blobs().create_container("in1").await.unwrap();
    let blob = host.blobs().blob("in1", "x-y-z.txt");
    assert!(blob.create_with(Bytes::from(bytes.clone()), &[("color", "red")]).await.unwrap().is_some());
    // Two functions in one host: one listener works for both.
    let raw = Running::start(host.trigger("Raw", json!({"path": "IN1/{a}-{b}.txt"})), always(success));
    let text = json!({"path": "in1/{whole}", "dataType": "string"});
    let text = Running::start(host.trigger("Text", text), always(success));
    ran(&raw, 1).await;
    ran(&text, 1).await;

    let event = raw.events.lock().remove(0);
    assert_eq!(event.value, Value::Bytes(bytes.clone().into()));
    assert_eq!(&*event.reason, "New blob detected: in1/x-y-z.txt");
    let text_of = |name: &str| match event.data.get(name) {
        Some(Value::String(text)) => text.clone(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!((text_of("a").as_str(), text_of("b").as_str()), ("x-y", "z"));
    assert_eq!(text_of("BlobTrigger"), "in1/x-y-z.txt");
    let json_of = |name: &str| match event.data.get(name) {
        Some(Value::Json(json)) => json.parse(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(json_of("Uri"), json!(format!("{}/in1/x-y-z.txt", host.blobs().address())));
    assert_eq!(json_of("Metadata"), json!({"color": "red"}));
    let properties = json_of("Properties");
    assert_eq!(properties["ContentLength"], 256);
    assert_eq!(properties["Length"], 256);
    assert_eq!((&properties["BlobType"], &properties["LeaseStatus"]), (&json!(0), &json!(1)));
    assert_eq!(properties["ContentType"], "application/octet-stream");
    assert!(properties["ETag"].as_str().unwrap().starts_with("\"0x"), "{properties}");
    for date in ["LastModified", "CreatedOn"] {
        assert!(properties[date].as_str().unwrap().ends_with("+00:00"), "{properties}");
    }
    let details: Vec<&str> = event.details.iter().map(|(name, _)| *name).collect();
    assert_eq!(details, ["MessageId", "DequeueCount", "InsertionTime", "BlobCreated", "BlobLastModified"]);
    assert!(event.details.iter().all(|(_, value)| !value.is_empty()), "{:?}", event.details);

    let event = text.events.lock().remove(0);
    assert_eq!(event.value, Value::String(String::from_utf8_lossy(&bytes).into_owned()));
    raw.stop().await;
    text.stop().await;
}

/// bindings.md 57: as many attempts as allowed, then the message as documented.
#[tokio::test]
async fn b57_blobs_that_fail_become_poison() {
    let service = Service::in_memory();
    let host = Host::new(&service, json!({"poisonBlobThreshold": 3}));
    host.put("bad", "a/b.txt", b"x").await;
    let running = Running::start(host.trigger("Fails", json!({"path": "bad/{name}"})), always(failure));
    let poison = host.app.queue("webjobs-blobtrigger-poison");
    let message = eventually("the blob is poison", || async {
        match poison.receive(1, Duration::from_secs(60)).await {
            Ok(mut messages) => messages.pop(),
            Err(error) if error.is_not_found() => None,
            Err(error) => panic!("{error}"),
        }
    })
    .await;
    let message: Json = serde_json::from_slice(&BASE64_STANDARD.decode(&message.text).unwrap()).unwrap();
    let etag = host.blobs().blob("bad", "a/b.txt").properties().await.unwrap().unwrap().etag();
    let documented = json!({
        "Type": "BlobTrigger", "FunctionId": "Host.Functions.Fails", "BlobType": "BlockBlob",
        "ContainerName": "bad", "BlobName": "a/b.txt", "ETag": etag,
    });
    assert_eq!(message, documented);
    settled(&host).await;
    // Another blob runs next: the poison one has not come back in between.
    host.put("bad", "second", b"x").await;
    ran(&running, 4).await;
    assert_eq!(names(&running)[..3], ["bad/a/b.txt", "bad/a/b.txt", "bad/a/b.txt"]);
    running.stop().await;
}

/// Spec bindings.md §5.2: what is in the queue about blobs that are gone or have changed, functions that are gone or no
/// longer watch them, is dropped; a blob that has changed runs as it is now.
#[tokio::test]
async fn stale_messages_are_dropped() {
    let service = Service::in_memory();
    let host = Host::new(&service, json!({}));
    host.put("stale", "now.txt", b"now").await;
    let queue = host.internal();
    queue.create().await.unwrap();
    for (function, blob, etag) in [
        ("Gone", "now.txt", "\"0x1\""),
        ("Here", "gone.txt", "\"0x1\""),
        ("Here", "now.txt", "\"0x1\""),
        ("Here", "unwatched.bin", "\"0x1\""),
    ] {
        let message = json!({
            "Type": "BlobTrigger", "FunctionId": format!("Host.Functions.{function}"), "BlobType": "BlockBlob",
            "ContainerName": "stale", "BlobName": blob, "ETag": etag,
        });
        // In either form.
        let text = message.to_string();
        queue.send(if blob == "gone.txt" { text } else { BASE64_STANDARD.encode(text) }).await.unwrap();
    }
    let running = Running::start(host.trigger("Here", json!({"path": "stale/{x}.txt"})), always(success));
    ran(&running, 1).await;
    settled(&host).await;
    assert_eq!(names(&running), ["stale/now.txt"]);
    running.stop().await;
}

/// An event of a function that is switched off waits for it.
#[tokio::test]
async fn messages_of_disabled_functions_are_kept() {
    let service = Service::in_memory();
    let host = Host::new(&service, json!({}));
    host.put("later", "a.txt", b"x").await;
    let message = json!({
        "Type": "BlobTrigger", "FunctionId": "Host.Functions.Off", "BlobType": "BlockBlob",
        "ContainerName": "later", "BlobName": "a.txt", "ETag": "",
    });
    host.internal().create().await.unwrap();
    host.internal().send(message.to_string()).await.unwrap();
    let mut off = triggered("Off", json!({"path": "later"}));
    off.disabled = true;
    host.trigger_of(&off).unwrap();
    let on = Running::start(host.trigger("On", json!({"path": "later/{name}"})), always(success));
    ran(&on, 1).await;
    eventually("the message is put off", || async {
        let visible = host.internal().receive(1, Duration::from_secs(1)).await.unwrap();
        (visible.is_empty() && host.internal().approximate_count().await.unwrap() == Some(1)).then_some(())
    })
    .await;
    on.stop().await;
}

/// A host that ends gives back what it could not finish.
#[tokio::test]
async fn lost_invocations_run_again() {
    let service = Service::in_memory();
    let host = Host::sharing(&service);
    host.put("lost", "a.txt", b"x").await;
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let running = Running::start(host.trigger("Lost", json!({"path": "lost"})), move |_| {
        let gate = opened.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            Verdict::Lost("the worker is gone".to_owned())
        }
        .boxed()
    });
    ran(&running, 1).await;
    running.drain();
    gate.add_permits(1);
    running.stop().await;

    let host = Host::sharing(&service);
    let running = Running::start(host.trigger("Lost", json!({"path": "lost"})), always(success));
    ran(&running, 1).await;
    assert_eq!(name(&running.events.lock()[0]), "lost/a.txt");
    settled(&host).await;
    running.stop().await;
}

/// A blob that comes while the host runs is found at once where the service tells about it, and at the next sweep
/// otherwise.
#[tokio::test]
async fn new_blobs_are_found_soon() {
    let service = Service::in_memory();
    let host = Host::new(&service, json!({}));
    host.put("soon", "first", b"x").await;
    let running = Running::start(host.trigger("Soon", json!({"path": "soon"})), always(success));
    ran(&running, 1).await;
    let written = Instant::now();
    host.put("soon", "second", b"x").await;
    ran(&running, 2).await;
    let limit = if service.storage().blob_changes().is_some() { 5 } else { 20 };
    assert!(written.elapsed() < Duration::from_secs(limit), "took {:?}", written.elapsed());
    running.stop().await;
}

/// What an output of the same host writes is found at once, wherever the account is.
#[tokio::test]
async fn blobs_of_outputs_are_found_soon() {
    let service = Service::in_memory();
    let host = Host::new(&service, json!({}));
    host.put("chain", "first", b"x").await;
    let running = Running::start(host.trigger("Chain", json!({"path": "chain/{x}"})), always(success));
    ran(&running, 1).await;
    let output = host.output(json!({"path": "chain/second"}));
    let written = Instant::now();
    output.write(Value::String("y".to_owned()), &BindingData::default()).await.unwrap();
    ran(&running, 2).await;
    assert!(written.elapsed() < Duration::from_secs(5), "took {:?}", written.elapsed());
    running.stop().await;
}

/// Calls by hand name a blob; what is wrong is said.
#[tokio::test]
async fn calls_by_hand_read_the_blob() {
    let service = Service::in_memory();
    let host = Host::new(&service, json!({}));
    host.put("hand", "a-b.txt", b"content").await;
    let trigger = host.trigger("Hand", json!({"path": "hand/{x}-{y}.txt", "dataType": "string"}));
    let event = trigger.read_manual_event(Some("hand/a-b.txt".to_owned())).await.unwrap();
    assert_eq!(event.value, Value::String("content".to_owned()));
    assert!(matches!(event.data.get("y"), Some(Value::String(y)) if y == "b"));
    for (input, problem) in [
        (None, "path of a blob"),
        (Some("hand"), "names a container only"),
        (Some("hand/none.txt"), "The blob 'hand/none.txt' does not exist."),
    ] {
        let error = trigger.read_manual_event(input.map(str::to_owned)).await.unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

/// Spec bindings.md §1.10: the trigger is a reference, unless another binding needs the payload.
#[tokio::test]
async fn deferred_triggers_are_references() {
    let service = Service::in_memory();
    let host = Host::new(&service, json!({}));
    host.put("refs", "a.txt", b"content").await;
    let properties = json!({"path": "refs/{name}", "properties": {"SupportsDeferredBinding": true}});
    let trigger = host.trigger("Refs", properties);
    let event = trigger.read_manual_event(Some("refs/a.txt".to_owned())).await.unwrap();
    let Value::Deferred(reference) = event.value else { panic!("{:?}", event.value) };
    let content: Json = serde_json::from_slice(&reference.content).unwrap();
    assert_eq!(
        content,
        json!({"Connection": "AzureWebJobsStorage", "ContainerName": "refs", "BlobName": "a.txt"})
    );
}

/// What is wrong with a trigger is said when the app is loaded.
#[tokio::test]
async fn wrong_triggers_are_refused() {
    let service = Service::in_memory();
    let host = Host::new(&service, json!({}));
    for (properties, problem) in [
        (json!({}), "needs a 'path'"),
        (json!({"path": "Un_usual/x"}), "not a valid container name"),
        (json!({"path": "inbox/{x"}), "Missing closing bracket"),
        (json!({"path": "{x}/y"}), "no expressions in the name of its container"),
        (json!({"path": "inbox/%NOPE%"}), "'%NOPE%' does not resolve to a value."),
        (json!({"path": "inbox", "source": "Pigeons"}), "'Pigeons' is no source"),
        (json!({"path": "inbox", "connection": "Other"}), "AzureWebJobsOther"),
    ] {
        let error = host.trigger_of(&triggered("Wrong", properties)).err().expect(problem);
        assert!(error.contains(problem), "{error}");
    }
}

/// bindings.md 59: the handshake is answered, a new blob of an event runs, nothing is looked for.
#[tokio::test]
async fn b59_events_replace_the_search() {
    let service = Service::in_memory();
    let host = Host::new(&service, json!({}));
    for name in ["told.txt", "untold.txt", "other.bin"] {
        host.put("events", name, b"content").await;
    }
    assert!(!host.has_webhook(), "no function needs it");
    let properties = json!({"path": "events/{name}.txt", "source": "EventGrid"});
    let running = Running::start(host.trigger("Told", properties), always(success));

    let validation = json!({"data": {"validationCode": "abc"}});
    let answer = (200, "{\"validationResponse\":\"abc\"}".to_owned());
    let told = "Host.Functions.Told";
    assert_eq!(host.tell(told, "SubscriptionValidation", json!([validation])).await, answer);
    assert_eq!(host.tell("Told", "SubscriptionValidation", validation).await, answer);
    let unknown = (404, "cannot find function: 'Host.Functions.Nobody'".to_owned());
    assert_eq!(host.tell("Host.Functions.Nobody", "Notification", json!([])).await, unknown);
    assert_eq!(host.tell(told, "Notification", json!("text")).await.0, 400);
    assert_eq!(host.tell(told, "Unsubscribe", json!({})).await.0, 202);

    let event = |kind: &str, name: &str| {
        json!({
            "eventType": kind,
            "subject": format!("/blobServices/default/containers/events/blobs/{name}"),
            "data": {"eTag": "0xOLD", "blobType": "BlockBlob", "url": format!("https://x.example.com/events/{name}")},
        })
    };
    let events = json!([
        event("Microsoft.Storage.BlobDeleted", "untold.txt"),
        event("Microsoft.Storage.BlobCreated", "other.bin"),
        event("Microsoft.Storage.BlobCreated", "told.txt"),
    ]);
    assert_eq!(host.tell(told, "Notification", events).await, (202, String::new()));
    ran(&running, 1).await;
    settled(&host).await;
    // In the other schema.
    let url = format!("{}/events/cloud.txt", host.blobs().address());
    let cloud = json!({"type": "Microsoft.Storage.BlobCreated", "data": {"eTag": "0x1", "url": url}});
    host.put("events", "cloud.txt", b"content").await;
    assert_eq!(host.tell(told, "Notification", cloud).await.0, 202);
    ran(&running, 2).await;
    settled(&host).await;
    assert_eq!(names(&running), ["events/cloud.txt", "events/told.txt"]);
    // Nobody has looked for blobs: that would have left receipts and a position.
    let state = host.blobs().container("azure-webjobs-hosts").list("", None, 100).await;
    assert!(state.is_err_and(|error| error.is_not_found()), "no container was made");
    running.stop().await;
}
