//! Get Blob, Get Blob Properties, Get Blob Metadata.

use super::Context;
use super::codes::INVALID_RANGE;
use super::conditions::Conditions;
use super::content::{self, Segment};
use super::files::Files;
use super::lease::On;
use super::record::{self, Blob, Kind, PublicAccess};
use crate::auth::{Class, Principal};
use crate::body::{self, Body, BodyError};
use crate::engine::{Engine, StoreError, Timestamp, View};
use crate::protocol::dates::rfc1123;
use crate::protocol::{Answer, Call, Fault};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use http::Method;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use md5::{Digest, Md5};
use std::io::SeekFrom;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// How much of a file is read and sent at a time.
const PIECE: u64 = 256 << 10;
/// `x-ms-range-get-content-md5` works for ranges up to this size.
const MOST_RANGE_SUM: u64 = 4 << 20;

/// `GET` and `HEAD` of a blob, with or without `comp=metadata`.
pub(super) async fn get(cx: &Context<'_>) -> Result<Answer, Fault> {
    let call = cx.call;
    let snapshot = call.query.get("snapshot");
    let range = requested_range(call)?;
    let conditions = Conditions::of(call)?;
    let metadata_only = call.comp() == "metadata";
    let wants_body = call.method == Method::GET && !metadata_only;
    let (blob, range, parts) = cx.engine.read(|view| {
        let container = record::container(view, &call.account, cx.container);
        match cx.principal {
            Principal::Anonymous => match &container {
                Ok(container) if container.access != PublicAccess::None => {}
                _ => return Err(Principal::nobody()),
            },
            known => known.may(Class::Object, "r")?,
        }
        let container = container?.id;
        let blob = record::blob(view, container, cx.blob, snapshot)?;
        conditions.for_read(&blob.etag(), blob.modified())?;
        blob.lease.on_read(call.now, call.header("x-ms-lease-id")?, On::Blob)?;
        let range = if wants_body { range.map(|range| range.within(blob.length)).transpose()? } else { None };
        let (start, end) = range.unwrap_or((0, blob.length));
        let parts = if wants_body { parts_in(view, &blob, start, end)? } else { Vec::new() };
        Ok((blob, range, parts))
    })?;

    let (start, end) = range.unwrap_or((0, blob.length));
    let answer = blob.answer(if range.is_some() { 206 } else { 200 });
    let answer = blob.metadata.on(answer);
    if metadata_only {
        return Ok(answer);
    }
    let mut answer = properties(&blob, cx, answer).header("content-length", &(end - start).to_string());
    if range.is_some() {
        answer = answer
            .header("content-range", &format!("bytes {start}-{}/{}", end.max(1) - 1, blob.length))
            .optional("x-ms-blob-content-md5", blob.headers.md5.as_deref());
    } else {
        answer = answer.optional("content-md5", blob.headers.md5.as_deref());
    }
    if parts.is_empty() {
        return Ok(answer);
    }
    let content = stream(cx.engine.clone(), cx.files.clone(), parts);
    let wants_sum = call.header("x-ms-range-get-content-md5")?.is_some_and(|wants| wants == "true");
    if !wants_sum || range.is_none() {
        return Ok(answer.body(content));
    }
    if end - start > MOST_RANGE_SUM {
        return Err(call.bad_header("x-ms-range-get-content-md5"));
    }
    let bytes = body::collect(content, usize::try_from(MOST_RANGE_SUM).unwrap_or(usize::MAX)).await;
    let bytes = bytes.map_err(|error| crate::protocol::fault::INTERNAL_ERROR.because(error.to_string()))?;
    Ok(answer.header("content-md5", &STANDARD.encode(Md5::digest(&bytes))).full(bytes))
}

/// The headers that describe a blob.
fn properties(blob: &Blob, cx: &Context<'_>, answer: Answer) -> Answer {
    let headers = &blob.headers;
    // A signature may state what the download shall look like.
    let stated = |name: &str, stored: Option<&str>| {
        let signed = match cx.principal {
            Principal::Sas(_) => cx.call.query.get(name),
            _ => None,
        };
        signed.or(stored).map(str::to_owned)
    };
    let answer = answer
        .optional("content-type", stated("rsct", Some(blob.content_type())).as_deref())
        .optional("content-encoding", stated("rsce", headers.encoding.as_deref()).as_deref())
        .optional("content-language", stated("rscl", headers.language.as_deref()).as_deref())
        .optional("content-disposition", stated("rscd", headers.disposition.as_deref()).as_deref())
        .optional("cache-control", stated("rscc", headers.cache_control.as_deref()).as_deref())
        .header("accept-ranges", "bytes")
        .header("x-ms-blob-type", blob.kind.name())
        .header("x-ms-creation-time", &rfc1123(Timestamp(blob.created)))
        .header("x-ms-server-encrypted", "true");
    let mut answer = blob.lease.on(cx.call.now, answer);
    if blob.kind == Kind::BlockBlob {
        answer = answer.header("x-ms-access-tier", blob.tier.as_deref().unwrap_or("Hot"));
        if blob.tier.is_none() {
            answer = answer.header("x-ms-access-tier-inferred", "true");
        }
    } else {
        answer = answer.header("x-ms-blob-committed-block-count", &blob.appended.to_string());
        if blob.sealed {
            answer = answer.header("x-ms-blob-sealed", "true");
        }
    }
    if !blob.tags.is_empty() {
        answer = answer.header("x-ms-tag-count", &blob.tags.len().to_string());
    }
    if let Some(copy) = &blob.copy {
        answer = answer
            .header("x-ms-copy-id", &copy.id)
            .header("x-ms-copy-source", &copy.source)
            .header("x-ms-copy-status", "success")
            .header("x-ms-copy-progress", &format!("{0}/{0}", copy.bytes))
            .header("x-ms-copy-completion-time", &rfc1123(Timestamp(copy.completed)));
    }
    answer
}

/// A range as asked for; the end is inclusive and may lie past the blob's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    start: u64,
    last: Option<u64>,
}

impl Range {
    /// `bytes=0-499` or `bytes=500-`. Other forms are ignored, as HTTP demands of what one does not understand.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (start, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
        let start = start.parse().ok()?;
        let last = if last.is_empty() { None } else { Some(last.parse().ok()?) };
        last.is_none_or(|last| last >= start).then_some(Self { start, last })
    }

    /// Start and end (exclusive) inside a blob of `length` bytes.
    pub(super) fn within(self, length: u64) -> Result<(u64, u64), Fault> {
        if self.start >= length {
            return Err(Fault::from(INVALID_RANGE).header("content-range", format!("bytes */{length}")));
        }
        Ok((self.start, self.last.map_or(length, |last| last.saturating_add(1).min(length))))
    }
}

fn requested_range(call: &Call) -> Result<Option<Range>, Fault> {
    let text = match call.header("x-ms-range")? {
        Some(text) => Some(text),
        None => call.header("range")?,
    };
    Ok(text.and_then(Range::parse))
}

/// A piece of a chunk to be sent.
#[derive(Debug)]
pub(super) struct Part {
    chunk: u64,
    /// Offsets inside the chunk.
    start: u64,
    end: u64,
    bytes: Option<Bytes>,
}

impl Part {
    pub(super) fn of(segment: &Segment, bytes: Option<Bytes>, start: u64, end: u64) -> Self {
        Self {
            chunk: segment.chunk,
            start: start.saturating_sub(segment.offset),
            end: (end - segment.offset).min(segment.length),
            bytes,
        }
    }
}

/// Small contents are taken from the database at once; what exceeds this is fetched when its turn comes.
const AT_ONCE: u64 = 1 << 20;

/// The parts of `start..end` of a blob's content.
pub(super) fn parts_in(view: &impl View, blob: &Blob, start: u64, end: u64) -> Result<Vec<Part>, StoreError> {
    if start >= end {
        return Ok(Vec::new());
    }
    let at_once = end - start <= AT_ONCE;
    let segments = content::segments_from(view, blob.content, start, end)?;
    let part = |segment: &Segment| {
        let bytes = if at_once { content::inline_bytes(view, segment.chunk)? } else { None };
        Ok(Part::of(segment, bytes, start, end))
    };
    segments.iter().map(part).collect()
}

/// Sends the parts one after the other; at most one piece is in memory.
pub(super) fn stream(engine: Engine, files: Files, parts: Vec<Part>) -> Body {
    struct Progress {
        engine: Engine,
        files: Files,
        parts: std::vec::IntoIter<Part>,
        open: Option<(File, u64)>,
    }
    let progress = Progress { engine, files, parts: parts.into_iter(), open: None };
    let pieces = futures::stream::try_unfold(progress, |mut progress| async move {
        loop {
            if let Some((file, left)) = &mut progress.open {
                if *left == 0 {
                    progress.open = None;
                    continue;
                }
                let size = usize::try_from((*left).min(PIECE)).unwrap_or(usize::MAX);
                let mut piece = BytesMut::zeroed(size);
                file.read_exact(&mut piece).await?;
                *left -= size as u64;
                return Ok::<_, BodyError>(Some((Frame::data(piece.freeze()), progress)));
            }
            let Some(part) = progress.parts.next() else { return Ok(None) };
            let bytes = match part.bytes {
                Some(bytes) => Some(bytes),
                None => progress.engine.read(|view| content::inline_bytes(view, part.chunk))?,
            };
            if let Some(bytes) = bytes {
                let cut = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                let piece = bytes.slice(cut(part.start)..cut(part.end));
                return Ok(Some((Frame::data(piece), progress)));
            }
            let mut file = progress.files.open_chunk(part.chunk).await?;
            file.seek(SeekFrom::Start(part.start)).await?;
            progress.open = Some((file, part.end - part.start));
        }
    });
    StreamBody::new(pieces).boxed_unsync()
}
