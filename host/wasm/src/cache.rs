//! Compiled code on disk: `<hash of the file>-<hash of the engine>.cwasm` and its checksum beside it.

use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;

use crate::Kind;
use crate::aot::Code;

/// A folder of compiled code that only this user can change.
///
/// Nothing in it is needed: what is missing, damaged or of another version is compiled again.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in `folder`, which is made if it is missing. Fails if others could write to it: code that they put
    /// there would run with the rights of the host.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        make(folder)?;
        private(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Code under `key`, if it is there and whole.
    pub(crate) fn load(&self, engine: &Engine, key: &str, kind: Kind) -> Option<Code> {
        let file = self.file(key);
        private(&self.folder).ok()?;
        private(&file).ok()?;
        let recorded = std::fs::read_to_string(self.sum(key)).ok()?;
        let found = std::fs::read(&file).ok()?;
        if recorded.trim() != checksum(&found) {
            return None;
        }
        drop(found);
        Code::from_cache(engine, &file, kind).ok()
    }

    /// Keeps `compiled` under `key`. A cache that cannot be written only costs time at the next start.
    pub(crate) fn store(&self, key: &str, compiled: &[u8]) {
        // The checksum goes second: a file without a fitting one counts as absent.
        let _ = write(&self.folder, &self.file(key), compiled)
            .and_then(|()| write(&self.folder, &self.sum(key), checksum(compiled).as_bytes()));
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.cwasm"))
    }

    fn sum(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.sum"))
    }
}

/// Names compiled code by what it was compiled from and by what it runs on.
pub(crate) fn key(bytes: &[u8], compatibility: &str) -> String {
    format!("{}-{compatibility}", hex(&Sha256::digest(bytes)[..16]))
}

/// Engine version, settings and CPU features, as one short text.
pub(crate) fn compatibility(engine: &Engine) -> String {
    let mut hasher = Fingerprint(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hex(&hasher.0.finalize()[..8])
}

/// A hasher whose result stays the same between runs and between compilers.
struct Fingerprint(Sha256);

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_le_bytes(digest[..8].try_into().expect("a digest is 32 bytes long"))
    }
}

/// Finds damage, not malice: whoever may write to the folder may write checksums, too.
fn checksum(bytes: &[u8]) -> String {
    format!("{:08x} {}\n", crc32fast::hash(bytes), bytes.len()).trim().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn write(folder: &Path, file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(file)?;
    Ok(())
}

#[cfg(unix)]
fn make(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// Fails unless `path` is this user's or root's and nobody else may write to it.
#[cfg(unix)]
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = std::fs::symlink_metadata(path)?;
    let owned = meta.uid() == 0 || meta.uid() == rustix::process::geteuid().as_raw();
    if meta.is_symlink() || !owned || meta.mode() & 0o022 != 0 {
        let why = format!("'{}' must belong to this user and be writable by nobody else", path.display());
        return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, why));
    }
    Ok(())
}

/// Elsewhere the profile folder's own permissions have to do.
#[cfg(not(unix))]
fn private(path: &Path) -> std::io::Result<()> {
    std::fs::metadata(path).map(|_| ())
}
