//! `func storage document list|get|put|query`.

use azure_core::http::Method;
use horus_storage::Service;
use serde_json::{Value, json};

use super::client::{Ask, Client, Reply};
use super::{eprint_hint, say};
use crate::args::Given;
use crate::commands::Failed;

/// `database/container` and, where `more` is set, `/id`.
fn parts<'a>(place: &'a str, expected: &str, count: usize) -> Result<Vec<&'a str>, Failed> {
    let parts: Vec<&str> = place.splitn(count, '/').collect();
    match parts.len() == count && parts.iter().all(|part| !part.is_empty()) {
        true => Ok(parts),
        false => Err(Failed::new(format!("'{place}' is not complete. Expected {expected}."))),
    }
}

/// Lists databases, the containers of one, or the documents of a container.
pub(super) async fn list(given: &Given, place: &str) -> Result<(), Failed> {
    if place.contains('/') {
        return query(given, place, "SELECT * FROM c").await;
    }
    let client = Client::open(given, Service::Documents, false).await?;
    let (path, member, what) = match place {
        "" => (vec!["dbs"], "Databases", "databases".to_owned()),
        database => (vec!["dbs", database, "colls"], "DocumentCollections", format!("database '{database}'")),
    };
    let reply = client.send(Ask::new(Method::Get, &path)).await?.good(&what)?;
    for one in body(&reply, &what)?[member].as_array().into_iter().flatten() {
        let name = one["id"].as_str().unwrap_or_default();
        match one["partitionKey"]["paths"].as_array() {
            Some(paths) => {
                let paths: Vec<&str> = paths.iter().filter_map(Value::as_str).collect();
                say(&format!("{name:<40} partition key {}", paths.join(", ")))?;
            }
            None => say(name)?,
        }
    }
    client.close().await;
    Ok(())
}

/// Shows the document with an id; in a container whose partition key is another property there may be several.
pub(super) async fn get(given: &Given, place: &str) -> Result<(), Failed> {
    let path = parts(place, "DATABASE/CONTAINER/ID", 3)?;
    let client = Client::open(given, Service::Documents, false).await?;
    let ask = json!({
        "query": "SELECT * FROM c WHERE c.id = @id",
        "parameters": [{"name": "@id", "value": path[2]}],
    });
    let found = search(&client, path[0], path[1], &ask).await?;
    client.close().await;
    if found.is_empty() {
        return Err(Failed::new(format!("document '{place}' does not exist.")));
    }
    for document in found {
        say(&format!("{document:#}"))?;
    }
    Ok(())
}

/// Runs a query and prints one document a line.
pub(super) async fn query(given: &Given, place: &str, sql: &str) -> Result<(), Failed> {
    let path = parts(place, "DATABASE/CONTAINER", 2)?;
    let client = Client::open(given, Service::Documents, false).await?;
    let found = search(&client, path[0], path[1], &json!({"query": sql, "parameters": []})).await?;
    client.close().await;
    for document in found {
        say(&document.to_string())?;
    }
    Ok(())
}

async fn search(
    client: &Client,
    database: &str,
    container: &str,
    query: &Value,
) -> Result<Vec<Value>, Failed> {
    let what = format!("container '{database}/{container}'");
    let mut found = Vec::new();
    let mut continuation: Option<String> = None;
    loop {
        let mut ask = Ask::new(Method::Post, &["dbs", database, "colls", container, "docs"])
            .header("content-type", "application/query+json")
            .header("x-ms-documentdb-isquery", "True")
            .header("x-ms-documentdb-query-enablecrosspartition", "True")
            .header("x-ms-max-item-count", "1000")
            .body(query.to_string());
        if let Some(continuation) = continuation.take() {
            ask = ask.header("x-ms-continuation", continuation);
        }
        let reply = client.send(ask).await?.good(&what)?;
        if let Value::Array(documents) = &mut body(&reply, &what)?["Documents"] {
            found.append(documents);
        }
        continuation = reply.continuation.filter(|text| !text.is_empty());
        if continuation.is_none() {
            return Ok(found);
        }
    }
}

/// Creates or replaces a document.
pub(super) async fn put(given: &Given, place: &str, text: &str) -> Result<(), Failed> {
    let path = parts(place, "DATABASE/CONTAINER", 2)?;
    let (database, container) = (path[0], path[1]);
    let document: Value = serde_json::from_str(text)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| Failed::new("The document is no JSON object, for example {\"id\": \"1\"}."))?;
    if !document["id"].is_string() {
        return Err(Failed::new("The document needs an \"id\" that is text."));
    }
    let client = Client::open(given, Service::Documents, true).await?;
    let what = format!("container '{database}/{container}'");
    if let Some(key) = given.value("create") {
        create(&client, database, container, key).await?;
    }
    let reply = client.send(Ask::new(Method::Get, &["dbs", database, "colls", container])).await?;
    if reply.status == 404 {
        return Err(reply.failed(&what).hint(
            "`--create /id` makes database and container; name the partition key path that the app uses.",
        ));
    }
    let properties = body(&reply.good(&what)?, &what)?;
    let key = partition_key(&properties, &document);
    let ask = Ask::new(Method::Post, &["dbs", database, "colls", container, "docs"])
        .header("content-type", "application/json")
        .header("x-ms-documentdb-is-upsert", "True")
        .header("x-ms-documentdb-partitionkey", key.to_string())
        .body(document.to_string());
    client.send(ask).await?.good(&what)?;
    client.close().await;
    eprint_hint(&format!("document '{}' in {what}", document["id"].as_str().unwrap_or_default()));
    Ok(())
}

/// Makes database and container; that they exist is fine.
async fn create(client: &Client, database: &str, container: &str, key: &str) -> Result<(), Failed> {
    if !key.starts_with('/') {
        return Err(Failed::new(format!(
            "Invalid --create value '{key}'. Expected a partition key path, for example /id."
        )));
    }
    let partition_key = json!({"paths": [key], "kind": "Hash", "version": 2});
    for (path, properties) in [
        (&["dbs"][..], json!({"id": database})),
        (&["dbs", database, "colls"], json!({"id": container, "partitionKey": partition_key})),
    ] {
        let ask = Ask::new(Method::Post, path)
            .header("content-type", "application/json")
            .body(properties.to_string());
        let reply = client.send(ask).await?;
        if reply.status != 409 {
            reply.good(&format!("container '{database}/{container}'"))?;
        }
    }
    Ok(())
}

/// The document's partition key as the service wants it: one value per path, an empty object for none.
fn partition_key(container: &Value, document: &Value) -> Value {
    let paths = container["partitionKey"]["paths"].as_array().cloned().unwrap_or_default();
    let value = |path: &Value| {
        let pointer = path.as_str().unwrap_or_default().replace('"', "");
        document.pointer(&pointer).cloned().unwrap_or_else(|| json!({}))
    };
    Value::Array(paths.iter().map(value).collect())
}

fn body(reply: &Reply, what: &str) -> Result<Value, Failed> {
    serde_json::from_str(&reply.text)
        .map_err(|error| Failed::new(format!("{what}: the answer is no JSON: {error}")))
}
