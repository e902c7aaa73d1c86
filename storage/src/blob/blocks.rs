//! Put Block, Put Block List, Get Block List.

use super::codes::{
    BLOCK_LIST_TOO_LONG, INVALID_BLOB_OR_BLOCK, INVALID_BLOB_TYPE, INVALID_BLOCK_ID, INVALID_BLOCK_LIST,
};
use super::conditions::Conditions;
use super::content::{self, Segment};
use super::files::Received;
use super::lease::On;
use super::record::{self, Blob, Kind, name_prefix};
use super::upload::{Draft, Target, keep_or_remove, with_crc};
use super::{Context, copy, small_body};
use crate::body::Body;
use crate::engine::{KeyRange, Space, StoreError, Timestamp, Tx, View};
use crate::protocol::fault::{INVALID_XML_NODE, MISSING_LENGTH};
use crate::protocol::xml::{self, Writer};
use crate::protocol::{Answer, Fault};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::collections::HashMap;

/// (container id, name, 0, block id text) -> (chunk, length)
const BLOCKS: Space = Space::new("blob.blocks");
/// One block holds up to 4,000 MiB.
const MOST_BLOCK: u64 = 4000 << 20;
const MOST_BLOCKS: usize = 50_000;

fn block_key(container: u64, name: &str, id: &str) -> Vec<u8> {
    let mut key = name_prefix(container, name);
    key.extend_from_slice(id.as_bytes());
    key
}

fn block_value(received: &Received) -> Vec<u8> {
    [received.chunk.to_be_bytes(), received.length.to_be_bytes()].concat()
}

/// Chunk and length in a block's row.
fn read_value(value: &[u8]) -> Result<(u64, u64), StoreError> {
    let eight =
        |at: usize| value.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
    match (eight(0), eight(8)) {
        (Some(chunk), Some(length)) => Ok((chunk, length)),
        _ => Err(StoreError::Damaged("a block row is too short".to_owned())),
    }
}

/// `PUT ?comp=block`
pub(super) async fn put(cx: &Context<'_>, body: Body) -> Result<Answer, Fault> {
    let id = cx.call.required_query("blockid")?.to_owned();
    let decoded = STANDARD.decode(&id).map_err(|_| Fault::from(INVALID_BLOCK_ID))?;
    if decoded.is_empty() || decoded.len() > 64 {
        return Err(INVALID_BLOCK_ID.into());
    }
    let target = Target::of(cx)?;
    cx.engine.read(|view| record::container(view, &target.account, &target.container))?;
    let received = match copy::source_of(cx)? {
        Some(source) => copy::receive(cx, source, MOST_BLOCK).await?,
        None => cx.files.receive(cx.call, body, MOST_BLOCK).await?,
    };
    let chunk = received.chunk;
    if received.length == 0 {
        return Err(MISSING_LENGTH.because("A block must not be empty."));
    }
    let now = cx.call.now;
    let stored = cx.engine.write(move |tx| put_in(tx, &target, &id, &received, now)).await;
    keep_or_remove(cx, chunk, stored).await
}

fn put_in(
    tx: &mut Tx<'_>,
    target: &Target,
    id: &str,
    received: &Received,
    now: Timestamp,
) -> Result<Answer, Fault> {
    let container = record::container(tx, &target.account, &target.container)?.id;
    match record::existing(tx, container, &target.blob, None)? {
        Some(blob) if blob.kind != Kind::BlockBlob => return Err(INVALID_BLOB_TYPE.into()),
        Some(blob) => drop(blob.lease.on_change(now, target.lease.as_deref(), On::Blob)?),
        None => {
            let mut blob = Blob::new(Kind::BlockBlob, tx.next_id()?, now);
            blob.uncommitted = true;
            blob.touch(tx, now)?;
            record::save(tx, container, &target.blob, None, &blob)?;
        }
    }
    // All ids of a blob's uncommitted blocks have one length.
    let prefix = name_prefix(container, &target.blob);
    if let Some((key, _)) = tx.list(BLOCKS, &KeyRange::prefix(prefix.clone()), 1)?.first()
        && key.len() - prefix.len() != id.len()
    {
        return Err(INVALID_BLOB_OR_BLOCK.into());
    }
    let key = block_key(container, &target.blob, id);
    if let Some(old) = tx.take(BLOCKS, &key)? {
        content::release(tx, read_value(&old)?.0, now)?;
    }
    content::add_chunk(tx, received)?;
    tx.put(BLOCKS, &key, &block_value(received))?;
    let answer = Answer::new(201)
        .header("content-md5", &received.md5_text())
        .header("x-ms-request-server-encrypted", "true");
    Ok(with_crc(answer, received))
}

/// Where a block list says to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Committed,
    Uncommitted,
    Latest,
}

fn block_list(body: &[u8]) -> Result<Vec<(From, String)>, Fault> {
    let root = xml::parse(body, "BlockList")?;
    if root.children.len() > MOST_BLOCKS {
        return Err(BLOCK_LIST_TOO_LONG.into());
    }
    let blocks = root.children.into_iter().map(|child| {
        let from = match child.name.as_str() {
            "Committed" => From::Committed,
            "Uncommitted" => From::Uncommitted,
            "Latest" => From::Latest,
            other => return Err(INVALID_XML_NODE.detail("XmlNodeName", other)),
        };
        Ok((from, child.text.trim().to_owned()))
    });
    blocks.collect()
}

/// `PUT ?comp=blocklist`
pub(super) async fn commit(cx: &Context<'_>, body: Body) -> Result<Answer, Fault> {
    let conditions = Conditions::of(cx.call)?;
    let draft = Draft::of(cx)?;
    let target = Target::of(cx)?;
    let body = small_body(body).await?;
    check_md5(cx, &body)?;
    let list = block_list(&body)?;
    let now = cx.call.now;
    cx.engine
        .write(move |tx| {
            let container = record::container(tx, &target.account, &target.container)?.id;
            let old = record::existing(tx, container, &target.blob, None)?;
            let visible = old.as_ref().filter(|old| !old.uncommitted);
            let stamp = visible.map(|old| (old.etag(), old.modified()));
            conditions.for_change(stamp.as_ref().map(|(etag, time)| (etag.as_str(), *time)))?;
            let mut blob = Blob::new(Kind::BlockBlob, tx.next_id()?, now);
            match &old {
                Some(old) if old.kind != Kind::BlockBlob => return Err(INVALID_BLOB_TYPE.into()),
                Some(old) => {
                    blob.lease = old.lease.on_change(now, target.lease.as_deref(), On::Blob)?;
                    blob.created = old.created;
                }
                None => blob.lease.on_read(now, target.lease.as_deref(), On::Blob)?,
            }
            blob.length = assemble(tx, container, &target.blob, old.as_ref(), &list, blob.content)?;
            if let Some(old) = &old {
                content::discard(tx, old.content, now)?;
            }
            discard(tx, container, &target.blob, now)?;
            draft.apply(&mut blob);
            blob.touch(tx, now)?;
            record::save(tx, container, &target.blob, None, &blob)?;
            Ok(blob.answer(201).header("x-ms-request-server-encrypted", "true"))
        })
        .await
}

fn check_md5(cx: &Context<'_>, body: &[u8]) -> Result<(), Fault> {
    use md5::{Digest, Md5};
    let Some(stated) = cx.call.header("content-md5")? else { return Ok(()) };
    if STANDARD.encode(Md5::digest(body)) == stated {
        Ok(())
    } else {
        Err(crate::protocol::fault::MD5_MISMATCH.into())
    }
}

/// Lists the new content's segments; every segment holds a reference to its chunk. Returns the length.
fn assemble(
    tx: &mut Tx<'_>,
    container: u64,
    name: &str,
    old: Option<&Blob>,
    list: &[(From, String)],
    content: u64,
) -> Result<u64, Fault> {
    let committed: HashMap<String, (u64, u64)> = match old {
        Some(old) => content::segments(tx, old.content)?
            .into_iter()
            .filter(|segment| !segment.block.is_empty())
            .map(|segment| (segment.block, (segment.chunk, segment.length)))
            .collect(),
        None => HashMap::new(),
    };
    let mut offset = 0;
    for (from, id) in list {
        let uncommitted = match from {
            From::Committed => None,
            _ => tx.get(BLOCKS, &block_key(container, name, id))?,
        };
        let found = match (from, uncommitted) {
            (_, Some(value)) => Some(read_value(&value)?),
            (From::Uncommitted, None) => None,
            (_, None) => committed.get(id).copied(),
        };
        let (chunk, length) = found.ok_or_else(|| Fault::from(INVALID_BLOCK_LIST))?;
        content::share(tx, chunk)?;
        content::add_segment(tx, content, &Segment { offset, chunk, length, block: id.clone() })?;
        offset += length;
    }
    Ok(offset)
}

/// Drops a blob's uncommitted blocks.
pub(super) fn discard(tx: &mut Tx<'_>, container: u64, name: &str, now: Timestamp) -> Result<(), StoreError> {
    discard_some(tx, &name_prefix(container, name), usize::MAX, now).map(drop)
}

/// Drops up to `most` uncommitted blocks whose keys begin with `prefix`; returns how many there were.
pub(super) fn discard_some(
    tx: &mut Tx<'_>,
    prefix: &[u8],
    most: usize,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let rows = tx.list(BLOCKS, &KeyRange::prefix(prefix), most)?;
    for (key, value) in &rows {
        content::release(tx, read_value(value)?.0, now)?;
        tx.delete(BLOCKS, key)?;
    }
    Ok(rows.len())
}

/// `GET ?comp=blocklist`
pub(super) fn list(cx: &Context<'_>) -> Result<Answer, Fault> {
    let kind = cx.call.query.get("blocklisttype").unwrap_or("committed").to_ascii_lowercase();
    let snapshot = cx.call.query.get("snapshot");
    let (blob, committed, uncommitted) = cx.engine.read(|view| {
        let container = record::container(view, &cx.call.account, cx.container)?.id;
        let blob = record::existing(view, container, cx.blob, snapshot)?
            .ok_or_else(|| Fault::from(super::codes::BLOB_NOT_FOUND))?;
        if blob.uncommitted && kind == "committed" {
            return Err(Fault::from(super::codes::BLOB_NOT_FOUND));
        }
        blob.lease.on_read(cx.call.now, cx.call.header("x-ms-lease-id")?, On::Blob)?;
        let segments = content::segments(view, blob.content)?;
        let prefix = name_prefix(container, cx.blob);
        let mut blocks = Vec::new();
        for (key, value) in view.list(BLOCKS, &KeyRange::prefix(prefix.clone()), usize::MAX)? {
            let id = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            blocks.push((id, read_value(&value)?.1));
        }
        Ok::<_, Fault>((blob, segments, blocks))
    })?;
    if blob.kind != Kind::BlockBlob {
        return Err(INVALID_BLOB_TYPE.into());
    }
    let committed = committed.into_iter().filter(|segment| !segment.block.is_empty());
    let mut xml = Writer::new();
    xml.open("BlockList");
    if kind != "uncommitted" {
        write(&mut xml, "CommittedBlocks", committed.map(|segment| (segment.block, segment.length)));
    }
    if kind != "committed" {
        write(&mut xml, "UncommittedBlocks", uncommitted.into_iter());
    }
    xml.close("BlockList");
    let answer = Answer::xml(200, xml).header("x-ms-blob-content-length", &blob.length.to_string());
    Ok(if blob.uncommitted { answer } else { record::stamped(answer, &blob.etag(), blob.modified()) })
}

fn write(xml: &mut Writer, name: &str, blocks: impl Iterator<Item = (String, u64)>) {
    xml.open(name);
    for (id, length) in blocks {
        xml.open("Block");
        xml.text("Name", &id);
        xml.text("Size", &length.to_string());
        xml.close("Block");
    }
    xml.close(name);
}
