//! One document as it is stored, found and shown.

use std::ops::ControlFlow;

use serde_json::{Map, Value};

use super::{Fault, catalog::Container, partition::PartitionKey, rid};
use crate::engine::{KeyRange, Space, StoreError, Timestamp, View};

/// Records by container and document number: in the order the documents were made, which is the order of a scan.
pub(super) const ITEMS: Space = Space::new("documents.items");
/// Document numbers by container, partition key and id.
pub(super) const IDS: Space = Space::new("documents.ids");
/// Document numbers by container, log sequence number and revision: the change feed, one row per document.
pub(super) const FEED: Space = Space::new("documents.feed");
/// Document numbers by container, partition key and unique key values.
pub(super) const UNIQUE: Space = Space::new("documents.unique");

/// Every space with rows below a container's prefix.
pub(super) const SPACES: &[Space] = &[ITEMS, IDS, FEED, UNIQUE];

/// Properties the service writes; what a client sends in them is dropped.
const SYSTEM: [&str; 6] = ["_rid", "_self", "_etag", "_attachments", "_ts", "_lsn"];

/// Record layout this release writes.
const FORMAT: u8 = 1;
/// Bytes before the partition key's text: format, log sequence number, revision, seconds, ttl, text length.
const HEAD: usize = 1 + 8 + 8 + 8 + 8 + 4;

/// A stored document.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Never used again, rising: the order of scans.
    pub(super) number: u64,
    /// The change that wrote it; all documents of a transactional batch share one.
    pub(super) lsn: u64,
    /// Unlike any other write's.
    pub(super) revision: u64,
    /// When it was written, in seconds since 1970.
    pub(super) seconds: i64,
    /// The document's own `ttl` in seconds; 0 when it has none.
    pub(super) ttl: i64,
    /// [`PartitionKey::text`]
    pub(super) key: String,
    /// The client's properties as a JSON object.
    pub(super) body: String,
}

impl Item {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut record = Vec::with_capacity(HEAD + self.key.len() + self.body.len());
        record.push(FORMAT);
        record.extend_from_slice(&self.lsn.to_be_bytes());
        record.extend_from_slice(&self.revision.to_be_bytes());
        record.extend_from_slice(&self.seconds.to_be_bytes());
        record.extend_from_slice(&self.ttl.to_be_bytes());
        let length =
            u32::try_from(self.key.len()).expect("a partition key is part of a document below 2 MiB");
        record.extend_from_slice(&length.to_be_bytes());
        record.extend_from_slice(self.key.as_bytes());
        record.extend_from_slice(self.body.as_bytes());
        record
    }

    pub(super) fn decode(number: u64, record: &[u8]) -> Result<Self, Fault> {
        Self::try_decode(number, record)
            .ok_or_else(|| StoreError::Damaged(format!("the record of document {number}")).into())
    }

    fn try_decode(number: u64, record: &[u8]) -> Option<Self> {
        let (format, rest) = record.split_first()?;
        let (lsn, rest) = rest.split_first_chunk()?;
        let (revision, rest) = rest.split_first_chunk()?;
        let (seconds, rest) = rest.split_first_chunk()?;
        let (ttl, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (key, body) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        (*format == FORMAT).then_some(())?;
        Some(Self {
            number,
            lsn: u64::from_be_bytes(*lsn),
            revision: u64::from_be_bytes(*revision),
            seconds: i64::from_be_bytes(*seconds),
            ttl: i64::from_be_bytes(*ttl),
            key: std::str::from_utf8(key).ok()?.to_owned(),
            body: std::str::from_utf8(body).ok()?.to_owned(),
        })
    }

    pub(super) fn etag(&self) -> String {
        rid::etag(self.revision, self.seconds)
    }

    pub(super) fn partition_key(&self) -> PartitionKey {
        PartitionKey::from_text(&self.key).unwrap_or(PartitionKey(Vec::new()))
    }

    /// The document with the system properties the service adds, as JSON text.
    pub(super) fn text(&self, container: &Container) -> String {
        let open = &self.body[..self.body.len() - 1];
        let (rid, seconds) = (container.rid(), self.seconds);
        let document = rid.document(self.number);
        let etag = self.etag();
        let etag = etag.trim_matches('"');
        format!(
            "{open},\"_rid\":\"{document}\",\"_self\":\"{}docs/{document}/\",\"_etag\":\"\\\"{etag}\\\"\",\
             \"_attachments\":\"attachments/\",\"_ts\":{seconds}}}",
            rid.path()
        )
    }

    /// [`Item::text`] with `_lsn`, as the change feed shows it.
    pub(super) fn feed_text(&self, container: &Container) -> String {
        let mut text = self.text(container);
        text.pop();
        text + &format!(",\"_lsn\":{}}}", self.lsn)
    }

    /// The whole document as a value, for queries.
    pub(super) fn value(&self, container: &Container) -> Result<Value, Fault> {
        let damaged = |error| StoreError::Damaged(format!("document {}: {error}", self.number));
        Ok(serde_json::from_str(&self.text(container)).map_err(damaged)?)
    }

    /// The client's properties.
    pub(super) fn properties(&self) -> Result<Map<String, Value>, Fault> {
        let damaged = |error| StoreError::Damaged(format!("document {}: {error}", self.number));
        Ok(serde_json::from_str(&self.body).map_err(damaged)?)
    }

    /// Whether its time to live is over.
    pub(super) fn is_expired(&self, container: &Container, now: Timestamp) -> bool {
        let Some(default) = container.default_ttl() else { return false };
        let ttl = if self.ttl == 0 { default } else { self.ttl };
        ttl > 0 && now.0 / 1000 >= self.seconds.saturating_add(ttl)
    }

    /// Where the record lies.
    pub(super) fn row(&self, container: &Container) -> Vec<u8> {
        numbered(container, self.number)
    }

    /// Where the change feed has it.
    pub(super) fn feed_row(&self, container: &Container) -> Vec<u8> {
        [numbered(container, self.lsn).as_slice(), &self.revision.to_be_bytes()].concat()
    }
}

/// The container's prefix and a number behind it.
pub(super) fn numbered(container: &Container, number: u64) -> Vec<u8> {
    [container.prefix().as_slice(), &number.to_be_bytes()].concat()
}

/// The number at the end of a row's key or in its value.
pub(super) fn number_in(bytes: &[u8]) -> u64 {
    bytes.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Below the container's prefix, everything of one logical partition: no key's text contains a zero byte.
pub(super) fn partition_prefix(container: &Container, key: &str) -> Vec<u8> {
    [container.prefix().as_slice(), key.as_bytes(), &[0]].concat()
}

/// Where [`IDS`] has the document called `id`.
pub(super) fn id_row(container: &Container, key: &str, id: &str) -> Vec<u8> {
    [partition_prefix(container, key).as_slice(), id.as_bytes()].concat()
}

/// The document numbered `number`, expired or not.
pub(super) fn load(view: &impl View, container: &Container, number: u64) -> Result<Option<Item>, Fault> {
    let record = view.get(ITEMS, &numbered(container, number))?;
    record.map(|record| Item::decode(number, &record)).transpose()
}

/// The document called `id` (or with that resource id), unless it has expired.
pub(super) fn find(
    view: &impl View,
    container: &Container,
    key: &PartitionKey,
    id: &str,
    now: Timestamp,
) -> Result<Option<Item>, Fault> {
    let text = key.text();
    let item = match view.get(IDS, &id_row(container, &text, id))? {
        Some(number) => load(view, container, number_in(&number))?,
        None => match container.rid().parse_document(id) {
            Some(number) => load(view, container, number)?.filter(|item| item.key == text),
            None => None,
        },
    };
    Ok(item.filter(|item| !item.is_expired(container, now)))
}

/// Calls `visit` with every live document after number `after`, in order, until it breaks or fails.
pub(super) fn each(
    view: &impl View,
    container: &Container,
    after: u64,
    now: Timestamp,
    visit: &mut dyn FnMut(Item) -> Result<ControlFlow<()>, Fault>,
) -> Result<(), Fault> {
    let range = KeyRange::prefix(container.prefix()).after(numbered(container, after));
    let mut failure = None;
    view.scan(ITEMS, &range, &mut |row, record| {
        let step =
            Item::decode(number_in(row), record).and_then(|item| match item.is_expired(container, now) {
                true => Ok(ControlFlow::Continue(())),
                false => visit(item),
            });
        step.unwrap_or_else(|fault| {
            failure = Some(fault);
            ControlFlow::Break(())
        })
    })?;
    failure.map_or(Ok(()), Err)
}

/// A document's own `ttl`: −1 or a positive number of seconds. 0 when it has none.
pub(super) fn checked_ttl(ttl: &Value) -> Result<i64, Fault> {
    let seconds = ttl.as_i64().filter(|ttl| *ttl == -1 || (1..=i64::from(i32::MAX)).contains(ttl));
    seconds.ok_or_else(|| {
        Fault::bad_request(format!(
            "The input ttl '{ttl}' is invalid. Ensure to provide a nonzero positive integer less than or equal to \
             '2147483647', or -1 which means never expire."
        ))
    })
}

/// Drops the properties only the service may write.
pub(super) fn without_system_properties(mut document: Map<String, Value>) -> Map<String, Value> {
    document.retain(|name, _| !SYSTEM.contains(&name.as_str()));
    document
}
