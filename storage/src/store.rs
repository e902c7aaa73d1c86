//! The store as one value: open it, call it, serve it.

use crate::BlobWritten;
use crate::auth::{self, Accounts, Principal, Scope};
use crate::body::Body;
use crate::documents::{self, Documents};
use crate::engine::{Engine, EngineOptions, OpenError, Space, StoreError};
use crate::protocol::fault::{ACCOUNT_UNKNOWN, INTERNAL_ERROR};
use crate::protocol::{self, Answer, Call, Fault, Shape, service_properties};
use crate::server::Service;
use crate::{blob, queue, table};
use http::{Method, Request, Response};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// How to open a [`Store`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the data lives.
    pub engine: EngineOptions,
    /// Who may use blobs, queues and tables.
    pub accounts: Accounts,
    /// Who may use documents.
    pub documents: documents::Options,
}

impl Options {
    /// Durable data in `folder`, for the emulators' well-known accounts.
    pub fn in_folder(folder: impl Into<std::path::PathBuf>) -> Self {
        Self::with_engine(EngineOptions::in_folder(folder))
    }

    /// Nothing on disk, for the emulators' well-known accounts.
    pub fn in_memory() -> Self {
        Self::with_engine(EngineOptions::in_memory())
    }

    fn with_engine(engine: EngineOptions) -> Self {
        Self { engine, accounts: Accounts::default(), documents: documents::Options::default() }
    }
}

/// Who vouches for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Nobody: signatures are verified. `peer` is compared with a SAS's address range.
    Verify {
        /// The sender's address; `None` when there is no socket.
        peer: Option<IpAddr>,
    },
    /// The caller is this process itself; signatures are not looked at.
    Trusted,
}

/// The embedded store. Cheap to clone; every clone is the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    engine: Engine,
    accounts: Accounts,
    blobs: blob::Files,
    news: blob::News,
    documents: Documents,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("engine", &self.0.engine).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens or creates the store. Blocks while a crashed store is repaired.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let engine = Engine::open(options.engine)?;
        let blobs = blob::Files::open(&engine)?;
        let documents = Documents::new(engine.clone(), options.documents);
        let news = blob::News::default();
        Ok(Self(Arc::new(Inner { engine, accounts: options.accounts, blobs, news, documents })))
    }

    /// The document service, for [`documents::serve`].
    pub fn documents(&self) -> &Documents {
        &self.0.documents
    }

    /// Word of every blob that is written from now on, over a socket or in-process.
    pub fn written_blobs(&self) -> broadcast::Receiver<BlobWritten> {
        self.0.news.subscribe()
    }

    /// The engine underneath.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The accounts it answers for.
    pub fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    /// Answers one request, as the service at that endpoint would. The path starts with the account, except that of
    /// documents. Never fails: faults are responses. In-process callers use this directly and get the same semantics
    /// as over a socket.
    pub async fn call(&self, service: Service, request: Request<Body>, trust: Trust) -> Response<Body> {
        if service == Service::Documents {
            return self.0.documents.call(request, trust).await;
        }
        let shape = if service == Service::Table { Shape::OData } else { Shape::Xml };
        let (parts, body) = request.into_parts();
        let now = self.0.engine.clock().now();
        let peer = match trust {
            Trust::Verify { peer } => peer,
            Trust::Trusted => None,
        };
        let call = match Call::new(parts, now, peer, &|name| self.0.accounts.get(name).is_some()) {
            Ok(call) => call,
            Err(fault) => return protocol::finish(Err(now), shape, Err(fault)),
        };
        let outcome = self.answer(service, &call, trust, body).await;
        let outcome = outcome.map(|answer| match service_name(service) {
            Some(name) => service_properties::with_cors(&self.0.engine, name, &call, answer),
            None => answer,
        });
        protocol::finish(Ok(&call), shape, outcome)
    }

    async fn answer(&self, service: Service, call: &Call, trust: Trust, body: Body) -> Result<Answer, Fault> {
        let Inner { engine, accounts, blobs, .. } = &*self.0;
        call.version()?;
        if call.method == Method::OPTIONS
            && let Some(name) = service_name(service)
        {
            return service_properties::preflight(engine, name, call);
        }
        let principal = match trust {
            Trust::Trusted if accounts.get(&call.account).is_some() => Principal::Owner,
            Trust::Trusted => return Err(ACCOUNT_UNKNOWN.into()),
            Trust::Verify { .. } => {
                let policies = |scope: &Scope| match service {
                    Service::Queue => queue::policies_of(engine, scope),
                    Service::Blob => blob::policies_of(engine, scope),
                    Service::Table => table::policies_of(engine, scope),
                    Service::Documents => Ok(Vec::new()),
                };
                auth::verify(accounts, service, call, &policies)?
            }
        };
        match service {
            Service::Queue => queue::handle(engine, call, &principal, body).await,
            Service::Blob => {
                let answer = blob::handle(engine, blobs, call, &principal, body).await?;
                self.0.news.after(call);
                Ok(answer)
            }
            Service::Table => table::handle(engine, call, &principal, body).await,
            Service::Documents => {
                Err(INTERNAL_ERROR.because("Documents are answered before it comes to this."))
            }
        }
    }

    /// One round of housekeeping: expired messages, discarded rows, files of deleted blobs. Short steps; nobody waits.
    pub async fn tidy(&self) -> Result<(), StoreError> {
        let Inner { engine, blobs, documents, .. } = &*self.0;
        // A document that cannot be removed yet is met again in the next round; reads leave expired ones out.
        let _ = documents.sweep_expired().await;
        queue::sweep(engine).await?;
        blob::sweep(engine, blobs).await?;
        while engine.sweep(discardable()).await? {}
        Ok(())
    }

    /// How often [`Store::tidy`] runs while serving.
    pub(crate) const TIDY_EVERY: Duration = Duration::from_secs(60);

    /// Finishes the writes already accepted and refuses new ones; reads go on until the last handle is dropped.
    pub async fn close(&self) {
        self.0.engine.close().await;
    }
}

fn service_name(service: Service) -> Option<&'static str> {
    match service {
        Service::Queue => Some("queue"),
        Service::Blob => Some("blob"),
        Service::Table => Some("table"),
        Service::Documents => None,
    }
}

/// Every space whose rows are ever discarded by prefix.
fn discardable() -> &'static [Space] {
    static ALL: std::sync::OnceLock<Vec<Space>> = std::sync::OnceLock::new();
    ALL.get_or_init(|| {
        [&queue::SPACES[..], &blob::SPACES[..], &table::SPACES[..], documents::SPACES].concat()
    })
}
