//! The HTTP server of a worker that wants requests forwarded to it.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::script::HttpServer;

/// Reserves a port and serves on it, at once or once it has refused connections for a while. Gives its address.
pub(crate) async fn serve(options: &HttpServer) -> Result<SocketAddr, String> {
    let text = |error: std::io::Error| error.to_string();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(text)?;
    let address = listener.local_addr().map_err(text)?;
    let refuse = Duration::from_millis(options.refuse);
    // A port that was listened on and closed again refuses; nobody else gets it that quickly.
    let listening = refuse.is_zero().then_some(listener);
    tokio::spawn(async move {
        let listener = match listening {
            Some(listener) => listener,
            None => {
                tokio::time::sleep(refuse).await;
                let Ok(listener) = TcpListener::bind(address).await else { return };
                listener
            }
        };
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let service = service_fn(answer);
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    });
    Ok(address)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path().ends_with("/redirect") {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::FOUND;
        response.headers_mut().insert(header::LOCATION, header::HeaderValue::from_static("/elsewhere"));
        return Ok(response);
    }
    let (parts, body) = request.into_parts();
    let headers: Map<String, Value> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let seen = json!({
        "method": parts.method.as_str(),
        "target": parts.uri.to_string(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    });
    let mut response = Response::new(Full::from(seen.to_string()));
    response.headers_mut().insert("x-from-worker", header::HeaderValue::from_static("yes"));
    Ok(response)
}
