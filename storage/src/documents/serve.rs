//! The service on a socket: HTTP/1.1 and HTTP/2, with and without TLS, told apart by their first bytes.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::uri::Scheme;
use http_body_util::BodyExt;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::Documents;
use crate::{Trust, body::Body};

/// Connections served at once; more wait in the system's accept queue.
const MOST_CONNECTIONS: usize = 1024;
/// How long open requests may take to finish once the service is told to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long a client may take to send a request's head, and to agree on keys before that.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// First byte of a TLS connection: a record that belongs to the handshake. No HTTP request starts with it.
const HANDSHAKE: u8 = 0x16;

/// Certificate and key for clients that speak HTTPS. Cheap to clone; `Debug` shows nothing of the key.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// Serves with the certificate and key of `config`, HTTP/2 and HTTP/1.1.
    pub fn new(mut config: rustls::ServerConfig) -> Self {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self(TlsAcceptor::from(Arc::new(config)))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

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

/// Answers requests on `listener` until `stop` fires, then lets open requests finish for a few seconds. Clients may
/// speak HTTPS as well where there is a certificate in `tls`; without one their connections are closed.
pub async fn serve(
    documents: Documents,
    listener: TcpListener,
    tls: Option<Tls>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() && documents.options().accepts_well_known_key() {
        return Err(ServeError::WellKnownKey(address));
    }
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let server = Server { documents, http, tls, stop: stop.clone() };
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
        connections.spawn(server.clone().greet(stream, peer.ip()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// What every connection needs.
#[derive(Clone)]
struct Server {
    documents: Documents,
    http: auto::Builder<TokioExecutor>,
    tls: Option<Tls>,
    stop: CancellationToken,
}

impl Server {
    /// Finds out what a new client speaks and serves it. A client's broken connection is its own affair.
    async fn greet(self, stream: TcpStream, peer: IpAddr) {
        // Small answers must not wait for the acknowledgement of the previous one.
        let _ = stream.set_nodelay(true);
        let Some(Tls(acceptor)) = self.tls.clone() else {
            return self.serve(stream, peer, Scheme::HTTP).await;
        };
        let first = async {
            let mut first = [0];
            matches!(stream.peek(&mut first).await, Ok(1)).then_some(first[0])
        };
        let first = tokio::select! {
            first = tokio::time::timeout(HEAD_TIMEOUT, first) => first,
            () = self.stop.cancelled() => return,
        };
        match first {
            Ok(Some(HANDSHAKE)) => {
                let agreed = tokio::select! {
                    agreed = tokio::time::timeout(HEAD_TIMEOUT, acceptor.accept(stream)) => agreed,
                    () = self.stop.cancelled() => return,
                };
                // Who does not trust the certificate hangs up here.
                if let Ok(Ok(stream)) = agreed {
                    self.serve(stream, peer, Scheme::HTTPS).await;
                }
            }
            Ok(Some(_)) => self.serve(stream, peer, Scheme::HTTP).await,
            // Gone, or silent for too long.
            Ok(None) | Err(_) => {}
        }
    }

    async fn serve(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: IpAddr,
        scheme: Scheme,
    ) {
        let Self { documents, http, stop, .. } = self;
        let service = service_fn(move |request| respond(documents.clone(), request, peer, scheme.clone()));
        let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            _ = connection.as_mut() => {}
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let _ = tokio::time::timeout(GRACE, connection).await;
            }
        }
    }
}

async fn respond(
    documents: Documents,
    request: Request<Incoming>,
    peer: IpAddr,
    scheme: Scheme,
) -> Result<Response<Body>, Infallible> {
    let mut request = request.map(|body| body.map_err(Into::into).boxed_unsync());
    // The account tells clients to come back the same way.
    request.extensions_mut().insert(scheme);
    Ok(documents.call(request, Trust::Verify { peer: Some(peer) }).await)
}
