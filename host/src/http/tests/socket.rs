//! Over real connections: what a client does to a request, and how the server ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use horus_bindings::{Drain, Value};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::app::{App, Behaviour, Setup, http, replies};
use crate::http::serve;
use crate::invoke::{Outcome, Outputs};

const LIMIT: Duration = Duration::from_secs(20);

async fn listen(app: &App) -> (SocketAddr, Drain, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let drain = Drain::new();
    (address, drain.clone(), tokio::spawn(serve(listener, app.front.clone(), drain)))
}

async fn connect(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Everything until the server closes the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut text))
        .await
        .expect("the connection stays open")
        .unwrap();
    String::from_utf8(text).unwrap()
}

/// A function that says when it has begun, and ends when told or when nobody wants its result any more.
struct Gate {
    begun: Arc<Notify>,
    end: Arc<Notify>,
    cancelled: Arc<Notify>,
}

impl Gate {
    fn new() -> (Self, Behaviour) {
        let gate = Self { begun: Arc::default(), end: Arc::default(), cancelled: Arc::default() };
        let (begun, end, cancelled) = (gate.begun.clone(), gate.end.clone(), gate.cancelled.clone());
        let behaviour: Behaviour = Arc::new(move |invocation| {
            let (begun, end, cancelled) = (begun.clone(), end.clone(), cancelled.clone());
            Box::pin(async move {
                begun.notify_one();
                tokio::select! {
                    () = end.notified() => {}
                    () = invocation.cancel.cancelled() => cancelled.notify_one(),
                }
                Outcome::Completed(Outputs { values: Vec::new(), return_value: Value::String("done".into()) })
            })
        });
        (gate, behaviour)
    }
}

/// host.md H35: a client that hangs up cancels its invocation, which still ends with its log line.
#[tokio::test]
async fn h35_hanging_up_cancels() {
    let (gate, behaviour) = Gate::new();
    let app = App::new(Setup { functions: vec![http("fn", json!({}), behaviour)], ..Setup::default() });
    let (address, drain, server) = listen(&app).await;
    let client = connect(address, "GET /api/fn HTTP/1.1\r\nHost: h\r\n\r\n").await;
    gate.begun.notified().await;
    drop(client);
    tokio::time::timeout(LIMIT, gate.cancelled.notified()).await.expect("the invocation is not told");
    app.lines.wait_for("Executed 'Functions.fn' (Succeeded").await;
    drain.start();
    server.await.unwrap();
}

/// host.md §9.4 and §3.9: what is under way is answered, idle connections are closed, new ones find nobody.
#[tokio::test]
async fn draining_answers_what_is_under_way() {
    let (gate, behaviour) = Gate::new();
    let quick = http("quick", json!({}), replies(|_| Value::String("quick".into())));
    let app =
        App::new(Setup { functions: vec![http("fn", json!({}), behaviour), quick], ..Setup::default() });
    let (address, drain, server) = listen(&app).await;
    let mut idle = connect(address, "GET /api/quick HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let mut answer = [0; 4096];
    let length = idle.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK"));
    let open = connect(address, "GET /api/fn HTTP/1.1\r\nHost: h\r\n\r\n").await;
    gate.begun.notified().await;
    drain.start();
    rest(idle).await;
    gate.end.notify_one();
    let answer = rest(open).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("done"), "{answer}");
    tokio::time::timeout(LIMIT, server).await.expect("the server goes on").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

/// A drain that is cancelled cuts off what is still open.
#[tokio::test]
async fn a_cancelled_drain_cuts_off() {
    let (gate, behaviour) = Gate::new();
    let app = App::new(Setup { functions: vec![http("fn", json!({}), behaviour)], ..Setup::default() });
    let (address, drain, server) = listen(&app).await;
    let open = connect(address, "GET /api/fn HTTP/1.1\r\nHost: h\r\n\r\n").await;
    gate.begun.notified().await;
    drain.cancel();
    tokio::time::timeout(LIMIT, server).await.expect("the server waits").unwrap();
    assert_eq!(rest(open).await, "");
    tokio::time::timeout(LIMIT, gate.cancelled.notified()).await.expect("the invocation is not told");
}

/// host.md H28: a client that is still sending gets its 413, however its length was declared, and one that asks first
/// is told before it sends anything.
#[tokio::test]
async fn h28_refused_uploads_get_their_answer() {
    let functions = vec![http("fn", json!({}), replies(|_| Value::Null))];
    let settings = &[("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "1000")];
    let app = App::new(Setup { functions, settings, ..Setup::default() });
    let (address, drain, server) = listen(&app).await;
    let chunk = "x".repeat(64 * 1024);
    let declared =
        format!("POST /api/fn HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{chunk}", chunk.len());
    let chunked = format!(
        "POST /api/fn HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n{chunk}\r\n0\r\n\r\n"
    );
    let asking = "POST /api/fn HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\nExpect: 100-continue\r\n\r\n";
    for request in [&declared, &chunked, asking] {
        let mut stream = connect(address, request).await;
        let mut answer = [0; 4096];
        let length = tokio::time::timeout(LIMIT, stream.read(&mut answer)).await.unwrap().unwrap();
        let answer = std::str::from_utf8(&answer[..length]).unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }
    drain.start();
    server.await.unwrap();
}

/// What is not HTTP ends its own connection and nothing else.
#[tokio::test]
async fn noise_harms_nobody() {
    let functions = vec![http("quick", json!({}), replies(|_| Value::String("quick".into())))];
    let app = App::new(Setup { functions, ..Setup::default() });
    let (address, drain, server) = listen(&app).await;
    for noise in
        ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /%zz HTTP/1.1\r\nA B: c\r\n\r\n"]
    {
        let answer = rest(connect(address, noise).await).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{noise:?}: {answer}");
    }
    let answer =
        rest(connect(address, "GET /api/quick HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await).await;
    assert!(answer.ends_with("quick"), "{answer}");
    drain.start();
    server.await.unwrap();
}
