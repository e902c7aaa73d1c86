//! On a socket.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use super::{super::ServeError, open};
use crate::{documents::serve, engine::EngineOptions};

/// Point 5: the well-known key opens loopback only.
#[tokio::test]
async fn the_well_known_key_is_refused_elsewhere() {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))).await.unwrap();
    let refused = serve(open(EngineOptions::in_memory()), listener, CancellationToken::new()).await;
    assert!(matches!(refused, Err(ServeError::WellKnownKey(_))), "{refused:?}");
}

#[tokio::test]
async fn it_serves_until_told_to_stop() {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(open(EngineOptions::in_memory()), listener, stop.clone()));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /dbs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("x-ms-activity-id") && answer.contains("\"Unauthorized\""), "{answer}");
    stop.cancel();
    server.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "the socket is closed");
}
