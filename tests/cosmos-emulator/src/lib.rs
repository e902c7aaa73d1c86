//! A Cosmos DB in memory, served over plain HTTP (1.1 and 2) on the loopback interface.
//!
//! The store behind it is the test double that the driver of the official client ships. It does not check keys,
//! and patching documents fails.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use azure_core::http::{Method, Url, request::Request as CosmosRequest};
use azure_data_cosmos_driver::in_memory_emulator::{
    InMemoryEmulatorHttpClient, VirtualAccountConfig, VirtualRegion,
};
use tokio::net::TcpListener;

/// Largest request it reads: the service itself takes 2 MB per document.
const LARGEST_BODY: usize = 8 * 1024 * 1024;

/// Key to put in connection strings; any other works as well
/// (<https://learn.microsoft.com/azure/cosmos-db/emulator>).
pub const KEY: &str =
    "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==";

struct Emulator {
    client: InMemoryEmulatorHttpClient,
    origin: Url,
}

/// Serves an empty account on `listener` until the future is dropped.
///
/// # Errors
/// When the listener fails, or its address cannot be an account's.
pub async fn serve(listener: TcpListener) -> std::io::Result<()> {
    let origin = origin(listener.local_addr()?)?;
    let region = VirtualRegion::new("East US", origin.clone());
    let config = VirtualAccountConfig::new(vec![region]).map_err(std::io::Error::other)?;
    let emulator = Arc::new(Emulator { client: InMemoryEmulatorHttpClient::new(config), origin });
    let app = Router::new().fallback(forward).with_state(emulator);
    axum::serve(listener, app).await
}

/// Connection string of the account served on `address`.
pub fn connection_string(address: SocketAddr) -> String {
    format!("AccountEndpoint=http://{address}/;AccountKey={KEY};")
}

fn origin(address: SocketAddr) -> std::io::Result<Url> {
    Url::parse(&format!("http://{address}/")).map_err(std::io::Error::other)
}

async fn forward(State(emulator): State<Arc<Emulator>>, request: Request) -> Response {
    match answer(&emulator, request).await {
        Ok(response) => response,
        Err(problem) => (StatusCode::BAD_REQUEST, problem).into_response(),
    }
}

async fn answer(emulator: &Emulator, request: Request) -> Result<Response, String> {
    let (parts, body) = request.into_parts();
    let mut url = emulator.origin.clone();
    // Some clients end paths in a slash, which the double does not understand.
    url.set_path(parts.uri.path().trim_end_matches('/'));
    url.set_query(parts.uri.query());
    let method = match parts.method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        "HEAD" => Method::Head,
        other => return Err(format!("method {other} is not known")),
    };
    let mut forwarded = CosmosRequest::new(url, method);
    for (name, value) in &parts.headers {
        if let Ok(value) = value.to_str() {
            forwarded.insert_header(name.as_str().to_owned(), value.to_owned());
        }
    }
    forwarded.set_body(to_bytes(body, LARGEST_BODY).await.map_err(|error| error.to_string())?);
    let answer = emulator.client.execute_request(&forwarded).await.map_err(|error| error.to_string())?;
    let (status, headers, body) = answer.deconstruct();
    let mut response = Response::builder().status(u16::from(status));
    for (name, value) in headers.iter() {
        // The server works these out from the body it sends.
        if !matches!(name.as_str(), "content-length" | "transfer-encoding" | "connection") {
            response = response.header(name.as_str(), value.as_str());
        }
    }
    let body = body.collect().await.map_err(|error| error.to_string())?;
    response.body(Body::from(body)).map_err(|error| error.to_string())
}
