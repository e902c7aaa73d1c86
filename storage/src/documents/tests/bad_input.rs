//! Refusals: the right status, the service's body, and nothing changed.

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::{DOCS, create, fresh, open, query, read, send, with_container};
use crate::{Trust, body, engine::EngineOptions};

/// Bad input: ids, bodies, sizes, times to live.
#[tokio::test]
async fn documents_that_cannot_be() {
    let documents = fresh().await;
    for (document, status) in [
        (json!({"pk": "a"}), 400),
        (json!({"id": 5, "pk": "a"}), 400),
        (json!({"id": "", "pk": "a"}), 400),
        (json!({"id": "a/b", "pk": "a"}), 400),
        (json!({"id": "x".repeat(1024), "pk": "a"}), 400),
        (json!(["not an object"]), 400),
        (json!({"id": "1", "pk": "a", "ttl": 0}), 400),
        (json!({"id": "1", "pk": "a", "ttl": "soon"}), 400),
        (json!({"id": "1", "pk": ["list"]}), 400),
        (json!({"id": "1", "pk": "a", "text": "x".repeat(2 << 20)}), 413),
    ] {
        let answer = create(&documents, document.clone()).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.body["code"].is_string() && answer.message().contains("ActivityId: "));
    }
    assert_eq!(query(&documents, "SELECT VALUE COUNT(1) FROM c", &[]).await.documents(), [json!(0)]);
    let longest = json!({"id": "x".repeat(1023), "pk": "a"});
    assert_eq!(create(&documents, longest).await.status, 201);
}

/// Bad input: bytes that are no JSON, in text or binary form, for every verb that reads a body.
#[tokio::test]
async fn bodies_that_are_no_json() {
    let documents = fresh().await;
    create(&documents, json!({"id": "1", "pk": "a"})).await;
    let deep = "[".repeat(100_000);
    for body in [&b""[..], b"{", b"\xff\xfe", b"nonsense", b"\x80", b"\x80\xee\xff\xff", deep.as_bytes()] {
        for (verb, path) in
            [("POST", "/dbs"), ("POST", "/dbs/d/colls"), ("POST", DOCS), ("PUT", "/dbs/d/colls/c/docs/1")]
        {
            let request = Request::builder()
                .method(verb)
                .uri(path)
                .header("x-ms-documentdb-partitionkey", "[\"a\"]")
                .body(Bytes::copy_from_slice(body))
                .unwrap();
            assert_eq!(documents.answer_trusted(request).await.status(), 400, "{verb} {path} {body:?}");
        }
    }
}

/// Bad input: unknown operations and headers that make no sense.
#[tokio::test]
async fn requests_that_make_no_sense() {
    let documents = fresh().await;
    for (verb, path, status) in [
        ("GET", "/nowhere", 404),
        ("GET", "/dbs/none", 404),
        ("GET", "/dbs/none/colls", 404),
        ("GET", "/dbs/d/colls/none/docs", 404),
        ("GET", "/dbs/d/colls/c/docs/1/attachments", 404),
        ("PATCH", "/dbs/d", 405),
        ("POST", "/dbs/d/colls/c/pkranges", 405),
        ("DELETE", DOCS, 405),
        ("GET", "/dbs/d/colls/c/sprocs", 400),
        ("POST", "/dbs/d/colls/c/udfs", 400),
        ("GET", "/dbs/d/users", 400),
        ("GET", "/dbs/%ff", 400),
        ("GET", "/offers/none", 404),
    ] {
        let answer = send(&documents, verb, path, &[], &Value::Null).await;
        assert_eq!(answer.status, status, "{verb} {path}: {}", answer.message());
    }
    for (header, value) in [
        ("x-ms-max-item-count", "many"),
        ("x-ms-documentdb-partitionkey", "a"),
        ("x-ms-documentdb-partitionkey", "[\"a\",\"b\"]"),
        ("x-ms-documentdb-partitionkey", "[[1]]"),
    ] {
        assert_eq!(
            query(&documents, "SELECT * FROM c", &[(header, value)]).await.status,
            400,
            "{header}: {value}"
        );
    }
    for (version, status) in [
        ("2020-07-15", 200),
        ("2014-08-21", 200),
        ("2031-01-01", 200),
        ("2010-01-01", 400),
        ("2020-13-01", 400),
        ("latest", 400),
    ] {
        let answer = send(&documents, "GET", "/dbs/d", &[("x-ms-version", version)], &Value::Null).await;
        assert_eq!(answer.status, status, "{version}: {}", answer.message());
        assert!(status == 200 || answer.message().contains(&format!("'{version}'")), "{}", answer.message());
    }
    let unsupported = send(&documents, "GET", "/dbs/d/colls/c/triggers", &[], &Value::Null).await;
    assert!(unsupported.message().contains("'triggers' is not supported"), "{}", unsupported.message());
}

/// Bad input: SQL outside of the grammar in the service's error shape.
#[tokio::test]
async fn queries_outside_of_the_grammar() {
    let documents = fresh().await;
    let answer = query(&documents, "SELECT * FROM c WHERE ST_WITHIN(c.a, c.b)", &[]).await;
    assert_eq!((answer.status, &answer.body["code"]), (400, &json!("BadRequest")));
    let inner = answer.message().strip_prefix("Message: ").unwrap().split("\r\n").next().unwrap();
    let inner: Value = serde_json::from_str(inner).unwrap();
    assert_eq!(inner["errors"][0]["severity"], "Error");
    assert!(inner["errors"][0]["message"].as_str().unwrap().contains("'ST_WITHIN'"));
    assert!(inner["errors"][0]["location"]["start"].as_u64() == Some(22), "{inner}");
    let unnamed = send(
        &documents,
        "POST",
        DOCS,
        &[("x-ms-documentdb-isquery", "true")],
        &json!({"query": "SELECT 1",
        "parameters": [{"name": "id", "value": 1}]}),
    )
    .await;
    assert_eq!(unnamed.status, 400);
}

/// Bad input: what a query's body can get wrong besides the grammar, always in the service's error shape.
#[tokio::test]
async fn queries_that_are_none() {
    let documents = fresh().await;
    let headers =
        [("x-ms-documentdb-isquery", "true"), ("x-ms-documentdb-query-enablecrosspartition", "True")];
    let long = format!("SELECT * FROM c WHERE c.a = '{}'", "x".repeat(512 * 1024));
    let deep = format!("SELECT {}1{} FROM c", "(".repeat(10_000), ")".repeat(10_000));
    for (body, part) in [
        (json!({"query": long}), "SC3001"),
        (json!({"query": deep}), "SC"),
        (json!({"query": "SELECT * FROM c WHERE c.a = @x", "parameters": []}), "SC2061"),
        (json!({"query": "SELECT * FROM c WHERE udf.f(c)"}), "user-defined function"),
        (json!({"query": "UPDATE c SET c.a = 1"}), "'UPDATE'"),
        (json!({"query": 5}), "query"),
        (json!({}), "query"),
        (json!([]), "object"),
        (json!({"query": "SELECT 1", "parameters": "none"}), "parameters"),
        (json!({"query": "SELECT 1", "parameters": [{"value": 1}]}), "name"),
    ] {
        let answer = send(&documents, "POST", DOCS, &headers, &body).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("BadRequest")), "{}", answer.body);
        assert!(answer.message().contains(part), "{part}: {}", answer.message());
    }
}

/// Bad input: patches and batches beyond the limits change nothing.
#[tokio::test]
async fn patches_and_batches_beyond_their_limits() {
    let documents = fresh().await;
    let before = create(&documents, json!({"id": "1", "pk": "a", "n": 1})).await;
    let key = ("x-ms-documentdb-partitionkey", "[\"a\"]");
    let increment = json!({"op": "incr", "path": "/n", "value": 1});
    for (operations, part) in [
        (json!([]), "1 to 10"),
        (json!(vec![&increment; 11]), "1 to 10"),
        (json!([increment, {"op": "remove", "path": "/missing"}]), "/missing"),
        (json!([increment, {"op": "set", "path": "/id", "value": "2"}]), "id"),
        (json!([increment, {"op": "set", "path": "/pk", "value": "b"}]), "partition key"),
        (json!([increment, {"op": "set", "path": "/_etag", "value": "x"}]), "_etag"),
        (json!([increment, {"op": "conjure", "path": "/n"}]), "'conjure'"),
    ] {
        let body = json!({ "operations": operations });
        let answer = send(&documents, "PATCH", &format!("{DOCS}/1"), &[key], &body).await;
        assert_eq!(answer.status, 400, "{operations}: {}", answer.body);
        assert!(answer.message().contains(part), "{operations}: {}", answer.message());
    }
    let large = json!({"operations": [{"op": "set", "path": "/text", "value": "x".repeat(2 << 20)}]});
    assert_eq!(send(&documents, "PATCH", &format!("{DOCS}/1"), &[key], &large).await.status, 413);

    let batch = [key, ("x-ms-cosmos-is-batch-request", "True"), ("x-ms-cosmos-batch-atomic", "True")];
    let made = json!({"operationType": "Create", "resourceBody": {"id": "2", "pk": "a"}});
    for (operations, status) in [
        (json!([]), 400),
        (json!({}), 400),
        (json!(vec![&made; 101]), 400),
        (json!([made, {"operationType": "Conjure"}]), 400),
        (json!([made, {"resourceBody": {}}]), 400),
    ] {
        let answer = send(&documents, "POST", DOCS, &batch, &operations).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    let mut huge = made.clone();
    huge["resourceBody"]["text"] = json!("x".repeat(2 << 20));
    let answer = send(&documents, "POST", DOCS, &batch, &json!([made, huge])).await;
    assert!(answer.status == 413 || answer.status == 207, "{}", answer.body);
    let after = read(&documents, "1", "a").await;
    assert_eq!(after.body["_etag"], before.body["_etag"], "nothing has changed");
    assert_eq!(query(&documents, "SELECT VALUE COUNT(1) FROM c", &[]).await.documents(), [json!(1)]);
}

/// Bad input: bodies beyond every limit are refused before they are read whole.
#[tokio::test]
async fn bodies_beyond_every_limit() {
    let documents = fresh().await;
    let request = Request::builder().method("POST").uri(DOCS).body(body::full(vec![b' '; 8 << 20])).unwrap();
    let answer = documents.call(request, Trust::Trusted).await;
    assert_eq!(answer.status(), 413);
    let content = answer.into_body().collect().await.unwrap().to_bytes();
    let content: Value = serde_json::from_slice(&content).unwrap();
    assert_eq!(content["code"], "RequestEntityTooLarge");
}

/// Bad input: full disk. Writes are refused in the service's words, reads and queries go on.
#[tokio::test]
async fn a_full_disk_leaves_documents_readable() {
    let folder = tempfile::tempdir().unwrap();
    let documents = with_container(EngineOptions::in_folder(folder.path()), json!({})).await;
    create(&documents, json!({"id": "1", "pk": "a"})).await;
    documents.engine().close().await;
    drop(documents);
    // More than any disk has: from here on there is no space.
    let options = EngineOptions { reserve: u64::MAX, ..EngineOptions::in_folder(folder.path()) };
    let documents = open(options);
    let key = [("x-ms-documentdb-partitionkey", "[\"a\"]")];
    for (verb, path, body) in [
        ("POST", DOCS, json!({"id": "2", "pk": "a"})),
        ("PUT", "/dbs/d/colls/c/docs/1", json!({"id": "1", "pk": "a", "n": 2})),
        ("DELETE", "/dbs/d/colls/c/docs/1", Value::Null),
        ("POST", "/dbs", json!({"id": "other"})),
    ] {
        let answer = send(&documents, verb, path, &key, &body).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (507, &json!("InsufficientStorage")),
            "{verb} {path}"
        );
    }
    assert_eq!(read(&documents, "1", "a").await.status, 200);
    assert_eq!(query(&documents, "SELECT VALUE COUNT(1) FROM c", &[]).await.documents(), [json!(1)]);
    let feed = send(&documents, "GET", DOCS, &[("a-im", "Incremental feed")], &Value::Null).await;
    assert_eq!(feed.ids(), ["1"]);
}

/// What cannot change about a container, and definitions that make none.
#[tokio::test]
async fn containers_that_cannot_be() {
    let documents = fresh().await;
    for definition in [
        json!({}),
        json!({"id": "x/y", "partitionKey": {"paths": ["/a"]}}),
        json!({"id": "x", "partitionKey": {"paths": ["a"]}}),
        json!({"id": "x", "partitionKey": {"paths": ["/a", "/b"], "kind": "Hash"}}),
        json!({"id": "x", "partitionKey": {"paths": ["/a"]}, "defaultTtl": 0}),
    ] {
        let answer = send(&documents, "POST", "/dbs/d/colls", &[], &definition).await;
        assert_eq!(answer.status, 400, "{definition}");
    }
    let other = json!({"id": "c", "partitionKey": {"paths": ["/other"], "kind": "Hash", "version": 2}});
    let answer = send(&documents, "PUT", "/dbs/d/colls/c", &[], &other).await;
    assert!(answer.status == 400 && answer.message().contains("partitionKey"), "{}", answer.message());
    assert_eq!(read(&documents, "1", "a").await.status, 404);
}
