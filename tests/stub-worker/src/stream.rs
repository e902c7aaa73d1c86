//! The event stream: gRPC frames over one HTTP/2 request, written by hand so that broken ones can be sent too.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use horus_worker_protocol::StreamingMessage;
use horus_worker_protocol::streaming_message::Content;
use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Compression flag and length.
const PREFIX: usize = 5;
/// As large as real workers', so that big bodies are not slowed down here.
const WINDOW: u32 = 16 << 20;
/// Frames that may wait to be written.
const OUTBOX: usize = 1024;

/// Where messages to the host are put.
#[derive(Debug, Clone)]
pub(crate) struct Outbox(mpsc::Sender<Bytes>);

/// Where messages of the host come from.
pub(crate) struct Inbox {
    body: Incoming,
    buffer: BytesMut,
}

/// Opens the stream on `authority` and introduces the worker as `worker_id`.
pub(crate) async fn open(authority: &str, worker_id: &str) -> Result<(Outbox, Inbox), String> {
    let socket = TcpStream::connect(authority).await.map_err(|error| format!("{authority}: {error}"))?;
    socket.set_nodelay(true).map_err(|error| error.to_string())?;
    let (mut client, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .handshake(TokioIo::new(socket))
        .await
        .map_err(|error| error.to_string())?;
    // Ends with the stream, and the process with it.
    tokio::spawn(connection);
    let (sender, frames) = mpsc::channel(OUTBOX);
    let outbox = Outbox(sender);
    // A host answers only when it knows who calls.
    outbox
        .send(Content::StartStream(horus_worker_protocol::StartStream { worker_id: worker_id.to_owned() }))
        .await;
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("http://{authority}/AzureFunctionsRpcMessages.FunctionRpc/EventStream"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .body(Outgoing { frames, batch: Vec::new() })
        .map_err(|error| error.to_string())?;
    let response = client.send_request(request).await.map_err(|error| error.to_string())?;
    if let Some(status) = response.headers().get("grpc-status") {
        return Err(format!(
            "the host refused the stream with gRPC status {}",
            status.to_str().unwrap_or("?")
        ));
    }
    Ok((outbox, Inbox { body: response.into_body(), buffer: BytesMut::new() }))
}

impl Outbox {
    /// Sends one message; nothing happens when the host is gone.
    pub(crate) async fn send(&self, content: Content) {
        self.send_message(&StreamingMessage { request_id: String::new(), content: Some(content) }).await;
    }

    /// Sends one message.
    pub(crate) async fn send_message(&self, message: &StreamingMessage) {
        let length = message.encoded_len();
        let mut frame = BytesMut::with_capacity(PREFIX + length);
        put_prefix(&mut frame, u32::try_from(length).expect("messages of tests are smaller than 4 GiB"));
        message.encode(&mut frame).expect("the buffer grows");
        let _ = self.0.send(frame.freeze()).await;
    }

    /// Sends a frame that is well-formed but holds `payload` instead of a message.
    pub(crate) async fn send_payload(&self, payload: &[u8]) {
        let mut frame = BytesMut::with_capacity(PREFIX + payload.len());
        put_prefix(&mut frame, u32::try_from(payload.len()).expect("payloads of tests are small"));
        frame.extend_from_slice(payload);
        let _ = self.0.send(frame.freeze()).await;
    }

    /// Announces a frame of `length` bytes.
    pub(crate) async fn announce(&self, length: u32) {
        let mut frame = BytesMut::with_capacity(PREFIX);
        put_prefix(&mut frame, length);
        let _ = self.0.send(frame.freeze()).await;
    }
}

fn put_prefix(frame: &mut BytesMut, length: u32) {
    frame.put_u8(0);
    frame.put_u32(length);
}

impl Inbox {
    /// The host's next message, or `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<StreamingMessage>, String> {
        loop {
            if let Some(payload) = self.take_frame() {
                return StreamingMessage::decode(payload).map(Some).map_err(|error| error.to_string());
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(error.to_string()),
            }
        }
    }

    fn take_frame(&mut self) -> Option<Bytes> {
        let prefix = self.buffer.first_chunk::<PREFIX>()?;
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
        if self.buffer.len() < PREFIX + length {
            self.buffer.reserve(PREFIX + length - self.buffer.len());
            return None;
        }
        let mut frame = self.buffer.split_to(PREFIX + length).freeze();
        Some(frame.split_off(PREFIX))
    }
}

/// The request's body: whatever is waiting goes out as one piece.
struct Outgoing {
    frames: mpsc::Receiver<Bytes>,
    batch: Vec<Bytes>,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        const MOST: usize = 64;
        let Self { frames, batch } = &mut *self;
        let count = std::task::ready!(frames.poll_recv_many(cx, batch, MOST));
        Poll::Ready(match count {
            0 => None,
            1 => batch.pop().map(|only| Ok(Frame::data(only))),
            _ => {
                let mut all = BytesMut::with_capacity(batch.iter().map(Bytes::len).sum());
                batch.drain(..).for_each(|frame| all.extend_from_slice(&frame));
                Some(Ok(Frame::data(all.freeze())))
            }
        })
    }
}
