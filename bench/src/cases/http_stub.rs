//! What the host costs: a bare axum server, and an HTTP function that a native worker answers at once.

use tokio::runtime::Runtime;

use super::{Case, Subject, take_turns};
use crate::app::{App, hello};
use crate::arguments::Arguments;
use crate::load::Target;
use crate::process::Process;
use crate::report::{Aim, Report};
use crate::stats::{differences, ratios};

pub(super) const CASE: Case =
    Case { name: "http-stub", about: "bare axum against an HTTP function through a native worker", run };

fn run(arguments: &Arguments, runtime: &Runtime) -> anyhow::Result<Report> {
    let mut report = Report::new(CASE.name);
    let (process, address) = Process::serve(&["axum"])?;
    let target = Target { address, path: "/api/hello".into() };
    let app = App::stub(arguments, &[hello()])?;
    let mut subjects = [
        Subject::ready("axum", (process, target), runtime)?,
        Subject::ready("func", app.start(arguments)?, runtime)?,
    ];
    for connections in [1, 32, 64] {
        take_turns(&mut subjects, connections, arguments, &mut report)?;
        let [axum, func] = &subjects;
        if connections == 1 {
            let overhead = differences(&func.p50(), &axum.p50());
            report.goal("func - axum, p50 µs, 1 in flight", overhead, Aim::AtMost(100.0));
        } else {
            let rates = ratios(&func.rates(), &axum.rates());
            report.goal(format!("func / axum, req/s, {connections} in flight"), rates, Aim::AtLeast(0.4));
            let cpu = func.own_cpu.clone();
            report.goal(format!("host CPU µs per request, {connections} in flight"), cpu, Aim::AtMost(50.0));
        }
        subjects.iter_mut().for_each(Subject::forget);
    }
    Ok(report)
}
