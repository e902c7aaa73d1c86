//! What can go wrong with a binding, by when it goes wrong.

/// A binding that cannot be set up; its function is left out and the rest of the app runs.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct BindError(pub String);

impl BindError {
    /// An error with this message, in the platform's words where tools parse them.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// An input that could not be read or an output that could not be written; the invocation fails.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct BindingError(pub String);

impl BindingError {
    /// An error with this message; it must name the place (queue, container …) and never a secret.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// A listener that gave up.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct ListenError(pub String);

impl ListenError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
