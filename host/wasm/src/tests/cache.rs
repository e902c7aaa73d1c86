//! Compiled code on disk is used when it is whole, and only then.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Heard, Lab, echo};
use crate::{Cache, Cpu, Engine, EngineOptions, GuestOptions, Precompiled};

/// An engine as that of a new process.
fn engine(cache: Cache) -> Arc<Engine> {
    let options = EngineOptions { instances: 1, cache: Some(cache), ..EngineOptions::default() };
    Engine::new(options).expect("an engine")
}

/// Loads the guest in a new engine; tells whether it was compiled.
async fn compiles(file: &Path, cache: &Path) -> bool {
    compiles_with(file, Cache::open(cache).expect("a cache")).await
}

async fn compiles_with(file: &Path, cache: Cache) -> bool {
    let engine = engine(cache);
    let compiled = Cell::new(false);
    let guest = engine.load(file, GuestOptions::default(), |_| compiled.set(true)).expect("loads");
    let done = guest.call_command(Bytes::from("ping"), Arc::new(Heard::default())).await.expect("runs");
    assert_eq!(done.stdout, "ping");
    compiled.get()
}

/// The exit code of the guest, and whether it was compiled.
async fn exit(file: &Path, cache: &Path) -> (i32, bool) {
    let compiled = Cell::new(false);
    let engine = engine(Cache::open(cache).expect("a cache"));
    let guest = engine.load(file, GuestOptions::default(), |_| compiled.set(true)).expect("loads");
    let done = guest.call_command(Bytes::new(), Arc::new(Heard::default())).await.expect("runs");
    (done.exit, compiled.get())
}

fn entries(cache: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(cache).expect("a folder").map(|entry| entry.expect("readable").path());
    entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect()
}

fn entry(cache: &Path, extension: &str) -> PathBuf {
    let mut found = entries(cache, extension);
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

/// Loads the guest again until its file counts as settled.
async fn settle(file: &Path, cache: &Path) {
    let since = Instant::now();
    let is_settled = || {
        let seen = std::fs::read_to_string(entry(cache, "seen")).expect("readable");
        seen.lines().nth(2).is_some_and(|source| source != "-")
    };
    assert!(!is_settled(), "a file that was just written may change unseen");
    while !is_settled() {
        assert!(since.elapsed() < Duration::from_secs(30), "it never settles");
        tokio::time::sleep(Duration::from_millis(50)).await;
        exit(file, cache).await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn unchanged_files_are_not_read_and_changed_ones_are() {
    let (lab, cache) = Lab::with_cache();
    let file = lab.file("echo.wasm", wat::parse_str(echo(3)).expect("valid"));
    assert_eq!(exit(&file, &cache).await, (3, true));
    settle(&file, &cache).await;
    // Reading the code would miss its checksum.
    let sum = std::fs::read(entry(&cache, "sum")).expect("readable");
    std::fs::remove_file(entry(&cache, "sum")).expect("removed");
    assert_eq!(exit(&file, &cache).await, (3, false), "nothing has changed, so nothing is read");

    // Damage shows in the stamp, and then in the checksum.
    let code = entry(&cache, "cwasm");
    let whole = std::fs::read(&code).expect("readable");
    std::fs::write(code.with_extension("sum"), &sum).expect("written");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x55;
    std::fs::write(&code, &flipped).expect("written");
    assert_eq!(exit(&file, &cache).await, (3, true), "damage must be noticed");

    // Another guest of the same length and age in the same place.
    assert_eq!(exit(&file, &cache).await, (3, false));
    let modified = std::fs::metadata(&file).expect("there").modified().expect("known");
    let other = wat::parse_str(echo(4)).expect("valid");
    assert_eq!(other.len(), std::fs::read(&file).expect("readable").len());
    std::fs::write(&file, other).expect("written");
    let opened = std::fs::File::options().write(true).open(&file).expect("there");
    opened.set_modified(modified).expect("set");
    assert_eq!(exit(&file, &cache).await, (4, true), "a changed guest must not run old code");
}

#[cfg(unix)]
#[tokio::test]
async fn nonsense_about_a_file_is_ignored() {
    let (lab, cache) = Lab::with_cache();
    let file = lab.file("echo.wasm", wat::parse_str(echo(0)).expect("valid"));
    exit(&file, &cache).await;
    settle(&file, &cache).await;
    let seen = entry(&cache, "seen");
    let whole = std::fs::read_to_string(&seen).expect("readable");
    let elsewhere = whole.replacen(whole.lines().next().expect("a key"), "../../etc/passwd", 1);
    for nonsense in ["", "\n\n\n\n", &whole[..whole.len() - 1], &whole[..40], &elsewhere] {
        std::fs::write(&seen, nonsense).expect("written");
        std::fs::remove_file(entry(&cache, "sum")).expect("removed");
        assert_eq!(exit(&file, &cache).await, (0, true), "{nonsense:?}");
    }
}

#[tokio::test]
async fn code_of_edited_guests_is_deleted_unless_another_has_it() {
    let (lab, cache) = Lab::with_cache();
    let bytes = |code| wat::parse_str(echo(code)).expect("valid");
    let (one, two) = (lab.file("one.wasm", bytes(1)), lab.file("two.wasm", bytes(1)));
    assert_eq!(exit(&one, &cache).await, (1, true));
    assert_eq!(exit(&two, &cache).await, (1, false), "equal files share their code");
    std::fs::write(&one, bytes(2)).expect("written");
    assert_eq!(exit(&one, &cache).await, (2, true));
    assert_eq!(entries(&cache, "cwasm").len(), 2, "the other file still has the old code");
    std::fs::write(&two, bytes(2)).expect("written");
    assert_eq!(exit(&two, &cache).await, (2, false));
    assert_eq!((entries(&cache, "cwasm").len(), entries(&cache, "sum").len()), (1, 1));
}

#[tokio::test]
async fn images_hold_the_same_bytes_wherever_they_are_built() {
    let (lab, _) = Lab::with_cache();
    let file = lab.file("echo.wasm", wat::parse_str(echo(0)).expect("valid"));
    for cpu in [Cpu::Native, Cpu::Baseline] {
        let folders = ["a", "b"].map(|name| lab.folder.path().join(format!("{cpu:?}-{name}/.func/wasm")));
        for folder in &folders {
            let engine = engine(Cache::for_image(folder).expect("a cache"));
            let done = engine.precompile(&file, cpu, |_| {}).expect("compiles");
            assert!(matches!(done, Precompiled::Compiled(size) if size > 0), "{done:?}");
            assert_eq!(engine.precompile(&file, cpu, |_| {}).expect("is there"), Precompiled::Found);
        }
        for extension in ["cwasm", "sum"] {
            let [a, b] = folders.each_ref().map(|folder| entry(folder, extension));
            assert_eq!(a.file_name(), b.file_name());
            assert!(
                std::fs::read(a).expect("readable") == std::fs::read(b).expect("readable"),
                "{extension}"
            );
        }
        assert!(!compiles(&file, &folders[0]).await, "a start uses what was built for {cpu:?}");
    }
}

#[cfg(unix)]
#[test]
fn everybody_can_read_what_is_built_for_an_image() {
    use std::os::unix::fs::PermissionsExt as _;
    let (lab, _) = Lab::with_cache();
    let file = lab.file("echo.wasm", wat::parse_str(echo(0)).expect("valid"));
    let folder = lab.folder.path().join("app/.func/wasm");
    Cache::open(&folder).expect("a cache that a start has made before");
    let engine = engine(Cache::for_image(&folder).expect("a cache"));
    engine.precompile(&file, Cpu::Native, |_| {}).expect("compiles");
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(folder.parent().expect("above")) & 0o011, 0o011);
    assert_eq!(mode(&folder), 0o755);
    assert_eq!(mode(&entry(&folder, "cwasm")), 0o644);
    assert_eq!(mode(&entry(&folder, "sum")), 0o644);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_to_is_read_and_another_takes_what_is_new() {
    let (lab, second) = Lab::with_cache();
    let first = lab.folder.path().join("first");
    let bytes = |code| wat::parse_str(echo(code)).expect("valid");
    let (old, new) = (lab.file("old.wasm", bytes(0)), lab.file("new.wasm", bytes(1)));
    assert_eq!(exit(&old, &first).await, (0, true));
    let both = || Cache::open(&first).expect("opens").or(Cache::open(&second).expect("opens"));
    assert!(!compiles_with(&old, both()).await);
    let cache = both();
    std::fs::rename(&first, lab.folder.path().join("gone")).expect("moved");
    let compiled = Cell::new(false);
    let load = |cache| engine(cache).load(&new, GuestOptions::default(), |_| compiled.set(true));
    load(cache).expect("loads");
    assert!(compiled.get());
    assert_eq!(entries(&second, "cwasm").len(), 1);
    compiled.set(false);
    load(both()).expect("loads");
    assert!(!compiled.get());
}

/// Whole, with a fitting checksum, but made for a processor with something that this one does not know.
#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn code_for_another_processor_is_compiled_again() {
    let (lab, cache) = Lab::with_cache();
    let file = lab.file("echo.wasm", wat::parse_str(echo(0)).expect("valid"));
    assert!(compiles(&file, &cache).await);
    let code = entry(&cache, "cwasm");
    let mut bytes = std::fs::read(&code).expect("readable");
    let feature = b"has_sse41";
    let at = bytes.windows(feature.len()).position(|window| window == feature).expect("in the header");
    bytes[at..at + feature.len()].copy_from_slice(b"has_sse99");
    std::fs::write(&code, &bytes).expect("written");
    let sum = format!("{:08x} {}", crc32fast::hash(&bytes), bytes.len());
    std::fs::write(entry(&cache, "sum"), sum).expect("written");
    assert!(compiles(&file, &cache).await, "it must not be run");
    assert!(!compiles(&file, &cache).await);
}
