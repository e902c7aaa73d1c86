//! What runs an app's function bodies: one kind per job, started, watched and stopped the same way.

use std::sync::Arc;

use horus_app::Function;
use tokio::sync::watch;

use crate::custom::{CustomHandler, HandlerError};
use crate::invoke::Invoker;
use crate::worker::{Pool, PoolError};

/// The one runtime of a job.
#[derive(Debug, Clone)]
pub(crate) enum Runtime {
    /// Language workers.
    Workers(Arc<Pool>),
    /// A custom handler.
    Custom(Arc<CustomHandler>),
}

/// Why a runtime cannot serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuntimeError {
    #[error(transparent)]
    Workers(#[from] PoolError),
    #[error(transparent)]
    Custom(#[from] HandlerError),
}

impl Runtime {
    /// The value of `FUNCTIONS_WORKER_RUNTIME` that stands for it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Workers(pool) => pool.language(),
            Self::Custom(_) => "custom",
        }
    }

    /// Extensions of script files whose change concerns it.
    pub(crate) fn extensions(&self) -> &[String] {
        match self {
            Self::Workers(pool) => pool.extensions(),
            Self::Custom(_) => &[],
        }
    }

    /// Makes it ready for invocations of `functions`, whose order is the invoker's index.
    pub(crate) async fn serve(&self, functions: &[Arc<Function>]) -> Result<(), RuntimeError> {
        match self {
            Self::Workers(pool) => Ok(pool.serve(functions).await?),
            Self::Custom(handler) => Ok(handler.serve(functions).await?),
        }
    }

    /// The way to run function bodies.
    pub(crate) fn invoker(&self) -> Arc<dyn Invoker> {
        match self {
            Self::Workers(pool) => pool.clone(),
            Self::Custom(handler) => handler.clone(),
        }
    }

    /// Changes to a message once it has given up.
    pub(crate) fn fatal(&self) -> watch::Receiver<Option<String>> {
        match self {
            Self::Workers(pool) => pool.fatal(),
            Self::Custom(handler) => handler.fatal(),
        }
    }

    /// Ends all its processes; resolves when none is left.
    pub(crate) async fn stop(&self) {
        match self {
            Self::Workers(pool) => pool.stop().await,
            Self::Custom(handler) => handler.stop().await,
        }
    }
}
