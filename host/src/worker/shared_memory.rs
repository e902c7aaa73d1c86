//! Large values by file instead of by stream (spec worker-protocol.md §16).
//!
//! A region is a file of one flag byte, the content's length as little-endian `int64`, and the content. The platform
//! keeps all regions of a machine in one folder. Here each worker has a folder of its own below the configured ones,
//! told to it by the same setting: whatever a crashed worker leaves behind goes with the folder, and what a killed host
//! leaves behind is removed by the next one.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use horus_app::log::Log;
use horus_app::settings::Settings;
use horus_worker_protocol as rpc;
use rpc::parameter_binding::RpcData;
use rpc::typed_data::Data;
use rpc::{InvocationResponse, ParameterBinding, RpcDataType, RpcSharedMemory, TypedData};

use super::pool::CATEGORY;

/// Switches it on.
const SETTING: &str = "FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED";
/// Comma-separated folders to use, the first that has room first. Workers read it, too.
pub(super) const DIRECTORIES_SETTING: &str = "FUNCTIONS_UNIX_SHARED_MEMORY_DIRECTORIES";
const DEFAULT_DIRECTORY: &str = "/dev/shm";
/// The folder that workers add to each of the configured ones.
const SUFFIX: &str = "AzureFunctions";
/// First part of the names of our folders.
const PREFIX: &str = "horus-";
const HEADER: usize = 9;
/// Smallest and largest content that travels this way.
const SMALLEST: usize = 1 << 20;
const LARGEST: usize = i32::MAX as usize;

/// The host's own part of the shared memory folders. Goes with its value.
#[derive(Debug)]
pub(super) struct SharedMemory {
    folders: Vec<Folder>,
}

/// A folder and the locked file beside it, which says that somebody uses it.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    lock_path: PathBuf,
    _lock: File,
}

impl SharedMemory {
    /// The folders that the settings name, after removing what dead hosts have left in them. `None` when the settings
    /// do not ask for shared memory, or when none of the folders can be used, which is said.
    pub(super) fn open(settings: &Settings, log: &Log) -> Option<Arc<Self>> {
        if !settings.flag(SETTING) {
            return None;
        }
        let listed = settings.text(DIRECTORIES_SETTING).unwrap_or(DEFAULT_DIRECTORY);
        let mut folders = Vec::new();
        for directory in listed.split(',').map(str::trim).filter(|directory| !directory.is_empty()) {
            remove_abandoned(Path::new(directory));
            match Folder::create(Path::new(directory)) {
                Ok(folder) => folders.push(folder),
                Err(error) => log.warning(
                    CATEGORY,
                    format!(
                        "'{directory}' cannot be used for shared memory ({DIRECTORIES_SETTING}): {error}"
                    ),
                ),
            }
        }
        if folders.is_empty() {
            log.warning(
                CATEGORY,
                "No folder for shared memory is left: large values travel over the stream.",
            );
            return None;
        }
        Some(Arc::new(Self { folders }))
    }

    /// A place for one worker.
    pub(super) fn room(self: &Arc<Self>, worker_id: &str) -> Arc<Room> {
        let bases: Vec<PathBuf> = self.folders.iter().map(|folder| folder.path.join(worker_id)).collect();
        for base in &bases {
            // One that cannot be made has no room for values either; the next one is taken.
            let _ = DirBuilder::new().recursive(true).mode(0o700).create(base.join(SUFFIX));
        }
        Arc::new(Room { bases, _whole: self.clone() })
    }
}

impl Folder {
    fn create(directory: &Path) -> io::Result<Self> {
        loop {
            let name = format!("{PREFIX}{}", uuid::Uuid::new_v4());
            let lock_path = directory.join(format!("{name}.lock"));
            let lock = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&lock_path)?;
            // Another host may tidy up between these two calls and take the file for an abandoned one.
            if lock.try_lock().is_err() || !is_same_file(&lock, &lock_path) {
                continue;
            }
            let path = directory.join(name);
            DirBuilder::new()
                .mode(0o700)
                .create(&path)
                .inspect_err(|_| drop(std::fs::remove_file(&lock_path)))?;
            return Ok(Self { path, lock_path, _lock: lock });
        }
    }
}

fn is_same_file(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The lock is held until the file is gone.
        let _ = std::fs::remove_dir_all(&self.path);
        let _ = std::fs::remove_file(&self.lock_path);
    }
}

/// Removes folders whose hosts are dead: nobody holds their lock.
fn remove_abandoned(directory: &Path) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let lock_path = entry.path();
        let name = entry.file_name();
        let Some(folder) = name
            .to_str()
            .and_then(|name| name.strip_suffix(".lock"))
            .filter(|folder| folder.starts_with(PREFIX))
        else {
            continue;
        };
        let Ok(lock) = OpenOptions::new().write(true).open(&lock_path) else { continue };
        if lock.try_lock().is_ok() {
            let _ = std::fs::remove_dir_all(directory.join(folder));
            let _ = std::fs::remove_file(&lock_path);
        }
    }
}

/// One worker's part. Goes with its value, and everything in it.
#[derive(Debug)]
pub(super) struct Room {
    /// What the worker is told; its regions are in a folder below each.
    bases: Vec<PathBuf>,
    _whole: Arc<SharedMemory>,
}

impl Drop for Room {
    fn drop(&mut self) {
        for base in &self.bases {
            let _ = std::fs::remove_dir_all(base);
        }
    }
}

/// A region that the host wrote. Goes with its value: a worker may read it for as long as its invocation runs.
#[derive(Debug)]
pub(super) struct Region(PathBuf);

impl Drop for Region {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Why a worker's region cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum RegionError {
    #[error("the worker sent the invalid shared memory name '{0}'")]
    Name(String),
    #[error("shared memory '{0}' of the worker cannot be read: {1}")]
    Read(String, io::Error),
    #[error("shared memory '{0}' of the worker is broken: {1}")]
    Broken(String, &'static str),
}

impl Room {
    /// The value of [`DIRECTORIES_SETTING`] for the worker.
    pub(super) fn setting(&self) -> String {
        // Without spaces: not every worker trims.
        self.bases.iter().map(|base| base.to_string_lossy()).collect::<Vec<_>>().join(",")
    }

    /// Moves large values among `inputs` into regions, which have to live as long as the invocation. A value for which
    /// there is no room stays where it is.
    pub(super) async fn share(self: &Arc<Self>, inputs: &mut [ParameterBinding]) -> Vec<Region> {
        let mut regions = Vec::new();
        for input in inputs {
            let Some(RpcData::Data(TypedData { data: Some(data) })) = &mut input.rpc_data else { continue };
            if !is_eligible(data) {
                continue;
            }
            let (room, data) = (self.clone(), std::mem::replace(data, Data::Bytes(Bytes::new())));
            // Should the caller go away meanwhile, the region goes with the result that nobody takes.
            let written = tokio::task::spawn_blocking(move || (room.write(&data), data)).await;
            let (region, data) = written.expect("writing a file does not panic");
            input.rpc_data = Some(match region {
                Some((region, memory)) => {
                    regions.push(region);
                    RpcData::RpcSharedMemory(memory)
                }
                None => RpcData::Data(TypedData { data: Some(data) }),
            });
        }
        regions
    }

    /// A region with the value, in the first folder that has room.
    fn write(&self, data: &Data) -> Option<(Region, RpcSharedMemory)> {
        let (content, kind) = match data {
            Data::Bytes(bytes) => (bytes.as_ref(), RpcDataType::Bytes),
            Data::String(text) => (text.as_bytes(), RpcDataType::String),
            _ => return None,
        };
        let name = uuid::Uuid::new_v4().to_string();
        let count = i64::try_from(content.len()).ok()?;
        self.bases.iter().find_map(|base| {
            let path = base.join(SUFFIX).join(&name);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).ok()?;
            let region = Region(path);
            // Plain writes, not a mapping: where there is no room left they fail instead of killing the process.
            file.write_all(&[1]).ok()?;
            file.write_all(&count.to_le_bytes()).ok()?;
            file.write_all(content).ok()?;
            Some((region, RpcSharedMemory { name: name.clone(), offset: 0, count, r#type: kind.into() }))
        })
    }

    /// The value of a region that the worker wrote; the empty message stands for nothing.
    pub(super) async fn read(self: &Arc<Self>, memory: RpcSharedMemory) -> Result<TypedData, RegionError> {
        if memory.name.is_empty() {
            return Ok(TypedData { data: None });
        }
        let room = self.clone();
        let read = tokio::task::spawn_blocking(move || room.read_now(&memory)).await;
        read.expect("reading a file does not panic").map(|data| TypedData { data: Some(data) })
    }

    fn read_now(&self, memory: &RpcSharedMemory) -> Result<Data, RegionError> {
        let name = &memory.name;
        let broken = |why| RegionError::Broken(name.clone(), why);
        let failed = |error| RegionError::Read(name.clone(), error);
        let mut file = self.find(name)?;
        let mut header = [0; HEADER];
        file.read_exact(&mut header).map_err(failed)?;
        if header[0] != 1 {
            return Err(broken("it is not initialised"));
        }
        let length = i64::from_le_bytes(header[1..].try_into().expect("eight bytes"));
        let (offset, count) = (memory.offset, memory.count);
        let is_inside =
            offset >= 0 && count >= 0 && offset.checked_add(count).is_some_and(|end| end <= length);
        let count = usize::try_from(count).ok().filter(|count| is_inside && *count <= LARGEST);
        let count = count.ok_or_else(|| broken("its offset and count do not fit its length"))?;
        let available = file.metadata().map_err(failed)?.len().saturating_sub(HEADER as u64);
        if available < offset.unsigned_abs() + count as u64 {
            return Err(broken("its file is too short"));
        }
        if offset > 0 {
            io::Seek::seek_relative(&mut file, offset).map_err(failed)?;
        }
        let mut content = vec![0; count];
        file.read_exact(&mut content).map_err(failed)?;
        match memory.r#type() {
            RpcDataType::Bytes | RpcDataType::Stream => Ok(Data::Bytes(Bytes::from(content))),
            RpcDataType::String => {
                String::from_utf8(content).map(Data::String).map_err(|_| broken("its text is not UTF-8"))
            }
            RpcDataType::Json => {
                String::from_utf8(content).map(Data::Json).map_err(|_| broken("its JSON is not UTF-8"))
            }
            _ => Err(broken("its type is neither bytes nor text")),
        }
    }

    fn find(&self, name: &str) -> Result<File, RegionError> {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !is_plain {
            return Err(RegionError::Name(name.to_owned()));
        }
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for base in &self.bases {
            match File::open(base.join(SUFFIX).join(name)) {
                Ok(file) => return Ok(file),
                Err(error) => last = error,
            }
        }
        Err(RegionError::Read(name.to_owned(), last))
    }

    /// Removes regions of the worker, where it cannot be asked to.
    pub(super) fn discard(&self, names: &[String]) {
        for name in names.iter().filter(|name| !name.contains(['/', '.'])) {
            for base in &self.bases {
                let _ = std::fs::remove_file(base.join(SUFFIX).join(name));
            }
        }
    }
}

/// The regions that an answer names, all of which the worker keeps until it is told that they were read.
pub(super) fn named(response: &InvocationResponse) -> Vec<String> {
    let shared = response.output_data.iter().filter_map(|output| match &output.rpc_data {
        Some(RpcData::RpcSharedMemory(memory)) if !memory.name.is_empty() => Some(memory.name.clone()),
        _ => None,
    });
    shared.collect()
}

/// Whether a value travels by file: text counts two bytes per UTF-16 unit, as in the reference host.
fn is_eligible(data: &Data) -> bool {
    let size = match data {
        Data::Bytes(bytes) => bytes.len(),
        Data::String(text) if text.len() >= SMALLEST / 2 => text.encode_utf16().count() * 2,
        _ => return false,
    };
    (SMALLEST..=LARGEST).contains(&size)
}

#[cfg(test)]
mod tests;
