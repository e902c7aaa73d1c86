//! What can go wrong.

use azure_data_cosmos::CosmosError;

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The database, container or document does not exist.
    #[error("not found")]
    NotFound,
    /// The service said no.
    #[error("the service answered {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// Nobody answered, or the account cannot be used.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    pub(super) fn endpoint(text: &str) -> Self {
        Self::Failed(format!("'{text}' is not the address of an account"))
    }
}

impl From<CosmosError> for Error {
    fn from(error: CosmosError) -> Self {
        let status = error.status();
        // Whatever the sub-status: a missing database or container has one of its own.
        if u16::from(status.status_code()) == 404 {
            return Self::NotFound;
        }
        // The first line says what happened; what follows is a diagnostic dump.
        let message = error.to_string().lines().next().unwrap_or_default().to_owned();
        match u16::from(status.status_code()) {
            // The client reports its own failures as statuses that the service never sends.
            status @ (400..=499 | 503) if !message.is_empty() => Self::Refused { status, message },
            _ => Self::Failed(message),
        }
    }
}
