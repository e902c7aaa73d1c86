use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::{BodyExt as _, StreamBody};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

/// A worker's server: answers each request of one connection with what it saw.
async fn echo(listener: TcpListener) {
    let (stream, _) = listener.accept().await.unwrap();
    let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
        let (parts, body) = request.into_parts();
        let mut seen = Response::builder().status(302).header("connection", "x-hop").header("x-hop", "1");
        seen = seen.header("location", "/elsewhere").header("x-uri", parts.uri.to_string());
        for (name, value) in &parts.headers {
            seen = seen.header(format!("seen-{name}"), value);
        }
        Ok::<_, Infallible>(seen.body(Body::new(body)).unwrap())
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn server() -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener.local_addr().unwrap(), tokio::spawn(echo(listener)))
}

fn request(body: Body) -> Request<Body> {
    let origin = Origin {
        client: ([10, 1, 2, 3], 999).into(),
        scheme: http::uri::Scheme::HTTPS,
        host: "public.example:8443".into(),
    };
    Request::post("/api/a%20b?x=1&x=2")
        .header("host", "public.example:8443")
        .header("connection", "close, x-secret-hop")
        .header("x-secret-hop", "1")
        .header("te", "trailers")
        .header("x-forwarded-for", "6.6.6.6")
        .header("x-ms-invocation-id", "forged")
        .header("accept", "text/html")
        .extension(origin)
        .body(body)
        .unwrap()
}

/// host.md H33, worker-protocol.md §8 and §19.10: what the worker sees, and that its 302 comes back as it is.
#[tokio::test]
async fn h33_requests_reach_the_worker_with_the_rules_applied() {
    let (address, server) = server().await;
    let base: Uri = format!("http://{address}/").parse().unwrap();
    let response = forward(&client(), &base, "id-1", request(Body::from("payload"))).await.unwrap();
    assert_eq!(response.status(), 302);
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("location").as_deref(), Some("/elsewhere"));
    assert_eq!(header("x-uri").as_deref(), Some("/api/a%20b?x=1&x=2"));
    assert_eq!(header("seen-x-ms-invocation-id").as_deref(), Some("id-1"));
    assert_eq!(header("seen-host"), Some(address.to_string()));
    assert_eq!(header("seen-x-forwarded-for").as_deref(), Some("10.1.2.3"));
    assert_eq!(header("seen-x-forwarded-host").as_deref(), Some("public.example:8443"));
    assert_eq!(header("seen-x-forwarded-proto").as_deref(), Some("https"));
    assert_eq!(header("seen-accept").as_deref(), Some("text/html"));
    for gone in ["seen-x-secret-hop", "seen-te", "x-hop", "connection"] {
        assert_eq!(header(gone), None, "{gone}");
    }
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "payload");
    server.abort();
}

/// host.md H33: bodies stream both ways while the exchange goes on.
#[tokio::test]
async fn h33_bodies_stream_both_ways() {
    let (address, server) = server().await;
    let base: Uri = format!("http://{address}").parse().unwrap();
    let (sender, receiver) = tokio::sync::mpsc::channel::<&'static str>(1);
    let frames = futures::stream::unfold(receiver, |mut receiver| async {
        let chunk = receiver.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(chunk))), receiver))
    });
    sender.send("first").await.unwrap();
    let mut response = forward(&client(), &base, "id", request(Body::new(StreamBody::new(frames))))
        .await
        .unwrap()
        .into_body();
    assert_eq!(response.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
    sender.send("second").await.unwrap();
    assert_eq!(response.frame().await.unwrap().unwrap().into_data().unwrap(), "second");
    drop(sender);
    assert!(response.frame().await.is_none());
    server.abort();
}

/// host.md H34: a worker that listens half a second late is reached all the same.
#[tokio::test]
async fn h34_a_late_worker_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let server = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        echo(TcpListener::bind(address).await.unwrap()).await;
    });
    let base: Uri = format!("http://{address}").parse().unwrap();
    let response = forward(&client(), &base, "id", request(Body::empty())).await.unwrap();
    assert_eq!(response.status(), 302);
    server.abort();
}

/// host.md §3.8: after ten attempts the request fails, in the platform's words.
#[tokio::test]
async fn a_worker_that_never_listens_fails_the_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base: Uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let began = Instant::now();
    let error = forward(&client(), &base, "id", request(Body::empty())).await.unwrap_err();
    assert!(error.to_string().starts_with("Failed to proxy request with ForwarderError: "), "{error}");
    assert!(began.elapsed() >= Duration::from_millis(1800), "all pauses are made: {:?}", began.elapsed());
}

/// host.md §3.8: an exchange in which nothing happens for 240 seconds is given up; activity moves the limit.
#[tokio::test(start_paused = true)]
async fn silence_ends_the_exchange() {
    let activity = Activity::now();
    let began = Instant::now();
    let mut limit = pin!(tokio::time::sleep(INACTIVITY));
    tokio::time::sleep(Duration::from_secs(200)).await;
    activity.touch();
    poll_fn(|cx| activity.poll_over(limit.as_mut(), cx)).await;
    assert_eq!(began.elapsed().as_secs(), 440);
    let silent = StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, Infallible>>());
    let error = Watched::new(silent, Activity::now()).frame().await.unwrap().unwrap_err();
    assert!(error.to_string().ends_with("RequestTimedOut"), "{error}");
}

/// A worker's address may have a path of its own.
#[test]
fn paths_are_joined() {
    let uri = |text: &str| text.parse::<Uri>().unwrap();
    for (base, path, joined) in [
        ("http://localhost:46683/", "/api/x?y=1", "http://localhost:46683/api/x?y=1"),
        ("http://127.0.0.1:1", "/", "http://127.0.0.1:1/"),
        ("http://127.0.0.1:1/base/", "/api", "http://127.0.0.1:1/base/api"),
    ] {
        assert_eq!(target(&uri(base), &uri(path)).unwrap(), uri(joined));
    }
}
