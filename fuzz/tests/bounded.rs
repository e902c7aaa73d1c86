//! A few thousand inputs per target, each time others. `HORUS_FUZZ_SEED` repeats a run.

use horus_fuzz::run::{Budget, run};
use horus_fuzz::targets;

fn bounded(name: &str, inputs: u64) {
    let seed = match std::env::var("HORUS_FUZZ_SEED") {
        Ok(text) => text.parse().expect("HORUS_FUZZ_SEED is a number"),
        Err(_) => targets::any_seed(),
    };
    let all = targets::all().expect("targets");
    let target = all.iter().find(|target| target.name() == name).expect("a known target");
    if let Err(finding) = run(target.as_ref(), seed, Budget::Inputs(inputs)) {
        let shown = finding.input.escape_ascii();
        panic!(
            "HORUS_FUZZ_SEED={seed}, input {}: {}\nsmallest input that fails: b\"{shown}\"",
            finding.number, finding.message
        );
    }
}

/// Issue "Wasm functions", bad input: the envelope's decoding. host.md X03.
#[test]
fn envelope_replies_are_read_or_refused() {
    bounded("envelope-reply", 50_000);
}

/// host.md X01 and X02: whatever is in an invocation, the message is JSON.
#[test]
fn envelope_requests_are_json() {
    bounded("envelope-request", 10_000);
}

/// Issue "Wasm functions", bad input: truncated, random and huge modules.
#[test]
fn modules_are_loaded_or_refused() {
    bounded("module", 1_500);
}

/// Issue "Wasm functions", bad input: a cache that is damaged is never trusted.
#[test]
fn damaged_caches_are_compiled_again() {
    bounded("cache", 60);
}
