//! Who may come in: account keys.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The emulator's key that every client library knows. Public, hence good for the loopback address only.
pub const WELL_KNOWN_KEY: &str =
    "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==";

/// An account key. Prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

/// The text is no account key.
#[derive(Debug, thiserror::Error)]
#[error("an account key is base64 text; check that it was copied whole")]
pub struct KeyError;

impl Key {
    /// Reads an account key as a connection string has it.
    pub fn parse(base64: &str) -> Result<Self, KeyError> {
        STANDARD.decode(base64.trim()).ok().filter(|key| !key.is_empty()).map(Self).ok_or(KeyError)
    }

    /// [`WELL_KNOWN_KEY`].
    pub fn well_known() -> Self {
        Self::parse(WELL_KNOWN_KEY).expect("the constant is base64")
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// How the document service behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Any of these signs a request.
    pub keys: Vec<Key>,
}

impl Default for Options {
    /// The well-known key alone.
    fn default() -> Self {
        Self { keys: vec![Key::well_known()] }
    }
}

impl Options {
    /// Whether the public key opens the service.
    pub fn accepts_well_known_key(&self) -> bool {
        self.keys.contains(&Key::well_known())
    }
}
