//! A store that is being served, until it is stopped.

use std::net::{Ipv4Addr, SocketAddr};

use horus_app::log::Log;
use horus_app::log::category::STARTUP;
use horus_storage::documents::{self, Tls};
use horus_storage::{Listeners, ServeError, Service, Store};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Bound sockets for the services of a store.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    storage: Listeners,
    documents: Option<TcpListener>,
}

impl Sockets {
    /// Binds `address` for `service` as well.
    pub(crate) async fn with(self, service: Service, address: SocketAddr) -> Result<Self, ServeError> {
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|source| ServeError::Bind { address, service, source })?;
        Ok(self.holding(service, listener))
    }

    /// Takes a socket for `service` that is bound already.
    pub(crate) fn holding(mut self, service: Service, listener: TcpListener) -> Self {
        match service {
            Service::Blob | Service::Queue | Service::Table => {
                self.storage = self.storage.holding(service, listener);
            }
            Service::Documents => self.documents = Some(listener),
        }
        self
    }

    /// Where `service` can be reached.
    pub(crate) fn address(&self, service: Service) -> Option<SocketAddr> {
        match service {
            Service::Documents => self.documents.as_ref()?.local_addr().ok(),
            _ => self.storage.address(service),
        }
    }
}

/// The usual address of `service` on this machine.
pub(crate) fn usual_address(service: Service) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, service.usual_port()))
}

/// The store and what serves it.
#[derive(Debug)]
pub(crate) struct Running {
    store: Store,
    tasks: JoinSet<Result<(), String>>,
    stop: CancellationToken,
}

impl Running {
    /// Serves `store` on `sockets`; documents over HTTPS as well, with `tls`.
    pub(crate) fn serve(store: Store, sockets: Sockets, tls: Option<Tls>) -> Self {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        if let Some(listener) = sockets.documents {
            let (documents, stop) = (store.documents().clone(), stop.clone());
            tasks.spawn(async move {
                documents::serve(documents, listener, tls, stop).await.map_err(|error| error.to_string())
            });
        }
        let (serving, stopped) = (store.clone(), stop.clone());
        tasks.spawn(async move {
            serving.serve(sockets.storage, stopped.cancelled_owned()).await.map_err(|error| error.to_string())
        });
        Self { store, tasks, stop }
    }

    /// Returns why a service could not go on; never while all is well.
    pub(crate) async fn failed(&mut self) -> String {
        while let Some(ended) = self.tasks.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(problem)) => return problem,
                Err(error) => return error.to_string(),
            }
        }
        std::future::pending().await
    }

    /// Lets open requests finish and closes the store.
    pub(crate) async fn stop(mut self, log: &Log) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Ok(Err(problem)) = ended {
                log.error(STARTUP, format!("The embedded store had stopped: {problem}"));
            }
        }
        self.store.close().await;
    }
}
