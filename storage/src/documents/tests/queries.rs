//! Queries as requests: pages, scopes, plans.

use serde_json::{Value, json};

use super::{Answer, DOCS, create, fresh, query, send};
use crate::documents::Documents;

async fn filled() -> Documents {
    let documents = fresh().await;
    for n in 0..10 {
        create(
            &documents,
            json!({"id": n.to_string(), "pk": (n % 2).to_string(), "n": n, "tags": [n, n + 100]}),
        )
        .await;
    }
    documents
}

/// Follows continuation tokens to the end; returns the rows and the sizes of the pages.
async fn pages(documents: &Documents, text: &str, size: &str) -> (Vec<Value>, Vec<usize>) {
    let mut rows = Vec::new();
    let mut sizes = Vec::new();
    let mut token = String::new();
    loop {
        let mut headers = vec![("x-ms-max-item-count", size)];
        if !token.is_empty() {
            headers.push(("x-ms-continuation", &token));
        }
        let page = query(documents, text, &headers).await;
        assert_eq!(page.status, 200, "{text}: {}", page.message());
        sizes.push(page.documents().len());
        assert_eq!(page.header("x-ms-item-count"), page.documents().len().to_string());
        rows.extend(page.documents());
        match page.header("x-ms-continuation") {
            "" => return (rows, sizes),
            next => token = next.to_owned(),
        }
    }
}

/// Point 4: continuation gives the same rows whatever the page size, windows included.
#[tokio::test]
async fn pages_add_up_to_the_whole() {
    let documents = filled().await;
    for text in [
        "SELECT * FROM c",
        "SELECT VALUE t FROM c JOIN t IN c.tags",
        "SELECT VALUE t FROM c JOIN t IN c.tags OFFSET 3 LIMIT 11",
        "SELECT TOP 7 VALUE c.id FROM c",
        "SELECT VALUE c.id FROM c WHERE c.n > 4",
        "SELECT VALUE c.n FROM c ORDER BY c.n DESC",
        "SELECT VALUE c.n FROM c ORDER BY c.n DESC OFFSET 2 LIMIT 6",
        "SELECT DISTINCT VALUE c.pk FROM c",
        "SELECT c.pk, COUNT(1) AS n FROM c GROUP BY c.pk",
        "SELECT VALUE SUM(c.n) FROM c",
        "SELECT 1 AS one",
    ] {
        let (whole, once) = pages(&documents, text, "-1").await;
        assert_eq!(once.len(), 1, "{text}");
        assert!(!whole.is_empty(), "{text}");
        for size in ["1", "2", "3", "7"] {
            let (rows, sizes) = pages(&documents, text, size).await;
            assert_eq!(rows, whole, "{text} by {size}");
            let size: usize = size.parse().unwrap();
            assert!(
                sizes[..sizes.len() - 1].iter().all(|count| *count == size),
                "{text} by {size}: {sizes:?}"
            );
        }
    }
}

/// A token stays good while documents come and go before and behind it.
#[tokio::test]
async fn continuation_survives_deletes() {
    let documents = filled().await;
    let first = query(&documents, "SELECT * FROM c", &[("x-ms-max-item-count", "4")]).await;
    assert_eq!(first.ids(), ["0", "1", "2", "3"]);
    for (id, key) in [("3", "[\"1\"]"), ("4", "[\"0\"]")] {
        let key = [("x-ms-documentdb-partitionkey", key)];
        send(&documents, "DELETE", &format!("{DOCS}/{id}"), &key, &Value::Null).await;
    }
    create(&documents, json!({"id": "late", "pk": "0"})).await;
    let rest =
        query(&documents, "SELECT * FROM c", &[("x-ms-continuation", first.header("x-ms-continuation"))])
            .await;
    assert_eq!(rest.ids(), ["5", "6", "7", "8", "9", "late"]);
    let bad = query(&documents, "SELECT * FROM c", &[("x-ms-continuation", "made up")]).await;
    assert_eq!(bad.status, 400);
}

async fn scoped(documents: &Documents, text: &str, headers: &[(&str, &str)]) -> Answer {
    let mut all = vec![("content-type", "application/query+json")];
    all.extend_from_slice(headers);
    send(documents, "POST", DOCS, &all, &json!({"query": text})).await
}

/// Without a partition a query must say that it means all of them, unless WHERE names one.
#[tokio::test]
async fn the_scope_of_a_query() {
    let documents = filled().await;
    let all = scoped(&documents, "SELECT * FROM c WHERE c.n = 1", &[]).await;
    assert!(
        all.status == 400 && all.message().contains("Cross partition query is required"),
        "{}",
        all.message()
    );
    let pinned = scoped(&documents, "SELECT * FROM c WHERE c.n > 2 AND c.pk = '1'", &[]).await;
    assert_eq!(pinned.ids(), ["3", "5", "7", "9"]);
    let alternative = scoped(&documents, "SELECT * FROM c WHERE c.n > 2 OR c.pk = '1'", &[]).await;
    assert_eq!(alternative.status, 400);
    let key = ("x-ms-documentdb-partitionkey", "[\"0\"]");
    assert_eq!(scoped(&documents, "SELECT * FROM c WHERE c.n > 2", &[key]).await.ids(), ["4", "6", "8"]);
    assert_eq!(scoped(&documents, "SELECT * FROM c WHERE c.pk = '1'", &[key]).await.ids().len(), 0);
}

/// Levels of a hierarchical key reach all below them.
#[tokio::test]
async fn a_prefix_of_a_hierarchical_key() {
    let documents = fresh().await;
    let key = json!({"paths": ["/t", "/u"], "kind": "MultiHash", "version": 2});
    send(&documents, "POST", "/dbs/d/colls", &[], &json!({"id": "tree", "partitionKey": key})).await;
    let docs = "/dbs/d/colls/tree/docs";
    for (t, u) in [("a", "1"), ("a", "2"), ("ab", "1"), ("b", "1")] {
        send(&documents, "POST", docs, &[], &json!({"id": format!("{t}{u}"), "t": t, "u": u})).await;
    }
    let ask = async |text: &str, key: Option<&str>| {
        let mut headers = vec![("content-type", "application/query+json")];
        headers.extend(key.map(|key| ("x-ms-documentdb-partitionkey", key)));
        send(&documents, "POST", docs, &headers, &json!({"query": text})).await.ids()
    };
    assert_eq!(ask("SELECT * FROM c", Some("[\"a\"]")).await, ["a1", "a2"]);
    assert_eq!(ask("SELECT * FROM c", Some("[\"a\",\"2\"]")).await, ["a2"]);
    assert_eq!(ask("SELECT * FROM c WHERE c.t = 'a'", None).await, ["a1", "a2"]);
    assert_eq!(ask("SELECT * FROM c WHERE c.u = '1' AND c.t = 'ab'", None).await, ["ab1"]);
}

/// Point 4: query plan requests. The plan must leave nothing for the client to do, and refuse what cannot run.
#[tokio::test]
async fn plans_merge_nothing() {
    let documents = filled().await;
    let headers = [("content-type", "application/query+json"), ("x-ms-cosmos-is-query-plan-request", "True")];
    let ask = async |text: &str| send(&documents, "POST", DOCS, &headers, &json!({"query": text})).await;
    let plan = ask("SELECT DISTINCT TOP 3 VALUE c.n FROM c ORDER BY c.n").await.body;
    assert_eq!(plan["queryRanges"][0]["max"], "FF");
    assert_eq!(plan["queryInfo"]["distinctType"], "None");
    for nothing in ["orderBy", "aggregates", "groupByExpressions"] {
        assert_eq!(plan["queryInfo"][nothing], json!([]), "{nothing}");
    }
    assert_eq!(plan["queryInfo"]["rewrittenQuery"], "");
    assert_eq!(ask("SELECT * FROM c WHERE").await.status, 400);
}

/// A page stays below the service's 4 MiB.
#[tokio::test]
async fn large_pages_are_cut() {
    let documents = fresh().await;
    for n in 0..6 {
        create(&documents, json!({"id": n.to_string(), "pk": "a", "text": "x".repeat(1_500_000)})).await;
    }
    let (rows, sizes) = pages(&documents, "SELECT * FROM c", "-1").await;
    assert_eq!((rows.len(), sizes), (6, vec![2, 2, 2]));
}
