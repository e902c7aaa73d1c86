use super::rows::Row;
use crate::Service;
use crate::engine::Timestamp;
use crate::probe::{Probe, Reply};
use std::time::Duration;

async fn call(probe: &Probe, line: &str, content: &str) -> Reply {
    probe.call(Service::Queue, line, &[], content).await
}

async fn with_queue() -> Probe {
    let probe = Probe::new();
    assert_eq!(call(&probe, "PUT /jobs", "").await.status, 201);
    probe
}

async fn put(probe: &Probe, text: &str, options: &str) -> Reply {
    let xml = format!("<QueueMessage><MessageText>{text}</MessageText></QueueMessage>");
    call(probe, &format!("POST /jobs/messages?{options}"), &xml).await
}

fn escaped(text: &str) -> String {
    text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

async fn count(probe: &Probe) -> String {
    call(probe, "GET /jobs?comp=metadata", "").await.header("x-ms-approximate-messages-count").to_owned()
}

#[test]
fn rows_come_back_as_they_were_stored() {
    for text in [None, Some(Vec::new()), Some(b"text".to_vec())] {
        let row = Row {
            inserted: Timestamp(1),
            expires: Timestamp::NEVER,
            visible: Timestamp(3),
            receipt: 4,
            salt: 5,
            dequeued: 6,
            text,
        };
        assert_eq!(Row::decode(&row.encode()).unwrap(), row);
    }
    assert!(Row::decode(&[0; 10]).is_err());
}

#[tokio::test]
async fn an_expired_message_is_gone_for_everyone() {
    let probe = with_queue().await;
    let sent = put(&probe, "short", "messagettl=10").await;
    put(&probe, "long", "messagettl=-1").await;
    probe.store.engine().clock().advance(Duration::from_secs(11));
    let line = format!(
        "DELETE /jobs/messages/{}?popreceipt={}",
        sent.element("MessageId"),
        escaped(sent.element("PopReceipt"))
    );
    assert_eq!(call(&probe, &line, "").await.code(), "MessageNotFound");
    assert_eq!(
        call(&probe, "GET /jobs/messages?peekonly=true&numofmessages=32", "").await.element("MessageText"),
        "long"
    );
    assert_eq!(count(&probe).await, "2");
    probe.store.tidy().await.unwrap();
    assert_eq!(count(&probe).await, "1");
    probe.store.engine().clock().advance(Duration::from_secs(3600 * 24 * 365));
    assert_eq!(call(&probe, "GET /jobs/messages", "").await.element("MessageText"), "long");
}

#[tokio::test]
async fn messages_come_in_the_order_they_were_put() {
    let probe = with_queue().await;
    for number in 0..40 {
        put(&probe, &number.to_string(), "").await;
    }
    let first = call(&probe, "GET /jobs/messages?numofmessages=32", "").await;
    let texts: Vec<&str> =
        first.body.split("<MessageText>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
    let expected: Vec<String> = (0..32).map(|number| number.to_string()).collect();
    assert_eq!(texts, expected);
    assert_eq!(call(&probe, "GET /jobs/messages", "").await.element("MessageText"), "32");
}

#[tokio::test]
async fn visibility_follows_the_clock() {
    let probe = with_queue().await;
    put(&probe, "m", "visibilitytimeout=5").await;
    assert_eq!(call(&probe, "GET /jobs/messages", "").await.element("MessageText"), "");
    probe.store.engine().clock().advance(Duration::from_secs(6));
    for dequeued in 1..=3 {
        let got = call(&probe, "GET /jobs/messages?visibilitytimeout=20", "").await;
        assert_eq!(got.element("DequeueCount"), dequeued.to_string());
        assert_eq!(call(&probe, "GET /jobs/messages", "").await.element("MessageText"), "");
        probe.store.engine().clock().advance(Duration::from_secs(21));
    }
}

#[tokio::test]
async fn long_texts_survive_updates_in_both_directions() {
    let probe = with_queue().await;
    let long = "x".repeat(5000);
    let mut last = put(&probe, "short", "").await;
    let id = last.element("MessageId").to_owned();
    let mut receipt = escaped(last.element("PopReceipt"));
    for text in [long.as_str(), "short again", long.as_str(), long.as_str()] {
        let xml = format!("<QueueMessage><MessageText>{text}</MessageText></QueueMessage>");
        let line = format!("PUT /jobs/messages/{id}?popreceipt={receipt}&visibilitytimeout=0");
        last = call(&probe, &line, &xml).await;
        assert_eq!(last.status, 204, "{last:?}");
        receipt = escaped(last.header("x-ms-popreceipt"));
        assert_eq!(call(&probe, "GET /jobs/messages?peekonly=true", "").await.element("MessageText"), text);
    }
    assert_eq!(
        call(&probe, &format!("DELETE /jobs/messages/{id}?popreceipt={receipt}"), "").await.status,
        204
    );
    assert_eq!(count(&probe).await, "0");
}

/// Issue 3, bad input: oversized messages, malformed XML, wrong parameters.
#[tokio::test]
async fn bad_requests_are_refused_with_the_services_codes() {
    let probe = with_queue().await;
    let big = format!("<QueueMessage><MessageText>{}</MessageText></QueueMessage>", "x".repeat(65_537));
    let huge = "x".repeat(500_000);
    for (line, content, status, code) in [
        ("POST /jobs/messages", big.as_str(), 413, "RequestBodyTooLarge"),
        ("POST /jobs/messages", huge.as_str(), 413, "RequestBodyTooLarge"),
        ("POST /jobs/messages", "<QueueMessage>", 400, "InvalidXmlDocument"),
        ("POST /jobs/messages", "<QueueMessage/>", 400, "MissingRequiredXmlNode"),
        (
            "POST /jobs/messages?messagettl=0",
            "<QueueMessage><MessageText/></QueueMessage>",
            400,
            "InvalidQueryParameterValue",
        ),
        (
            "POST /jobs/messages?messagettl=5&visibilitytimeout=5",
            "<QueueMessage><MessageText/></QueueMessage>",
            400,
            "InvalidQueryParameterValue",
        ),
        ("GET /jobs/messages?numofmessages=x", "", 400, "InvalidQueryParameterValue"),
        ("GET /jobs/messages?numofmessages=33", "", 400, "OutOfRangeQueryParameterValue"),
        (
            "DELETE /jobs/messages/00000000-0000-0000-0000-000000000000",
            "",
            400,
            "MissingRequiredQueryParameter",
        ),
        (
            "DELETE /jobs/messages/00000000-0000-0000-0000-000000000000?popreceipt=!!",
            "",
            400,
            "InvalidQueryParameterValue",
        ),
        (
            "DELETE /jobs/messages/00000000-0000-0000-0000-000000000000?popreceipt=AAAAAAAAAAA%3D",
            "",
            404,
            "MessageNotFound",
        ),
        (
            "PUT /jobs?comp=acl",
            "<SignedIdentifiers><SignedIdentifier/></SignedIdentifiers>",
            400,
            "MissingRequiredXmlNode",
        ),
    ] {
        let reply = call(&probe, line, content).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{line}");
    }
    let empty = put(&probe, "", "").await;
    assert_eq!(empty.status, 201);
    assert_eq!(call(&probe, "GET /jobs/messages", "").await.body.matches("<MessageText />").count(), 1);
}

#[tokio::test]
async fn a_recreated_queue_is_empty() {
    let probe = with_queue().await;
    put(&probe, "old", "").await;
    assert_eq!(call(&probe, "DELETE /jobs", "").await.status, 204);
    assert_eq!(call(&probe, "PUT /jobs", "").await.status, 201);
    assert_eq!(count(&probe).await, "0");
    assert_eq!(call(&probe, "GET /jobs/messages", "").await.element("MessageText"), "");
    probe.store.tidy().await.unwrap();
}
