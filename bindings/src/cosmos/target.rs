//! The container that a binding reads or writes.

use horus_cosmos_client::{Account, Container, Error};

use crate::template::Template;
use crate::{BindingData, BindingError};

/// Account, database and container of a binding; the latter two may depend on the event.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) account: Account,
    pub(super) database: Template,
    pub(super) container: Template,
    pub(super) function: String,
}

/// [`Target`] for one event.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) account: &'a Account,
    pub(super) database: String,
    pub(super) container: String,
}

impl Target {
    pub(super) fn place(&self, data: &BindingData) -> Result<Place<'_>, BindingError> {
        Ok(Place {
            account: &self.account,
            database: self.database.render(data, &self.function)?,
            container: self.container.render(data, &self.function)?,
        })
    }
}

impl Place<'_> {
    /// The container, opened.
    pub(super) async fn open(&self) -> Result<Container, Error> {
        self.account.container(&self.database, &self.container).await
    }

    /// Runs `work` on the container. What was known about it may be out of date, for example when it was deleted
    /// and made anew: after a 404 it is opened again, once.
    pub(super) async fn with<T, F: Future<Output = Result<T, Error>>>(
        &self,
        work: impl Fn(Container) -> F,
    ) -> Result<T, Error> {
        match work(self.open().await?).await {
            Err(Error::NotFound) => {
                self.account.forget(&self.database, &self.container);
                work(self.open().await?).await
            }
            result => result,
        }
    }

    /// `error`, with the place it happened at.
    pub(super) fn error(&self, error: &Error) -> BindingError {
        BindingError::new(format!(
            "Cosmos DB container '{}' in database '{}': {error}.",
            self.container, self.database
        ))
    }
}
