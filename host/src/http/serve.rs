//! The accept loop: connections in, orderly end.

use std::convert::Infallible;
use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use horus_bindings::Drain;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::FrontEnd;

const CATEGORY: &str = "Host.General";
/// A connection may be silent for this long between requests and while it sends a head; the platform's server
/// keeps connections for as long.
const KEEP_ALIVE: Duration = Duration::from_secs(130);
/// A client that has not agreed on keys by then is dropped.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// Pause after an accept that failed for want of something (file descriptors, memory).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Tells all connections to end with the request they are at.
#[derive(Default)]
struct Closing {
    is_set: AtomicBool,
    changed: Notify,
}

/// Serves `front` on `listener` until `drain` starts, then lets open requests end; those that are still open when
/// `drain` is cancelled are cut off.
pub async fn serve(listener: TcpListener, front: FrontEnd, drain: Drain) {
    let closing = Arc::new(Closing::default());
    let tls = front.tls().map(|tls| TlsAcceptor::from(tls.config()));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    connections.spawn(greet(stream, client, tls.clone(), front.clone(), closing.clone()));
                }
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    front.log().warning(CATEGORY, format!("A connection could not be accepted: {error}"));
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = drain.draining() => break,
        }
    }
    drop(listener);
    closing.is_set.store(true, Ordering::Release);
    closing.changed.notify_waiters();
    tokio::select! {
        () = async { while connections.join_next().await.is_some() {} } => {}
        () = drain.cancellation().cancelled() => connections.shutdown().await,
    }
}

/// Whether a failed accept concerns that one client only.
fn is_the_clients(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Serves one client, over TLS when the host does so.
async fn greet(
    stream: TcpStream,
    client: SocketAddr,
    tls: Option<TlsAcceptor>,
    front: FrontEnd,
    closing: Arc<Closing>,
) {
    // Responses are written whole, so waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    match tls {
        None => connection(stream, client, front, closing).await,
        // On the heap, so that plain connections do not carry the room for this.
        Some(tls) => Box::pin(secure(stream, client, tls, front, closing)).await,
    }
}

async fn secure(
    stream: TcpStream,
    client: SocketAddr,
    tls: TlsAcceptor,
    front: FrontEnd,
    closing: Arc<Closing>,
) {
    match tokio::time::timeout(HANDSHAKE_LIMIT, tls.accept(stream)).await {
        Ok(Ok(stream)) => connection(stream, client, front, closing).await,
        Ok(Err(error)) => front.log().debug(CATEGORY, || {
            format!(
                "{client} and this host could not agree on a TLS connection: {error}. Plain http:// does not work here."
            )
        }),
        // The client knows that it has not said anything.
        Err(_) => {}
    }
}

async fn connection<S>(stream: S, client: SocketAddr, front: FrontEnd, closing: Arc<Closing>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(|request| {
        let front = front.clone();
        async move { Ok::<_, Infallible>(front.respond(request, client).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(KEEP_ALIVE)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut changed = pin!(closing.changed.notified());
    let mut is_registered = false;
    let mut is_told = false;
    // A select over both would lock the shared list of waiters at each packet; registering once and then looking at a
    // flag does not. The flag is looked at after registering, so that no signal falls between.
    poll_fn(|cx| {
        if !is_registered {
            is_registered = true;
            let _ = changed.as_mut().poll(cx);
        }
        if !is_told && closing.is_set.load(Ordering::Acquire) {
            is_told = true;
            connection.as_mut().graceful_shutdown();
        }
        match connection.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            // A connection that breaks concerns nobody but its client, who knows.
            Poll::Ready(_) => Poll::Ready(()),
        }
    })
    .await;
}
