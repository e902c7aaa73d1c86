//! Removal of discarded rows, a little at a time.

use super::tx::GARBAGE;
use super::{Engine, KeyRange, Space, StoreError, View};

/// Rows removed per group, so that nobody waits behind the sweep.
const STEP: usize = 256;

impl Engine {
    /// Removes rows given up by [`super::Tx::discard_prefix`]. Returns true when there is more to do. Each call is one
    /// short write; with nothing to do it costs one read.
    pub async fn sweep(&self, spaces: &'static [Space]) -> Result<bool, StoreError> {
        let next = self.read(|view| view.list(GARBAGE, &KeyRange::prefix(Vec::new()), 1))?;
        let Some((record, _)) = next.into_iter().next() else { return Ok(false) };
        self.write(move |tx| {
            let (name, prefix) = split(&record)
                .ok_or_else(|| StoreError::Damaged("a garbage record has no space name".to_owned()))?;
            // A space this release does not know is left alone by dropping the record's work, not its rows.
            if let Some(space) = spaces.iter().copied().find(|space| space.name().as_bytes() == name) {
                let rows = tx.list(space, &KeyRange::prefix(prefix), STEP)?;
                for (key, _) in &rows {
                    tx.delete(space, key)?;
                }
                if rows.len() == STEP {
                    return Ok(true);
                }
            }
            tx.delete(GARBAGE, &record)?;
            Ok(true)
        })
        .await
    }
}

fn split(record: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = record.iter().position(|byte| *byte == 0)?;
    Some((&record[..end], &record[end + 1..]))
}
