//! Guests of the typed world, written by hand: what they are told, what they answer, and what they cannot do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::{Heard, Lab};
use crate::typed::{Failure, Invocation, Outcome, Output, PayloadParam, TraceContext, Trigger};
use crate::{CallError, Contract, EngineOptions, Guest, GuestOptions, Limits, LoadError, Reuse, Source};

/// What a guest does is the first letter of the function that is called: it answers how often it was called (`c`),
/// traps (`t`), loops (`s`), takes memory (`g`), fails (`f`), logs (`l`), logs what is no UTF-8 (`b`), logs without end
/// (`o`), repeats the text that came (`e`), or answers with a text outside of its memory (`w`).
const GUEST: &str = r#"(module
  (import "horus:functions/logging@1.0.0" "log" (func $log (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0))
  (global $free (mut i32) (i32.const 4096))
  (data (i32.const 64) "no such order")
  (data (i32.const 96) "audit")
  (data (i32.const 112) "\ff\fe")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "horus:functions/handler@1.0.0#invoke") (param $call i32) (result i32)
    (local $what i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (local.set $what (i32.load8_u (i32.load (i32.add (local.get $call) (i32.const 8)))))
    ;; by default: a success without outputs that returns the number of calls as a text
    (i32.store (i32.const 0) (i32.const 0))
    (i32.store (i32.const 8) (i32.const 0))
    (i32.store (i32.const 12) (i32.const 1))
    (i32.store (i32.const 16) (i32.const 48))
    (i32.store (i32.const 20) (i32.const 1))
    (i32.store8 (i32.const 48) (i32.add (global.get $calls) (i32.const 48)))
    (if (i32.eq (local.get $what) (i32.const 116)) (then unreachable))
    (if (i32.eq (local.get $what) (i32.const 115)) (then (loop $spin (br $spin))))
    (if (i32.eq (local.get $what) (i32.const 103))
      (then (loop $more (drop (memory.grow (i32.const 16))) (br $more))))
    (if (i32.eq (local.get $what) (i32.const 102))
      (then
        (i32.store (i32.const 0) (i32.const 1))
        (i32.store (i32.const 4) (i32.const 64))
        (i32.store (i32.const 8) (i32.const 13))))
    (if (i32.eq (local.get $what) (i32.const 108))
      (then
        (call $log (i32.const 3) (i32.const 96) (i32.const 5) (i32.const 64) (i32.const 13))))
    (if (i32.eq (local.get $what) (i32.const 98))
      (then
        (call $log (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 112) (i32.const 2))))
    (if (i32.eq (local.get $what) (i32.const 111))
      (then (loop $more
        (call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 16384) (i32.const 40000))
        (br $more))))
    (if (i32.eq (local.get $what) (i32.const 101))
      (then
        (i32.store (i32.const 16) (i32.load (i32.add (local.get $call) (i32.const 20))))
        (i32.store (i32.const 20) (i32.load (i32.add (local.get $call) (i32.const 24))))))
    (if (i32.eq (local.get $what) (i32.const 119))
      (then
        (i32.store (i32.const 16) (i32.const 65530))
        (i32.store (i32.const 20) (i32.const 100000))))
    (i32.const 0)))"#;

const WIT: &str = include_str!("../../../../workers/wit/world.wit");

/// A component of the module `text` for the world in `wit`.
fn component(text: &str, wit: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).expect("valid text");
    let mut resolve = Resolve::default();
    let package = resolve.push_str("world.wit", wit).expect("valid WIT");
    let world = resolve.select_world(&[package], Some("functions")).expect("the world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("embedded");
    let mut encoder = ComponentEncoder::default().validate(true).module(&module).expect("a fitting module");
    encoder.encode().expect("a component")
}

fn load(lab: &Lab, limits: Limits, reuse: Option<Reuse>) -> Guest {
    let file = lab.file("typed.wasm", component(GUEST, WIT));
    let options = GuestOptions { name: "guest".into(), limits, reuse, ..GuestOptions::default() };
    lab.engine.load(&file, options, |_| {}).expect("loads")
}

fn event<'a>(function: &'a str, text: &'a str) -> Invocation<'a> {
    Invocation {
        id: "id",
        function,
        trigger: Trigger::Text(text),
        inputs: &[],
        metadata: &[],
        trace: TraceContext { parent: "00-1-2-00", state: "" },
        retry: None,
    }
}

async fn call(guest: &Guest, function: &str) -> Result<Result<Outcome, Failure>, CallError> {
    guest.call_typed(event(function, "text"), Arc::new(Heard::default())).await
}

/// What a call returned as text.
async fn text(guest: &Guest, function: &str) -> String {
    match call(guest, function).await.expect("runs").expect("succeeds").return_value {
        Output::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn events_go_in_and_outputs_come_out() {
    let lab = Lab::new();
    let guest = load(&lab, Limits::default(), None);
    assert_eq!(guest.contract(), Contract::Typed);
    let heard = Arc::new(Heard::default());
    let long = "Grüße ".repeat(1000);
    let inputs = [crate::typed::NamedPayload { name: "in", value: PayloadParam::Bytes(&[0, 255]) }];
    let call = Invocation { inputs: &inputs, ..event("echo", &long) };
    let outcome = guest.call_typed(call, heard).await.expect("runs").expect("succeeds");
    assert!(matches!(&outcome.return_value, Output::Text(text) if *text == long), "{outcome:?}");
    assert!(outcome.outputs.is_empty());
    let failure = self::call(&guest, "fail").await.expect("runs").expect_err("fails");
    assert_eq!(failure.message, "no such order");
    assert_eq!(guest.usage().traps, 0, "a failure is the guest's own word");
}

#[tokio::test]
async fn log_records_have_levels_and_categories() {
    let lab = Lab::new();
    let guest = load(&lab, Limits::default(), None);
    let heard = Arc::new(Heard::default());
    guest.call_typed(event("log", ""), heard.clone()).await.expect("runs").expect("succeeds");
    assert_eq!(*heard.0.lock(), [(Source::Stderr, "Warning [audit] no such order".to_owned())]);
}

#[tokio::test]
async fn instances_are_fresh_unless_reuse_is_allowed() {
    let lab = Lab::new();
    let fresh = load(&lab, Limits::default(), None);
    assert_eq!((text(&fresh, "count").await, text(&fresh, "count").await), ("1".into(), "1".into()));
    assert_eq!((fresh.usage().starts, fresh.usage().idle), (2, 0));
    assert!(fresh.usage().start_p50.is_some_and(|took| took < Duration::from_secs(1)));

    let reuse = Reuse { uses: 3, ..Reuse::default() };
    let kept = load(&lab, Limits::default(), Some(reuse));
    let mut seen = String::new();
    for _ in 0..4 {
        seen.push_str(&text(&kept, "count").await);
    }
    assert_eq!(seen, "1231", "an instance is given up after its last use");
    assert_eq!((kept.usage().starts, kept.usage().idle), (2, 1));
    // A failure is an answer; what the guest said about it is all that happened.
    let failed = call(&kept, "fail").await.expect("runs");
    assert!(failed.is_err());
    assert_eq!(text(&kept, "count").await, "3");
}

#[tokio::test]
async fn instances_that_trapped_or_timed_out_are_never_used_again() {
    let lab = Lab::new();
    let limits = Limits { time: Some(Duration::from_millis(200)), memory: 4 << 20, ..Limits::default() };
    let guest = load(&lab, limits, Some(Reuse::default()));
    for (function, expected) in [
        ("trap", "unreachable"),
        ("spin", "did not end within its limit"),
        ("grow", "'maxMemoryMegabytes'"),
        ("bad-text", "utf-8"),
        ("wild", "out of bounds"),
    ] {
        assert_eq!(text(&guest, "count").await, "1", "before {function}");
        assert_eq!(guest.usage().idle, 1);
        let error = call(&guest, function).await.expect_err(function).to_string();
        assert!(error.contains(expected), "{function}: {error}");
        assert_eq!((guest.usage().idle, guest.usage().running), (0, 0), "after {function}");
    }
    assert_eq!(guest.usage().traps, 5);
}

#[tokio::test]
async fn a_flood_of_log_records_is_cut_off() {
    let lab = Lab::new();
    let limits = Limits { output: 1 << 20, time: Some(Duration::from_millis(300)), ..Limits::default() };
    let guest = load(&lab, limits, None);
    let heard = Arc::new(Heard::default());
    let error = guest.call_typed(event("overflow", ""), heard.clone()).await.expect_err("must fail");
    assert!(matches!(error, CallError::TimedOut { .. }), "{error}");
    let said: usize = heard.lines().iter().map(String::len).sum();
    assert!(said <= (1 << 20) + 1000, "{said}");
    assert!(heard.lines().last().expect("lines").contains("the rest is dropped"));
}

#[tokio::test]
async fn a_dropped_call_ends_its_instance() {
    let lab = Lab::new();
    let guest = load(&lab, Limits::default(), Some(Reuse::default()));
    assert_eq!(text(&guest, "count").await, "1");
    let spinning = tokio::time::timeout(Duration::from_millis(30), call(&guest, "spin")).await;
    assert!(spinning.is_err());
    assert_eq!((guest.usage().idle, guest.usage().running), (0, 0));
    assert_eq!(text(&guest, "count").await, "1");
}

#[tokio::test]
async fn idle_instances_are_given_up() {
    let lab = Lab::new();
    let reuse = Reuse { idle: Duration::from_millis(10), ..Reuse::default() };
    let guest = load(&lab, Limits::default(), Some(reuse));
    assert_eq!(text(&guest, "count").await, "1");
    let since = Instant::now();
    while guest.usage().idle > 0 {
        assert!(since.elapsed() < Duration::from_secs(20), "it is never given up");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(text(&guest, "count").await, "1");
}

#[tokio::test]
async fn idle_instances_make_room_for_other_guests() {
    let lab = Lab::with(EngineOptions { instances: 1, ..EngineOptions::default() });
    let one = load(&lab, Limits::default(), Some(Reuse::default()));
    let other = load(&lab, Limits::default(), Some(Reuse::default()));
    for _ in 0..3 {
        assert_eq!(text(&one, "count").await, "1");
        assert_eq!((one.usage().idle, other.usage().idle), (1, 0));
        assert_eq!(text(&other, "count").await, "1");
        assert_eq!((one.usage().idle, other.usage().idle), (0, 1));
    }
    // And while both are busy nobody starves.
    let calls = (0..100).map(|n| {
        let guest = if n % 2 == 0 { &one } else { &other };
        async move { call(guest, "count").await.expect("runs").expect("succeeds") }
    });
    let all = tokio::time::timeout(Duration::from_secs(60), futures::future::join_all(calls)).await;
    assert_eq!(all.expect("nobody starves").len(), 100);
}

#[tokio::test]
async fn fuel_ends_a_guest_whatever_the_clock_says() {
    let lab = Lab::with(EngineOptions { instances: 4, fuel: true, ..EngineOptions::default() });
    let limits = Limits { fuel: Some(100_000), ..Limits::default() };
    let guest = load(&lab, limits, Some(Reuse::default()));
    // Every call has all of it.
    for calls in 1..=5 {
        assert_eq!(text(&guest, "count").await, calls.to_string());
    }
    let error = call(&guest, "spin").await.expect_err("must fail").to_string();
    assert!(error.contains("'maxFuel'"), "{error}");
    assert_eq!(text(&guest, "count").await, "1");
}

#[test]
fn another_version_of_the_world_is_refused_by_both_names() {
    let lab = Lab::new();
    for (version, fits) in
        [("1.0.0", true), ("1.0.7", true), ("1.1.0", false), ("2.0.0", false), ("0.9.0", false)]
    {
        let (text, wit) = (GUEST.replace("1.0.0", version), WIT.replace("@1.0.0", &format!("@{version}")));
        let file = lab.file("versioned.wasm", component(&text, &wit));
        match lab.load(&file, Limits::default()) {
            Ok(_) => assert!(fits, "{version}"),
            Err(error) => {
                assert!(!fits, "{error}");
                assert!(matches!(&error, LoadError::World { .. }), "{error}");
                let error = error.to_string();
                assert!(error.contains(&format!("version {version}")) && error.contains("1.0.0"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_changed_world_of_the_same_version_cannot_be_called() {
    let lab = Lab::new();
    let wit = WIT.replace("        state: string,\n", "");
    let file = lab.file("changed.wasm", component(GUEST, &wit));
    let guest = lab.load(&file, Limits::default()).expect("loads");
    let error = call(&guest, "count").await.expect_err("must fail").to_string();
    assert!(error.contains("expected record of 2 fields, found 1 fields"), "{error}");
}
