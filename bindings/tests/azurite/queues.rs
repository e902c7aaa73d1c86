//! bindings.md §4 against the emulator.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::FutureExt;
use horus_bindings::storage::Queue;
use horus_bindings::{BindingData, Json, Value, Verdict};
use horus_test_support::eventually;
use serde_json::json;
use tokio::sync::Semaphore;

use super::Service;
use super::app::{App, Running, always, failure, success};

const MINUTE: Duration = Duration::from_secs(60);

async fn put(queue: &Queue, body: &str) {
    queue.send(BASE64_STANDARD.encode(body)).await.expect("a message is put");
}

async fn is_empty(queue: &Queue) -> bool {
    queue.approximate_count().await.expect("a count").unwrap_or(0) == 0
}

async fn drained(queue: &Queue) {
    eventually("the queue is empty", || async { is_empty(queue).await.then_some(()) }).await;
}

/// bindings.md 13, 14: fan-out of one output value into messages, in order; objects arrive indented.
#[tokio::test]
async fn b13_b14_items_become_messages_in_order() {
    let service = Service::in_memory();
    let app = App::new(&service, json!({}));
    let cases = [
        (Value::json(&json!(["a", "b", "c"])), vec!["a", "b", "c"]),
        (Value::String("[1,2]".to_owned()), vec!["1", "2"]),
        (Value::String("hello".to_owned()), vec!["hello"]),
        (Value::json(&json!([])), vec![]),
        (Value::json(&json!({"id": 7})), vec!["{\n  \"id\": 7\n}"]),
        (Value::String("  spaces stay  ".to_owned()), vec!["  spaces stay  "]),
        (Value::Bytes(Bytes::from_static(b"raw")), vec!["raw"]),
    ];
    for (number, (value, expected)) in cases.into_iter().enumerate() {
        let name = format!("out{number:03}");
        let output = app.output(json!({"queueName": name}));
        output.write(value, &BindingData::default()).await.unwrap();
        let queue = app.queue(&name);
        let messages = match expected.is_empty() {
            // Nothing to write, so the queue was not even made.
            true => {
                assert_eq!(queue.approximate_count().await.unwrap(), None);
                Vec::new()
            }
            false => queue.receive(32, MINUTE).await.unwrap(),
        };
        let texts: Vec<String> = messages
            .iter()
            .map(|message| String::from_utf8(BASE64_STANDARD.decode(&message.text).unwrap()).unwrap())
            .collect();
        assert_eq!(texts, expected, "case {number}");
    }
}

/// bindings.md §4, output: names from binding data, and what cannot be sent.
#[tokio::test]
async fn outputs_render_their_queue_and_refuse_what_does_not_fit() {
    let service = Service::in_memory();
    let app = App::new(&service, json!({"messageEncoding": "none"}));
    let mut data = BindingData::default();
    data.push("region", Value::String("EU".to_owned()));
    let output = app.output(json!({"queueName": "orders-{region}"}));
    output.write(Value::String(" <raw> & text ".to_owned()), &data).await.unwrap();
    let received = app.queue("orders-eu").receive(1, MINUTE).await.unwrap();
    assert_eq!(received[0].text, " <raw> & text ", "spaces at the ends are part of the message");

    let fixed = app.output(json!({"queueName": "orders"}));
    let error = fixed.write(Value::Bytes(Bytes::from_static(&[0xff, 0xfe])), &data).await.unwrap_err();
    assert!(error.to_string().contains("orders"), "{error}");
    let error = fixed.write(Value::String("x".repeat(65537)), &data).await.unwrap_err();
    assert!(error.to_string().contains("65536"), "{error}");
    assert_eq!(app.queue("orders").approximate_count().await.unwrap(), None, "nothing was sent");
    fixed.write(Value::String("x".repeat(65536)), &data).await.expect("64 KiB are allowed");
}

/// bindings.md 44: a missing queue is an empty one.
#[tokio::test]
async fn b44_a_queue_that_appears_later_is_processed() {
    let service = Service::in_memory();
    let app = App::new(&service, json!({"maxPollingInterval": "00:00:00.200"}));
    let running = Running::start(app.trigger(json!({"queueName": "Later"})), always(success));
    let queue = app.queue("later");
    eventually("a poll of the missing queue", || async {
        queue.approximate_count().await.unwrap().is_none().then_some(())
    })
    .await;
    queue.create().await.unwrap();
    put(&queue, "hello").await;
    eventually("the message is processed", || async { (running.count() == 1).then_some(()) }).await;
    drained(&queue).await;
    running.stop().await;
}

/// bindings.md 45: batchSize + newBatchThreshold is the limit, and it is used.
#[tokio::test]
async fn b45_never_more_than_batch_and_threshold_at_once() {
    let service = Service::in_memory();
    let app = App::new(&service, json!({"batchSize": 4, "newBatchThreshold": 2}));
    let queue = app.queue("limited");
    queue.create().await.unwrap();
    for number in 0..30 {
        put(&queue, &number.to_string()).await;
    }
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let running = Running::start(app.trigger(json!({"queueName": "limited"})), move |_| {
        let gate = opened.clone();
        async move {
            gate.acquire().await.expect("the gate stays").forget();
            success()
        }
        .boxed()
    });
    eventually("one batch", || async { (running.count() == 4).then_some(()) }).await;
    gate.add_permits(2);
    eventually("the next batch", || async { (running.count() == 8).then_some(()) }).await;
    gate.add_permits(100);
    eventually("all messages", || async { (running.count() == 30).then_some(()) }).await;
    drained(&queue).await;
    let most = running.most_at_once.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(most, 6, "4 in a batch and 2 still running");
    running.stop().await;
}

/// bindings.md 47: our own output wakes our own listener, however long it meant to sleep.
#[tokio::test]
async fn b47_an_output_wakes_the_listener_of_its_queue() {
    let service = Service::in_memory();
    let app = App::new(&service, json!({"maxPollingInterval": "01:00:00"}));
    let output = app.output(json!({"queueName": "woken"}));
    let running = Running::start(app.trigger(json!({"queueName": "woken"})), always(success));
    // Let the pause grow well past the limit asserted below: 0.2 + 0.3 + 0.5 + 0.9 + 1.7 s.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let written = Instant::now();
    output.write(Value::String("now".to_owned()), &BindingData::default()).await.unwrap();
    eventually("the message is processed", || async { (running.count() == 1).then_some(()) }).await;
    assert!(written.elapsed() < Duration::from_secs(1), "took {:?}", written.elapsed());
    running.stop().await;
}

/// bindings.md 17, 48: a message is tried maxDequeueCount times, then kept with its body.
#[tokio::test]
async fn b48_a_failing_message_ends_in_the_poison_queue() {
    let service = Service::in_memory();
    let app = App::new(&service, json!({"maxDequeueCount": 3, "maxPollingInterval": "00:00:00.200"}));
    let (queue, poison) = (app.queue("bad"), app.queue("bad-poison"));
    queue.create().await.unwrap();
    put(&queue, "{\"n\":1}").await;
    let running = Running::start(app.trigger(json!({"queueName": "bad"})), always(failure));
    let kept = eventually("the message is poison", || async {
        poison.receive(1, MINUTE).await.ok().and_then(|mut messages| messages.pop())
    })
    .await;
    assert_eq!(kept.text, BASE64_STANDARD.encode("{\"n\":1}"));
    drained(&queue).await;
    assert_eq!(running.count(), 3);
    let counts: Vec<Option<Value>> =
        running.events.lock().iter().map(|event| event.data.get("DequeueCount").cloned()).collect();
    let expected: Vec<Option<Value>> = (1..=3).map(|count| Some(Value::json(&json!(count)))).collect();
    assert_eq!(counts, expected);
    running.stop().await;
}

/// bindings.md 49: a message over the limit never reaches the function.
#[tokio::test]
async fn b49_a_message_tried_too_often_elsewhere_is_not_run() {
    let service = Service::in_memory();
    let app = App::new(&service, json!({"maxDequeueCount": 2, "maxPollingInterval": "00:00:00.200"}));
    let (queue, poison) = (app.queue("tried"), app.queue("tried-poison"));
    queue.create().await.unwrap();
    put(&queue, "again").await;
    for _ in 0..2 {
        let message = queue.receive(1, MINUTE).await.unwrap().pop().expect("the message");
        queue.hide(&message.id, &message.pop_receipt, Duration::ZERO).await.unwrap();
    }
    let running = Running::start(app.trigger(json!({"queueName": "tried"})), always(success));
    eventually("the message is poison", || async {
        (poison.approximate_count().await.ok().flatten() == Some(1)).then_some(())
    })
    .await;
    drained(&queue).await;
    assert_eq!(running.count(), 0);
    running.stop().await;
}

/// bindings.md 50: a poison queue has no poison queue.
#[tokio::test]
async fn b50_a_poison_queue_has_no_poison_queue() {
    let service = Service::in_memory();
    let app = App::new(&service, json!({"maxDequeueCount": 1, "maxPollingInterval": "00:00:00.200"}));
    let queue = app.queue("end-poison");
    queue.create().await.unwrap();
    put(&queue, "x").await;
    let running = Running::start(app.trigger(json!({"queueName": "end-poison"})), always(failure));
    eventually("the message is tried", || async { (running.count() == 1).then_some(()) }).await;
    running.stop().await;
    assert_eq!(queue.approximate_count().await.unwrap(), Some(1), "it stays");
    assert_eq!(app.queue("end-poison-poison").approximate_count().await.unwrap(), None);
}

/// bindings.md 52: what is not in the configured encoding.
#[tokio::test]
async fn b52_plain_text_is_poison_under_base64_and_delivered_under_none() {
    let service = Service::in_memory();
    for (encoding, runs) in [("base64", 0), ("none", 1)] {
        let app =
            App::new(&service, json!({"messageEncoding": encoding, "maxPollingInterval": "00:00:00.200"}));
        let name = format!("enc-{encoding}");
        let (queue, poison) = (app.queue(&name), app.queue(&format!("{name}-poison")));
        queue.create().await.unwrap();
        queue.send(" {\"plain\": true} ".to_owned()).await.unwrap();
        let running = Running::start(app.trigger(json!({"queueName": name})), always(success));
        eventually("the message is settled", || async { is_empty(&queue).await.then_some(()) }).await;
        assert_eq!(running.count(), runs, "{encoding}");
        match runs {
            0 => {
                let kept = poison.receive(1, MINUTE).await.unwrap();
                assert_eq!(kept[0].text, " {\"plain\": true} ");
            }
            _ => {
                let event = running.events.lock().remove(0);
                assert_eq!(event.value, Value::String(" {\"plain\": true} ".to_owned()));
            }
        }
        running.stop().await;
    }
}

/// bindings.md 53: metadata keys and types, in the case that workers expect.
#[tokio::test]
async fn b53_metadata_has_every_key_in_its_type() {
    let service = Service::in_memory();
    let app = App::new(&service, json!({}));
    let queue = app.queue("meta");
    queue.create().await.unwrap();
    put(&queue, "{\"a\":1}").await;
    let running = Running::start(app.trigger(json!({"queueName": "meta"})), always(success));
    eventually("the message is processed", || async { (running.count() == 1).then_some(()) }).await;
    let event = running.events.lock().remove(0);
    let keys: Vec<&str> = event.data.iter().map(|(key, _)| key).collect();
    assert_eq!(
        keys,
        [
            "QueueTrigger",
            "DequeueCount",
            "Id",
            "PopReceipt",
            "InsertionTime",
            "ExpirationTime",
            "NextVisibleTime"
        ]
    );
    assert_eq!(event.data.get("QueueTrigger"), Some(&Value::String("{\"a\":1}".to_owned())));
    assert_eq!(event.data.get("DequeueCount"), Some(&Value::Json(Json::from_valid("1".to_owned()))));
    for text in ["Id", "PopReceipt"] {
        assert!(matches!(event.data.get(text), Some(Value::String(text)) if !text.is_empty()), "{text}");
    }
    for time in ["InsertionTime", "ExpirationTime", "NextVisibleTime"] {
        let Some(Value::Json(json)) = event.data.get(time) else { panic!("{time} is no JSON") };
        let text = json.parse();
        let text = text.as_str().expect("dates are quoted");
        assert!(text.ends_with("+00:00"), "{text}");
        chrono::DateTime::parse_from_rfc3339(text).expect("ISO 8601");
    }
    assert_eq!(&*event.reason, "New queue message detected on 'meta'.");
    running.stop().await;
}

/// bindings.md 12, first half: bytes that are no text arrive unchanged.
#[tokio::test]
async fn every_byte_survives_base64() {
    let service = Service::in_memory();
    let app = App::new(&service, json!({}));
    let all: Vec<u8> = (0..=255).collect();
    let output = app.output(json!({"queueName": "bytes"}));
    output.write(Value::Bytes(Bytes::from(all.clone())), &BindingData::default()).await.unwrap();
    let trigger = app.trigger(json!({"queueName": "bytes", "dataType": "binary"}));
    let running = Running::start(trigger, always(success));
    eventually("the message is processed", || async { (running.count() == 1).then_some(()) }).await;
    assert_eq!(running.events.lock()[0].value, Value::Bytes(Bytes::from(all)));
    assert!(running.events.lock()[0].data.get("QueueTrigger").is_none(), "not UTF-8");
    running.stop().await;
}

/// Draining takes no new message and waits for open ones, which are settled as usual.
#[tokio::test]
async fn a_drain_settles_what_is_open_and_leaves_the_rest() {
    let service = Service::in_memory();
    let app = App::new(&service, json!({"batchSize": 1, "newBatchThreshold": 0}));
    let queue = app.queue("open");
    queue.create().await.unwrap();
    put(&queue, "1").await;
    put(&queue, "2").await;
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let running = Running::start(app.trigger(json!({"queueName": "open"})), move |_| {
        let gate = opened.clone();
        async move {
            gate.acquire().await.expect("the gate stays").forget();
            success()
        }
        .boxed()
    });
    eventually("the first message runs", || async { (running.count() == 1).then_some(()) }).await;
    running.drain();
    gate.add_permits(10);
    let events = running.events.clone();
    running.stop().await;
    assert_eq!(events.lock().len(), 1);
    let left = queue.receive(32, MINUTE).await.unwrap();
    assert_eq!(left.len(), 1, "the second message is still there, and visible");
    assert_eq!(left[0].dequeue_count, 1);
}

/// A lost worker gives its message back at once, and such losses alone do not make it poison.
#[tokio::test]
async fn a_lost_invocation_returns_its_message_without_blame() {
    let service = Service::in_memory();
    let app = App::new(
        &service,
        json!({"maxDequeueCount": 2, "visibilityTimeout": "01:00:00", "maxPollingInterval": "00:00:00.200"}),
    );
    let queue = app.queue("lost");
    queue.create().await.unwrap();
    put(&queue, "x").await;
    let running = Running::start(app.trigger(json!({"queueName": "lost"})), |number| {
        let verdict = match number {
            1 | 2 => Verdict::Lost("the worker ended".to_owned()),
            _ => success(),
        };
        std::future::ready(verdict).boxed()
    });
    eventually("the third attempt", || async { (running.count() == 3).then_some(()) }).await;
    drained(&queue).await;
    assert_eq!(app.queue("lost-poison").approximate_count().await.unwrap(), None);
    running.stop().await;
}

/// The backlog is what waits and what is being processed.
#[tokio::test]
async fn the_backlog_is_the_approximate_count() {
    let service = Service::in_memory();
    let app = App::new(&service, json!({}));
    let trigger = app.trigger(json!({"queueName": "count"}));
    assert_eq!(trigger.backlog().await.map(|backlog| backlog.length), Some(0), "no queue yet");
    let queue = app.queue("count");
    queue.create().await.unwrap();
    for _ in 0..3 {
        put(&queue, "x").await;
    }
    assert_eq!(trigger.backlog().await.map(|backlog| backlog.length), Some(3));
}
