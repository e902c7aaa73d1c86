//! List Containers and List Blobs.

use super::containers::{check_name, may_browse};
use super::record::{
    self, BLOBS, Blob, CONTAINERS, Container, Kind, container_key, container_prefix, split_key,
};
use super::tags;
use crate::auth::Principal;
use crate::engine::{Engine, KeyRange, Timestamp, View, after_prefix};
use crate::protocol::dates::rfc1123;
use crate::protocol::fault::INVALID_QUERY;
use crate::protocol::xml::Writer;
use crate::protocol::{Answer, Call, Fault};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::ops::ControlFlow;

/// `GET /?comp=list`
pub(super) fn containers(engine: &Engine, call: &Call) -> Result<Answer, Fault> {
    let most = call.page_size()?;
    let prefix = call.query.get("prefix").unwrap_or("");
    let marker = call.query.get("marker").unwrap_or("");
    let start = container_key(&call.account, prefix);
    let names = start.len() - prefix.len();
    let mut range = KeyRange::prefix(start);
    if !marker.is_empty() {
        range = range.from(container_key(&call.account, marker.max(prefix)));
    }
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    let mut next = String::new();
    engine.read(|view| {
        view.scan(CONTAINERS, &range, &mut |key, value| {
            let name = String::from_utf8_lossy(&key[names..]).into_owned();
            if found.len() == most {
                next = name;
                return ControlFlow::Break(());
            }
            found.push((name, value.to_vec()));
            ControlFlow::Continue(())
        })
    })?;
    let mut xml = Writer::new();
    xml.open_with("EnumerationResults", &[("ServiceEndpoint", &call.endpoint())]);
    echo(&mut xml, call);
    xml.open("Containers");
    for (name, value) in &found {
        let container: Container = record::decode(value)?;
        xml.open("Container");
        xml.text("Name", name);
        xml.open("Properties");
        xml.text("Last-Modified", &rfc1123(container.modified()));
        xml.text("Etag", &container.etag());
        let state = container.lease.state(call.now);
        xml.text("LeaseStatus", state.status());
        xml.text("LeaseState", state.name());
        xml.optional("LeaseDuration", container.lease.duration(call.now));
        xml.optional("PublicAccess", container.access.name());
        xml.text("DefaultEncryptionScope", "$account-encryption-key");
        xml.text("DenyEncryptionScopeOverride", "false");
        xml.text("HasImmutabilityPolicy", "false");
        xml.text("HasLegalHold", "false");
        xml.close("Properties");
        if call.includes("metadata") {
            container.metadata.write(&mut xml);
        }
        xml.close("Container");
    }
    xml.close("Containers");
    xml.text("NextMarker", &next);
    xml.close("EnumerationResults");
    Ok(Answer::xml(200, xml))
}

/// Repeats the request's parameters, as the service does.
fn echo(xml: &mut Writer, call: &Call) {
    for (element, name) in [("Prefix", "prefix"), ("Marker", "marker")] {
        xml.optional(element, call.query.get(name).filter(|text| !text.is_empty()));
    }
    xml.optional("MaxResults", call.query.get("maxresults"));
    xml.optional("Delimiter", call.query.get("delimiter").filter(|text| !text.is_empty()));
}

/// One line of a blob listing.
enum Entry {
    Prefix(String),
    Blob { name: String, snapshot: Option<String>, blob: Box<Blob> },
}

struct Page {
    entries: Vec<Entry>,
    /// The key after the page; `None` at the end.
    next: Option<Vec<u8>>,
}

/// What a listing asks for.
#[derive(Clone)]
struct Listing {
    container: u64,
    prefix: String,
    delimiter: String,
    most: usize,
    snapshots: bool,
    uncommitted: bool,
}

/// `GET /container?restype=container&comp=list`
pub(super) async fn blobs(
    engine: &Engine,
    call: &Call,
    principal: &Principal,
    container_name: &str,
) -> Result<Answer, Fault> {
    check_name(container_name)?;
    match principal {
        Principal::Anonymous => may_browse(engine, call, container_name)?,
        known => known.may_list("l")?,
    }
    let text = |name: &str| call.query.get(name).unwrap_or("").to_owned();
    let container = engine.read(|view| record::container(view, &call.account, container_name))?;
    let listing = Listing {
        container: container.id,
        prefix: text("prefix"),
        delimiter: text("delimiter"),
        most: call.page_size()?,
        snapshots: call.includes("snapshots"),
        uncommitted: call.includes("uncommittedblobs"),
    };
    let start = match text("marker").as_str() {
        "" => None,
        marker => Some(from_marker(container.id, marker).ok_or_else(|| {
            INVALID_QUERY.detail("QueryParameterName", "marker").detail("QueryParameterValue", marker)
        })?),
    };
    let page = engine.scan(move |view| page(view, &listing, start)).await?;

    let mut xml = Writer::new();
    xml.open_with(
        "EnumerationResults",
        &[("ServiceEndpoint", &call.endpoint()), ("ContainerName", container_name)],
    );
    echo(&mut xml, call);
    xml.open("Blobs");
    for entry in &page.entries {
        match entry {
            Entry::Prefix(prefix) => {
                xml.open("BlobPrefix");
                xml.text("Name", prefix);
                xml.close("BlobPrefix");
            }
            Entry::Blob { name, snapshot, blob } => write(&mut xml, call, name, snapshot.as_deref(), blob),
        }
    }
    xml.close("Blobs");
    xml.text("NextMarker", &page.next.map(|key| URL_SAFE_NO_PAD.encode(&key[8..])).unwrap_or_default());
    xml.close("EnumerationResults");
    Ok(Answer::xml(200, xml))
}

/// A marker is the next key without the container's id, in base64.
fn from_marker(container: u64, marker: &str) -> Option<Vec<u8>> {
    let name = URL_SAFE_NO_PAD.decode(marker).ok()?;
    Some([&container_prefix(container)[..], &name].concat())
}

fn page(view: &impl View, listing: &Listing, start: Option<Vec<u8>>) -> Result<Page, Fault> {
    let mut base = container_prefix(listing.container).to_vec();
    base.extend_from_slice(listing.prefix.as_bytes());
    let mut from = start.unwrap_or_else(|| base.clone()).max(base.clone());
    let mut page = Page { entries: Vec::new(), next: None };
    // A prefix entry stands for everything below it: the scan starts anew behind it.
    loop {
        let mut behind = None;
        let mut failure = None;
        view.scan(BLOBS, &KeyRange::prefix(base.clone()).from(from), &mut |key, value| {
            let step = (|| {
                let (name, snapshot) = split_key(key)?;
                let below = &name[listing.prefix.len()..];
                let group = below
                    .find(&listing.delimiter)
                    .filter(|_| !listing.delimiter.is_empty())
                    .map(|at| &name[..listing.prefix.len() + at + listing.delimiter.len()]);
                let blob: Blob = record::decode(value)?;
                let hidden =
                    (snapshot.is_some() && !listing.snapshots) || (blob.uncommitted && !listing.uncommitted);
                if hidden {
                    return Ok(ControlFlow::Continue(()));
                }
                if page.entries.len() == listing.most {
                    page.next = Some(key.to_vec());
                    return Ok(ControlFlow::Break(()));
                }
                if let Some(group) = group {
                    page.entries.push(Entry::Prefix(group.to_owned()));
                    let mut all = container_prefix(listing.container).to_vec();
                    all.extend_from_slice(group.as_bytes());
                    behind = after_prefix(&all);
                    return Ok(ControlFlow::Break(()));
                }
                page.entries.push(Entry::Blob { name, snapshot, blob: Box::new(blob) });
                Ok::<_, Fault>(ControlFlow::Continue(()))
            })();
            step.unwrap_or_else(|error| {
                failure = Some(error);
                ControlFlow::Break(())
            })
        })?;
        match (failure, behind) {
            (Some(failure), _) => return Err(failure),
            (None, Some(behind)) => from = behind,
            (None, None) => return Ok(page),
        }
    }
}

fn write(xml: &mut Writer, call: &Call, name: &str, snapshot: Option<&str>, blob: &Blob) {
    let headers = &blob.headers;
    xml.open("Blob");
    xml.text("Name", name);
    xml.optional("Snapshot", snapshot);
    xml.open("Properties");
    xml.text("Creation-Time", &rfc1123(Timestamp(blob.created)));
    xml.text("Last-Modified", &rfc1123(blob.modified()));
    xml.text("Etag", blob.etag().trim_matches('"'));
    xml.text("Content-Length", &blob.length.to_string());
    xml.text("Content-Type", blob.content_type());
    xml.text("Content-Encoding", headers.encoding.as_deref().unwrap_or(""));
    xml.text("Content-Language", headers.language.as_deref().unwrap_or(""));
    xml.text("Content-MD5", headers.md5.as_deref().unwrap_or(""));
    xml.text("Cache-Control", headers.cache_control.as_deref().unwrap_or(""));
    xml.text("Content-Disposition", headers.disposition.as_deref().unwrap_or(""));
    xml.text("BlobType", blob.kind.name());
    if blob.kind == Kind::BlockBlob {
        xml.text("AccessTier", blob.tier.as_deref().unwrap_or("Hot"));
        if blob.tier.is_none() {
            xml.text("AccessTierInferred", "true");
        }
    } else if blob.sealed {
        xml.text("Sealed", "true");
    }
    if snapshot.is_none() {
        let state = blob.lease.state(call.now);
        xml.text("LeaseStatus", state.status());
        xml.text("LeaseState", state.name());
        xml.optional("LeaseDuration", blob.lease.duration(call.now));
    }
    if let Some(copy) = blob.copy.as_ref().filter(|_| call.includes("copy")) {
        xml.text("CopyId", &copy.id);
        xml.text("CopySource", &copy.source);
        xml.text("CopyStatus", "success");
        xml.text("CopyProgress", &format!("{0}/{0}", copy.bytes));
        xml.text("CopyCompletionTime", &rfc1123(Timestamp(copy.completed)));
    }
    xml.text("ServerEncrypted", "true");
    if !blob.tags.is_empty() {
        xml.text("TagCount", &blob.tags.len().to_string());
    }
    xml.close("Properties");
    if call.includes("metadata") {
        blob.metadata.write(xml);
    }
    if call.includes("tags") && !blob.tags.is_empty() {
        xml.open("Tags");
        tags::write(xml, &blob.tags);
        xml.close("Tags");
    }
    xml.close("Blob");
}
