//! Resource ids: the short binary addresses behind `_rid` and `_self`, base64 with `-` for `/`.
//!
//! Four bytes name a database, four more a container (top bit set), eight more a document.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A container's place in the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContainerRid {
    pub(super) database: u32,
    pub(super) container: u32,
}

/// Marks the second four bytes as a container's.
const CONTAINER: u32 = 0x8000_0000;

fn written(bytes: &[u8]) -> String {
    STANDARD.encode(bytes).replace('/', "-")
}

fn read(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.replace('-', "/")).ok()
}

/// `_rid` of a database.
pub(super) fn database(number: u32) -> String {
    written(&number.to_be_bytes())
}

/// The database number in a `_rid`.
pub(super) fn parse_database(text: &str) -> Option<u32> {
    Some(u32::from_be_bytes(read(text)?.try_into().ok()?))
}

impl ContainerRid {
    fn bytes(self) -> [u8; 8] {
        (u64::from(self.database) << 32 | u64::from(self.container | CONTAINER)).to_be_bytes()
    }

    /// The container's place in a `_rid`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = u64::from_be_bytes(read(text)?.try_into().ok()?);
        let container = (number as u32) & !CONTAINER;
        Some(Self { database: (number >> 32) as u32, container })
    }

    /// `_rid` of document `number` in this container.
    pub(super) fn document(self, number: u64) -> String {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.bytes());
        bytes[8..].copy_from_slice(&number.to_le_bytes());
        written(&bytes)
    }

    /// The document number in a `_rid`, if it belongs to this container.
    pub(super) fn parse_document(self, text: &str) -> Option<u64> {
        let bytes = read(text)?;
        let number = u64::from_le_bytes(bytes.get(8..)?.try_into().ok()?);
        (bytes[..8] == self.bytes()).then_some(number)
    }

    /// `_self` of the container, with the closing slash.
    pub(super) fn path(self) -> String {
        format!("dbs/{}/colls/{self}/", database(self.database))
    }
}

impl std::fmt::Display for ContainerRid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&written(&self.bytes()))
    }
}

/// An `_etag` (with its quotes) for a revision number and the second it was written.
pub(super) fn etag(revision: u64, seconds: i64) -> String {
    format!("\"{:08x}-0000-{:04x}-0000-{:012x}\"", revision & 0xFFFF_FFFF, (revision >> 32) & 0xFFFF, seconds)
}
