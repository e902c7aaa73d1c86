//! Which bytes a blob consists of: segments that refer to chunks, chunks that may be shared by copies and snapshots.

use super::files::{Files, Place, Received};
use crate::engine::{Engine, KeyRange, Space, StoreError, Timestamp, Tx, View};
use bytes::Bytes;
use std::ops::ControlFlow;
use std::time::Duration;

/// chunk id -> where its bytes are: `[1]` a file, `[0] + bytes` right here
pub(super) const CHUNKS: Space = Space::new("blob.chunks");
/// chunk id -> how many segments refer to it, when more than one
const SHARES: Space = Space::new("blob.shares");
/// (content id, offset) -> [`Segment`]
const SEGMENTS: Space = Space::new("blob.segments");
/// (time, chunk id): chunks nobody refers to any more, removed after [`GRACE`]
const DEAD: Space = Space::new("blob.dead");

/// A download that began before the blob was overwritten may go on this long.
const GRACE: Duration = Duration::from_secs(10 * 60);

const INLINE: u8 = 0;
const FILE: u8 = 1;

/// A run of a blob's bytes: one whole chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) offset: u64,
    pub(super) chunk: u64,
    pub(super) length: u64,
    /// The block id it was committed under, as the client wrote it; empty for appended and whole-body content.
    pub(super) block: String,
}

impl Segment {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.chunk.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.length.to_be_bytes());
        bytes.extend_from_slice(self.block.as_bytes());
        bytes
    }

    fn decode(key: &[u8], bytes: &[u8]) -> Result<Self, StoreError> {
        let damaged = || StoreError::Damaged("a blob segment row is too short".to_owned());
        let offset = key.last_chunk::<8>().ok_or_else(damaged)?;
        let (chunk, rest) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
        let (length, block) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
        Ok(Self {
            offset: u64::from_be_bytes(*offset),
            chunk: u64::from_be_bytes(*chunk),
            length: u64::from_be_bytes(*length),
            block: String::from_utf8_lossy(block).into_owned(),
        })
    }
}

fn segment_key(content: u64, offset: u64) -> Vec<u8> {
    [content.to_be_bytes(), offset.to_be_bytes()].concat()
}

/// Records a received body as a chunk with one reference.
pub(super) fn add_chunk(tx: &mut Tx<'_>, received: &Received) -> Result<(), StoreError> {
    let value = match &received.place {
        Place::File => vec![FILE],
        Place::Inline(bytes) => [&[INLINE], bytes.as_ref()].concat(),
    };
    tx.put(CHUNKS, &received.chunk.to_be_bytes(), &value)
}

/// Another segment refers to the chunk.
pub(super) fn share(tx: &mut Tx<'_>, chunk: u64) -> Result<(), StoreError> {
    let shares = shares(tx, chunk)? + 1;
    tx.put(SHARES, &chunk.to_be_bytes(), &shares.to_be_bytes())
}

/// One segment less refers to the chunk; the last one condemns it.
pub(super) fn release(tx: &mut Tx<'_>, chunk: u64, now: Timestamp) -> Result<(), StoreError> {
    let key = chunk.to_be_bytes();
    match shares(tx, chunk)? {
        0 | 1 => tx.put(DEAD, &[now.to_key(), key].concat(), &[]),
        2 => tx.delete(SHARES, &key).map(drop),
        more => tx.put(SHARES, &key, &(more - 1).to_be_bytes()),
    }
}

fn shares(view: &impl View, chunk: u64) -> Result<u64, StoreError> {
    let bytes = view.get(SHARES, &chunk.to_be_bytes())?;
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map_or(1, u64::from_be_bytes))
}

/// Puts a segment at `offset` of the content.
pub(super) fn add_segment(tx: &mut Tx<'_>, content: u64, segment: &Segment) -> Result<(), StoreError> {
    tx.put(SEGMENTS, &segment_key(content, segment.offset), &segment.encode())
}

/// All segments, in order.
pub(super) fn segments(view: &impl View, content: u64) -> Result<Vec<Segment>, StoreError> {
    segments_from(view, content, 0, u64::MAX)
}

/// The segments that hold any byte of `start..end`.
pub(super) fn segments_from(
    view: &impl View,
    content: u64,
    start: u64,
    end: u64,
) -> Result<Vec<Segment>, StoreError> {
    // The segment with byte `start` is the last one that begins at or before it.
    let prefix = content.to_be_bytes();
    let upto = KeyRange::between(prefix, segment_key(content, start.saturating_add(1))).descending();
    let first = view.list(SEGMENTS, &upto, 1)?.into_iter().next().map(|(key, _)| key);
    let range = match first {
        Some(first) => KeyRange::prefix(prefix).from(first),
        None => KeyRange::prefix(prefix),
    };
    let mut found = Vec::new();
    let mut failure = None;
    view.scan(SEGMENTS, &range, &mut |key, value| match Segment::decode(key, value) {
        Ok(segment) if segment.offset >= end => ControlFlow::Break(()),
        Ok(segment) => {
            found.push(segment);
            ControlFlow::Continue(())
        }
        Err(error) => {
            failure = Some(error);
            ControlFlow::Break(())
        }
    })?;
    failure.map_or(Ok(found), Err)
}

/// Gives up a content and its chunks.
pub(super) fn discard(tx: &mut Tx<'_>, content: u64, now: Timestamp) -> Result<(), StoreError> {
    for segment in segments(tx, content)? {
        tx.delete(SEGMENTS, &segment_key(content, segment.offset))?;
        release(tx, segment.chunk, now)?;
    }
    Ok(())
}

/// A second content with the same bytes, sharing the chunks.
pub(super) fn duplicate(tx: &mut Tx<'_>, content: u64) -> Result<u64, StoreError> {
    let copy = tx.next_id()?;
    for segment in segments(tx, content)? {
        add_segment(tx, copy, &segment)?;
        share(tx, segment.chunk)?;
    }
    Ok(copy)
}

/// The bytes of a chunk kept in the database; `None` when they are in a file.
pub(super) fn inline_bytes(view: &impl View, chunk: u64) -> Result<Option<Bytes>, StoreError> {
    let value = view.get(CHUNKS, &chunk.to_be_bytes())?;
    let value = value.ok_or_else(|| StoreError::Damaged("a blob's bytes are missing".to_owned()))?;
    match value.first() {
        Some(&INLINE) => Ok(Some(Bytes::from(value).slice(1..))),
        _ => Ok(None),
    }
}

/// Removes chunks that have been dead for long enough: rows, then files.
pub(super) async fn sweep(engine: &Engine, files: &Files) -> Result<(), StoreError> {
    const STEP: usize = 256;
    loop {
        let now = engine.clock().now();
        let limit = Timestamp(now.0 - i64::try_from(GRACE.as_millis()).unwrap_or(i64::MAX));
        let range = KeyRange::between(Vec::new(), limit.to_key());
        let dead = engine.read(|view| view.list(DEAD, &range, STEP))?;
        if dead.is_empty() {
            return Ok(());
        }
        let keys: Vec<Vec<u8>> = dead.into_iter().map(|(key, _)| key).collect();
        let condemned = keys.clone();
        let in_files = engine
            .write(move |tx| {
                let mut in_files = Vec::new();
                for key in condemned {
                    let Some(chunk) = key.last_chunk::<8>() else { continue };
                    if tx.take(CHUNKS, chunk)?.is_some_and(|value| value.first() == Some(&FILE)) {
                        in_files.push(u64::from_be_bytes(*chunk));
                    }
                    tx.delete(DEAD, &key)?;
                }
                Ok::<_, StoreError>(in_files)
            })
            .await?;
        // A crash here leaves files without rows; the next start removes them.
        for chunk in in_files {
            files.remove(chunk).await?;
        }
    }
}
