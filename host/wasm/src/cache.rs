//! Compiled code on disk: `<contents>-<engine>.cwasm`, its checksum beside it, and `<path>-<engine>.seen`, which says
//! that neither a script nor its compiled code has changed since both were read.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use wasmtime::Engine;

use crate::Kind;
use crate::aot::Code;
use crate::digest::{self, hex};
use crate::stamp::Stamp;

/// Compiled code is read in pieces of this many bytes.
const PIECE: usize = 256 << 10;

/// Folders of compiled code that only this user can change.
///
/// Nothing in them is needed: what is missing, damaged or of another version is compiled again.
#[derive(Debug, Clone)]
pub struct Cache {
    /// In the order in which they are asked; the first that can be written to takes what is new.
    folders: Vec<PathBuf>,
    /// Whether other users may read what is written.
    is_shared: bool,
}

/// What was found out about a script when it was read last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// What its compiled code is called.
    pub(crate) key: String,
    pub(crate) kind: Kind,
    /// The script's state; `None` when it had just been written.
    pub(crate) source: Option<Stamp>,
    /// The state of its compiled code, whose checksum was right.
    pub(crate) code: Stamp,
}

impl Cache {
    /// The cache in `folder`, which is made if it is missing. Fails if others could write to it: code that they put
    /// there would run with the rights of the host.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        make(folder)?;
        private(folder)?;
        Ok(Self { folders: vec![folder.to_owned()], is_shared: false })
    }

    /// The cache in `folder` for an image: whoever runs it can read what is put there, and nobody else can change it.
    pub fn for_image(folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        if let Some(above) = folder.parent() {
            passable(above)?;
        }
        let cache = Self::open(folder)?;
        readable(folder)?;
        Ok(Self { is_shared: true, ..cache })
    }

    /// Asks the folders of `other` after its own.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.folders.extend(other.folders);
        self
    }

    /// The folders.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(PathBuf::as_path)
    }

    /// Whether there is whole code under `key`.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.folders.iter().any(|folder| whole(folder, key).is_some())
    }

    /// Code under `key`, if it is there and whole, and its state.
    pub(crate) fn load(&self, engine: &Engine, key: &str, kind: Kind) -> Option<(Code, Option<Stamp>)> {
        self.folders.iter().find_map(|folder| {
            let stamp = whole(folder, key)?;
            Some((Code::from_cache(engine, &file(folder, key), kind).ok()?, stamp))
        })
    }

    /// Code that has not changed since it was last found whole.
    pub(crate) fn load_seen(&self, engine: &Engine, seen: &Seen) -> Option<Code> {
        self.folders.iter().find_map(|folder| {
            let file = file(folder, &seen.key);
            let stamp = Stamp::of(&std::fs::metadata(&file).ok()?)?;
            if stamp != seen.code {
                return None;
            }
            private(folder).ok()?;
            private(&file).ok()?;
            Code::from_cache(engine, &file, seen.kind).ok()
        })
    }

    /// Keeps `compiled` under `key`; tells whether that was possible. A cache that cannot be written only costs time
    /// at the next start.
    pub(crate) fn store(&self, key: &str, compiled: &[u8]) -> std::io::Result<()> {
        let sum = checksum(crc32fast::hash(compiled), compiled.len() as u64);
        self.first_writable(|folder| {
            // The checksum goes second: a file without a fitting one counts as absent.
            self.write(folder, &file(folder, key), compiled, true)?;
            self.write(folder, &sum_file(folder, key), sum.as_bytes(), true)
        })
    }

    /// What is known about the script at `path` that is in the state `source`.
    pub(crate) fn recall(&self, path: &Path, engine: &str, source: &Stamp) -> Option<Seen> {
        let name = seen_name(path, engine);
        let mut found = self.folders.iter().filter_map(|folder| read_seen(&folder.join(&name)));
        found.find(|seen| seen.source.as_ref() == Some(source))
    }

    /// Remembers what was found out about the script at `path`. Code of what the script was before is deleted, unless
    /// another script has it, too: an edited guest would leave megabytes behind each time.
    pub(crate) fn remember(&self, path: &Path, engine: &str, seen: &Seen) {
        let name = seen_name(path, engine);
        let written = self.first_writable(|folder| {
            let file = folder.join(&name);
            let before = read_seen(&file);
            if before.as_ref() == Some(seen) {
                return Ok(());
            }
            self.write(folder, &file, seen.text().as_bytes(), false)?;
            if let Some(before) = before.filter(|before| before.key != seen.key) {
                forget(folder, &before.key);
            }
            Ok(())
        });
        // Not being able to only costs time at the next start.
        drop(written);
    }

    fn first_writable(&self, mut attempt: impl FnMut(&Path) -> std::io::Result<()>) -> std::io::Result<()> {
        let mut last = Ok(());
        for folder in &self.folders {
            last = attempt(folder);
            if last.is_ok() {
                break;
            }
        }
        last
    }

    /// Under another name first: a file is there as a whole or not at all.
    fn write(&self, folder: &Path, file: &Path, bytes: &[u8], lasting: bool) -> std::io::Result<()> {
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(bytes)?;
        if lasting {
            temporary.as_file().sync_all()?;
        }
        if self.is_shared {
            readable(temporary.path())?;
        }
        temporary.persist(file)?;
        Ok(())
    }
}

impl Seen {
    fn text(&self) -> String {
        let kind = match self.kind {
            Kind::Module => "module",
            Kind::Component => "component",
        };
        let source = self.source.as_ref().map_or("-", Stamp::text);
        format!("{}\n{kind}\n{source}\n{}\n", self.key, self.code.text())
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let key = lines.next().filter(|key| is_key(key))?.to_owned();
        let kind = match lines.next()? {
            "module" => Kind::Module,
            "component" => Kind::Component,
            _ => return None,
        };
        let source = lines.next().map(|line| (line != "-").then(|| Stamp::read(line)))?;
        let code = Stamp::read(lines.next()?);
        // What was cut off has no last line.
        (lines.next() == Some("") && lines.next().is_none()).then_some(Self { key, kind, source, code })
    }
}

fn file(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.cwasm"))
}

fn sum_file(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.sum"))
}

fn seen_name(path: &Path, engine: &str) -> String {
    format!("{}-{engine}.seen", digest::of(path.as_os_str().as_encoded_bytes()))
}

/// A key names a file in the folder and no other.
fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn read_seen(file: &Path) -> Option<Seen> {
    private(file).ok()?;
    Seen::read(&std::fs::read_to_string(file).ok()?)
}

/// Reads the code under `key` to the end and compares its checksum; its state, if it is whole.
#[expect(clippy::option_option, reason = "whole, but of a state that cannot be told")]
fn whole(folder: &Path, key: &str) -> Option<Option<Stamp>> {
    let path = file(folder, key);
    private(folder).ok()?;
    private(&path).ok()?;
    let recorded = std::fs::read_to_string(sum_file(folder, key)).ok()?;
    let mut code = std::fs::File::open(&path).ok()?;
    let stamp = Stamp::of(&code.metadata().ok()?);
    let (mut hasher, mut length) = (crc32fast::Hasher::new(), 0);
    let mut piece = vec![0; PIECE];
    loop {
        match code.read(&mut piece).ok()? {
            0 => break,
            count => {
                hasher.update(&piece[..count]);
                length += count as u64;
            }
        }
    }
    (recorded.trim() == checksum(hasher.finalize(), length)).then_some(stamp)
}

/// Deletes the code under `key` unless a script still has it.
fn forget(folder: &Path, key: &str) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let seen = entries.flatten().map(|entry| entry.path());
    let mut seen = seen.filter(|path| path.extension().is_some_and(|extension| extension == "seen"));
    if !seen.any(|path| read_seen(&path).is_some_and(|seen| seen.key == key)) {
        // Whoever runs it has it mapped and keeps it.
        let _ = std::fs::remove_file(file(folder, key))
            .and_then(|()| std::fs::remove_file(sum_file(folder, key)));
    }
}

/// Finds damage, not malice: whoever may write to the folder may write checksums, too.
fn checksum(crc: u32, length: u64) -> String {
    format!("{} {length}", hex(&crc.to_be_bytes()))
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

/// Lets every user read `path`, and only its owner write.
#[cfg(unix)]
fn readable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if path.is_dir() { 0o755 } else { 0o644 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Lets every user pass through `folder`, whatever else they may do in it.
#[cfg(unix)]
fn passable(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let mode = std::fs::metadata(folder)?.mode() & 0o7777;
    match mode & 0o011 {
        0o011 => Ok(()),
        _ => std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode | 0o011)),
    }
}

/// Elsewhere permissions come from the folder above.
#[cfg(not(unix))]
fn passable(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Elsewhere permissions come from the folder above.
#[cfg(not(unix))]
fn readable(_path: &Path) -> std::io::Result<()> {
    Ok(())
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
