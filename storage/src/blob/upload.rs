//! Put Blob and Append Block.

use super::codes::{
    APPEND_POSITION, BLOB_NOT_FOUND, BLOB_SEALED, BLOCK_COUNT, INVALID_BLOB_TYPE, MAX_SIZE, PAGE_BLOBS,
};
use super::conditions::Conditions;
use super::content::{self, Segment};
use super::files::Received;
use super::lease::On;
use super::record::{self, Blob, ContentHeaders, Kind};
use super::{Context, blocks, copy, tags};
use crate::auth::Class;
use crate::body::Body;
use crate::engine::{Timestamp, Tx};
use crate::protocol::fault::{INVALID_MD5, MD5_MISMATCH};
use crate::protocol::{Answer, Fault, Metadata, metadata_from};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Put Blob takes up to 5,000 MiB in one request.
const MOST_PUT: u64 = 5000 << 20;
/// Append Block takes up to 100 MiB.
const MOST_APPEND: u64 = 100 << 20;
/// Blocks in an append blob.
const MOST_APPENDED: u32 = 50_000;

/// Everything a new blob gets from its request.
pub(super) struct Draft {
    pub(super) headers: ContentHeaders,
    pub(super) metadata: Metadata,
    pub(super) tags: Vec<(String, String)>,
    pub(super) tier: Option<String>,
}

impl Draft {
    pub(super) fn of(cx: &Context<'_>) -> Result<Self, Fault> {
        let call = cx.call;
        Ok(Self {
            headers: ContentHeaders::of(call)?,
            metadata: metadata_from(&call.headers)?,
            tags: tags::from_header(call)?,
            tier: super::change::tier_of(call)?,
        })
    }

    /// What Put Blob takes from the ordinary headers when the special ones are absent.
    fn or_plain_headers(mut self, cx: &Context<'_>) -> Result<Self, Fault> {
        let call = cx.call;
        let headers = &mut self.headers;
        for (field, name) in [
            (&mut headers.content_type, "content-type"),
            (&mut headers.encoding, "content-encoding"),
            (&mut headers.language, "content-language"),
            (&mut headers.cache_control, "cache-control"),
        ] {
            if field.is_none() {
                *field = call.header(name)?.filter(|text| !text.is_empty()).map(str::to_owned);
            }
        }
        Ok(self)
    }

    pub(super) fn apply(self, blob: &mut Blob) {
        blob.headers = self.headers;
        blob.metadata = self.metadata;
        blob.tags = self.tags;
        blob.tier = self.tier;
    }
}

/// `PUT /container/blob`
pub(super) async fn put(cx: &Context<'_>, body: Body) -> Result<Answer, Fault> {
    // `c` creates, `w` also replaces.
    cx.principal.may(Class::Object, "cw")?;
    if cx.call.headers.contains_key("x-ms-copy-source") {
        return copy::copy(cx).await;
    }
    match cx.call.required_header("x-ms-blob-type")? {
        "BlockBlob" => put_block_blob(cx, body).await,
        "AppendBlob" => put_append_blob(cx).await,
        "PageBlob" => Err(PAGE_BLOBS.into()),
        _ => Err(cx.call.bad_header("x-ms-blob-type")),
    }
}

/// Replaces whatever is at the name, after checking container, conditions, lease and rights. Returns what the new blob
/// keeps of the old one: the lease.
pub(super) fn replace(
    tx: &mut Tx<'_>,
    target: &Target,
    conditions: &Conditions,
    kind: Kind,
    now: Timestamp,
) -> Result<(u64, Blob), Fault> {
    let container = record::container(tx, &target.account, &target.container)?.id;
    let old = record::existing(tx, container, &target.blob, None)?;
    let visible = old.as_ref().filter(|old| !old.uncommitted);
    conditions.for_change(
        visible.map(|old| (old.etag(), old.modified())).as_ref().map(|(e, m)| (e.as_str(), *m)),
    )?;
    if visible.is_some() && target.create_only {
        return Err(crate::protocol::fault::PERMISSION_MISMATCH.into());
    }
    let mut blob = Blob::new(kind, tx.next_id()?, now);
    match &old {
        Some(old) => {
            blob.lease = old.lease.on_change(now, target.lease.as_deref(), On::Blob)?;
            content::discard(tx, old.content, now)?;
            blocks::discard(tx, container, &target.blob, now)?;
        }
        None => blob.lease.on_read(now, target.lease.as_deref(), On::Blob)?,
    }
    Ok((container, blob))
}

/// Which blob a change is for, in owned form for the writer.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) account: String,
    pub(super) container: String,
    pub(super) blob: String,
    pub(super) lease: Option<String>,
    /// The signature allows creating, not replacing.
    pub(super) create_only: bool,
}

impl Target {
    pub(super) fn of(cx: &Context<'_>) -> Result<Self, Fault> {
        Ok(Self {
            account: cx.call.account.clone(),
            container: cx.container.to_owned(),
            blob: cx.blob.to_owned(),
            lease: cx.call.header("x-ms-lease-id")?.map(str::to_owned),
            create_only: cx.principal.may(Class::Object, "w").is_err(),
        })
    }
}

async fn put_block_blob(cx: &Context<'_>, body: Body) -> Result<Answer, Fault> {
    let conditions = Conditions::of(cx.call)?;
    let draft = Draft::of(cx)?.or_plain_headers(cx)?;
    let target = Target::of(cx)?;
    // A body that cannot be stored need not be read.
    cx.engine.read(|view| record::container(view, &target.account, &target.container))?;
    let received = cx.files.receive(cx.call, body, MOST_PUT).await?;
    let chunk = received.chunk;
    let draft = match with_checked_md5(draft, &received) {
        Ok(draft) => draft,
        Err(fault) => {
            cx.files.remove(chunk).await?;
            return Err(fault);
        }
    };
    let now = cx.call.now;
    let stored = cx
        .engine
        .write(move |tx| {
            let (container, mut blob) = replace(tx, &target, &conditions, Kind::BlockBlob, now)?;
            draft.apply(&mut blob);
            blob.length = received.length;
            if received.length > 0 {
                content::add_chunk(tx, &received)?;
                let segment = Segment { offset: 0, chunk, length: received.length, block: String::new() };
                content::add_segment(tx, blob.content, &segment)?;
            }
            blob.touch(tx, now)?;
            record::save(tx, container, &target.blob, None, &blob)?;
            let answer = blob
                .answer(201)
                .header("content-md5", &received.md5_text())
                .header("x-ms-request-server-encrypted", "true");
            Ok::<_, Fault>(with_crc(answer, &received))
        })
        .await;
    keep_or_remove(cx, chunk, stored).await
}

/// The MD5 kept with the blob: what the client says, if true, or what was computed.
fn with_checked_md5(mut draft: Draft, received: &Received) -> Result<Draft, Fault> {
    match draft.headers.md5.as_deref().map(|text| STANDARD.decode(text)) {
        None => draft.headers.md5 = Some(received.md5_text()),
        Some(Ok(bytes)) if bytes == received.md5 => {}
        Some(Ok(bytes)) if bytes.len() == 16 => return Err(MD5_MISMATCH.into()),
        Some(_) => return Err(INVALID_MD5.into()),
    }
    Ok(draft)
}

/// After a refused write the received file belongs to nobody.
pub(super) async fn keep_or_remove(
    cx: &Context<'_>,
    chunk: u64,
    stored: Result<Answer, Fault>,
) -> Result<Answer, Fault> {
    if stored.is_err() {
        cx.files.remove(chunk).await?;
    }
    stored
}

pub(super) fn with_crc(answer: Answer, received: &Received) -> Answer {
    let crc = received.crc64.map(|crc| STANDARD.encode(crc));
    answer.optional("x-ms-content-crc64", crc.as_deref())
}

async fn put_append_blob(cx: &Context<'_>) -> Result<Answer, Fault> {
    let conditions = Conditions::of(cx.call)?;
    let draft = Draft::of(cx)?.or_plain_headers(cx)?;
    let target = Target::of(cx)?;
    let now = cx.call.now;
    cx.engine
        .write(move |tx| {
            let (container, mut blob) = replace(tx, &target, &conditions, Kind::AppendBlob, now)?;
            draft.apply(&mut blob);
            blob.touch(tx, now)?;
            record::save(tx, container, &target.blob, None, &blob)?;
            Ok(blob.answer(201).header("x-ms-request-server-encrypted", "true"))
        })
        .await
}

/// The append conditions of a request.
struct Position {
    at: Option<u64>,
    most: Option<u64>,
}

/// `PUT /container/blob?comp=appendblock`
pub(super) async fn append(cx: &Context<'_>, body: Body) -> Result<Answer, Fault> {
    let conditions = Conditions::of(cx.call)?;
    let target = Target::of(cx)?;
    let position = Position {
        at: cx.call.number_header("x-ms-blob-condition-appendpos")?,
        most: cx.call.number_header("x-ms-blob-condition-maxsize")?,
    };
    cx.engine.read(|view| {
        let container = record::container(view, &target.account, &target.container)?.id;
        record::blob(view, container, &target.blob, None).map(drop)
    })?;
    let received = match copy::source_of(cx)? {
        Some(source) => copy::receive(cx, source, MOST_APPEND).await?,
        None => cx.files.receive(cx.call, body, MOST_APPEND).await?,
    };
    let chunk = received.chunk;
    if received.length == 0 {
        return Err(cx.call.bad_header("content-length"));
    }
    let now = cx.call.now;
    let stored =
        cx.engine.write(move |tx| append_in(tx, &target, &conditions, &position, &received, now)).await;
    keep_or_remove(cx, chunk, stored).await
}

fn append_in(
    tx: &mut Tx<'_>,
    target: &Target,
    conditions: &Conditions,
    position: &Position,
    received: &Received,
    now: Timestamp,
) -> Result<Answer, Fault> {
    let container = record::container(tx, &target.account, &target.container)?.id;
    let mut blob = record::existing(tx, container, &target.blob, None)?
        .filter(|blob| !blob.uncommitted)
        .ok_or_else(|| Fault::from(BLOB_NOT_FOUND))?;
    if blob.kind != Kind::AppendBlob {
        return Err(INVALID_BLOB_TYPE.into());
    }
    conditions.for_change(Some((&blob.etag(), blob.modified())))?;
    blob.lease = blob.lease.on_change(now, target.lease.as_deref(), On::Blob)?;
    if blob.sealed {
        return Err(BLOB_SEALED.into());
    }
    if position.at.is_some_and(|at| at != blob.length) {
        return Err(APPEND_POSITION.into());
    }
    if position.most.is_some_and(|most| blob.length + received.length > most) {
        return Err(MAX_SIZE.into());
    }
    if blob.appended >= MOST_APPENDED {
        return Err(BLOCK_COUNT.into());
    }
    let offset = blob.length;
    content::add_chunk(tx, received)?;
    let segment = Segment { offset, chunk: received.chunk, length: received.length, block: String::new() };
    content::add_segment(tx, blob.content, &segment)?;
    blob.length += received.length;
    blob.appended += 1;
    // The checksum of the whole is no longer known.
    blob.headers.md5 = None;
    blob.touch(tx, now)?;
    record::save(tx, container, &target.blob, None, &blob)?;
    let answer = blob
        .answer(201)
        .header("x-ms-blob-append-offset", &offset.to_string())
        .header("x-ms-blob-committed-block-count", &blob.appended.to_string())
        .header("x-ms-request-server-encrypted", "true")
        .header("content-md5", &received.md5_text());
    Ok(with_crc(answer, received))
}
