//! On a socket.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use http_body_util::BodyExt;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{PrivateKeyDer, ServerName},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::{super::ServeError, auth, open, send};
use crate::{
    Options, Service, Store, Trust, body,
    documents::{Tls, WELL_KNOWN_KEY, serve},
    engine::EngineOptions,
};

/// Point 5: the well-known key opens loopback only.
#[tokio::test]
async fn the_well_known_key_is_refused_elsewhere() {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))).await.unwrap();
    let refused = serve(open(EngineOptions::in_memory()), listener, None, CancellationToken::new()).await;
    assert!(matches!(refused, Err(ServeError::WellKnownKey(_))), "{refused:?}");
}

/// A signed request for the account, and the answer until the connection ends.
async fn account(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    let date = auth::now();
    let token = auth::authorization(WELL_KNOWN_KEY, &format!("get\n\n\n{}\n\n", date.to_lowercase()));
    let request = format!(
        "GET / HTTP/1.1\r\nHost: localhost:4711\r\nConnection: close\r\nx-ms-date: {date}\r\nauthorization: {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Clients expect the document service on HTTPS, people and other clients on HTTP: one port speaks both, and each is
/// told to come back the way it came.
#[tokio::test]
async fn http_and_https_share_the_port() {
    // Other crates of a build may bring a second provider, so that the choice has to be made.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let tls = Tls::new(config.with_single_cert(vec![made.cert.der().clone()], key).unwrap());
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(open(EngineOptions::in_memory()), listener, Some(tls), stop.clone()));

    let plain = account(TcpStream::connect(address).await.unwrap()).await;
    assert!(plain.contains("\"databaseAccountEndpoint\":\"http://localhost:4711/\""), "{plain}");

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let connector = |roots| {
        TlsConnector::from(Arc::new(
            ClientConfig::builder().with_root_certificates(roots).with_no_client_auth(),
        ))
    };
    let name = || ServerName::try_from("localhost").unwrap();
    let stream = connector(roots).connect(name(), TcpStream::connect(address).await.unwrap()).await.unwrap();
    let secure = account(stream).await;
    assert!(secure.contains("\"databaseAccountEndpoint\":\"https://localhost:4711/\""), "{secure}");

    let stranger = connector(RootCertStore::empty());
    assert!(stranger.connect(name(), TcpStream::connect(address).await.unwrap()).await.is_err());
    // Neither a client that says nothing nor one that stops in the middle of a handshake holds up the end.
    let _silent = TcpStream::connect(address).await.unwrap();
    let mut torn = TcpStream::connect(address).await.unwrap();
    torn.write_all(&[0x16, 3, 1]).await.unwrap();
    assert!(account(TcpStream::connect(address).await.unwrap()).await.starts_with("HTTP/1.1 200"));
    stop.cancel();
    tokio::time::timeout(std::time::Duration::from_secs(4), server).await.expect("it ends").unwrap().unwrap();
}

/// Without a certificate HTTPS fails at once, and nothing else does.
#[tokio::test]
async fn no_certificate_no_https() {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(open(EngineOptions::in_memory()), listener, None, stop.clone()));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(&[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3, 13, 10, 13, 10]).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{answer:?}");
    assert!(account(TcpStream::connect(address).await.unwrap()).await.starts_with("HTTP/1.1 200"));
    stop.cancel();
    server.await.unwrap().unwrap();
}

/// Point 7: the store answers for its documents like for everything else, signatures and all.
#[tokio::test]
async fn the_store_answers_without_a_socket() {
    let store = Store::open(Options::in_memory()).unwrap();
    let ask = async |verb: &str, path: &str, content: &Value, trust| {
        let content = if content.is_null() { body::empty() } else { body::full(content.to_string()) };
        let request = http::Request::builder().method(verb).uri(format!("https://localhost:8081{path}"));
        let answer = store.call(Service::Documents, request.body(content).unwrap(), trust).await;
        let (head, content) = answer.into_parts();
        let content = content.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), serde_json::from_slice::<Value>(&content).unwrap())
    };
    assert_eq!(ask("POST", "/dbs", &json!({"id": "shop"}), Trust::Trusted).await.0, 201);
    assert_eq!(ask("POST", "/dbs", &json!({"id": "shop"}), Trust::Trusted).await.0, 409);
    let (status, account) = ask("GET", "/", &Value::Null, Trust::Trusted).await;
    assert_eq!(
        (status, &account["writableLocations"][0]["databaseAccountEndpoint"]),
        (200, &json!("https://localhost:8081/"))
    );
    assert_eq!(ask("GET", "/dbs/shop", &Value::Null, Trust::Verify { peer: None }).await.0, 401);
    let found = send(store.documents(), "GET", "/dbs/shop", &[], &Value::Null).await;
    assert_eq!((found.status, &found.body["id"]), (200, &json!("shop")), "one service, two ways in");
}

#[tokio::test]
async fn it_serves_until_told_to_stop() {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(open(EngineOptions::in_memory()), listener, None, stop.clone()));
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
