//! From `exec` to the first answer.

use std::time::Duration;

use tokio::runtime::Runtime;

use super::Case;
use super::http_node::{Rival, V3, V4};
use crate::app::{App, hello};
use crate::arguments::Arguments;
use crate::load::{Target, first_answer};
use crate::process::Process;
use crate::report::{Aim, Report};

pub(super) const CASE: Case =
    Case { name: "startup", about: "from exec to the first answer with status 200, in milliseconds", run };

const MEASURE: &str = "ms to first 200";

fn run(arguments: &Arguments, runtime: &Runtime) -> anyhow::Result<Report> {
    let mut report = Report::new(CASE.name);
    let logs = tempfile::tempdir()?;
    let native = App::stub(arguments, &[hello()])?;
    let v4 = App::node_v4(arguments, V4)?;
    let node_files = |count| App::node()?.with_files(count, "index.js", V3);
    let native_files = |count| App::stub(arguments, &[])?.with_files(count, "run.stub", "");
    let apps = [
        ("func, native worker", native),
        ("func, node v4", v4),
        ("func, node, 1 function.json", node_files(1)?),
        ("func, node, 100 function.json", node_files(100)?),
        ("func, node, 1000 function.json", node_files(1000)?),
        ("func, native, 1000 function.json", native_files(1000)?),
    ];
    let rivals = [Rival::Plain, Rival::Framework];
    let mut samples = vec![Vec::new(); rivals.len() + apps.len()];
    // A few more than for load: each is short. The first one finds cold files and does not count.
    for round in 0..=arguments.rounds * 2 {
        let mut note = |subject: usize, took: Duration| {
            if round > 0 {
                samples[subject].push(took.as_secs_f64() * 1000.0);
            }
        };
        for (n, rival) in rivals.iter().enumerate() {
            note(n, once(rival.start(arguments, &logs)?, runtime)?);
        }
        for (n, (_, app)) in apps.iter().enumerate() {
            note(rivals.len() + n, once(app.start(arguments)?, runtime)?);
        }
    }
    let names = rivals.iter().map(|rival| rival.name()).chain(apps.iter().map(|(name, _)| *name));
    for (name, samples) in names.zip(&samples) {
        report.figure(name, MEASURE, samples);
    }
    report.goal("host's own share (native worker), ms", samples[2].clone(), Aim::AtMost(40.0));
    report.goal("func start to first 200 from Node, ms", samples[3].clone(), Aim::AtMost(300.0));
    report.goal("1000 function.json functions, node, ms", samples[6].clone(), Aim::AtMost(1000.0));
    Ok(report)
}

fn once((mut process, target): (Process, Target), runtime: &Runtime) -> anyhow::Result<Duration> {
    runtime.block_on(first_answer(&mut process, &target))
}
