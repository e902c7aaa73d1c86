//! Containers and blobs as they lie in the database.

use super::codes::{BLOB_NOT_FOUND, CONTAINER_NOT_FOUND};
use super::lease::Lease;
use crate::engine::{Space, StoreError, Timestamp, Tx, View};
use crate::protocol::dates::{iso7, rfc1123};
use crate::protocol::{Answer, Call, Fault, Metadata, Policy};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub(super) const CONTAINERS: Space = Space::new("blob.containers");
/// (container id, name, 0, snapshot time or 0xFF) -> [`Blob`]
pub(super) const BLOBS: Space = Space::new("blob.blobs");

/// Who may read without a signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PublicAccess {
    #[default]
    None,
    Blob,
    Container,
}

impl PublicAccess {
    pub(super) fn of(call: &Call) -> Result<Self, Fault> {
        match call.header("x-ms-blob-public-access")? {
            None | Some("") => Ok(Self::None),
            Some("blob") => Ok(Self::Blob),
            Some("container") => Ok(Self::Container),
            Some(_) => Err(call.bad_header("x-ms-blob-public-access")),
        }
    }

    pub(super) const fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Blob => Some("blob"),
            Self::Container => Some("container"),
        }
    }
}

/// A container's record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Container {
    /// Names its blobs' rows; a deleted and recreated container has another one.
    pub(super) id: u64,
    pub(super) modified: i64,
    pub(super) etag: u64,
    #[serde(default)]
    pub(super) access: PublicAccess,
    #[serde(default)]
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) policies: Vec<Policy>,
    #[serde(default)]
    pub(super) lease: Lease,
}

impl Container {
    pub(super) fn etag(&self) -> String {
        etag_text(self.etag)
    }

    pub(super) fn modified(&self) -> Timestamp {
        Timestamp(self.modified)
    }

    /// Marks a change.
    pub(super) fn touch(&mut self, tx: &mut Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
        self.etag = tx.next_id()?;
        self.modified = now.0;
        Ok(())
    }
}

pub(super) fn container_key(account: &str, name: &str) -> Vec<u8> {
    format!("{account}\0{name}").into_bytes()
}

pub(super) fn container(view: &impl View, account: &str, name: &str) -> Result<Container, Fault> {
    let bytes = view.get(CONTAINERS, &container_key(account, name))?;
    decode(&bytes.ok_or_else(|| Fault::from(CONTAINER_NOT_FOUND))?)
}

pub(super) fn save_container(
    tx: &mut Tx<'_>,
    account: &str,
    name: &str,
    container: &Container,
) -> Result<(), Fault> {
    Ok(tx.put(CONTAINERS, &container_key(account, name), &encode(container))?)
}

/// The two kinds this store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    BlockBlob,
    AppendBlob,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::BlockBlob => "BlockBlob",
            Self::AppendBlob => "AppendBlob",
        }
    }
}

/// The system properties a client may set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ContentHeaders {
    pub(super) content_type: Option<String>,
    pub(super) encoding: Option<String>,
    pub(super) language: Option<String>,
    pub(super) disposition: Option<String>,
    pub(super) cache_control: Option<String>,
    /// Base64.
    pub(super) md5: Option<String>,
}

impl ContentHeaders {
    /// The `x-ms-blob-*` headers of a request.
    pub(super) fn of(call: &Call) -> Result<Self, Fault> {
        let text =
            |name| Ok::<_, Fault>(call.header(name)?.filter(|text| !text.is_empty()).map(str::to_owned));
        Ok(Self {
            content_type: text("x-ms-blob-content-type")?,
            encoding: text("x-ms-blob-content-encoding")?,
            language: text("x-ms-blob-content-language")?,
            disposition: text("x-ms-blob-content-disposition")?,
            cache_control: text("x-ms-blob-cache-control")?,
            md5: text("x-ms-blob-content-md5")?,
        })
    }
}

/// The last copy into a blob. Copies within the store finish at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CopyRecord {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) bytes: u64,
    pub(super) completed: i64,
}

/// A blob's or snapshot's record. Its bytes are listed under `content`, see [`super::content`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Blob {
    pub(super) kind: Kind,
    /// Names the rows that list its bytes.
    pub(super) content: u64,
    pub(super) length: u64,
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) etag: u64,
    #[serde(default)]
    pub(super) headers: ContentHeaders,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub(super) metadata: Metadata,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<(String, String)>,
    #[serde(default)]
    pub(super) lease: Lease,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) copy: Option<CopyRecord>,
    /// Appended blocks of an append blob.
    #[serde(default)]
    pub(super) appended: u32,
    #[serde(default)]
    pub(super) sealed: bool,
    /// Only blocks were put so far: no client can see it except in listings that ask for it.
    #[serde(default)]
    pub(super) uncommitted: bool,
}

impl Blob {
    /// A new, empty blob. `content` is a fresh id.
    pub(super) fn new(kind: Kind, content: u64, now: Timestamp) -> Self {
        Self {
            kind,
            content,
            length: 0,
            created: now.0,
            modified: now.0,
            etag: 0,
            headers: ContentHeaders::default(),
            metadata: Metadata::default(),
            tags: Vec::new(),
            lease: Lease::Available,
            tier: None,
            copy: None,
            appended: 0,
            sealed: false,
            uncommitted: false,
        }
    }

    pub(super) fn etag(&self) -> String {
        etag_text(self.etag)
    }

    pub(super) fn modified(&self) -> Timestamp {
        Timestamp(self.modified)
    }

    /// Marks a change.
    pub(super) fn touch(&mut self, tx: &mut Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
        self.etag = tx.next_id()?;
        self.modified = now.0;
        Ok(())
    }

    pub(super) fn content_type(&self) -> &str {
        self.headers.content_type.as_deref().unwrap_or("application/octet-stream")
    }

    /// An answer with the blob's ETag and time.
    pub(super) fn answer(&self, status: u16) -> Answer {
        stamped(Answer::new(status), &self.etag(), self.modified())
    }
}

/// Adds ETag and Last-Modified.
pub(super) fn stamped(answer: Answer, etag: &str, modified: Timestamp) -> Answer {
    answer.header("etag", etag).header("last-modified", &rfc1123(modified))
}

/// The quoted form the service uses; clients treat it as opaque.
fn etag_text(number: u64) -> String {
    format!("\"0x8D{number:013X}\"")
}

/// Everything of one container.
pub(super) fn container_prefix(container: u64) -> [u8; 8] {
    container.to_be_bytes()
}

/// The blob itself sorts after its snapshots, as listings show them.
const BASE: u8 = 0xFF;

pub(super) fn blob_key(container: u64, name: &str, snapshot: Option<&str>) -> Vec<u8> {
    let mut key = container_prefix(container).to_vec();
    key.extend_from_slice(name.as_bytes());
    key.push(0);
    match snapshot {
        Some(time) => key.extend_from_slice(time.as_bytes()),
        None => key.push(BASE),
    }
    key
}

/// Everything that is stored under a blob's name: its snapshots and itself.
pub(super) fn name_prefix(container: u64, name: &str) -> Vec<u8> {
    let mut key = blob_key(container, name, None);
    key.pop();
    key
}

/// Name and snapshot time in a key.
pub(super) fn split_key(key: &[u8]) -> Result<(String, Option<String>), StoreError> {
    let damaged = || StoreError::Damaged("a blob key has no name".to_owned());
    let rest = key.get(8..).ok_or_else(damaged)?;
    let end = rest.iter().rposition(|byte| *byte == 0).ok_or_else(damaged)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let snapshot = &rest[end + 1..];
    Ok((text(&rest[..end]), (snapshot != [BASE]).then(|| text(snapshot))))
}

/// The snapshot's name: its time.
pub(super) fn snapshot_time(now: Timestamp) -> String {
    iso7(now)
}

/// A blob clients can see, or 404.
pub(super) fn blob(
    view: &impl View,
    container: u64,
    name: &str,
    snapshot: Option<&str>,
) -> Result<Blob, Fault> {
    match existing(view, container, name, snapshot)? {
        Some(blob) if !blob.uncommitted => Ok(blob),
        _ => Err(BLOB_NOT_FOUND.into()),
    }
}

/// Whatever lies at the name, also if only blocks were put.
pub(super) fn existing(
    view: &impl View,
    container: u64,
    name: &str,
    snapshot: Option<&str>,
) -> Result<Option<Blob>, Fault> {
    let bytes = view.get(BLOBS, &blob_key(container, name, snapshot))?;
    bytes.as_deref().map(decode).transpose()
}

pub(super) fn save(
    tx: &mut Tx<'_>,
    container: u64,
    name: &str,
    snapshot: Option<&str>,
    blob: &Blob,
) -> Result<(), Fault> {
    Ok(tx.put(BLOBS, &blob_key(container, name, snapshot), &encode(blob))?)
}

pub(super) fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    serde_json::to_vec(record).expect("records are plain data")
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes)
        .map_err(|error| StoreError::Damaged(format!("a blob record: {error}")).into())
}
