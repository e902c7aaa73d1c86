//! The public Rust client against whatever answers at `COSMOS_ENDPOINT`.

use std::env;

use azure_data_cosmos::{
    AccountEndpoint, AccountReference, CosmosClient, CosmosClientBuilder, PartitionKey, Query, RoutingStrategy,
    TransactionalBatch,
    clients::ContainerClient,
    feed::FeedScope,
    models::ContainerProperties,
    options::{BinaryEncodingOptions, ChangeFeedStartFrom},
};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

const WELL_KNOWN_KEY: &str =
    "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==";

type Outcome = Result<(), Box<dyn std::error::Error>>;

async fn client(builder: CosmosClientBuilder) -> Result<CosmosClient, Box<dyn std::error::Error>> {
    let endpoint = env::var("COSMOS_ENDPOINT").unwrap_or_else(|_| "http://127.0.0.1:8081/".to_owned());
    let key = env::var("COSMOS_KEY").unwrap_or_else(|_| WELL_KNOWN_KEY.to_owned());
    let account = AccountReference::with_authentication_key(endpoint.parse::<AccountEndpoint>()?, key);
    Ok(builder.build(account, RoutingStrategy::ProximityTo("East US".into())).await?)
}

/// A container in a database of its own, and the database's name for [`CosmosClient::database_client`].
async fn fresh(client: &CosmosClient) -> Result<(ContainerClient, String), Box<dyn std::error::Error>> {
    let name = format!("suite-{}", uuid::Uuid::new_v4());
    client.create_database(&name, None).await?;
    let database = client.database_client(&name);
    database.create_container(ContainerProperties::new("orders", "/customer".into()), None).await?;
    Ok((database.container_client("orders", None).await?, name))
}

async fn all(items: &ContainerClient, query: impl Into<Query>, scope: FeedScope) -> azure_data_cosmos::Result<Vec<Value>> {
    items.query_items::<Value>(query, scope, None).await?.try_collect().await
}

async fn points_queries_and_batches(client: CosmosClient) -> Outcome {
    let (items, database) = fresh(&client).await?;
    for n in 0..9 {
        let customer = ["ada", "bob", "eve"][n % 3];
        let id = format!("o{n}");
        items.create_item(customer, &id, json!({"id": id, "customer": customer, "n": n, "f": 0.5}), None).await?;
    }
    let twice = items.create_item("ada", "o0", json!({"id": "o0", "customer": "ada"}), None).await;
    assert!(twice.is_err(), "an id can be taken once");
    let read: Value = items.read_item("ada", "o3", None).await?.into_model()?;
    assert_eq!((&read["n"], &read["f"]), (&json!(3), &json!(0.5)));
    items.upsert_item("ada", "o3", json!({"id": "o3", "customer": "ada", "n": 33, "text": "ÿ€😀"}), None).await?;
    items.replace_item("ada", "o0", json!({"id": "o0", "customer": "ada", "n": -1}), None).await?;
    items.delete_item("bob", "o1", None).await?;
    assert!(items.read_item("bob", "o1", None).await.is_err());

    let everywhere = FeedScope::full_container;
    let ids = all(&items, "SELECT VALUE c.id FROM c ORDER BY c.n DESC", everywhere()).await?;
    assert_eq!(ids, ["o3", "o8", "o7", "o6", "o5", "o4", "o2", "o0"]);
    let query = Query::from("SELECT c.id, c.text FROM c WHERE c.n > @n").with_parameter("@n", 5)?;
    let ada = all(&items, query, FeedScope::partition("ada")).await?;
    assert_eq!(ada, [json!({"id": "o3", "text": "ÿ€😀"}), json!({"id": "o6"})]);
    let page = all(&items, "SELECT VALUE c.id FROM c ORDER BY c.n OFFSET 1 LIMIT 2", everywhere()).await?;
    assert_eq!(page, ["o2", "o4"]);
    let customers = all(&items, "SELECT DISTINCT VALUE c.customer FROM c ORDER BY c.customer", everywhere()).await?;
    assert_eq!(customers, ["ada", "bob", "eve"]);
    let bad = all(&items, "SELECT ST_AREA(c.x) FROM c", FeedScope::partition("ada")).await;
    assert!(bad.expect_err("not in the grammar").to_string().contains("ST_AREA"));

    let batch = TransactionalBatch::new("ada")
        .create_item(json!({"id": "b1", "customer": "ada"}))?
        .upsert_item(json!({"id": "b2", "customer": "ada"}), None)?
        .delete_item("o6", None);
    items.execute_transactional_batch(batch, None).await?;
    assert!(items.read_item(PartitionKey::from("ada"), "b2", None).await.is_ok());
    client.database_client(&database).delete(None).await?;
    Ok(())
}

#[tokio::test]
async fn with_text_encoding() -> Outcome {
    let binary = BinaryEncodingOptions::new().with_enabled(false);
    points_queries_and_batches(client(CosmosClient::builder().with_binary_encoding_options(binary)).await?).await
}

#[tokio::test]
async fn as_it_comes() -> Outcome {
    points_queries_and_batches(client(CosmosClient::builder()).await?).await
}

#[tokio::test]
async fn the_change_feed_resumes() -> Outcome {
    let client = client(CosmosClient::builder()).await?;
    let (items, database) = fresh(&client).await?;
    for n in 0..5 {
        let id = n.to_string();
        items.create_item("ada", &id, json!({"id": id, "customer": "ada"}), None).await?;
    }
    let scopes = [FeedScope::full_container(), FeedScope::partition("ada")];
    for scope in scopes {
        let mut feed = items.query_change_feed::<Value>(scope, ChangeFeedStartFrom::Beginning, None).await?;
        let mut seen = Vec::new();
        while seen.len() < 5 {
            let page = feed.next().await.expect("a change feed has no end")?;
            seen.extend(page.items().iter().filter_map(|item| item.current().map(|doc| doc["id"].clone())));
        }
        assert_eq!(seen, ["0", "1", "2", "3", "4"]);
    }
    client.database_client(&database).delete(None).await?;
    Ok(())
}
