//! The sockets: bind first, refuse what would be unsafe, serve until told to drain.

mod connection;

use crate::store::Store;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// One of the services the store speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Port 10000 by custom.
    Blob,
    /// Port 10001.
    Queue,
    /// Port 10002.
    Table,
    /// Port 8081.
    Documents,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Blob, Self::Queue, Self::Table, Self::Documents];

    /// The port every tool expects it on.
    pub const fn usual_port(self) -> u16 {
        match self {
            Self::Blob => 10_000,
            Self::Queue => 10_001,
            Self::Table => 10_002,
            Self::Documents => 8081,
        }
    }
}

/// Why the store does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address} for the {service:?} service: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// For which service.
        service: Service,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The key everybody knows would open the store to everybody.
    #[error(
        "refusing to listen on {address}: an account uses the emulators' well-known key, which protects nothing beyond this machine; configure an account with a key of your own, or listen on 127.0.0.1"
    )]
    WellKnownKey {
        /// The address asked for.
        address: SocketAddr,
    },
}

/// Bound sockets, one per service at most.
#[derive(Debug, Default)]
pub struct Listeners(BTreeMap<Service, TcpListener>);

impl Listeners {
    /// No sockets yet: only in-process callers.
    pub fn none() -> Self {
        Self::default()
    }

    /// Binds `address` (port 0 picks one) for `service`.
    pub async fn with(self, service: Service, address: SocketAddr) -> Result<Self, ServeError> {
        let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Bind {
            address,
            service,
            source,
        })?;
        Ok(self.holding(service, listener))
    }

    /// Takes a socket that is bound already.
    #[must_use]
    pub fn holding(mut self, service: Service, listener: TcpListener) -> Self {
        self.0.insert(service, listener);
        self
    }

    /// Where `service` can be reached.
    pub fn address(&self, service: Service) -> Option<SocketAddr> {
        self.0.get(&service)?.local_addr().ok()
    }
}

/// How long requests in progress may still take once draining began.
const GRACE: Duration = Duration::from_secs(10);

impl Store {
    /// Serves until `drain` resolves, then stops accepting, lets requests in progress finish and returns. Also does
    /// the housekeeping, so call it with [`Listeners::none`] when only in-process callers are wanted.
    ///
    /// # Errors
    /// When an account uses the well-known key and an address is not a loopback address. Nothing was accepted then.
    pub async fn serve(
        &self,
        listeners: Listeners,
        drain: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        if self.accounts().has_well_known_key() {
            for listener in listeners.0.values() {
                if let Ok(address) = listener.local_addr()
                    && !address.ip().to_canonical().is_loopback()
                {
                    return Err(ServeError::WellKnownKey { address });
                }
            }
        }
        let draining = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for (service, listener) in listeners.0 {
            tasks.spawn(connection::accept(self.clone(), service, listener, draining.clone()));
        }
        tasks.spawn(housekeeping(self.clone(), draining.clone()));
        drain.await;
        draining.cancel();
        while tasks.join_next().await.is_some() {}
        Ok(())
    }
}

async fn housekeeping(store: Store, draining: CancellationToken) {
    loop {
        tokio::select! {
            () = draining.cancelled() => return,
            () = tokio::time::sleep(Store::TIDY_EVERY) => {}
        }
        // A failure here (a full disk) is met again, and reported, by the next request; the next round retries.
        let _ = store.tidy().await;
    }
}
