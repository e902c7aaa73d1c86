//! The blob service: containers, block blobs and append blobs.
//! <https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api>

mod blocks;
mod change;
mod codes;
mod conditions;
mod containers;
mod content;
mod copy;
mod crc64;
mod files;
mod lease;
mod lease_action;
mod list;
mod news;
mod read;
mod record;
mod remove;
mod tags;
mod upload;

#[cfg(test)]
mod tests;

pub(crate) use containers::policies_of;
pub(crate) use files::Files;
pub use news::BlobWritten;
pub(crate) use news::News;

use crate::auth::{Class, Principal};
use crate::body::{self, Body, CollectError};
use crate::engine::{Engine, KeyRange, Space, StoreError, View};
use crate::protocol::fault::{BODY_TOO_LARGE, INVALID_INPUT, INVALID_RESOURCE_NAME, INVALID_URI};
use crate::protocol::{Answer, Call, Fault, service_properties};
use bytes::Bytes;
use http::Method;

const SERVICE: &str = "blob";
/// Ids of deleted containers whose blobs are still to be removed.
const DELETED: Space = Space::new("blob.deleted");
/// Spaces whose rows are discarded by prefix: none, because blobs refer to bytes that must be released one by one.
pub(crate) const SPACES: [Space; 0] = [];
/// Policies, properties and tags; a block list of 50,000 entries needs most of this.
const MOST_XML: usize = 8 << 20;

/// Reads an XML request body.
async fn small_body(body: Body) -> Result<Bytes, Fault> {
    body::collect(body, MOST_XML).await.map_err(|error| match error {
        CollectError::TooLarge { limit } => BODY_TOO_LARGE.detail("MaxLimit", limit.to_string()),
        CollectError::Broken(reason) => INVALID_INPUT.because(reason.to_string()),
    })
}

/// What every blob operation needs.
pub(super) struct Context<'a> {
    engine: &'a Engine,
    files: &'a Files,
    call: &'a Call,
    principal: &'a Principal,
    container: &'a str,
    blob: &'a str,
}

/// Answers one authenticated request.
pub(crate) async fn handle(
    engine: &Engine,
    files: &Files,
    call: &Call,
    principal: &Principal,
    body: Body,
) -> Result<Answer, Fault> {
    let (container, blob) = call.resource.split_once('/').unwrap_or((&call.resource, ""));
    if container.is_empty() {
        return service(engine, call, principal, body).await;
    }
    if blob.is_empty() && call.restype() == "container" {
        return match (&call.method, call.comp()) {
            (&Method::GET, "list") => list::blobs(engine, call, principal, container).await,
            _ => containers::handle(engine, call, principal, container, body).await,
        };
    }
    // A name without a container is a blob in the root container.
    let (container, blob) = if blob.is_empty() { ("$root", container) } else { (container, blob) };
    containers::check_name(container)?;
    if blob.len() > 1024 || blob.contains('\0') {
        return Err(INVALID_RESOURCE_NAME.into());
    }
    let context = Context { engine, files, call, principal, container, blob };
    on_blob(&context, body).await
}

async fn on_blob(cx: &Context<'_>, body: Body) -> Result<Answer, Fault> {
    let object = |letters| cx.principal.may(Class::Object, letters);
    match (&cx.call.method, cx.call.comp()) {
        (&Method::GET | &Method::HEAD, "" | "metadata") => read::get(cx).await,
        (&Method::PUT, "") => upload::put(cx, body).await,
        (&Method::DELETE, "") => {
            object("d")?;
            remove::delete(cx).await
        }
        (&Method::PUT, "block") => {
            object("w")?;
            blocks::put(cx, body).await
        }
        (&Method::PUT, "blocklist") => {
            object("w")?;
            blocks::commit(cx, body).await
        }
        (&Method::GET, "blocklist") => {
            object("r")?;
            blocks::list(cx)
        }
        (&Method::PUT, "appendblock") => {
            object("aw")?;
            upload::append(cx, body).await
        }
        (&Method::PUT, "seal") => {
            object("w")?;
            change::seal(cx).await
        }
        (&Method::PUT, "metadata") => {
            object("w")?;
            change::metadata(cx).await
        }
        (&Method::PUT, "properties") => {
            object("w")?;
            change::properties(cx).await
        }
        (&Method::PUT, "tier") => {
            object("w")?;
            change::tier(cx).await
        }
        (&Method::PUT, "lease") => {
            object("wd")?;
            change::lease(cx).await
        }
        (&Method::PUT, "snapshot") => {
            object("cw")?;
            change::snapshot(cx).await
        }
        (&Method::GET, "tags") => {
            object("rt")?;
            tags::get(cx)
        }
        (&Method::PUT, "tags") => {
            object("wt")?;
            tags::set(cx, body).await
        }
        (&Method::PUT, "copy") => {
            object("w")?;
            Err(codes::NO_PENDING_COPY.into())
        }
        (&Method::PUT, "page") => Err(codes::PAGE_BLOBS.into()),
        (&Method::GET | &Method::HEAD | &Method::PUT | &Method::DELETE, _) => Err(INVALID_URI.into()),
        _ => Err(cx.call.unsupported_verb()),
    }
}

async fn service(engine: &Engine, call: &Call, principal: &Principal, body: Body) -> Result<Answer, Fault> {
    match (&call.method, call.restype(), call.comp()) {
        (&Method::GET, _, "list") => {
            principal.may(Class::Service, "l")?;
            list::containers(engine, call)
        }
        (&Method::GET | &Method::HEAD, "account", "properties") => Ok(account_information()),
        (&Method::GET, "service", "properties") => {
            principal.may(Class::Service, "r")?;
            service_properties::get(engine, SERVICE, call)
        }
        (&Method::PUT, "service", "properties") => {
            principal.may(Class::Service, "w")?;
            service_properties::set(engine, SERVICE, call, &small_body(body).await?).await
        }
        (&Method::GET, "service", "stats") => {
            principal.may(Class::Service, "r")?;
            Ok(service_properties::stats(call))
        }
        (&Method::GET | &Method::HEAD | &Method::PUT | &Method::POST, ..) => Err(INVALID_URI.into()),
        _ => Err(call.unsupported_verb()),
    }
}

/// `restype=account&comp=properties`
fn account_information() -> Answer {
    Answer::new(200)
        .header("x-ms-sku-name", "Standard_LRS")
        .header("x-ms-account-kind", "StorageV2")
        .header("x-ms-is-hns-enabled", "false")
}

/// Removes what deletions left behind, in short steps.
pub(crate) async fn sweep(engine: &Engine, files: &Files) -> Result<(), StoreError> {
    const STEP: usize = 64;
    while let Some((record, _)) =
        engine.read(|view| view.list(DELETED, &KeyRange::prefix(Vec::new()), 1))?.into_iter().next()
    {
        let now = engine.clock().now();
        engine
            .write(move |tx| {
                let rows = tx.list(record::BLOBS, &KeyRange::prefix(record.clone()), STEP)?;
                for (key, value) in &rows {
                    if let Ok(blob) = record::decode::<record::Blob>(value) {
                        content::discard(tx, blob.content, now)?;
                    }
                    tx.delete(record::BLOBS, key)?;
                }
                let blocks = blocks::discard_some(tx, &record, STEP, now)?;
                if rows.len() < STEP && blocks < STEP {
                    tx.delete(DELETED, &record)?;
                }
                Ok::<_, StoreError>(())
            })
            .await?;
    }
    content::sweep(engine, files).await
}
