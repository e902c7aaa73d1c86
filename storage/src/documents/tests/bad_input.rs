//! Refusals: the right status, the service's body, and nothing changed.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::{DOCS, create, fresh, query, read, send};

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
