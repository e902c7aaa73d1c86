//! The change feed as a reader of a range sees it.

use serde_json::{Value, json};

use super::{Answer, DOCS, create, fresh, send, upsert};
use crate::documents::Documents;

async fn feed(documents: &Documents, headers: &[(&str, &str)]) -> Answer {
    let mut all = vec![("a-im", "Incremental Feed"), ("x-ms-documentdb-partitionkeyrangeid", "0")];
    all.extend_from_slice(headers);
    send(documents, "GET", DOCS, &all, &Value::Null).await
}

/// Point 4: change feed by partition key range with If-None-Match; spec bindings.md §7.
#[tokio::test]
async fn a_reader_follows_by_etag() {
    let documents = fresh().await;
    let empty = feed(&documents, &[]).await;
    assert_eq!((empty.status, empty.header("etag")), (304, "\"0\""));
    for n in 0..5 {
        create(&documents, json!({"id": n.to_string(), "pk": (n % 2).to_string()})).await;
    }
    upsert(&documents, json!({"id": "1", "pk": "1", "again": true})).await;
    let mut etag = empty.header("etag").to_owned();
    let mut seen = Vec::new();
    loop {
        let page = feed(&documents, &[("if-none-match", &etag), ("x-ms-max-item-count", "2")]).await;
        etag = page.header("etag").to_owned();
        if page.status == 304 {
            break;
        }
        assert!(page.documents().len() <= 2);
        let lsns: Vec<_> = page.documents().iter().map(|d| d["_lsn"].as_u64().unwrap()).collect();
        assert!(lsns.is_sorted(), "{lsns:?}");
        seen.extend(page.ids());
    }
    assert_eq!(seen, ["0", "2", "3", "4", "1"]);
    let again = feed(&documents, &[("if-none-match", &etag)]).await;
    assert_eq!((again.status, again.header("etag")), (304, etag.as_str()));
}

#[tokio::test]
async fn from_now_and_from_a_time() {
    let documents = fresh().await;
    create(&documents, json!({"id": "old", "pk": "a"})).await;
    let now = feed(&documents, &[("if-none-match", "*")]).await;
    assert_eq!(now.status, 304);
    documents.engine().clock().advance(std::time::Duration::from_secs(3600));
    create(&documents, json!({"id": "new", "pk": "a"})).await;
    assert_eq!(feed(&documents, &[("if-none-match", now.header("etag"))]).await.ids(), ["new"]);
    let since =
        (chrono::Utc::now() + chrono::TimeDelta::minutes(30)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    assert_eq!(feed(&documents, &[("if-modified-since", &since)]).await.ids(), ["new"]);
    assert_eq!(feed(&documents, &[]).await.ids(), ["old", "new"]);
}

/// Halves of the ring, as a client with several readers cuts it, give every document to exactly one of them.
#[tokio::test]
async fn parts_of_the_ring_share_the_documents() {
    let documents = fresh().await;
    for n in 0..40 {
        create(&documents, json!({"id": n.to_string(), "pk": format!("key {n}")})).await;
    }
    let mut total = Vec::new();
    for (min, max) in [("", "15"), ("15", "2a"), ("2A", "FF")] {
        let part = feed(&documents, &[("x-ms-start-epk", min), ("x-ms-end-epk", max)]).await;
        assert!((1..40).contains(&part.documents().len()), "{min}..{max}");
        total.extend(part.ids());
    }
    total.sort_by_key(|id| id.parse::<u32>().unwrap());
    assert_eq!(total, (0..40).map(|n| n.to_string()).collect::<Vec<_>>());
    let one = feed(&documents, &[("x-ms-documentdb-partitionkey", "[\"key 7\"]")]).await;
    assert_eq!(one.ids(), ["7"]);
}

#[tokio::test]
async fn what_the_feed_does_not_have() {
    let documents = fresh().await;
    let full = send(&documents, "GET", DOCS, &[("a-im", "Full-Fidelity Feed")], &Value::Null).await;
    assert!(full.status == 400 && full.message().contains("Full-Fidelity Feed"), "{}", full.message());
    assert_eq!(feed(&documents, &[("if-none-match", "\"x\"")]).await.status, 400);
    assert_eq!(
        feed(&documents, &[("x-ms-documentdb-partitionkeyrangeid", "7")]).await.status,
        304,
        "first one counts"
    );
    let gone = [("a-im", "Incremental feed"), ("x-ms-documentdb-partitionkeyrangeid", "7")];
    assert_eq!(send(&documents, "GET", DOCS, &gone, &Value::Null).await.status, 404);
}

/// Point 4: partition key ranges; a client that follows them gets 304 from then on.
#[tokio::test]
async fn one_range_covers_the_ring() {
    let documents = fresh().await;
    let ranges = send(&documents, "GET", "/dbs/d/colls/c/pkranges", &[], &Value::Null).await;
    let range = &ranges.body["PartitionKeyRanges"][0];
    assert_eq!(
        (&range["id"], &range["minInclusive"], &range["maxExclusive"]),
        (&json!("0"), &json!(""), &json!("FF"))
    );
    let known = [("if-none-match", ranges.header("etag"))];
    assert_eq!(send(&documents, "GET", "/dbs/d/colls/c/pkranges", &known, &Value::Null).await.status, 304);
}
