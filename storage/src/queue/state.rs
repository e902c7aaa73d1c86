//! Queues and messages as transactions: no HTTP in here.

use super::rows::{INLINE, Row, message_key, number_in, time_key, visible_key};
use crate::engine::{Engine, KeyRange, Space, StoreError, Timestamp, Tx, View, counter};
use crate::protocol::fault::{INVALID_QUERY, MESSAGE_NOT_FOUND, POP_RECEIPT_MISMATCH, QUEUE_NOT_FOUND};
use crate::protocol::{Fault, Metadata, Policy};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::time::Duration;

pub(super) const QUEUES: Space = Space::new("queue.queues");
const MESSAGES: Space = Space::new("queue.messages");
const TEXTS: Space = Space::new("queue.texts");
const VISIBLE: Space = Space::new("queue.visible");
const COUNTS: Space = Space::new("queue.counts");

/// The spaces whose rows may be discarded with their queue.
pub(crate) const SPACES: [Space; 4] = [MESSAGES, TEXTS, VISIBLE, COUNTS];

/// A queue's record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Queue {
    /// Names the rows of its messages. Clearing and deleting a queue take a new one.
    pub(super) id: u64,
    #[serde(default)]
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) policies: Vec<Policy>,
}

pub(super) fn queue_key(account: &str, name: &str) -> Vec<u8> {
    format!("{account}\0{name}").into_bytes()
}

pub(super) fn queue(view: &impl View, account: &str, name: &str) -> Result<Queue, Fault> {
    let bytes = view.get(QUEUES, &queue_key(account, name))?;
    decode(&bytes.ok_or_else(|| Fault::from(QUEUE_NOT_FOUND))?)
}

pub(super) fn decode(bytes: &[u8]) -> Result<Queue, Fault> {
    serde_json::from_slice(bytes)
        .map_err(|error| StoreError::Damaged(format!("a queue record: {error}")).into())
}

pub(super) fn save(tx: &mut Tx<'_>, account: &str, name: &str, queue: &Queue) -> Result<(), Fault> {
    let bytes = serde_json::to_vec(queue).expect("a queue record is plain data");
    Ok(tx.put(QUEUES, &queue_key(account, name), &bytes)?)
}

/// Gives up all rows of the queue known as `id`.
pub(super) fn discard(tx: &mut Tx<'_>, id: u64) -> Result<(), Fault> {
    for space in SPACES {
        tx.discard_prefix(space, &id.to_be_bytes())?;
    }
    Ok(())
}

/// Messages in the queue, visible or not.
pub(super) fn count(view: &impl View, id: u64) -> Result<i64, StoreError> {
    counter(view, COUNTS, &id.to_be_bytes())
}

/// A message as a client sees it.
#[derive(Debug, Clone)]
pub(super) struct Message {
    number: u64,
    pub(super) row: Row,
    pub(super) text: String,
}

impl Message {
    /// A GUID: the sequence number, then the salt.
    pub(super) fn id(&self) -> String {
        uuid::Uuid::from_u64_pair(self.number, self.row.salt).to_string()
    }

    pub(super) fn pop_receipt(&self) -> String {
        pop_receipt(self.row.receipt, self.row.visible)
    }
}

/// Opaque to clients. The time is in it only to make the length, and so the text, look like the services'.
pub(super) fn pop_receipt(receipt: u64, visible: Timestamp) -> String {
    let mut bytes = receipt.to_be_bytes().to_vec();
    bytes.extend_from_slice(&visible.to_key());
    STANDARD.encode(bytes)
}

fn receipt_in(text: &str) -> Result<u64, Fault> {
    let bytes = STANDARD.decode(text).ok();
    let receipt = bytes.as_deref().and_then(|bytes| bytes.first_chunk::<8>().copied());
    receipt.map(u64::from_be_bytes).ok_or_else(|| {
        INVALID_QUERY.detail("QueryParameterName", "popreceipt").detail("QueryParameterValue", text)
    })
}

/// Appends a message that becomes visible at `visible`.
pub(super) fn put(
    tx: &mut Tx<'_>,
    queue: u64,
    text: String,
    now: Timestamp,
    visible: Timestamp,
    expires: Timestamp,
) -> Result<Message, Fault> {
    let number = tx.next_id()?;
    let inline = text.len() <= INLINE;
    let row = Row {
        inserted: now,
        expires,
        visible,
        receipt: rand::random(),
        salt: rand::random(),
        dequeued: 0,
        text: inline.then(|| text.clone().into_bytes()),
    };
    let key = message_key(queue, number);
    if !inline {
        tx.put(TEXTS, &key, text.as_bytes())?;
    }
    tx.put(MESSAGES, &key, &row.encode())?;
    tx.put(VISIBLE, &visible_key(queue, visible, number), &[])?;
    tx.bump(COUNTS, &queue.to_be_bytes(), 1)?;
    Ok(Message { number, row, text })
}

/// Whether a get at `now` could return anything; saves an empty poll the trip to the writer.
pub(super) fn has_visible(view: &impl View, queue: u64, now: Timestamp) -> Result<bool, StoreError> {
    Ok(!view.list(VISIBLE, &visible_until(queue, now), 1)?.is_empty())
}

/// Takes up to `most` visible messages and hides them until `hidden_until`.
pub(super) fn get(
    tx: &mut Tx<'_>,
    queue: u64,
    most: usize,
    now: Timestamp,
    hidden_until: Timestamp,
) -> Result<Vec<Message>, Fault> {
    let mut taken = Vec::new();
    loop {
        let wanted = most - taken.len();
        let keys = tx.list(VISIBLE, &visible_until(queue, now), wanted)?;
        for (key, _) in &keys {
            let number = number_in(key)?;
            let mut row = row(tx, queue, number)?;
            if row.expires <= now {
                remove(tx, queue, number, &row)?;
                continue;
            }
            tx.delete(VISIBLE, key)?;
            row.visible = hidden_until;
            row.dequeued += 1;
            row.receipt = rand::random();
            tx.put(VISIBLE, &visible_key(queue, hidden_until, number), &[])?;
            tx.put(MESSAGES, &message_key(queue, number), &row.encode())?;
            let text = text(tx, queue, number, &row)?;
            taken.push(Message { number, row, text });
        }
        // Expired messages made room: look again. A zero time-out would hand out the same ones for ever.
        if keys.len() < wanted || taken.len() == most || hidden_until <= now {
            return Ok(taken);
        }
    }
}

/// Up to `most` visible messages, left as they are.
pub(super) fn peek(view: &impl View, queue: u64, most: usize, now: Timestamp) -> Result<Vec<Message>, Fault> {
    let mut seen = Vec::new();
    let mut failure = None;
    view.scan(VISIBLE, &visible_until(queue, now), &mut |key, _| {
        let message = number_in(key).map_err(Fault::from).and_then(|number| {
            let row = row(view, queue, number)?;
            let text = if row.expires > now { text(view, queue, number, &row)? } else { String::new() };
            Ok(Message { number, row, text })
        });
        match message {
            Ok(message) if message.row.expires > now => seen.push(message),
            Ok(_) => {}
            Err(error) => failure = Some(error),
        }
        if seen.len() == most || failure.is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    failure.map_or(Ok(seen), Err)
}

/// Deletes the message if `receipt` is its latest.
pub(super) fn delete(
    tx: &mut Tx<'_>,
    queue: u64,
    id: &str,
    receipt: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    let (number, row) = held(tx, queue, id, receipt, now)?;
    remove(tx, queue, number, &row)
}

/// Changes when the message becomes visible and, if given, its text.
pub(super) fn update(
    tx: &mut Tx<'_>,
    queue: u64,
    id: &str,
    receipt: &str,
    now: Timestamp,
    visible: Timestamp,
    text: Option<String>,
) -> Result<Message, Fault> {
    let (number, mut row) = held(tx, queue, id, receipt, now)?;
    let key = message_key(queue, number);
    tx.delete(VISIBLE, &visible_key(queue, row.visible, number))?;
    row.visible = visible;
    row.receipt = rand::random();
    if let Some(text) = &text {
        let inline = text.len() <= INLINE;
        if row.text.is_none() {
            tx.delete(TEXTS, &key)?;
        }
        row.text = inline.then(|| text.clone().into_bytes());
        if !inline {
            tx.put(TEXTS, &key, text.as_bytes())?;
        }
    }
    tx.put(VISIBLE, &visible_key(queue, visible, number), &[])?;
    tx.put(MESSAGES, &key, &row.encode())?;
    Ok(Message { number, row, text: text.unwrap_or_default() })
}

/// The message `id` if it lives and `receipt` is its latest.
fn held(view: &impl View, queue: u64, id: &str, receipt: &str, now: Timestamp) -> Result<(u64, Row), Fault> {
    let receipt = receipt_in(receipt)?;
    let id = uuid::Uuid::parse_str(id).map_err(|_| Fault::from(MESSAGE_NOT_FOUND))?;
    let (number, salt) = id.as_u64_pair();
    let bytes = view.get(MESSAGES, &message_key(queue, number))?;
    let row = Row::decode(&bytes.ok_or_else(|| Fault::from(MESSAGE_NOT_FOUND))?)?;
    if row.salt != salt || row.expires <= now {
        return Err(MESSAGE_NOT_FOUND.into());
    }
    if row.receipt != receipt {
        return Err(POP_RECEIPT_MISMATCH.into());
    }
    Ok((number, row))
}

fn remove(tx: &mut Tx<'_>, queue: u64, number: u64, row: &Row) -> Result<(), Fault> {
    let key = message_key(queue, number);
    tx.delete(VISIBLE, &visible_key(queue, row.visible, number))?;
    tx.delete(MESSAGES, &key)?;
    if row.text.is_none() {
        tx.delete(TEXTS, &key)?;
    }
    tx.bump(COUNTS, &queue.to_be_bytes(), -1)?;
    Ok(())
}

fn row(view: &impl View, queue: u64, number: u64) -> Result<Row, Fault> {
    let bytes = view.get(MESSAGES, &message_key(queue, number))?;
    let lost = || StoreError::Damaged(format!("queue message {number} is listed but missing"));
    Ok(Row::decode(&bytes.ok_or_else(lost)?)?)
}

fn text(view: &impl View, queue: u64, number: u64, row: &Row) -> Result<String, Fault> {
    let bytes = match &row.text {
        Some(text) => text.clone(),
        None => {
            let lost = || StoreError::Damaged(format!("the text of queue message {number} is missing"));
            view.get(TEXTS, &message_key(queue, number))?.ok_or_else(lost)?
        }
    };
    String::from_utf8(bytes)
        .map_err(|_| StoreError::Damaged(format!("the text of queue message {number} is not UTF-8")).into())
}

fn visible_until(queue: u64, now: Timestamp) -> KeyRange {
    KeyRange::between(time_key(queue, Timestamp(0)), time_key(queue, now.after(Duration::from_millis(1))))
}

/// Messages looked at in one step of [`sweep`].
const STEP: usize = 4096;

/// Removes expired messages of all queues, a step at a time, without holding up the writer.
pub(crate) async fn sweep(engine: &Engine) -> Result<(), StoreError> {
    let mut range = KeyRange::prefix(Vec::new());
    loop {
        let now = engine.clock().now();
        let step = range.clone();
        let (expired, last) = engine
            .scan(move |view| {
                let (mut expired, mut last, mut seen) = (Vec::new(), None, 0);
                view.scan(MESSAGES, &step, &mut |key, value| {
                    seen += 1;
                    if Row::decode(value).is_ok_and(|row| row.expires <= now) {
                        expired.push(key.to_vec());
                    }
                    if seen == STEP {
                        last = Some(key.to_vec());
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                })?;
                Ok::<_, StoreError>((expired, last))
            })
            .await?;
        for keys in expired.chunks(256) {
            let keys = keys.to_vec();
            engine
                .write(move |tx| {
                    for key in keys {
                        drop_expired(tx, &key, now)?;
                    }
                    Ok::<_, StoreError>(())
                })
                .await?;
        }
        match last {
            Some(last) => range = range.after(last),
            None => return Ok(()),
        }
    }
}

fn drop_expired(tx: &mut Tx<'_>, key: &[u8], now: Timestamp) -> Result<(), StoreError> {
    let (Some(value), Some(queue)) = (tx.get(MESSAGES, key)?, key.first_chunk::<8>()) else { return Ok(()) };
    let row = Row::decode(&value)?;
    if row.expires <= now {
        let number = number_in(key)?;
        remove(tx, u64::from_be_bytes(*queue), number, &row)
            .map_err(|fault| StoreError::Damaged(fault.message.into_owned()))?;
    }
    Ok(())
}
