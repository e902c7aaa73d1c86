//! Copy Blob and the from-URL variants, from blobs of the same account.

use super::Context;
use super::codes::{BLOB_NOT_FOUND, COPY_SOURCE};
use super::conditions::Conditions;
use super::content;
use super::files::Received;
use super::read::{Range, parts_in, stream};
use super::record::{self, Blob, CopyRecord, Kind};
use super::upload::{Draft, Target, replace};
use crate::protocol::{Answer, Call, Fault, Query};
use http::{Request, Uri};
use percent_encoding::percent_decode_str;

/// The blob a copy reads.
#[derive(Debug, Clone)]
pub(super) struct Source {
    url: String,
    container: String,
    blob: String,
    snapshot: Option<String>,
}

/// The `x-ms-copy-source` of a request, if it has one.
pub(super) fn source_of(cx: &Context<'_>) -> Result<Option<Source>, Fault> {
    let Some(url) = cx.call.header("x-ms-copy-source")? else { return Ok(None) };
    let uri: Uri = url.parse().map_err(|_| cx.call.bad_header("x-ms-copy-source"))?;
    let path = percent_decode_str(uri.path().trim_start_matches('/')).decode_utf8();
    let path = path.map_err(|_| cx.call.bad_header("x-ms-copy-source"))?;
    // Other accounts would need a signature of their own, other hosts a download: neither is offered.
    let rest = path.strip_prefix(&format!("{}/", cx.call.account)).ok_or_else(|| {
        COPY_SOURCE
            .because(format!("Only blobs of the account '{}' in this store can be copied.", cx.call.account))
    })?;
    let (container, blob) = rest.split_once('/').unwrap_or(("$root", rest));
    let query = Query::parse(uri.query().unwrap_or(""))?;
    Ok(Some(Source {
        url: url.to_owned(),
        container: container.to_owned(),
        blob: blob.to_owned(),
        snapshot: query.get("snapshot").map(str::to_owned),
    }))
}

/// Reads the source's bytes as a new chunk: for blocks and appends from a URL.
pub(super) async fn receive(cx: &Context<'_>, source: Source, limit: u64) -> Result<Received, Fault> {
    let conditions = Conditions::of_source(cx.call)?;
    let range = match cx.call.header("x-ms-source-range")? {
        None => None,
        Some(text) => Some(Range::parse(text).ok_or_else(|| cx.call.bad_header("x-ms-source-range"))?),
    };
    let parts = cx.engine.read(|view| {
        let container = record::container(view, &cx.call.account, &source.container)?.id;
        let blob = record::blob(view, container, &source.blob, source.snapshot.as_deref())?;
        conditions.for_change(Some((&blob.etag(), blob.modified())))?;
        let (start, end) =
            range.map(|range| range.within(blob.length)).transpose()?.unwrap_or((0, blob.length));
        Ok::<_, Fault>(parts_in(view, &blob, start, end)?)
    })?;
    let body = stream(cx.engine.clone(), cx.files.clone(), parts);
    // The request's own length and checksums describe its empty body, not the source.
    let (mut head, ()) = Request::new(()).into_parts();
    head.uri = cx.call.uri.clone();
    let plain = Call::new(head, cx.call.now, None, &|_| false)?;
    cx.files.receive(&plain, body, limit).await
}

/// `PUT` with `x-ms-copy-source`: Copy Blob, Copy Blob From URL and Put Blob From URL all finish at once here.
pub(super) async fn copy(cx: &Context<'_>) -> Result<Answer, Fault> {
    let source = source_of(cx)?.ok_or_else(|| cx.call.bad_header("x-ms-copy-source"))?;
    let conditions = Conditions::of(cx.call)?;
    let source_conditions = Conditions::of_source(cx.call)?;
    let draft = Draft::of(cx)?;
    let target = Target::of(cx)?;
    let keeps_tags = cx.call.header("x-ms-copy-source-tag-option")?.is_some_and(|option| option == "COPY");
    // Put Blob From URL takes properties from the request, the other two from the source.
    let is_put = cx.call.headers.contains_key("x-ms-blob-type");
    let now = cx.call.now;
    cx.engine
        .write(move |tx| {
            let from = record::container(tx, &target.account, &source.container)?.id;
            let original = record::blob(tx, from, &source.blob, source.snapshot.as_deref())
                .map_err(|fault| if fault.code == BLOB_NOT_FOUND.1 { COPY_SOURCE.into() } else { fault })?;
            source_conditions.for_change(Some((&original.etag(), original.modified())))?;
            // Before the target goes: it may be the source.
            let content = content::duplicate(tx, original.content)?;
            let kind = if is_put { Kind::BlockBlob } else { original.kind };
            let (container, fresh) = replace(tx, &target, &conditions, kind, now)?;
            let id = uuid::Uuid::new_v4().to_string();
            let mut blob = Blob {
                content,
                length: original.length,
                appended: original.appended,
                sealed: original.sealed,
                copy: (!is_put).then(|| CopyRecord {
                    id: id.clone(),
                    source: source.url,
                    bytes: original.length,
                    completed: now.0,
                }),
                ..fresh
            };
            let own_metadata = !draft.metadata.is_empty();
            let own_tags = !draft.tags.is_empty();
            draft.apply(&mut blob);
            if is_put {
                let headers = &mut blob.headers;
                headers.content_type = headers.content_type.take().or(original.headers.content_type);
                headers.md5 = headers.md5.take().or(original.headers.md5);
            } else {
                blob.headers = original.headers;
            }
            if !own_metadata {
                blob.metadata = original.metadata;
            }
            if keeps_tags && !own_tags {
                blob.tags = original.tags;
            }
            blob.touch(tx, now)?;
            record::save(tx, container, &target.blob, None, &blob)?;
            if is_put {
                return Ok(blob.answer(201).header("x-ms-request-server-encrypted", "true"));
            }
            Ok(blob.answer(202).header("x-ms-copy-id", &id).header("x-ms-copy-status", "success"))
        })
        .await
}
