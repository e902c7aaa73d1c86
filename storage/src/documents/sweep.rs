//! Removal of documents whose time is over. Readers never see them; this gives their space back.

use std::ops::ControlFlow;

use super::{
    Documents, Fault,
    catalog::{Container, Database},
    item::{self, ITEMS, Item},
    writer::Writer,
};
use crate::engine::{KeyRange, Snapshot, Timestamp, View};

/// Records looked at per call: what keeps the cost of an idle store low, however much it holds.
const LOOKED_AT: usize = 8192;
/// Documents removed per write, so that nobody waits behind it.
const STEP: usize = 256;

/// The record the last call ended at: container number and document number.
pub(super) type Cursor = (u32, u64);

/// What one call found.
struct Found {
    expired: Vec<(Container, Vec<u64>)>,
    /// `None` when the end was reached: the next call begins anew.
    cursor: Option<Cursor>,
}

impl Documents {
    /// Looks at some documents of containers that have a time to live and removes those whose time is over; returns
    /// how many. Calls go round: each begins where the last one ended. Once a minute is plenty.
    pub async fn sweep_expired(&self) -> Result<usize, SweepError> {
        let now = self.engine().clock().now();
        let cursor = *self.cursor().lock();
        let found = self.engine().scan(move |view| found(view, cursor.unwrap_or((0, 0)), now)).await?;
        *self.cursor().lock() = found.cursor;
        let mut removed = 0;
        for (container, numbers) in found.expired {
            for some in numbers.chunks(STEP) {
                removed += self.remove_expired(container.clone(), some.to_vec(), now).await?;
            }
        }
        Ok(removed)
    }

    async fn remove_expired(
        &self,
        container: Container,
        numbers: Vec<u64>,
        now: Timestamp,
    ) -> Result<usize, Fault> {
        let write = self.engine().write(move |tx| {
            let writer = Writer::new(tx, &container, now)?;
            let mut removed = 0;
            for number in numbers {
                // It may have been written anew since it was found.
                let item = item::load(tx, &container, number)?;
                if let Some(item) = item.filter(|item| item.is_expired(&container, now)) {
                    writer.remove(tx, &item)?;
                    removed += 1;
                }
            }
            Ok::<_, Fault>(removed)
        });
        write.await
    }
}

fn found(view: &Snapshot, from: Cursor, now: Timestamp) -> Result<Found, Fault> {
    let mut containers = Vec::new();
    for database in Database::all(view)? {
        containers.extend(Container::all(view, &database)?);
    }
    containers.retain(|container| container.default_ttl().is_some() && container.number() >= from.0);
    containers.sort_by_key(Container::number);
    let mut budget = LOOKED_AT;
    let mut found = Found { expired: Vec::new(), cursor: None };
    for container in containers {
        let after = if container.number() == from.0 { from.1 } else { 0 };
        let range = KeyRange::prefix(container.prefix()).after(item::numbered(&container, after));
        let mut numbers = Vec::new();
        view.scan(ITEMS, &range, &mut |row, record| {
            let number = item::number_in(row);
            if Item::decode(number, record).is_ok_and(|item| item.is_expired(&container, now)) {
                numbers.push(number);
            }
            budget -= 1;
            if budget > 0 {
                return ControlFlow::Continue(());
            }
            found.cursor = Some((container.number(), number));
            ControlFlow::Break(())
        })?;
        found.expired.push((container, numbers));
        if found.cursor.is_some() {
            break;
        }
    }
    Ok(found)
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
