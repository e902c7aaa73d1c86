//! Guests that mean harm; issue "Wasm functions", bad input.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Heard, Lab};
use crate::{CallError, Limits};

async fn run(text: &str, limits: Limits) -> CallError {
    let lab = Lab::new();
    let guest = lab.guest(text, limits).expect("loads");
    let error = guest.call_command(Bytes::new(), Arc::new(Heard::default())).await.expect_err("must fail");
    assert_eq!(guest.usage().traps, 1, "{error}");
    assert_eq!(guest.usage().running, 0);
    error
}

#[tokio::test]
async fn an_infinite_loop_is_interrupted_and_others_go_on() {
    let limits = Limits { time: Some(Duration::from_millis(200)), ..Limits::default() };
    let text = r#"(module (memory (export "memory") 1) (func $spin (loop (br 0))) (func (export "_start") (call $spin)))"#;
    let started = Instant::now();
    // One thread: the timer below can only fire if the guest gives way.
    let mut ticks = 0;
    let ticking = async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            ticks += 1;
        }
    };
    let error = tokio::select! { error = run(text, limits) => error, () = ticking => unreachable!() };
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(ticks >= 2, "the guest never gave way");
    assert!(matches!(error, CallError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn infinite_recursion_is_a_trap_with_a_backtrace() {
    let text = r#"(module (memory (export "memory") 1) (func $deeper (call $deeper)) (func (export "_start") (call $deeper)))"#;
    let error = run(text, Limits::default()).await.to_string();
    assert!(error.contains("recurses too deeply") && error.contains("deeper"), "{error}");
}

#[tokio::test]
async fn a_memory_bomb_is_stopped_at_the_limit() {
    let text = r#"(module (memory (export "memory") 1)
        (func (export "_start") (loop $more (drop (memory.grow (i32.const 16))) (br $more))))"#;
    let error = run(text, Limits { memory: 8 << 20, ..Limits::default() }).await.to_string();
    assert!(error.contains("its limit is 8388608 ('maxMemoryMegabytes')"), "{error}");
}

#[tokio::test]
async fn a_table_bomb_is_stopped_at_the_limit() {
    let text = r#"(module (memory (export "memory") 1) (table $t 1 funcref)
        (func (export "_start")
          (loop $more (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $more))))"#;
    let error = run(text, Limits { table_elements: 5_000, ..Limits::default() }).await.to_string();
    assert!(error.contains("its limit is 5000 ('maxTableElements')"), "{error}");
}

fn flood(stream: u8) -> String {
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "_start")
    (i32.store (i32.const 4) (i32.const 65536))
    (loop $more
      (drop (call $write (i32.const {stream}) (i32.const 0) (i32.const 1) (i32.const 16)))
      (br $more))))"#
    )
}

#[tokio::test]
async fn a_flood_on_stdout_ends_the_guest() {
    let error = run(&flood(1), Limits { output: 1 << 20, ..Limits::default() }).await;
    assert!(matches!(error, CallError::OutputTooLong { limit: 1_048_576 }), "{error}");
}

#[tokio::test]
async fn a_flood_on_stderr_is_cut_off() {
    let lab = Lab::new();
    let limits = Limits { output: 1 << 20, time: Some(Duration::from_millis(300)), ..Limits::default() };
    let guest = lab.guest(&flood(2), limits).expect("loads");
    let heard = Arc::new(Heard::default());
    let error = guest.call_command(Bytes::new(), heard.clone()).await.expect_err("must fail");
    assert!(matches!(error, CallError::TimedOut { .. }), "{error}");
    let said: usize = heard.lines().iter().map(String::len).sum();
    assert!(said <= (1 << 20) + 200, "{said}");
    assert!(heard.lines().last().expect("lines").contains("the rest is dropped"));
}

#[tokio::test]
async fn a_trap_in_the_start_function_fails_the_call() {
    let text = r#"(module (memory (export "memory") 1) (func $boom unreachable) (start $boom) (func (export "_start")))"#;
    let error = run(text, Limits::default()).await.to_string();
    assert!(error.contains("unreachable") && error.contains("boom"), "{error}");
}

#[tokio::test]
async fn wild_pointers_given_to_the_host_harm_nobody() {
    let text = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "\ff\fe\80")
  (func (export "_start")
    ;; a path that is not UTF-8, in a folder that was never opened
    (drop (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 3)
      (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
    ;; a buffer that reaches past the end of memory
    (i32.store (i32.const 0) (i32.const 65530))
    (i32.store (i32.const 4) (i32.const -1))
    (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)) (then unreachable))))"#;
    let error = run(text, Limits::default()).await;
    assert!(matches!(error, CallError::Trap { .. }), "{error}");
}
