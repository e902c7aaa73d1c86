//! Compiled code on disk is used when it is whole, and only then.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::{Heard, Lab, echo};
use crate::{Cache, Engine, EngineOptions, GuestOptions};

/// Loads the guest in a new engine, as a new process would; tells whether it was compiled.
async fn compiles(file: &Path, cache: &Path) -> bool {
    let options = EngineOptions {
        instances: 1,
        cache: Some(Cache::open(cache).expect("a cache")),
        ..EngineOptions::default()
    };
    let engine = Engine::new(options).expect("an engine");
    let compiled = Cell::new(false);
    let guest = engine.load(file, GuestOptions::default(), |_| compiled.set(true)).expect("loads");
    let done = guest.call_command(Bytes::from("ping"), Arc::new(Heard::default())).await.expect("runs");
    assert_eq!(done.stdout, "ping");
    compiled.get()
}

fn entry(cache: &Path, extension: &str) -> PathBuf {
    let entries = std::fs::read_dir(cache).expect("a folder").map(|entry| entry.expect("readable").path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[tokio::test]
async fn damaged_entries_are_compiled_again() {
    let (lab, cache) = Lab::with_cache();
    let file = lab.file("echo.wasm", wat::parse_str(echo(0)).expect("valid"));
    assert!(compiles(&file, &cache).await);
    assert!(!compiles(&file, &cache).await, "the second start uses the cache");

    let code = entry(&cache, "cwasm");
    let whole = std::fs::read(&code).expect("readable");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x55;
    for damaged in [&whole[..whole.len() / 2], b"", b"not code at all", &flipped] {
        std::fs::write(&code, damaged).expect("written");
        assert!(compiles(&file, &cache).await, "damage must be noticed");
        assert!(!compiles(&file, &cache).await, "and repaired");
    }
    std::fs::remove_file(entry(&cache, "sum")).expect("removed");
    assert!(compiles(&file, &cache).await, "code without a checksum counts as absent");
}

#[tokio::test]
async fn code_of_another_version_is_compiled_again() {
    let (lab, cache) = Lab::with_cache();
    let file = lab.file("echo.wasm", wat::parse_str(echo(0)).expect("valid"));
    assert!(compiles(&file, &cache).await);
    // Whole, with a fitting checksum, but made by another version of the engine.
    let mut config = wasmtime::Config::new();
    config.epoch_interruption(true);
    let version = wasmtime::ModuleVersionStrategy::Custom("another".into());
    config.module_version(version).expect("a version");
    let engine = wasmtime::Engine::new(&config).expect("an engine");
    let bytes = std::fs::read(&file).expect("readable");
    let other = engine.precompile_module(&bytes).expect("compiles");
    std::fs::write(entry(&cache, "cwasm"), &other).expect("written");
    let sum = format!("{:08x} {}", crc32fast::hash(&other), other.len());
    std::fs::write(entry(&cache, "sum"), sum).expect("written");
    assert!(compiles(&file, &cache).await);
}

#[cfg(unix)]
#[tokio::test]
async fn a_cache_that_others_can_write_to_is_not_trusted() {
    use std::os::unix::fs::PermissionsExt as _;
    let (lab, cache) = Lab::with_cache();
    let file = lab.file("echo.wasm", wat::parse_str(echo(0)).expect("valid"));
    assert!(compiles(&file, &cache).await);
    let code = entry(&cache, "cwasm");
    let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
    mode(&code, 0o666).expect("changed");
    assert!(compiles(&file, &cache).await, "the file was replaced");
    mode(&cache, 0o777).expect("changed");
    let error = Cache::open(&cache).expect_err("must be refused").to_string();
    assert!(error.contains("writable by nobody else"), "{error}");
}
