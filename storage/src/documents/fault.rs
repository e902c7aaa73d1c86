//! Refused requests, in the words and numbers of the service.

use http::StatusCode;
use serde_json::{Value, json};

use super::sql::SqlError;
use crate::engine::StoreError;

/// A request that was not carried out. Nothing of it remains in the store.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{status}: {message}")]
pub struct Fault {
    /// The HTTP status.
    pub status: StatusCode,
    /// `x-ms-substatus`: 0 where the status says it all.
    pub substatus: u32,
    /// What a person should read.
    pub message: String,
}

/// `x-ms-substatus` of a partition key that is not the document's.
const KEY_MISMATCH: u32 = 1001;
/// `x-ms-substatus` when the parent of the resource is missing.
const OWNER_MISSING: u32 = 1003;
/// `x-ms-substatus` when a client's cached container was deleted and created again.
const CONTAINER_RECREATED: u32 = 1024;

impl Fault {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, substatus: 0, message: message.into() }
    }

    /// 400 for input that cannot be used.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 400 for a part of the service that does not exist here.
    pub fn unsupported(what: &str) -> Self {
        Self::bad_request(format!("{what} is not supported by this document store."))
    }

    /// 401 for a missing or wrong signature.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    /// 403 for a signature that is too old or too new.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 404 for the resource itself.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("Resource Not Found: {what} does not exist."))
    }

    /// 404 for the database or container the resource should be in.
    pub fn owner_not_found(what: &str) -> Self {
        Self { substatus: OWNER_MISSING, ..Self::not_found(what) }
    }

    /// 405 for a verb the resource does not have.
    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "The requested verb is not supported on this resource.")
    }

    /// 409 for an id (or unique key) that is taken.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// 412 for a condition that does not hold.
    pub fn precondition_failed() -> Self {
        let message = "Operation cannot be performed because one of the specified precondition is not met.";
        Self::new(StatusCode::PRECONDITION_FAILED, message)
    }

    /// 413 for a document above the limit.
    pub fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Request size is too large")
    }

    /// 400 for a partition key that is not the document's.
    pub fn key_mismatch() -> Self {
        let message = "PartitionKey extracted from document doesn't match the one specified in the header.";
        Self { substatus: KEY_MISMATCH, ..Self::bad_request(message) }
    }

    /// 400 when the client believes the container to be another one than it is.
    pub fn container_recreated() -> Self {
        let message = "The collection was recreated since the client last read it.";
        Self { substatus: CONTAINER_RECREATED, ..Self::bad_request(message) }
    }

    /// 424 for the operations of a batch whose other operation failed.
    pub fn failed_dependency() -> Self {
        Self::new(StatusCode::FAILED_DEPENDENCY, "Another operation of the transactional batch failed.")
    }

    /// The service's name for the status.
    pub fn code(&self) -> &'static str {
        match self.status.as_u16() {
            400 => "BadRequest",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "NotFound",
            405 => "MethodNotAllowed",
            409 => "Conflict",
            410 => "Gone",
            412 => "PreconditionFailed",
            413 => "RequestEntityTooLarge",
            424 => "FailedDependency",
            503 => "ServiceUnavailable",
            507 => "InsufficientStorage",
            _ => "InternalServerError",
        }
    }

    /// The body the service sends with it.
    pub fn body(&self, activity: &str) -> Value {
        json!({
            "code": self.code(),
            "message": format!("{}\r\nActivityId: {activity}", self.message),
        })
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let status = match error {
            StoreError::Full => StatusCode::INSUFFICIENT_STORAGE,
            StoreError::Closed | StoreError::Reopening => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl From<SqlError> for Fault {
    fn from(error: SqlError) -> Self {
        let errors = json!({"errors": [{
            "severity": "Error",
            "location": {"start": error.span.start, "end": error.span.end},
            "code": error.code,
            "message": error.message,
        }]});
        Self::bad_request(format!("Message: {errors}"))
    }
}
