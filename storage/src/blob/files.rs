//! Bytes of large bodies: streamed to files beside the database, constant memory in both directions.

use super::crc64::Crc64;
use crate::body::Body;
use crate::engine::{Engine, OpenError, StoreError, View, is_full, sync_folder};
use crate::protocol::fault::{BODY_TOO_LARGE, INSUFFICIENT_STORAGE, INTERNAL_ERROR, INVALID_INPUT};
use crate::protocol::{Call, Fault};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use md5::{Digest, Md5};
use std::path::{Path, PathBuf};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

/// Bodies up to this size lie in the database.
const INLINE: usize = 64 << 10;
/// How much is collected before it goes to the file.
const PIECE: usize = 256 << 10;
const FOLDER: &str = "blobs";
const INCOMING: &str = "incoming";

/// The folder with the bodies; none for a store in memory.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    folder: Option<PathBuf>,
}

/// Where a received body lies.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Inline(Bytes),
    File,
}

/// A body that arrived in full and, if in a file, is safely on disk. Not yet part of any blob.
#[derive(Debug)]
pub(super) struct Received {
    /// The chunk's id, drawn at random.
    pub(super) chunk: u64,
    pub(super) place: Place,
    pub(super) length: u64,
    pub(super) md5: [u8; 16],
    pub(super) crc64: Option<[u8; 8]>,
}

impl Received {
    /// Base64, as headers carry it.
    pub(super) fn md5_text(&self) -> String {
        STANDARD.encode(self.md5)
    }
}

impl Files {
    /// Prepares the folder and removes what a crash left behind: files that no transaction came to name.
    pub(crate) fn open(engine: &Engine) -> Result<Self, OpenError> {
        let Some(base) = engine.folder() else { return Ok(Self { folder: None }) };
        let io = |source| OpenError::Io {
            folder: base.to_path_buf(),
            action: "preparing the folder for blob content",
            source,
        };
        let folder = base.join(FOLDER);
        let incoming = folder.join(INCOMING);
        if incoming.exists() {
            std::fs::remove_dir_all(&incoming).map_err(io)?;
        }
        std::fs::create_dir_all(&incoming).map_err(io)?;
        for shelf in std::fs::read_dir(&folder).map_err(io)? {
            let shelf = shelf.map_err(io)?;
            if shelf.file_name() == INCOMING || !shelf.file_type().map_err(io)?.is_dir() {
                continue;
            }
            for file in std::fs::read_dir(shelf.path()).map_err(io)? {
                let file = file.map_err(io)?;
                let name = file.file_name();
                let Some(chunk) = name.to_str().and_then(|name| u64::from_str_radix(name, 16).ok()) else {
                    continue;
                };
                let named = engine.read(|view| view.contains(super::content::CHUNKS, &chunk.to_be_bytes()));
                if matches!(named, Ok(false)) {
                    std::fs::remove_file(file.path()).map_err(io)?;
                }
            }
        }
        Ok(Self { folder: Some(folder) })
    }

    fn path(&self, chunk: u64) -> Option<PathBuf> {
        let name = format!("{chunk:016x}");
        Some(self.folder.as_ref()?.join(&name[..2]).join(name))
    }

    /// Takes in a body of at most `limit` bytes and checks the checksums the request states.
    pub(super) async fn receive(&self, call: &Call, mut body: Body, limit: u64) -> Result<Received, Fault> {
        let stated = call.number_header("content-length")?;
        let too_large = || BODY_TOO_LARGE.detail("MaxLimit", limit.to_string());
        if stated.is_some_and(|stated| stated > limit) {
            return Err(too_large());
        }
        let wants_crc = call.headers.contains_key("x-ms-content-crc64");
        let mut sums = Sums { md5: Md5::new(), crc64: wants_crc.then(Crc64::new) };
        let chunk: u64 = rand::random();
        let mut length = 0u64;
        let mut held = Pieces::default();
        let mut file: Option<Incoming> = None;
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|error| INVALID_INPUT.because(format!("The body broke off: {error}")))?;
            let Ok(data) = frame.into_data() else { continue };
            length += data.len() as u64;
            if length > limit {
                return Err(too_large());
            }
            sums.update(&data);
            held.push(data);
            let Some(folder) = &self.folder else { continue };
            if file.is_none() && held.length > INLINE {
                file = Some(Incoming::create(folder, chunk).await?);
            }
            if let Some(file) = &mut file
                && held.length >= PIECE
            {
                file.write(held.take()).await?;
            }
        }
        if stated.is_some_and(|stated| stated != length) {
            return Err(INVALID_INPUT.because("The body is shorter than its Content-Length."));
        }
        let (md5, crc64) = sums.finish();
        check_sums(call, &md5, crc64.as_ref())?;
        let place = match (file, self.path(chunk)) {
            (Some(mut file), Some(path)) => {
                file.write(held.take()).await?;
                file.keep(&path).await?;
                Place::File
            }
            _ => Place::Inline(held.take()),
        };
        Ok(Received { chunk, place, length, md5, crc64 })
    }

    /// Opens a chunk's file for reading.
    pub(super) async fn open_chunk(&self, chunk: u64) -> std::io::Result<File> {
        let path = self.path(chunk).ok_or(std::io::ErrorKind::NotFound)?;
        File::open(path).await
    }

    /// Removes a chunk's file; one that is already gone is fine.
    pub(super) async fn remove(&self, chunk: u64) -> Result<(), StoreError> {
        let Some(path) = self.path(chunk) else { return Ok(()) };
        match tokio::fs::remove_file(path).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::Io(error.to_string()))
            }
            _ => Ok(()),
        }
    }
}

/// A body being written. Dropped before [`Incoming::keep`], it leaves nothing.
struct Incoming {
    file: Option<File>,
    path: PathBuf,
}

impl Incoming {
    async fn create(folder: &Path, chunk: u64) -> Result<Self, Fault> {
        let path = folder.join(INCOMING).join(format!("{chunk:016x}"));
        let file = File::create(&path).await.map_err(disk)?;
        Ok(Self { file: Some(file), path })
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Fault> {
        match &mut self.file {
            Some(file) => file.write_all(&bytes).await.map_err(disk),
            None => Ok(()),
        }
    }

    /// Makes the bytes durable, then moves them to their final name, durably too.
    async fn keep(&mut self, target: &Path) -> Result<(), Fault> {
        if let Some(mut file) = self.file.take() {
            file.flush().await.map_err(disk)?;
            file.sync_all().await.map_err(disk)?;
        }
        let (source, target) = (self.path.clone(), target.to_path_buf());
        let moved = tokio::task::spawn_blocking(move || {
            let shelf = target.parent().expect("a chunk lies on a shelf").to_path_buf();
            if !shelf.exists() {
                std::fs::create_dir_all(&shelf)?;
                sync_folder(shelf.parent().expect("a shelf lies in the blob folder"))?;
            }
            std::fs::rename(source, &target)?;
            sync_folder(&shelf)
        });
        match moved.await {
            Ok(moved) => moved.map_err(disk),
            Err(_) => Err(INTERNAL_ERROR.because("The store is shutting down.")),
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // After `keep` the name is gone already; after a failure this is the clean-up.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn disk(error: std::io::Error) -> Fault {
    if is_full(&error) { INSUFFICIENT_STORAGE.into() } else { INTERNAL_ERROR.because(error.to_string()) }
}

/// Frames waiting to be written together.
#[derive(Default)]
struct Pieces {
    first: Bytes,
    rest: BytesMut,
    length: usize,
}

impl Pieces {
    fn push(&mut self, data: Bytes) {
        if self.length == 0 {
            self.length = data.len();
            self.first = data;
            return;
        }
        self.length += data.len();
        if self.rest.is_empty() {
            self.rest.reserve(PIECE);
            self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.rest.extend_from_slice(&data);
    }

    fn take(&mut self) -> Bytes {
        self.length = 0;
        let first = std::mem::take(&mut self.first);
        if self.rest.is_empty() { first } else { self.rest.split().freeze() }
    }
}

struct Sums {
    md5: Md5,
    crc64: Option<Crc64>,
}

impl Sums {
    fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        if let Some(crc64) = &mut self.crc64 {
            crc64.update(bytes);
        }
    }

    fn finish(self) -> ([u8; 16], Option<[u8; 8]>) {
        (self.md5.finalize().into(), self.crc64.map(|crc64| crc64.finish()))
    }
}

fn check_sums(call: &Call, md5: &[u8; 16], crc64: Option<&[u8; 8]>) -> Result<(), Fault> {
    use crate::protocol::fault::{CRC64_MISMATCH, INVALID_MD5, MD5_MISMATCH};
    if let Some(stated) = call.header("content-md5")?.filter(|text| !text.is_empty()) {
        let decoded = STANDARD.decode(stated).ok().filter(|bytes| bytes.len() == 16);
        let decoded = decoded.ok_or_else(|| Fault::from(INVALID_MD5))?;
        if decoded != md5 {
            return Err(MD5_MISMATCH
                .detail("UserSpecifiedMd5", stated)
                .detail("ServerCalculatedMd5", STANDARD.encode(md5)));
        }
    }
    if let (Some(stated), Some(found)) = (call.header("x-ms-content-crc64")?, crc64) {
        let decoded = STANDARD.decode(stated).map_err(|_| call.bad_header("x-ms-content-crc64"))?;
        if decoded != found {
            return Err(CRC64_MISMATCH
                .detail("UserSpecifiedCrc64", stated)
                .detail("ServerCalculatedCrc64", STANDARD.encode(found)));
        }
    }
    Ok(())
}
