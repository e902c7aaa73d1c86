//! What can be measured.

mod http_node;
mod http_stub;
mod idle;
mod python_http;
mod queue;
mod startup;
mod wasm;
mod workers;

use tokio::runtime::Runtime;

use crate::arguments::Arguments;
use crate::load::{Round, Target};
use crate::process::Process;
use crate::report::Report;

/// One case.
#[derive(Debug)]
pub(crate) struct Case {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it measures.
    pub(crate) about: &'static str,
    /// Measures it.
    pub(crate) run: fn(&Arguments, &Runtime) -> anyhow::Result<Report>,
}

/// All cases, in the order in which they run.
pub(crate) const ALL: &[Case] = &[
    http_stub::CASE,
    http_node::CASE,
    python_http::CASE,
    workers::CASE,
    queue::CASE,
    startup::CASE,
    idle::CASE,
    wasm::http::CASE,
    wasm::ready::CASE,
    wasm::start::CASE,
    wasm::idle::CASE,
];

/// A server under load with what its rounds found.
struct Subject {
    name: String,
    process: Process,
    target: Target,
    rounds: Vec<Round>,
    own_cpu: Vec<f64>,
    worker_cpu: Vec<f64>,
}

impl Subject {
    /// Waits for the server's first answer.
    fn ready(
        name: impl Into<String>,
        (mut process, target): (Process, Target),
        runtime: &Runtime,
    ) -> anyhow::Result<Self> {
        runtime.block_on(crate::load::first_answer(&mut process, &target))?;
        let (rounds, own_cpu, worker_cpu) = Default::default();
        Ok(Self { name: name.into(), process, target, rounds, own_cpu, worker_cpu })
    }

    /// One round of load.
    fn round(&mut self, connections: usize, arguments: &Arguments) -> anyhow::Result<()> {
        let before = (self.process.cpu_micros(), self.process.children_cpu_micros());
        let round = crate::load::run(&self.target, connections, arguments.round)?;
        self.own_cpu.push((self.process.cpu_micros() - before.0) / round.requests);
        self.worker_cpu.push((self.process.children_cpu_micros() - before.1) / round.requests);
        self.rounds.push(round);
        Ok(())
    }

    fn rates(&self) -> Vec<f64> {
        self.rounds.iter().map(Round::rate).collect()
    }

    fn p50(&self) -> Vec<f64> {
        self.rounds.iter().map(|round| round.p50).collect()
    }

    fn forget(&mut self) {
        self.rounds.clear();
        self.own_cpu.clear();
        self.worker_cpu.clear();
    }

    /// Adds its rows to the report.
    fn describe(&self, report: &mut Report, connections: usize) {
        let row = format!("{}, {connections} in flight", self.name);
        report.figure(row.clone(), "req/s", &self.rates());
        report.figure(row.clone(), "p50 µs", &self.p50());
        report.figure(row.clone(), "p99 µs", &self.rounds.iter().map(|round| round.p99).collect::<Vec<_>>());
        report.figure(row.clone(), "CPU µs/req", &self.own_cpu);
        if self.worker_cpu.iter().any(|cpu| *cpu > 0.0) {
            report.figure(row, "worker CPU µs/req", &self.worker_cpu);
        }
        let busy = self.rounds.iter().map(|round| round.busy).fold(0.0, f64::max);
        if busy > 0.9 {
            report.note(format!(
                "the load generator was busy for {:.0} % of the time with {} at {connections} in flight: the server could do more",
                busy * 100.0,
                self.name
            ));
        }
        if self.process.output().contains("log lines were dropped") {
            report.note(format!("{}: log lines were dropped", self.name));
        }
    }
}

/// Lets the subjects take turns under load and describes them; a warm-up comes first.
fn take_turns(
    subjects: &mut [Subject],
    connections: usize,
    arguments: &Arguments,
    report: &mut Report,
) -> anyhow::Result<()> {
    for round in 0..=arguments.rounds {
        for subject in &mut *subjects {
            if round == 1 {
                subject.forget();
            }
            subject.round(connections, arguments)?;
        }
    }
    subjects.iter().for_each(|subject| subject.describe(report, connections));
    Ok(())
}
