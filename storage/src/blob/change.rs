//! Changes that leave a blob's bytes alone: metadata, properties, tier, lease, seal, snapshot.

use super::Context;
use super::codes::{INVALID_BLOB_TYPE, INVALID_TIER, SNAPSHOT_OPERATION};
use super::conditions::Conditions;
use super::content;
use super::lease::On;
use super::lease_action::Action;
use super::record::{self, Blob, ContentHeaders, Kind, snapshot_time};
use super::upload::Target;
use crate::engine::{Timestamp, Tx};
use crate::protocol::{Answer, Call, Fault, metadata_from};
use std::time::Duration;

/// Loads the blob, checks conditions and lease, lets `change` alter it and stores it.
async fn alter<F>(cx: &Context<'_>, change: F) -> Result<Answer, Fault>
where
    F: FnOnce(&mut Tx<'_>, &mut Blob) -> Result<Answer, Fault> + Send + 'static,
{
    if cx.call.query.get("snapshot").is_some() {
        return Err(SNAPSHOT_OPERATION.into());
    }
    let conditions = Conditions::of(cx.call)?;
    let target = Target::of(cx)?;
    let now = cx.call.now;
    cx.engine
        .write(move |tx| {
            let container = record::container(tx, &target.account, &target.container)?.id;
            let mut blob = record::blob(tx, container, &target.blob, None)?;
            conditions.for_change(Some((&blob.etag(), blob.modified())))?;
            blob.lease = blob.lease.on_change(now, target.lease.as_deref(), On::Blob)?;
            let answer = change(tx, &mut blob)?;
            record::save(tx, container, &target.blob, None, &blob)?;
            Ok(answer)
        })
        .await
}

/// `PUT ?comp=metadata`
pub(super) async fn metadata(cx: &Context<'_>) -> Result<Answer, Fault> {
    let metadata = metadata_from(&cx.call.headers)?;
    let now = cx.call.now;
    alter(cx, move |tx, blob| {
        blob.metadata = metadata;
        blob.touch(tx, now)?;
        Ok(blob.answer(200).header("x-ms-request-server-encrypted", "true"))
    })
    .await
}

/// `PUT ?comp=properties`: all headers are replaced; those not sent are cleared.
pub(super) async fn properties(cx: &Context<'_>) -> Result<Answer, Fault> {
    let headers = ContentHeaders::of(cx.call)?;
    let now = cx.call.now;
    alter(cx, move |tx, blob| {
        blob.headers = headers;
        blob.touch(tx, now)?;
        Ok(blob.answer(200))
    })
    .await
}

/// `PUT ?comp=seal`
pub(super) async fn seal(cx: &Context<'_>) -> Result<Answer, Fault> {
    let now = cx.call.now;
    alter(cx, move |tx, blob| {
        if blob.kind != Kind::AppendBlob {
            return Err(INVALID_BLOB_TYPE.into());
        }
        blob.sealed = true;
        blob.touch(tx, now)?;
        Ok(blob.answer(200).header("x-ms-blob-sealed", "true"))
    })
    .await
}

/// The access tier a request names. It changes nothing here but what clients are told.
pub(super) fn tier_of(call: &Call) -> Result<Option<String>, Fault> {
    match call.header("x-ms-access-tier")? {
        None => Ok(None),
        Some(tier @ ("Hot" | "Cool" | "Cold" | "Archive")) => Ok(Some(tier.to_owned())),
        Some(_) => Err(INVALID_TIER.into()),
    }
}

/// `PUT ?comp=tier`
pub(super) async fn tier(cx: &Context<'_>) -> Result<Answer, Fault> {
    let tier = tier_of(cx.call)?.ok_or_else(|| cx.call.bad_header("x-ms-access-tier"))?;
    alter(cx, move |_, blob| {
        if blob.kind != Kind::BlockBlob {
            return Err(INVALID_BLOB_TYPE.into());
        }
        blob.tier = Some(tier);
        Ok(Answer::new(200))
    })
    .await
}

/// `PUT ?comp=lease`: neither ETag nor Last-Modified change.
pub(super) async fn lease(cx: &Context<'_>) -> Result<Answer, Fault> {
    let action = Action::of(cx.call)?;
    let conditions = Conditions::of(cx.call)?;
    let target = Target::of(cx)?;
    let now = cx.call.now;
    cx.engine
        .write(move |tx| {
            let container = record::container(tx, &target.account, &target.container)?.id;
            let mut blob = record::blob(tx, container, &target.blob, None)?;
            conditions.for_change(Some((&blob.etag(), blob.modified())))?;
            let (lease, answer) = action.apply(&blob.lease, now)?;
            blob.lease = lease;
            record::save(tx, container, &target.blob, None, &blob)?;
            Ok(record::stamped(answer, &blob.etag(), blob.modified()))
        })
        .await
}

/// `PUT ?comp=snapshot`
pub(super) async fn snapshot(cx: &Context<'_>) -> Result<Answer, Fault> {
    let conditions = Conditions::of(cx.call)?;
    let metadata = metadata_from(&cx.call.headers)?;
    let target = Target::of(cx)?;
    let now = cx.call.now;
    cx.engine
        .write(move |tx| {
            let container = record::container(tx, &target.account, &target.container)?.id;
            let blob = record::blob(tx, container, &target.blob, None)?;
            conditions.for_change(Some((&blob.etag(), blob.modified())))?;
            blob.lease.on_read(now, target.lease.as_deref(), On::Blob)?;
            let time = unused_time(tx, container, &target.blob, now)?;
            let mut copy = blob;
            copy.content = content::duplicate(tx, copy.content)?;
            copy.lease = Default::default();
            if !metadata.is_empty() {
                copy.metadata = metadata;
                copy.touch(tx, now)?;
            }
            record::save(tx, container, &target.blob, Some(&time), &copy)?;
            Ok(copy.answer(201).header("x-ms-snapshot", &time))
        })
        .await
}

/// Two snapshots within a millisecond get different names.
fn unused_time(tx: &Tx<'_>, container: u64, name: &str, now: Timestamp) -> Result<String, Fault> {
    let mut time = now;
    loop {
        let text = snapshot_time(time);
        if record::existing(tx, container, name, Some(&text))?.is_none() {
            return Ok(text);
        }
        time = time.after(Duration::from_millis(1));
    }
}
