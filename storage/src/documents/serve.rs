//! The service on a socket: HTTP/1.1 and HTTP/2 without TLS, told apart by their first bytes.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use http_body_util::BodyExt;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::Documents;
use crate::{Trust, body::Body};

/// Connections served at once; more wait in the system's accept queue.
const MOST_CONNECTIONS: usize = 1024;
/// How long open requests may take to finish once the service is told to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the service could not be offered on the socket.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Everyone knows the emulator's key, so it protects nothing beyond this machine.
    #[error(
        "documents on {0}: the well-known key is refused on other than loopback addresses; set an account key"
    )]
    WellKnownKey(SocketAddr),
    /// The socket failed.
    #[error("documents: accepting connections: {0}")]
    Accept(#[from] io::Error),
}

/// Answers requests on `listener` until `stop` fires, then lets open requests finish for a few seconds.
pub async fn serve(
    documents: Documents,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() && documents.options().accepts_well_known_key() {
        return Err(ServeError::WellKnownKey(address));
    }
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            // Finished connections leave the set as they end.
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // A client that is gone before it is accepted is no reason to stop; neither is a lack of descriptors,
            // which passes when connections end.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // Small answers must not wait for the acknowledgement of the previous one.
        let _ = stream.set_nodelay(true);
        let documents = documents.clone();
        let service = service_fn(move |request| respond(documents.clone(), request, peer.ip()));
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        let stop = stop.clone();
        connections.spawn(async move {
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                // A client's broken connection is its own affair.
                _ = connection.as_mut() => {}
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(GRACE, connection).await;
                }
            }
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn respond(
    documents: Documents,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Result<Response<Body>, Infallible> {
    let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
    Ok(documents.call(request, Trust::Verify { peer: Some(peer) }).await)
}
