//! What went wrong at a storage service, in words that can be printed.

use std::error::Error as _;

use azure_core::error::{Error, ErrorKind};

use crate::BindingError;

/// A failed call. Its text names the place and never a secret: the client library's own messages may repeat a
/// URL with a signature in it, so only status, code and the innermost cause are taken from them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// The service said no.
    #[error("{place}: the service answered {status} {code}")]
    Refused {
        /// What was asked for, and where.
        place: String,
        /// HTTP status.
        status: u16,
        /// The service's error code; empty when it gave none.
        code: String,
    },
    /// Nobody answered.
    #[error("{place}: the service cannot be reached: {reason}")]
    Unreachable {
        /// What was asked for, and where.
        place: String,
        /// Innermost cause.
        reason: String,
    },
    /// No token, or an answer that makes no sense.
    #[error("{place}: {reason}")]
    Other {
        /// What was asked for, and where.
        place: String,
        /// Innermost cause.
        reason: String,
    },
}

impl StorageError {
    /// Describes `error`, which happened at `place`.
    pub(crate) fn new(place: impl Into<String>, error: &Error) -> Self {
        let place = place.into();
        match error.kind() {
            ErrorKind::HttpResponse { status, error_code, .. } => Self::Refused {
                place,
                status: u16::from(*status),
                code: error_code.clone().unwrap_or_default(),
            },
            ErrorKind::Connection | ErrorKind::Io => Self::Unreachable { place, reason: root_cause(error) },
            ErrorKind::DataConversion => {
                Self::Other { place, reason: "the service's answer cannot be read".to_owned() }
            }
            _ => Self::Other { place, reason: root_cause(error) },
        }
    }

    /// The service's error code, if it answered at all.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// HTTP status, if the service answered at all.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the thing does not exist.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether the same call may work a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500..=599),
            Self::Unreachable { .. } => true,
            Self::Other { .. } => false,
        }
    }
}

/// The last error of the chain: an operating system's or a library's own words, without the URL that the layers
/// above it put around them.
fn root_cause(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    let mut inner = error.source();
    while let Some(source) = inner {
        cause = source;
        inner = source.source();
    }
    let text = cause.to_string();
    match text.contains("sig=") {
        true => "the request failed".to_owned(),
        false => text,
    }
}

impl From<StorageError> for BindingError {
    fn from(error: StorageError) -> Self {
        Self::new(error.to_string())
    }
}
