//! Well-behaved commands.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Heard, Lab, echo};
use crate::{CallError, Contract, EngineOptions, Folder, Grants, GuestOptions, Limits, Source};

#[tokio::test]
async fn a_command_reads_stdin_and_writes_stdout() {
    let lab = Lab::new();
    let guest = lab.guest(&echo(0), Limits::default()).expect("loads");
    assert_eq!(guest.contract(), Contract::Command);
    let heard = Arc::new(Heard::default());
    let input = Bytes::from("x".repeat(100_000));
    let done = guest.call_command(input.clone(), heard.clone()).await.expect("runs");
    assert_eq!((done.stdout, done.exit), (input, 0));
    assert_eq!(done.last_words, "hello");
    assert_eq!(*heard.0.lock(), [(Source::Stderr, "hello".to_owned())]);
    let usage = guest.usage();
    assert_eq!((usage.calls, usage.traps, usage.peak_memory, usage.running), (1, 0, 65_536, 0));
}

#[tokio::test]
async fn an_exit_code_is_no_trap() {
    let lab = Lab::new();
    let guest = lab.guest(&echo(3), Limits::default()).expect("loads");
    let done = guest.call_command(Bytes::new(), Arc::new(Heard::default())).await.expect("runs");
    assert_eq!(done.exit, 3);
    assert_eq!(guest.usage().traps, 0);
}

#[tokio::test]
async fn many_calls_share_few_instances() {
    let lab = Lab::with(EngineOptions { instances: 2, ..EngineOptions::default() });
    let guest = lab.guest(&echo(0), Limits { instances: 4, ..Limits::default() }).expect("loads");
    let calls = (0..200).map(|n| {
        let (guest, text) = (&guest, n.to_string());
        async move {
            let done = guest.call_command(text.clone().into(), Arc::new(Heard::default())).await;
            assert_eq!(done.expect("runs").stdout, text);
        }
    });
    futures::future::join_all(calls).await;
    assert_eq!(guest.usage().calls, 200);
}

#[tokio::test]
async fn more_waiting_calls_than_allowed_are_refused() {
    let lab = Lab::new();
    let limits =
        Limits { instances: 1, waiting: 1, time: Some(Duration::from_secs(60)), ..Limits::default() };
    let text = r#"(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))"#;
    let guest = lab.guest(text, limits).expect("loads");
    let call = || guest.call_command(Bytes::new(), Arc::new(Heard::default()));
    let (mut first, mut second) = (Box::pin(call()), Box::pin(call()));
    for pending in [&mut first, &mut second] {
        let ended = tokio::time::timeout(Duration::from_millis(30), pending).await;
        assert!(ended.is_err(), "one runs, one waits");
    }
    assert!(matches!(call().await, Err(CallError::Busy)));
    drop(first);
    let freed = tokio::time::timeout(Duration::from_millis(30), &mut second).await;
    assert!(freed.is_err(), "the second runs now");
    assert_eq!(guest.usage().running, 1);
    drop(second);
    assert_eq!(guest.usage().running, 0, "dropping a call frees its instance");
}

/// Writes the environment, `name=value` and a NUL each, to standard output.
const ENVIRONMENT: &str = r#"(module
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (drop (call $get (i32.const 256) (i32.const 1024)))
    (i32.store (i32.const 8) (i32.const 1024))
    (i32.store (i32.const 12) (i32.load (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))))"#;

#[tokio::test]
async fn the_environment_is_what_was_granted() {
    let lab = Lab::new();
    let file = lab.file("env.wasm", wat::parse_str(ENVIRONMENT).expect("valid"));
    let granted = Grants { environment: vec![("COLOUR".into(), "blue".into())], ..Grants::default() };
    for (grants, expected) in [(Grants::default(), &b""[..]), (granted, b"COLOUR=blue\0")] {
        let options = GuestOptions { name: "env".into(), grants, ..GuestOptions::default() };
        let guest = lab.engine.load(&file, options, |_| {}).expect("loads");
        let done = guest.call_command(Bytes::new(), Arc::new(Heard::default())).await.expect("runs");
        assert_eq!(done.stdout, expected);
    }
}

/// Creates the file `made` in the first granted folder; the exit code is the WASI error number.
const CREATE: &str = r#"(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "made")
  (func (export "_start")
    (call $exit (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4)
      (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))))"#;

#[tokio::test]
async fn folders_are_closed_read_only_or_writable_as_granted() {
    let lab = Lab::new();
    let file = lab.file("create.wasm", wat::parse_str(CREATE).expect("valid"));
    let open = lab.folder.path().join("open");
    std::fs::create_dir(&open).expect("made");
    let folder = |writable| vec![Folder { path: open.clone(), guest: "/data".into(), writable }];
    let run = |folders: Vec<Folder>| {
        let grants = Grants { folders, ..Grants::default() };
        let options = GuestOptions { name: "create".into(), grants, ..GuestOptions::default() };
        let guest = lab.engine.load(&file, options, |_| {}).expect("loads");
        async move { guest.call_command(Bytes::new(), Arc::new(Heard::default())).await.expect("runs").exit }
    };
    assert_ne!(run(Vec::new()).await, 0);
    assert_ne!(run(folder(false)).await, 0);
    assert!(!open.join("made").exists());
    assert_eq!(run(folder(true)).await, 0);
    assert!(open.join("made").exists());

    let grants = Grants {
        folders: vec![Folder { path: open.join("missing"), guest: "/x".into(), writable: false }],
        ..Grants::default()
    };
    let options = GuestOptions { name: "create".into(), grants, ..GuestOptions::default() };
    let error = lab.engine.load(&file, options, |_| {}).expect_err("no such folder").to_string();
    assert!(error.contains("missing"), "{error}");
}

#[tokio::test]
async fn an_instance_without_a_call_takes_a_place_and_gives_it_back() {
    let lab = Lab::with(EngineOptions { instances: 1, ..EngineOptions::default() });
    let guest = lab.guest(&echo(0), Limits::default()).expect("loads");
    for _ in 0..100 {
        drop(guest.ready().await.expect("an instance"));
    }
    let ready = guest.ready().await.expect("an instance");
    let call = guest.call_command(Bytes::from("x"), Arc::new(Heard::default()));
    let blocked = tokio::time::timeout(Duration::from_millis(30), call).await;
    assert!(blocked.is_err(), "there is one place, and it is taken");
    drop(ready);
    let done = guest.call_command(Bytes::from("x"), Arc::new(Heard::default())).await.expect("runs");
    assert_eq!(done.stdout, "x");
}

/// Sleeps for ten milliseconds.
const SLEEP: &str = r#"(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 16)
  (func (export "_start")
    ;; one subscription to the monotonic clock: user data, tag 0, clock 1, timeout in nanoseconds
    (i32.store8 (i32.const 8) (i32.const 0))
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 10000000))
    (i32.store8 (i32.const 1048575) (i32.const 1))
    (if (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)) (then unreachable))))"#;

/// Memory of this process in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|number| number.parse::<usize>().ok()).expect("a number") << 10
}

/// Issue "Wasm functions", speed: ten thousand sleeping calls wait for their turn and do not exhaust memory.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_sleeping_calls_wait_in_bounded_memory() {
    const CALLS: usize = 10_000;
    let lab = Lab::with(EngineOptions { instances: 50, ..EngineOptions::default() });
    let guest = Arc::new(lab.guest(SLEEP, Limits { instances: 100, ..Limits::default() }).expect("loads"));
    let before = resident();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..CALLS {
        let guest = guest.clone();
        calls.spawn(async move { guest.call_command(Bytes::new(), Arc::new(Heard::default())).await });
    }
    let (mut most, mut waited, mut done) = (0, 0, 0);
    while let Some(ended) = calls.join_next().await {
        ended.expect("no panic").expect("runs");
        done += 1;
        if done % 100 == 0 {
            let usage = guest.usage();
            assert!(usage.running <= 100, "{usage:?}");
            waited = waited.max(usage.waiting);
            most = most.max(resident());
        }
    }
    let usage = guest.usage();
    assert_eq!((usage.calls, usage.traps, usage.refused), (10_000, 0, 0));
    assert!(waited > CALLS / 2, "they never waited: {waited}");
    // Each instance has a mebibyte of memory: all of them at once would take ten thousand.
    let grown = most.saturating_sub(before);
    assert!(grown < 300 << 20, "{} MiB more than before", grown >> 20);
}
