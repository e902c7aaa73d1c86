//! How long it takes to make an instance that can be called, inside this process.

use std::path::Path;
use std::time::Instant;

use horus_wasm::{Cache, Engine, EngineOptions, GuestOptions};
use tokio::runtime::Runtime;

use super::guest;
use crate::arguments::Arguments;
use crate::cases::Case;
use crate::report::{Aim, Report};
use crate::stats::quantile;

pub(in crate::cases) const CASE: Case =
    Case { name: "wasm-ready", about: "a new instance, ready for a call, in microseconds", run };

/// Guests and the goals for them.
const GUESTS: [(&str, &str, Aim); 3] = [
    ("c", "core module", Aim::AtMost(8.0)),
    ("rust", "Rust component", Aim::AtMost(30.0)),
    ("js", "JS component", Aim::None),
];
/// Instances per round.
const INSTANCES: usize = 2000;

fn run(arguments: &Arguments, runtime: &Runtime) -> anyhow::Result<Report> {
    let mut report = Report::new(CASE.name);
    // Compiled once for all runs.
    let cache = Cache::open(&arguments.target.join("bench-tools/wasm"))?;
    let engine = Engine::new(EngineOptions { cache: Some(cache), ..EngineOptions::default() })?;
    anyhow::ensure!(engine.is_pooled(), "there is not enough address space for a pool of instances");
    let load = |file: &Path| engine.load(file, GuestOptions::default(), |_| {});
    let guests = GUESTS
        .iter()
        .map(|(language, ..)| load(&guest(arguments, language)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut medians = vec![(Vec::new(), Vec::new()); guests.len()];
    for round in 0..=arguments.rounds {
        for (guest, (half, most)) in guests.iter().zip(&mut medians) {
            let mut micros = Vec::with_capacity(INSTANCES);
            for _ in 0..INSTANCES {
                let began = Instant::now();
                let instance = runtime.block_on(guest.ready())?;
                micros.push(began.elapsed().as_secs_f64() * 1e6);
                drop(instance);
            }
            if round > 0 {
                half.push(quantile(&micros, 0.5));
                most.push(quantile(&micros, 0.99));
            }
        }
    }
    for ((_, name, aim), (half, most)) in GUESTS.iter().zip(&medians) {
        report.figure(*name, "p50 µs", half);
        report.figure(*name, "p99 µs", most);
        report.goal(format!("{name}, ready for a call, p50 µs"), half.clone(), *aim);
    }
    Ok(report)
}
