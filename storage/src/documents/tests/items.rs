//! Documents: written, found, guarded, expired, and still there after a restart.

use std::time::Duration;

use serde_json::{Value, json};

use super::{DOCS, create, fresh, open, query, read, send, upsert, with_container};
use crate::engine::EngineOptions;

const KEY_A: (&str, &str) = ("x-ms-documentdb-partitionkey", "[\"a\"]");

/// Point 4: create/upsert/read/replace/delete with ETags.
#[tokio::test]
async fn the_life_of_a_document() {
    let documents = fresh().await;
    let made =
        create(&documents, json!({"id": "1", "pk": "a", "n": 1, "_etag": "mine", "_custom": "kept"})).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.header("etag"), made.body["_etag"].as_str().unwrap());
    assert_ne!(made.body["_etag"], "mine");
    assert_eq!(made.body["_custom"], "kept");
    let names: Vec<_> = made.body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["id", "pk", "n", "_custom", "_rid", "_self", "_etag", "_attachments", "_ts"]);
    assert_eq!(create(&documents, json!({"id": "1", "pk": "a"})).await.status, 409);
    assert_eq!(read(&documents, "1", "a").await.body, made.body);
    assert_eq!(read(&documents, "1", "b").await.status, 404);

    let path = format!("{DOCS}/1");
    let put = |etag: String, n: i64| {
        let (documents, path) = (documents.clone(), path.clone());
        async move {
            let headers = [KEY_A, ("if-match", etag.as_str())];
            send(&documents, "PUT", &path, &headers, &json!({"id": "1", "pk": "a", "n": n})).await
        }
    };
    let first = made.header("etag").to_owned();
    let second = put(first.clone(), 2).await;
    assert_eq!((second.status, &second.body["_rid"]), (200, &made.body["_rid"]));
    assert_eq!(put(first, 3).await.status, 412);
    assert_eq!(put("*".to_owned(), 4).await.status, 200);
    let current = read(&documents, "1", "a").await;
    let known = [KEY_A, ("if-none-match", current.header("etag"))];
    let unchanged = send(&documents, "GET", &path, &known, &Value::Null).await;
    assert_eq!((unchanged.status, unchanged.body), (304, Value::Null));
    assert_eq!(send(&documents, "DELETE", &path, &[KEY_A], &Value::Null).await.status, 204);
    assert_eq!(send(&documents, "DELETE", &path, &[KEY_A], &Value::Null).await.status, 404);
    assert_eq!(upsert(&documents, json!({"id": "1", "pk": "a"})).await.status, 201);
    assert_eq!(upsert(&documents, json!({"id": "1", "pk": "a"})).await.status, 200);
    let quiet = [("x-ms-documentdb-is-upsert", "true"), ("prefer", "return=minimal")];
    let quiet = send(&documents, "POST", DOCS, &quiet, &json!({"id": "1", "pk": "a"})).await;
    assert_eq!((quiet.status, quiet.body), (200, Value::Null));
}

/// Numbers come back to the last digit, stored, queried and compared.
#[tokio::test]
async fn numbers_keep_their_digits() {
    let documents = fresh().await;
    let numbers =
        [0.060712934240931604, 0.18954032025127954, 0.9822692077098971, 1e-320, 1.7976931348623157e308, -0.1];
    for (index, number) in numbers.iter().enumerate() {
        create(&documents, json!({"id": index.to_string(), "pk": "a", "v": number})).await;
        assert_eq!(read(&documents, &index.to_string(), "a").await.body["v"].as_f64(), Some(*number));
        let same = query(&documents, &format!("SELECT VALUE c.v FROM c WHERE c.v = {number:?}"), &[]).await;
        assert_eq!(same.documents(), [json!(number)], "{number:?}");
    }
    let large = json!({"id": "large", "pk": "a", "v": [9_007_199_254_740_993_i64, i64::MIN, u64::MAX]});
    create(&documents, large.clone()).await;
    assert_eq!(read(&documents, "large", "a").await.body["v"], large["v"]);
}

/// A replace may rename; the old name is free then and the new one taken.
#[tokio::test]
async fn a_document_can_change_its_id() {
    let documents = fresh().await;
    create(&documents, json!({"id": "old", "pk": "a"})).await;
    create(&documents, json!({"id": "other", "pk": "a"})).await;
    let rename = |to: &'static str| {
        let documents = documents.clone();
        async move {
            send(&documents, "PUT", &format!("{DOCS}/old"), &[], &json!({"id": to, "pk": "a"})).await.status
        }
    };
    assert_eq!(rename("other").await, 409);
    assert_eq!(read(&documents, "old", "a").await.status, 200, "a refused write changes nothing");
    assert_eq!(rename("new").await, 200);
    assert_eq!(read(&documents, "old", "a").await.status, 404);
    assert_eq!(query(&documents, "SELECT * FROM c", &[]).await.ids(), ["new", "other"]);
}

/// Point 4: partition keys from nested paths and of every type.
#[tokio::test]
async fn the_stated_key_must_be_the_documents() {
    let documents = fresh().await;
    let stated = send(&documents, "POST", DOCS, &[KEY_A], &json!({"id": "1", "pk": "b"})).await;
    assert_eq!((stated.status, stated.header("x-ms-substatus")), (400, "1001"));
    assert_eq!(create(&documents, json!({"id": "1", "pk": {"x": 1}})).await.status, 400);
    assert_eq!(send(&documents, "GET", &format!("{DOCS}/1"), &[], &Value::Null).await.status, 400);
    assert_eq!(create(&documents, json!({"id": "1"})).await.status, 201);
    let none = ("x-ms-documentdb-partitionkey", "[{}]");
    assert_eq!(send(&documents, "GET", &format!("{DOCS}/1"), &[none], &Value::Null).await.status, 200);
}

/// Point 4: TTL, from the container or the document's own.
#[tokio::test]
async fn documents_expire() {
    let options = EngineOptions::in_memory();
    let clock = options.clock.clone();
    let documents = with_container(options, json!({"defaultTtl": 100})).await;
    create(&documents, json!({"id": "default", "pk": "a"})).await;
    create(&documents, json!({"id": "short", "pk": "a", "ttl": 10})).await;
    create(&documents, json!({"id": "never", "pk": "a", "ttl": -1})).await;
    clock.advance(Duration::from_secs(11));
    assert_eq!(read(&documents, "short", "a").await.status, 404);
    assert_eq!(query(&documents, "SELECT * FROM c", &[]).await.ids(), ["default", "never"]);
    let feed = send(&documents, "GET", DOCS, &[("a-im", "Incremental feed")], &Value::Null).await;
    assert_eq!(feed.ids(), ["default", "never"]);
    assert_eq!(create(&documents, json!({"id": "short", "pk": "a"})).await.status, 201, "its name is free");
    clock.advance(Duration::from_secs(100));
    assert_eq!(query(&documents, "SELECT * FROM c", &[]).await.ids(), ["never"]);
    assert_eq!(documents.sweep_expired().await.unwrap(), 2);
    assert_eq!(documents.sweep_expired().await.unwrap(), 0);
    assert_eq!(query(&documents, "SELECT VALUE COUNT(1) FROM c", &[]).await.documents(), [json!(1)]);
}

/// The sweep looks at a bounded number of documents per call and still gets to all of them.
#[tokio::test]
async fn the_sweep_goes_round() {
    let options = EngineOptions::in_memory();
    let clock = options.clock.clone();
    let documents = with_container(options, json!({"defaultTtl": 10})).await;
    for batch in 0..100 {
        let operations: Vec<_> = (0..100)
            .map(|n| json!({"operationType": "Create", "resourceBody": {"id": format!("{batch}-{n}"), "pk": "a"}}))
            .collect();
        let headers = [KEY_A, ("x-ms-cosmos-is-batch-request", "True"), ("x-ms-cosmos-batch-atomic", "True")];
        assert_eq!(send(&documents, "POST", DOCS, &headers, &json!(operations)).await.status, 200);
    }
    assert_eq!(documents.sweep_expired().await.unwrap(), 0);
    clock.advance(Duration::from_secs(20));
    let mut rounds = Vec::new();
    while rounds.iter().sum::<usize>() < 10_000 {
        rounds.push(documents.sweep_expired().await.unwrap());
        assert!(rounds.len() < 5, "{rounds:?}");
    }
    assert!(rounds.iter().all(|removed| *removed < 10_000), "no call does everything: {rounds:?}");
    assert_eq!(documents.sweep_expired().await.unwrap(), 0);
}

/// Durability: what was acknowledged is there after a restart; what was deleted is not; numbers go on rising.
#[tokio::test]
async fn data_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let documents = with_container(EngineOptions::in_folder(folder.path()), json!({})).await;
    create(&documents, json!({"id": "1", "pk": "a", "text": "ÿ€😀"})).await;
    let kept = read(&documents, "1", "a").await.body;
    create(&documents, json!({"id": "2", "pk": "a"})).await;
    send(&documents, "DELETE", &format!("{DOCS}/2"), &[KEY_A], &Value::Null).await;
    let feed = send(&documents, "GET", DOCS, &[("a-im", "Incremental feed")], &Value::Null).await;
    let etag = feed.header("etag").to_owned();
    drop(documents);

    let documents = open(EngineOptions::in_folder(folder.path()));
    assert_eq!(read(&documents, "1", "a").await.body, kept);
    assert_eq!(read(&documents, "2", "a").await.status, 404);
    create(&documents, json!({"id": "3", "pk": "a"})).await;
    let headers = [("a-im", "Incremental feed"), ("if-none-match", etag.as_str())];
    assert_eq!(send(&documents, "GET", DOCS, &headers, &Value::Null).await.ids(), ["3"]);
}

/// Many writers on one document: every increment counts, and If-Match lets exactly one of two win.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writes_do_not_get_lost() {
    let documents = fresh().await;
    let made = create(&documents, json!({"id": "n", "pk": "a", "n": 0})).await;
    let path = format!("{DOCS}/n");
    let writers = (0..50).map(|_| {
        let (documents, path) = (documents.clone(), path.clone());
        tokio::spawn(async move {
            let patch = json!({"operations": [{"op": "incr", "path": "/n", "value": 1}]});
            send(&documents, "PATCH", &path, &[KEY_A], &patch).await.status
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        assert_eq!(writer.await.unwrap(), 200);
    }
    assert_eq!(read(&documents, "n", "a").await.body["n"], 50);
    let etag = read(&documents, "n", "a").await.header("etag").to_owned();
    assert_ne!(etag, made.header("etag"));
    let racers = (0..8).map(|n| {
        let (documents, path, etag) = (documents.clone(), path.clone(), etag.clone());
        tokio::spawn(async move {
            let headers = [KEY_A, ("if-match", etag.as_str())];
            send(&documents, "PUT", &path, &headers, &json!({"id": "n", "pk": "a", "n": n})).await.status
        })
    });
    let mut outcomes = Vec::new();
    for racer in racers.collect::<Vec<_>>() {
        outcomes.push(racer.await.unwrap());
    }
    outcomes.sort_unstable();
    assert_eq!(outcomes, [200, 412, 412, 412, 412, 412, 412, 412]);
}

/// Point 4: transactional batch.
#[tokio::test]
async fn a_batch_is_all_or_nothing() {
    let documents = fresh().await;
    let headers = [KEY_A, ("x-ms-cosmos-is-batch-request", "True"), ("x-ms-cosmos-batch-atomic", "True")];
    let item = |id: &str| json!({"id": id, "pk": "a"});
    let batch = json!([
        {"operationType": "Create", "resourceBody": item("1")},
        {"operationType": "Replace", "id": "1", "resourceBody": {"id": "1", "pk": "a", "n": 2}},
        {"operationType": "Read", "id": "1"},
        {"operationType": "Create", "resourceBody": item("1")},
        {"operationType": "Create", "resourceBody": item("2")},
    ]);
    let failed = send(&documents, "POST", DOCS, &headers, &batch).await;
    let codes: Vec<_> = failed.body.as_array().unwrap().iter().map(|o| o["statusCode"].clone()).collect();
    assert_eq!((failed.status, codes), (207, [424, 424, 424, 409, 424].map(Value::from).to_vec()));
    assert_eq!(query(&documents, "SELECT VALUE COUNT(1) FROM c", &[]).await.documents(), [json!(0)]);
    let fine = send(&documents, "POST", DOCS, &headers, &json!(batch.as_array().unwrap()[..3])).await;
    assert_eq!((fine.status, &fine.body[2]["resourceBody"]["n"]), (200, &json!(2)));
    assert_eq!(send(&documents, "POST", DOCS, &headers, &json!([])).await.status, 400);
    assert_eq!(send(&documents, "POST", DOCS, &headers, &json!(vec![&batch[0]; 101])).await.status, 400);
    let foreign = json!([{"operationType": "Create", "resourceBody": {"id": "x", "pk": "b"}}]);
    assert_eq!(send(&documents, "POST", DOCS, &headers, &foreign).await.body[0]["statusCode"], 400);
}

/// Links of the older style name things by their resource ids.
#[tokio::test]
async fn resource_ids_work_in_paths() {
    let documents = fresh().await;
    let made = create(&documents, json!({"id": "1", "pk": "a"})).await;
    let path = format!("/{}", made.body["_self"].as_str().unwrap());
    let found = send(&documents, "GET", &path, &[KEY_A], &Value::Null).await;
    assert_eq!((found.status, &found.body["id"]), (200, &json!("1")));
}

/// A container made anew under the same name shares nothing with the old one.
#[tokio::test]
async fn deleted_containers_take_their_documents_along() {
    let documents = fresh().await;
    create(&documents, json!({"id": "1", "pk": "a"})).await;
    let old = send(&documents, "GET", "/dbs/d/colls/c", &[], &Value::Null).await.body["_rid"].clone();
    assert_eq!(send(&documents, "DELETE", "/dbs/d/colls/c", &[], &Value::Null).await.status, 204);
    let missing = create(&documents, json!({"id": "1", "pk": "a"})).await;
    assert_eq!((missing.status, missing.header("x-ms-substatus")), (404, "1003"));
    let definition = json!({"id": "c", "partitionKey": {"paths": ["/pk"], "kind": "Hash", "version": 2}});
    send(&documents, "POST", "/dbs/d/colls", &[], &definition).await;
    assert_eq!(query(&documents, "SELECT * FROM c", &[]).await.documents().len(), 0);
    let intended = [("x-ms-cosmos-intended-collection-rid", old.as_str().unwrap())];
    let stale = query(&documents, "SELECT * FROM c", &intended).await;
    assert_eq!((stale.status, stale.header("x-ms-substatus")), (400, "1024"));
    while documents.engine().sweep(super::super::SPACES).await.unwrap() {}
    assert_eq!(create(&documents, json!({"id": "1", "pk": "a"})).await.status, 201);
}
