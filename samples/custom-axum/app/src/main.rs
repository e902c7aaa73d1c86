//! A custom handler in Rust: an ordinary axum server.
//!
//! `submit` and `pack` are called as `POST /{function}` with the documented messages, because they have other bindings
//! than HTTP. `events` has not, so with `enableProxyingHttpRequest` it gets the client's request, and its answer streams.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::stream;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the host sends for one call.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Call<T> {
    data: T,
    metadata: Value,
}

#[derive(Deserialize)]
struct Submit {
    req: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    body: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Order {
    #[serde(default)]
    id: String,
    item: String,
    #[serde(default = "one")]
    quantity: u32,
}

fn one() -> u32 {
    1
}

/// Answers with an order's number and puts the order in a queue.
async fn submit(Json(call): Json<Call<Submit>>) -> Json<Value> {
    let body = call.data.req.body.unwrap_or_default();
    let Ok(mut order) = serde_json::from_str::<Order>(&body) else {
        let res = json!({ "statusCode": 400, "body": "An order needs an \"item\"." });
        return Json(json!({ "Outputs": { "res": res } }));
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    order.id = format!("{:x}", now.as_nanos());
    let res = json!({
        "statusCode": 202,
        "headers": { "content-type": "application/json" },
        "body": { "id": order.id },
    });
    let log = format!("Order {} accepted.", order.id);
    Json(json!({ "Outputs": { "res": res, "order": order }, "Logs": [log] }))
}

#[derive(Deserialize)]
struct Pack {
    order: String,
}

/// Takes an order from the queue. A status other than 2xx makes the host try again and, in the end, set it aside.
async fn pack(Json(call): Json<Call<Pack>>) -> Result<Json<Value>, (StatusCode, String)> {
    let refuse = |error: serde_json::Error| (StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
    // A text arrives as JSON inside a JSON string, so a message of JSON is parsed twice.
    let text: String = serde_json::from_str(&call.data.order).map_err(refuse)?;
    let order: Order = serde_json::from_str(&text).map_err(refuse)?;
    // Numbers arrive as the text of their JSON.
    let attempt = call.metadata["DequeueCount"].as_str().unwrap_or("?");
    let log = format!("Order {} packed: {} x {} (try {attempt}).", order.id, order.quantity, order.item);
    Ok(Json(json!({ "Logs": [log] })))
}

/// Server-sent events, one by one.
async fn events(Path(count): Path<u32>) -> Response {
    let events = stream::unfold(1, move |n| async move {
        (n <= count).then_some(())?;
        if n > 1 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Some((Ok::<_, std::convert::Infallible>(format!("data: {n} of {count}\n\n")), n + 1))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::var("FUNCTIONS_CUSTOMHANDLER_PORT")?.parse()?;
    let app = Router::new()
        .route("/submit", post(submit))
        .route("/pack", post(pack))
        .route("/api/events/{count}", get(events));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
