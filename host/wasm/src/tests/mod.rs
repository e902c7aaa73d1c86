//! Guests written by hand, most of them hostile.

mod cache;
mod commands;
mod grants;
mod hostile;
mod loading;
mod sections;
mod typed;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tempfile::TempDir;

use crate::{Cache, Engine, EngineOptions, Guest, GuestOptions, Limits, LoadError, Sink, Source};

/// An engine, a folder for guests, and everything guests said.
pub(super) struct Lab {
    pub(super) folder: TempDir,
    pub(super) engine: Arc<Engine>,
}

impl Lab {
    pub(super) fn new() -> Self {
        Self::with(EngineOptions { instances: 8, ..EngineOptions::default() })
    }

    pub(super) fn with(options: EngineOptions) -> Self {
        let engine = Engine::new(options).expect("an engine");
        Self { folder: TempDir::new().expect("a folder"), engine }
    }

    pub(super) fn with_cache() -> (Self, PathBuf) {
        let folder = TempDir::new().expect("a folder");
        let cache = folder.path().join("cache");
        let options = EngineOptions {
            instances: 8,
            cache: Some(Cache::open(&cache).expect("a cache")),
            ..EngineOptions::default()
        };
        let engine = Engine::new(options).expect("an engine");
        (Self { folder, engine }, cache)
    }

    pub(super) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let file = self.folder.path().join(name);
        std::fs::write(&file, bytes).expect("written");
        file
    }

    /// Loads a guest in text format.
    pub(super) fn guest(&self, text: &str, limits: Limits) -> Result<Guest, LoadError> {
        let file = self.file("guest.wasm", wat::parse_str(text).expect("valid text"));
        self.load(&file, limits)
    }

    pub(super) fn load(&self, file: &Path, limits: Limits) -> Result<Guest, LoadError> {
        let options = GuestOptions { name: "guest".into(), limits, ..GuestOptions::default() };
        self.engine.load(file, options, |_| {})
    }
}

/// Remembers what a guest says.
#[derive(Default)]
pub(super) struct Heard(pub(super) Mutex<Vec<(Source, String)>>);

impl Heard {
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().iter().map(|(_, line)| line.clone()).collect()
    }
}

impl Sink for Heard {
    fn line(&self, source: Source, line: &str) {
        self.0.lock().push((source, line.to_owned()));
    }

    fn record(&self, level: crate::Level, category: &str, message: &str) {
        self.0.lock().push((Source::Stderr, format!("{level:?} [{category}] {message}")));
    }

    fn denied(&self, authority: &str) {
        self.0.lock().push((Source::Stderr, format!("denied {authority}")));
    }
}

/// A command that copies standard input to standard output, says `hello` on standard error and exits with `code`.
pub(super) fn echo(code: u32) -> String {
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "hello\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 6))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 16)))
    (block $end
      (loop $more
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (i32.const 4096))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
        (br_if $end (i32.eqz (i32.load (i32.const 16))))
        (i32.store (i32.const 4) (i32.load (i32.const 16)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
        (br $more)))
    (call $exit (i32.const {code}))))"#
    )
}
