//! How a message lies in the database.

use crate::engine::{StoreError, Timestamp};

/// Texts up to this many bytes lie in the row itself; longer ones apart, so that a get does not rewrite them.
pub(super) const INLINE: usize = 1024;
const FIXED: usize = 8 * 5 + 4 + 1;

/// A message as stored under (queue id, sequence number).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) inserted: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) visible: Timestamp,
    /// Changes with every get and update; a pop receipt carries it.
    pub(super) receipt: u64,
    /// The part of the message id that cannot be guessed from its position.
    pub(super) salt: u64,
    pub(super) dequeued: u32,
    /// `None` when the text lies apart.
    pub(super) text: Option<Vec<u8>>,
}

impl Row {
    pub(super) fn encode(&self) -> Vec<u8> {
        let text = self.text.as_deref();
        let mut bytes = Vec::with_capacity(FIXED + text.map_or(0, <[u8]>::len));
        for time in [self.inserted, self.expires, self.visible] {
            bytes.extend_from_slice(&time.to_key());
        }
        bytes.extend_from_slice(&self.receipt.to_be_bytes());
        bytes.extend_from_slice(&self.salt.to_be_bytes());
        bytes.extend_from_slice(&self.dequeued.to_be_bytes());
        bytes.push(u8::from(text.is_some()));
        bytes.extend_from_slice(text.unwrap_or_default());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let damaged = || StoreError::Damaged("a queue message row is too short".to_owned());
        let (fixed, text) = bytes.split_at_checked(FIXED).ok_or_else(damaged)?;
        let eight = |at: usize| -> [u8; 8] {
            fixed[at * 8..at * 8 + 8].try_into().expect("the slice is eight bytes long")
        };
        let dequeued = fixed[40..44].try_into().expect("the slice is four bytes long");
        Ok(Self {
            inserted: Timestamp::from_key(eight(0)),
            expires: Timestamp::from_key(eight(1)),
            visible: Timestamp::from_key(eight(2)),
            receipt: u64::from_be_bytes(eight(3)),
            salt: u64::from_be_bytes(eight(4)),
            dequeued: u32::from_be_bytes(dequeued),
            text: (fixed[44] == 1).then(|| text.to_vec()),
        })
    }
}

/// (queue, sequence number)
pub(super) fn message_key(queue: u64, number: u64) -> [u8; 16] {
    pair(queue.to_be_bytes(), number.to_be_bytes())
}

/// (queue, time) – the prefix of [`visible_key`].
pub(super) fn time_key(queue: u64, time: Timestamp) -> [u8; 16] {
    pair(queue.to_be_bytes(), time.to_key())
}

/// (queue, time it becomes visible, sequence number): the order in which messages are handed out.
pub(super) fn visible_key(queue: u64, visible: Timestamp, number: u64) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(&time_key(queue, visible));
    key[16..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The sequence number at the end of either key.
pub(super) fn number_in(key: &[u8]) -> Result<u64, StoreError> {
    let tail = key.last_chunk::<8>();
    tail.map(|tail| u64::from_be_bytes(*tail))
        .ok_or_else(|| StoreError::Damaged("a queue key is too short".to_owned()))
}

fn pair(first: [u8; 8], second: [u8; 8]) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&first);
    key[8..].copy_from_slice(&second);
    key
}
