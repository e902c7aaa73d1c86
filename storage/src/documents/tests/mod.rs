//! The service without a socket: requests in, responses out, on a store in memory unless a test is about the disk.

mod auth;
mod bad_input;
mod binary;
mod feed;
mod items;
mod keys;
mod patch;
mod queries;
mod serve;

use bytes::Bytes;
use http::{HeaderMap, Request};
use serde_json::{Value, json};

use super::{Documents, Options};
use crate::engine::{Engine, EngineOptions};

const DOCS: &str = "/dbs/d/colls/c/docs";

/// A response, read.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn documents(&self) -> Vec<Value> {
        self.body["Documents"].as_array().cloned().unwrap_or_default()
    }

    fn ids(&self) -> Vec<String> {
        self.documents().iter().map(|document| document["id"].as_str().unwrap().to_owned()).collect()
    }

    fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

async fn send(
    documents: &Documents,
    verb: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let mut request = Request::builder().method(verb).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
    let response = documents.answer_trusted(request.body(body).unwrap()).await;
    let (head, body) = response.into_parts();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

fn open(options: EngineOptions) -> Documents {
    Documents::new(Engine::open(options).unwrap(), Options::default())
}

/// A service with database `d` and container `c`, partitioned by `/pk`; `more` goes into the definition.
async fn with_container(options: EngineOptions, more: Value) -> Documents {
    let documents = open(options);
    assert_eq!(send(&documents, "POST", "/dbs", &[], &json!({"id": "d"})).await.status, 201);
    let mut definition = json!({"id": "c", "partitionKey": {"paths": ["/pk"], "kind": "Hash", "version": 2}});
    for (name, value) in more.as_object().unwrap() {
        definition[name] = value.clone();
    }
    let made = send(&documents, "POST", "/dbs/d/colls", &[], &definition).await;
    assert_eq!(made.status, 201, "{}", made.body);
    documents
}

async fn fresh() -> Documents {
    with_container(EngineOptions::in_memory(), json!({})).await
}

async fn create(documents: &Documents, document: Value) -> Answer {
    send(documents, "POST", DOCS, &[], &document).await
}

async fn upsert(documents: &Documents, document: Value) -> Answer {
    send(documents, "POST", DOCS, &[("x-ms-documentdb-is-upsert", "True")], &document).await
}

async fn read(documents: &Documents, id: &str, key: &str) -> Answer {
    let key = json!([key]).to_string();
    send(documents, "GET", &format!("{DOCS}/{id}"), &[("x-ms-documentdb-partitionkey", &key)], &Value::Null)
        .await
}

async fn query(documents: &Documents, text: &str, headers: &[(&str, &str)]) -> Answer {
    let mut all = vec![
        ("content-type", "application/query+json"),
        ("x-ms-documentdb-isquery", "True"),
        ("x-ms-documentdb-query-enablecrosspartition", "True"),
    ];
    all.extend_from_slice(headers);
    send(documents, "POST", DOCS, &all, &json!({"query": text, "parameters": []})).await
}
