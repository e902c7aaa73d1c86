//! Accepting connections and carrying requests to the store.

use super::{GRACE, Service};
use crate::body::Body;
use crate::store::{Store, Trust};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Connections per service; more wait in the system's accept queue.
const MOST_CONNECTIONS: usize = 1024;
/// A client that has not sent its headers by then is dropped.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) async fn accept(
    store: Store,
    service: Service,
    listener: TcpListener,
    draining: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= MOST_CONNECTIONS {
            tokio::select! {
                _ = connections.join_next() => continue,
                () = draining.cancelled() => break,
            }
        }
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(serve(store.clone(), service, stream, peer.ip(), draining.clone()));
                }
                // Out of file handles, most likely: the connection waits in the queue meanwhile.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
            () = draining.cancelled() => break,
        }
    }
    drop(listener);
    let finish = async { while connections.join_next().await.is_some() {} };
    // Whoever is not done by then is cut off when the set is dropped.
    let _ = tokio::time::timeout(GRACE, finish).await;
}

async fn serve(store: Store, service: Service, stream: TcpStream, peer: IpAddr, draining: CancellationToken) {
    // Small answers must not wait for an acknowledgement of the previous one.
    let _ = stream.set_nodelay(true);
    let respond = service_fn(move |request: Request<Incoming>| {
        let store = store.clone();
        async move { Ok::<_, Infallible>(respond(&store, service, request, peer).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).preserve_header_case(false);
    builder.http2().timer(TokioTimer::new());
    let connection = builder.serve_connection(TokioIo::new(stream), respond);
    tokio::pin!(connection);
    // A broken connection concerns only its client.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn respond(
    store: &Store,
    service: Service,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Response<Body> {
    let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
    store.call(service, request, Trust::Verify { peer: Some(peer) }).await
}
