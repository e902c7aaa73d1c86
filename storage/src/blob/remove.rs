//! Delete Blob.

use super::Context;
use super::codes::SNAPSHOTS_PRESENT;
use super::conditions::Conditions;
use super::lease::On;
use super::record::{self, BLOBS, Blob, name_prefix, split_key};
use super::upload::Target;
use super::{blocks, content};
use crate::engine::{KeyRange, View};
use crate::protocol::{Answer, Fault};

/// What `x-ms-delete-snapshots` asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Snapshots {
    Unmentioned,
    Include,
    Only,
}

/// `DELETE /container/blob`
pub(super) async fn delete(cx: &Context<'_>) -> Result<Answer, Fault> {
    let conditions = Conditions::of(cx.call)?;
    let target = Target::of(cx)?;
    let snapshot = cx.call.query.get("snapshot").map(str::to_owned);
    let wanted = match cx.call.header("x-ms-delete-snapshots")? {
        None => Snapshots::Unmentioned,
        Some("include") => Snapshots::Include,
        Some("only") => Snapshots::Only,
        Some(_) => return Err(cx.call.bad_header("x-ms-delete-snapshots")),
    };
    let now = cx.call.now;
    cx.engine
        .write(move |tx| {
            let container = record::container(tx, &target.account, &target.container)?.id;
            let blob = record::blob(tx, container, &target.blob, snapshot.as_deref())?;
            conditions.for_change(Some((&blob.etag(), blob.modified())))?;
            if snapshot.is_some() {
                content::discard(tx, blob.content, now)?;
                tx.delete(BLOBS, &record::blob_key(container, &target.blob, snapshot.as_deref()))?;
                return Ok(Answer::new(202));
            }
            blob.lease.on_change(now, target.lease.as_deref(), On::Blob)?;
            let all = KeyRange::prefix(name_prefix(container, &target.blob));
            let rows = tx.list(BLOBS, &all, usize::MAX)?;
            if rows.len() > 1 && wanted == Snapshots::Unmentioned {
                return Err(SNAPSHOTS_PRESENT.into());
            }
            for (key, value) in rows {
                let is_base = split_key(&key)?.1.is_none();
                if is_base && wanted == Snapshots::Only {
                    continue;
                }
                content::discard(tx, record::decode::<Blob>(&value)?.content, now)?;
                tx.delete(BLOBS, &key)?;
            }
            if wanted != Snapshots::Only {
                blocks::discard(tx, container, &target.blob, now)?;
            }
            Ok::<_, Fault>(Answer::new(202).header("x-ms-delete-type-permanent", "true"))
        })
        .await
}
