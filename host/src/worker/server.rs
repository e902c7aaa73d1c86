//! The gRPC server that workers connect to: one for the whole host, on a free loopback port.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use horus_worker_protocol as rpc;
use parking_lot::Mutex;
use rpc::StreamingMessage;
use rpc::function_rpc_server::{FunctionRpc, FunctionRpcServer};
use rpc::streaming_message::Content;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

/// Messages on their way to one worker; a full queue makes invocations wait for the worker to read.
const OUTBOX: usize = 1024;

/// How long a fresh stream may take to say who it is.
const FIRST_MESSAGE: Duration = Duration::from_secs(10);

/// HTTP/2 windows: large enough that a big body needs no round trip per few kilobytes.
const WINDOW: u32 = 16 << 20;

/// A worker's stream, both ways.
pub(super) struct Stream {
    pub(super) outbox: mpsc::Sender<Result<StreamingMessage, Status>>,
    pub(super) inbox: Streaming<StreamingMessage>,
}

type Expected = Arc<Mutex<HashMap<String, oneshot::Sender<Stream>>>>;

/// The running server.
pub struct Server {
    address: SocketAddr,
    expected: Expected,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({})", self.address)
    }
}

impl Server {
    /// Binds a free port on 127.0.0.1 and serves until dropped or stopped.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let expected = Expected::default();
        let stop = CancellationToken::new();
        let service = FunctionRpcServer::new(Service { expected: expected.clone() })
            .max_decoding_message_size(i32::MAX as usize)
            .max_encoding_message_size(i32::MAX as usize);
        let serving = tonic::transport::Server::builder()
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .tcp_nodelay(true)
            .add_service(service)
            .serve_with_incoming_shutdown(Nodelay::incoming(listener), stop.clone().cancelled_owned());
        let task = tokio::spawn(async move {
            // Ends only through `stop`; a failing accept is retried inside.
            let _ = serving.await;
        });
        Ok(Self { address, expected, stop, task })
    }

    /// Where workers connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Announces a worker; resolves with its stream once it connects. Dropping the receiver withdraws it.
    pub(super) fn expect(&self, worker_id: &str) -> oneshot::Receiver<Stream> {
        let (sender, receiver) = oneshot::channel();
        let mut expected = self.expected.lock();
        expected.retain(|_, sender| !sender.is_closed());
        expected.insert(worker_id.to_owned(), sender);
        receiver
    }

    /// Stops serving; open streams are cut after `limit`.
    pub async fn stop(mut self, limit: Duration) {
        self.stop.cancel();
        if tokio::time::timeout(limit, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Accepted sockets without Nagle's delay.
struct Nodelay;

impl Nodelay {
    fn incoming(
        listener: TcpListener,
    ) -> impl futures::Stream<Item = std::io::Result<tokio::net::TcpStream>> {
        use futures::StreamExt as _;
        TcpListenerStream::new(listener).map(|accepted| {
            let socket = accepted?;
            socket.set_nodelay(true)?;
            Ok(socket)
        })
    }
}

struct Service {
    expected: Expected,
}

#[tonic::async_trait]
impl FunctionRpc for Service {
    type EventStreamStream = ReceiverStream<Result<StreamingMessage, Status>>;

    async fn event_stream(
        &self,
        request: Request<Streaming<StreamingMessage>>,
    ) -> Result<Response<Self::EventStreamStream>, Status> {
        let mut inbox = request.into_inner();
        let first = tokio::time::timeout(FIRST_MESSAGE, inbox.message())
            .await
            .map_err(|_| Status::deadline_exceeded("no StartStream arrived"))??;
        let worker_id = match first.and_then(|message| message.content) {
            Some(Content::StartStream(start)) => start.worker_id,
            _ => return Err(Status::failed_precondition("the first message must be StartStream")),
        };
        let waiter = self.expected.lock().remove(&worker_id);
        let (outbox, outgoing) = mpsc::channel(OUTBOX);
        // Nobody waits for an unknown worker, or no longer for one that took too long.
        let unknown = || Status::not_found("no worker of that id was started by this host");
        let waiter = waiter.filter(|waiter| !waiter.is_closed()).ok_or_else(unknown)?;
        if waiter.send(Stream { outbox, inbox }).is_err() {
            return Err(unknown());
        }
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }
}
