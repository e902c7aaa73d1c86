//! Standard output and standard error of a guest: kept, or cut into lines; bounded either way.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

use crate::Source;
use crate::call::SharedSink;
use crate::error::TooMuchOutput;

/// Most bytes taken in one write; the guest simply writes again.
const WRITE: usize = 64 << 10;
/// A longer line is passed on in pieces.
const LONGEST_LINE: usize = 16 << 10;
/// How much of its last words are kept to explain an abort.
const LAST_WORDS: usize = 2 << 10;

/// Where written bytes go.
pub(crate) trait Take: Clone + Send + Sync + 'static {
    fn take(&self, bytes: &[u8]) -> Result<(), TooMuchOutput>;
}

/// Keeps everything up to a limit; writing past it ends the guest.
#[derive(Clone)]
pub(crate) struct Kept {
    bytes: Arc<Mutex<BytesMut>>,
    limit: usize,
}

impl Kept {
    pub(crate) fn new(limit: usize) -> Self {
        Self { bytes: Arc::default(), limit }
    }

    pub(crate) fn take_all(&self) -> Bytes {
        std::mem::take(&mut *self.bytes.lock()).freeze()
    }
}

impl Take for Kept {
    fn take(&self, bytes: &[u8]) -> Result<(), TooMuchOutput> {
        let mut kept = self.bytes.lock();
        if bytes.len() > self.limit - kept.len() {
            return Err(TooMuchOutput);
        }
        kept.extend_from_slice(bytes);
        Ok(())
    }
}

/// Passes lines on while they are written; what exceeds the limit is dropped after one remark.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Mutex<Cut>>);

struct Cut {
    sink: SharedSink,
    source: Source,
    limit: usize,
    taken: usize,
    partial: Vec<u8>,
    last: Vec<u8>,
}

impl Lines {
    pub(crate) fn new(sink: SharedSink, source: Source, limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Cut {
            sink,
            source,
            limit,
            taken: 0,
            partial: Vec::new(),
            last: Vec::new(),
        })))
    }

    /// The next call begins; what it writes goes to `sink`.
    pub(crate) fn begin(&self, sink: SharedSink) {
        let mut cut = self.0.lock();
        cut.sink = sink;
        cut.taken = 0;
        cut.last.clear();
    }

    /// The call has ended: what it wrote without an end of line is a line, too.
    pub(crate) fn end(&self) {
        self.0.lock().flush();
    }

    /// The end of what was written, as text.
    pub(crate) fn last_words(&self) -> String {
        let cut = self.0.lock();
        String::from_utf8_lossy(&cut.last).trim().to_owned()
    }
}

impl Take for Lines {
    fn take(&self, bytes: &[u8]) -> Result<(), TooMuchOutput> {
        self.0.lock().take(bytes);
        Ok(())
    }
}

impl Cut {
    fn take(&mut self, bytes: &[u8]) {
        self.last.extend_from_slice(&bytes[bytes.len().saturating_sub(LAST_WORDS)..]);
        let over = self.last.len().saturating_sub(LAST_WORDS);
        self.last.drain(..over);
        if self.taken > self.limit {
            return;
        }
        self.taken += bytes.len();
        if self.taken > self.limit {
            self.flush();
            let limit = self.limit;
            self.sink
                .line(self.source, &format!("(more than {limit} bytes were written; the rest is dropped)"));
            return;
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(end) => {
                    self.partial.extend_from_slice(end);
                    if self.partial.last() == Some(&b'\r') {
                        self.partial.pop();
                    }
                    let line = std::mem::take(&mut self.partial);
                    self.sink.line(self.source, &String::from_utf8_lossy(&line));
                }
                None => self.partial.extend_from_slice(piece),
            }
            if self.partial.len() > LONGEST_LINE {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            self.sink.line(self.source, &String::from_utf8_lossy(&line));
        }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.flush();
    }
}

/// `T` as a WASI output stream.
#[derive(Clone)]
pub(crate) struct Writer<T>(pub(crate) T);

impl<T> IsTerminal for Writer<T> {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl<T: Take> StdoutStream for Writer<T> {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl<T: Take> OutputStream for Writer<T> {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.0.take(&bytes).map_err(|error| StreamError::Trap(error.into()))
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(WRITE)
    }
}

#[async_trait]
impl<T: Take> Pollable for Writer<T> {
    async fn ready(&mut self) {}
}

impl<T: Take> AsyncWrite for Writer<T> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.0.take(bytes).map(|()| bytes.len()).map_err(io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
