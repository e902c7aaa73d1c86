//! `azure_data_cosmos`.

use std::error::Error;

use azure_core::http::Etag;
use azure_data_cosmos::clients::ContainerClient;
use azure_data_cosmos::feed::FeedScope;
use azure_data_cosmos::models::ContainerProperties;
use azure_data_cosmos::options::{
    BinaryEncodingOptions, ChangeFeedStartFrom, ItemWriteOptions, MaxItemCountHint, Precondition,
    QueryOptions,
};
use azure_data_cosmos::{
    AccountEndpoint, AccountReference, CosmosClient, CosmosClientBuilder, PartitionKey, Query,
    RoutingStrategy, TransactionalBatch,
};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

use super::account;
use crate::{DocumentAccount, part};

type Outcome = Result<(), Box<dyn Error>>;

async fn client(
    account: &impl DocumentAccount,
    builder: CosmosClientBuilder,
) -> Result<CosmosClient, Box<dyn Error>> {
    let connection = account.connection_string();
    let endpoint: AccountEndpoint = part(&connection, "AccountEndpoint").parse()?;
    let account = AccountReference::with_authentication_key(endpoint, part(&connection, "AccountKey"));
    Ok(builder.build(account, RoutingStrategy::ProximityTo("East US".into())).await?)
}

/// A container in a database of its own, and the database's name for [`CosmosClient::database_client`].
async fn fresh(client: &CosmosClient) -> Result<(ContainerClient, String), Box<dyn Error>> {
    let name = format!("suite-{}", uuid::Uuid::new_v4());
    client.create_database(&name, None).await?;
    let database = client.database_client(&name);
    database.create_container(ContainerProperties::new("orders", "/customer".into()), None).await?;
    Ok((database.container_client("orders", None).await?, name))
}

async fn all(
    items: &ContainerClient,
    query: impl Into<Query>,
    scope: FeedScope,
) -> azure_data_cosmos::Result<Vec<Value>> {
    items.query_items::<Value>(query, scope, None).await?.try_collect().await
}

async fn points_queries_and_batches(account: &impl DocumentAccount, builder: CosmosClientBuilder) -> Outcome {
    let client = client(account, builder).await?;
    let (items, database) = fresh(&client).await?;
    for n in 0..9 {
        let customer = ["ada", "bob", "eve"][n % 3];
        let id = format!("o{n}");
        items
            .create_item(customer, &id, json!({"id": id, "customer": customer, "n": n, "f": 0.5}), None)
            .await?;
    }
    let twice = items.create_item("ada", "o0", json!({"id": "o0", "customer": "ada"}), None).await;
    assert!(twice.is_err(), "an id can be taken once");
    let read: Value = items.read_item("ada", "o3", None).await?.into_model()?;
    assert_eq!((&read["n"], &read["f"]), (&json!(3), &json!(0.5)));
    items
        .upsert_item("ada", "o3", json!({"id": "o3", "customer": "ada", "n": 33, "text": "ÿ€😀"}), None)
        .await?;
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
    let customers =
        all(&items, "SELECT DISTINCT VALUE c.customer FROM c ORDER BY c.customer", everywhere()).await?;
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
    points_queries_and_batches(&account(), CosmosClient::builder().with_binary_encoding_options(binary)).await
}

#[tokio::test]
async fn as_it_comes() -> Outcome {
    points_queries_and_batches(&account(), CosmosClient::builder()).await
}

#[tokio::test]
async fn the_change_feed_resumes() -> Outcome {
    let account = account();
    let client = client(&account, CosmosClient::builder()).await?;
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

/// Status of a refusal.
fn refused<T>(result: azure_data_cosmos::Result<T>) -> u16 {
    let Err(error) = result else { panic!("it was carried out") };
    error.status().status_code().into()
}

#[tokio::test]
async fn refusals_and_conditions() -> Outcome {
    let account = account();
    let client = client(&account, CosmosClient::builder()).await?;
    let (items, database) = fresh(&client).await?;
    let made = items.create_item("ada", "1", json!({"id": "1", "customer": "ada", "n": 1}), None).await?;
    let etag = made.headers().etag().cloned().expect("an etag");
    let document = json!({"id": "1", "customer": "ada", "n": 2});
    assert_eq!(refused(items.create_item("ada", "1", &document, None).await), 409);
    assert_eq!(
        refused(items.replace_item("ada", "2", json!({"id": "2", "customer": "ada"}), None).await),
        404
    );
    assert_eq!(refused(items.delete_item("bob", "1", None).await), 404, "another partition");
    assert_eq!(refused(items.read_item("ada", "2", None).await), 404);
    let stale = ItemWriteOptions::default().with_precondition(Precondition::IfMatch(Etag::from("\"stale\"")));
    assert_eq!(refused(items.replace_item("ada", "1", &document, Some(stale)).await), 412);
    let fresh = ItemWriteOptions::default().with_precondition(Precondition::IfMatch(etag));
    items.replace_item("ada", "1", &document, Some(fresh)).await?;
    assert_eq!(refused(client.create_database(&database, None).await), 409);
    assert_eq!(refused(client.database_client("nowhere").container_client("orders", None).await), 404);
    let batch = TransactionalBatch::new("ada")
        .create_item(json!({"id": "2", "customer": "ada"}))?
        .create_item(json!({"id": "1", "customer": "ada"}))?;
    let answer = items.execute_transactional_batch(batch, None).await;
    assert!(answer.is_err() || answer.is_ok_and(|answer| u16::from(answer.status().status_code()) == 207));
    client.database_client(&database).delete(None).await?;
    Ok(())
}

/// Pages of the size that was asked for, resumed by their token.
#[tokio::test]
async fn queries_resume_by_their_token() -> Outcome {
    let account = account();
    let client = client(&account, CosmosClient::builder()).await?;
    let (items, database) = fresh(&client).await?;
    for n in 0..7 {
        let id = n.to_string();
        items.create_item("ada", &id, json!({"id": id, "customer": "ada"}), None).await?;
    }
    let mut seen = Vec::new();
    let mut token = None;
    for size in [3, 3, 1] {
        let most = MaxItemCountHint::Limit(3.try_into()?);
        let mut options = QueryOptions::default().with_max_item_count(most);
        if let Some(token) = token.take() {
            options = options.with_continuation_token(token);
        }
        let query = "SELECT VALUE c.id FROM c";
        let pages = items.query_items::<String>(query, FeedScope::partition("ada"), Some(options)).await?;
        let mut pages = pages.into_pages();
        let page = pages.next().await.expect("another page")?;
        assert_eq!(page.items().len(), size);
        seen.extend(page.items().iter().cloned());
        if seen.len() < 7 {
            token = Some(pages.to_continuation_token()?);
        }
    }
    assert_eq!(seen, ["0", "1", "2", "3", "4", "5", "6"]);
    client.database_client(&database).delete(None).await?;
    Ok(())
}
