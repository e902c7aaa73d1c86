//! Request bodies: read whole, within bounds of size and patience; and response bodies that notice an abort.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::EXPECT;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio_util::sync::DropGuard;

use super::throttle::Permit;

/// A client that sends nothing for this long has lost its chance.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a refused body is taken in.
const DISCARD: Duration = Duration::from_secs(2);
/// Reserved at most on the word of a `Content-Length` header alone.
const TRUSTED_LENGTH: usize = 1024 * 1024;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// Larger than allowed: 413.
    TooLarge,
    /// The client fell silent: 408.
    TooSlow,
    /// The client went away or broke the protocol: 400, which nobody will read.
    Broken,
}

/// The whole body; empty when there is none. A body in one piece is not copied. `headers` are its message's.
pub(super) async fn read<B>(body: B, headers: &HeaderMap, limit: u64) -> Result<Bytes, BodyError>
where
    B: HttpBody<Data = Bytes> + Send,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let mut body = std::pin::pin!(body);
    let read = collect(body.as_mut(), limit).await;
    // Who waits for our word before sending has not sent anything yet.
    if read == Err(BodyError::TooLarge) && !headers.contains_key(EXPECT) {
        discard(body).await;
    }
    read
}

async fn collect<B>(mut body: Pin<&mut B>, limit: u64) -> Result<Bytes, BodyError>
where
    B: HttpBody<Data = Bytes> + Send,
{
    let declared = body.size_hint().lower();
    if declared > limit {
        return Err(BodyError::TooLarge);
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut length: u64 = 0;
    loop {
        let frame = match tokio::time::timeout(PATIENCE, body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return Err(BodyError::Broken),
            Err(_) => return Err(BodyError::TooSlow),
        };
        let Ok(data) = frame.into_data() else { continue };
        length += data.len() as u64;
        if length > limit {
            return Err(BodyError::TooLarge);
        }
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            let known = first.len() + data.len();
            let declared = usize::try_from(declared).unwrap_or(TRUSTED_LENGTH).min(TRUSTED_LENGTH);
            all.reserve(known.max(declared));
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Takes in what is left of a body that was refused, for a moment: a client that is busy sending would otherwise find
/// the connection reset instead of the answer.
async fn discard<B>(mut body: Pin<&mut B>)
where
    B: HttpBody<Data = Bytes> + Send,
{
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = tokio::time::timeout(DISCARD, rest).await;
}

/// A response body that holds its request's place, and cancels its invocation when the client stops reading before
/// the end.
pub(super) struct Tied {
    body: Body,
    abort: Option<DropGuard>,
    _permit: Permit,
}

impl Tied {
    /// Ties `body` to the token of `abort`.
    pub(super) fn new(body: Body, abort: DropGuard, permit: Permit) -> Self {
        Self { body, abort: Some(abort), _permit: permit }
    }

    fn release(&mut self) {
        if let Some(abort) = self.abort.take() {
            abort.disarm();
        }
    }
}

impl HttpBody for Tied {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.release();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Tied {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http_body_util::{Full, StreamBody};
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn chunks(chunks: Vec<&'static [u8]>) -> impl HttpBody<Data = Bytes> + Send {
        let frames = chunks
            .into_iter()
            .map(|chunk| Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from_static(chunk))));
        StreamBody::new(stream::iter(frames))
    }

    /// host.md H28: the limit holds for declared and for chunked bodies, and is inclusive.
    #[tokio::test]
    async fn h28_larger_bodies_are_refused() {
        assert_eq!(read(Full::from("12345"), &HeaderMap::new(), 4).await, Err(BodyError::TooLarge));
        assert_eq!(read(Full::from("1234"), &HeaderMap::new(), 4).await, Ok(Bytes::from("1234")));
        assert_eq!(read(chunks(vec![b"123", b"45"]), &HeaderMap::new(), 4).await, Err(BodyError::TooLarge));
        assert_eq!(read(chunks(vec![b"12", b"34"]), &HeaderMap::new(), 4).await, Ok(Bytes::from("1234")));
    }

    /// Bodies in one piece are passed on as they are.
    #[tokio::test]
    async fn one_piece_is_not_copied() {
        let piece = Bytes::from(vec![7; 4096]);
        let body = read(Full::from(piece.clone()), &HeaderMap::new(), 10_000).await.unwrap();
        assert_eq!(body.as_ptr(), piece.as_ptr());
        assert_eq!(read(Full::from(Bytes::new()), &HeaderMap::new(), 0).await, Ok(Bytes::new()));
        let many = read(chunks(vec![b"a", b"", b"b", b"c"]), &HeaderMap::new(), 10).await.unwrap();
        assert_eq!(many, "abc");
    }

    /// A client that stops sending is not waited for for ever.
    #[tokio::test(start_paused = true)]
    async fn silent_clients_time_out() {
        let silent = StreamBody::new(stream::pending::<Result<Frame<Bytes>, std::convert::Infallible>>());
        assert_eq!(read(silent, &HeaderMap::new(), 10).await, Err(BodyError::TooSlow));
    }

    /// host.md H35 for streamed responses: an abort cancels, the end does not.
    #[tokio::test]
    async fn h35_an_aborted_response_cancels_its_invocation() {
        let token = CancellationToken::new();
        drop(Tied::new(Body::new(chunks_body()), token.clone().drop_guard(), Permit::default()));
        assert!(token.is_cancelled());
        let token = CancellationToken::new();
        let mut body = Tied::new(Body::new(chunks_body()), token.clone().drop_guard(), Permit::default());
        while body.frame().await.is_some() {}
        drop(body);
        assert!(!token.is_cancelled());
        let token = CancellationToken::new();
        drop(Tied::new(Body::empty(), token.clone().drop_guard(), Permit::default()));
        assert!(!token.is_cancelled(), "an empty body has ended");
    }

    fn chunks_body() -> impl HttpBody<Data = Bytes, Error = std::convert::Infallible> + Send + 'static {
        StreamBody::new(stream::iter([b"a", b"b"].map(|chunk| Ok(Frame::data(Bytes::from_static(chunk))))))
    }
}
