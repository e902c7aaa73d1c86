//! Removal of documents whose time is over. Readers never see them; this gives their space back.

use std::ops::ControlFlow;

use super::{
    Documents, Fault,
    catalog::{Container, Database},
    item::{self, ITEMS},
    writer::Writer,
};
use crate::engine::{KeyRange, View};

/// Most documents removed per step, so that nobody waits behind it.
const STEP: usize = 256;

impl Documents {
    /// Removes some expired documents; returns how many. Call it now and then, and again while it returns a number
    /// above zero. Reads all documents of containers that have a time to live.
    pub async fn sweep_expired(&self) -> Result<usize, SweepError> {
        let now = self.engine().clock().now();
        let expired = self.engine().scan(move |view| {
            let mut expired: Vec<(Container, Vec<u64>)> = Vec::new();
            for database in Database::all(view)? {
                for container in Container::all(view, &database)? {
                    if container.default_ttl().is_none() {
                        continue;
                    }
                    let mut numbers = Vec::new();
                    view.scan(ITEMS, &KeyRange::prefix(container.prefix()), &mut |row, record| {
                        let number = item::number_in(row);
                        let dead = item::Item::decode(number, record)
                            .is_ok_and(|item| item.is_expired(&container, now));
                        if dead {
                            numbers.push(number);
                        }
                        if numbers.len() == STEP { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    })?;
                    expired.push((container, numbers));
                }
            }
            Ok::<_, Fault>(expired)
        });
        let mut removed = 0;
        for (container, numbers) in expired.await? {
            if numbers.is_empty() {
                continue;
            }
            removed += self
                .engine()
                .write(move |tx| {
                    let writer = Writer::new(tx, &container, now)?;
                    let mut removed = 0;
                    for number in numbers {
                        // It may have been written anew since it was found.
                        let item = item::load(tx, &container, number)?
                            .filter(|item| item.is_expired(&container, now));
                        if let Some(item) = item {
                            writer.remove(tx, &item)?;
                            removed += 1;
                        }
                    }
                    Ok::<_, Fault>(removed)
                })
                .await?;
        }
        Ok(removed)
    }
}

/// Why expired documents could not be removed. They stay invisible and are tried again next time.
#[derive(Debug, thiserror::Error)]
#[error("removing expired documents: {0}")]
pub struct SweepError(String);

impl From<Fault> for SweepError {
    fn from(fault: Fault) -> Self {
        Self(fault.message)
    }
}
