//! From a file to code that runs: out of memory, out of the cache, or out of the compiler, in this order.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use crate::aot::Code;
use crate::cache::Seen;
use crate::stamp::{self, Stamp};
use crate::{Cpu, Engine, Kind, LoadError, digest};

/// Larger files are refused: no guest that serves requests is this big, and compiling one takes minutes.
const LARGEST_FILE: u64 = 512 << 20;

/// What [`Engine::precompile`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precompiled {
    /// The code was there already.
    Found,
    /// It was compiled and kept; its size in bytes.
    Compiled(usize),
}

/// A script, opened.
struct Script<'a> {
    path: &'a Path,
    /// The same file has the same name here, however it is reached.
    place: PathBuf,
    file: File,
    stamp: Option<Stamp>,
    is_settled: bool,
}

impl<'a> Script<'a> {
    fn open(path: &'a Path) -> Result<Self, LoadError> {
        let read = |source| LoadError::Read { file: path.to_owned(), source };
        let file = File::open(path).map_err(read)?;
        let meta = file.metadata().map_err(read)?;
        if meta.len() > LARGEST_FILE {
            let size = meta.len();
            let reason = format!("it is {size} bytes long, more than the {LARGEST_FILE} that are accepted");
            return Err(LoadError::Invalid { file: path.to_owned(), reason });
        }
        Ok(Self {
            path,
            place: path.canonicalize().map_err(read)?,
            file,
            stamp: Stamp::of(&meta),
            is_settled: stamp::is_settled(&meta, SystemTime::now()),
        })
    }

    fn invalid(&self, reason: String) -> LoadError {
        LoadError::Invalid { file: self.path.to_owned(), reason }
    }

    fn read_error(&self, source: std::io::Error) -> LoadError {
        LoadError::Read { file: self.path.to_owned(), source }
    }

    /// The name of its contents, and what it is.
    fn digest(&mut self) -> Result<(String, Kind), LoadError> {
        let (name, length, head) =
            digest::of_reader(&mut self.file).map_err(|error| self.read_error(error))?;
        let kind = Kind::of(&head[..length]).map_err(|reason| self.invalid(reason))?;
        Ok((name, kind))
    }

    /// Its contents with their name, which may have changed since [`Script::digest`].
    fn read(&mut self) -> Result<(Vec<u8>, String, Kind), LoadError> {
        let mut bytes = Vec::new();
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| (&self.file).take(LARGEST_FILE).read_to_end(&mut bytes))
            .map_err(|error| self.read_error(error))?;
        let kind = Kind::of(&bytes).map_err(|reason| self.invalid(reason))?;
        let name = digest::of(&bytes);
        Ok((bytes, name, kind))
    }
}

impl Engine {
    /// Code of the script `path`. `compiling` is called with its size in bytes before a compilation begins.
    pub(crate) fn code(&self, path: &Path, compiling: impl FnOnce(usize)) -> Result<Arc<Code>, LoadError> {
        let mut script = Script::open(path)?;
        if let Some(code) = self.recall(&script) {
            return Ok(code);
        }
        let (name, kind) = script.digest()?;
        if let Some(code) = self.in_use(&name) {
            return Ok(code);
        }
        if let Some(code) = self.cached(&script, &name, kind) {
            return Ok(self.share(name, code));
        }
        let (bytes, name, kind) = script.read()?;
        compiling(bytes.len());
        let compiled = compile(&self.inner, &bytes, kind).map_err(|reason| script.invalid(reason))?;
        drop(bytes);
        let kept = self.cache.as_ref().and_then(|cache| {
            cache.store(&key(&name, self.targets.native()), &compiled).ok()?;
            self.cached(&script, &name, kind)
        });
        let code = match kept {
            Some(code) => code,
            None => Code::from_compiler(&self.inner, &compiled, kind)
                .map_err(|error| script.invalid(format!("{error:#}")))?,
        };
        Ok(self.share(name, code))
    }

    /// Puts code of the script `path` for `cpu` into the cache, if it is not there. Equal files give equal bytes.
    /// `compiling` is called with the file's size in bytes before a compilation begins.
    ///
    /// # Errors
    /// When the file cannot be compiled, or there is no cache that can be written to.
    pub fn precompile(
        &self,
        path: &Path,
        cpu: Cpu,
        compiling: impl FnOnce(usize),
    ) -> Result<Precompiled, LoadError> {
        let mut script = Script::open(path)?;
        let (bytes, name, kind) = script.read()?;
        let engine = self.targets.engine(cpu).map_err(|error| LoadError::Engine(format!("{error:#}")))?;
        let key = key(&name, &digest::compatibility(&engine));
        let cache = self.cache.as_ref().ok_or_else(|| LoadError::Engine("there is no cache".into()))?;
        if cache.has(&key) {
            return Ok(Precompiled::Found);
        }
        compiling(bytes.len());
        let compiled = compile(&engine, &bytes, kind).map_err(|reason| script.invalid(reason))?;
        cache.store(&key, &compiled).map_err(|source| {
            let folder = cache.folders().next().unwrap_or(Path::new("")).to_owned();
            LoadError::Cache { folder, source }
        })?;
        Ok(Precompiled::Compiled(compiled.len()))
    }

    /// Without reading the script or its code: when neither has changed.
    fn recall(&self, script: &Script<'_>) -> Option<Arc<Code>> {
        let cache = self.cache.as_ref()?;
        let seen = cache.recall(&script.place, self.targets.native(), script.stamp.as_ref()?)?;
        let name = seen.key.split('-').next()?.to_owned();
        if let Some(code) = self.in_use(&name) {
            return Some(code);
        }
        let code = cache.load_seen(&self.inner, &seen)?;
        Some(self.share(name, code))
    }

    /// From the cache: code for this processor, else code for any.
    fn cached(&self, script: &Script<'_>, name: &str, kind: Kind) -> Option<Code> {
        let cache = self.cache.as_ref()?;
        [Cpu::Native, Cpu::Baseline].into_iter().find_map(|cpu| {
            let key = key(name, self.targets.name(cpu)?);
            let (code, stamp) = cache.load(&self.inner, &key, kind)?;
            if let Some(code) = stamp {
                let source = script.stamp.clone().filter(|_| script.is_settled);
                let seen = Seen { key, kind, source, code };
                cache.remember(&script.place, self.targets.native(), &seen);
            }
            Some(code)
        })
    }

    fn in_use(&self, name: &str) -> Option<Arc<Code>> {
        self.loaded.lock().get(name).and_then(Weak::upgrade)
    }

    fn share(&self, name: String, code: Code) -> Arc<Code> {
        let code = Arc::new(code);
        let mut loaded = self.loaded.lock();
        loaded.retain(|_, code| code.strong_count() > 0);
        loaded.insert(name, Arc::downgrade(&code));
        code
    }
}

fn key(name: &str, target: &str) -> String {
    format!("{name}-{target}")
}

fn compile(engine: &wasmtime::Engine, bytes: &[u8], kind: Kind) -> Result<Vec<u8>, String> {
    let compiled = match kind {
        Kind::Module => engine.precompile_module(bytes),
        Kind::Component => engine.precompile_component(bytes),
    };
    compiled.map_err(|error| format!("{error:#}"))
}
