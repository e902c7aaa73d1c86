//! From `exec` to the first answer of a guest that was compiled before.

use tokio::runtime::Runtime;

use super::{Instances, Wasmtime, guest};
use crate::app::App;
use crate::arguments::Arguments;
use crate::cases::Case;
use crate::load::first_answer;
use crate::report::{Aim, Report};

pub(in crate::cases) const CASE: Case = Case {
    name: "wasm-start",
    about: "from exec to the first answer of a compiled guest, in milliseconds",
    run,
};

/// Guests and the goals for them.
const GUESTS: [(&str, f64); 2] = [("rust", 40.0), ("js", 80.0)];

fn run(arguments: &Arguments, runtime: &Runtime) -> anyhow::Result<Report> {
    let mut report = Report::new(CASE.name);
    let wasmtime = Wasmtime::new(arguments)?;
    for (language, goal) in GUESTS {
        let file = guest(arguments, language);
        let code = wasmtime.compile(&file)?;
        let app = App::wasm(arguments, &[("hello".to_owned(), file)], &serde_json::json!({}))?;
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        // A few more than for load: each is short. The first one finds cold files and does not count.
        for round in 0..=arguments.rounds * 2 {
            let (mut process, target) = wasmtime.serve(&code, Instances::Fresh)?;
            let reference = runtime.block_on(first_answer(&mut process, &target))?;
            drop(process);
            let (mut process, target) = app.start(arguments)?;
            let took = runtime.block_on(first_answer(&mut process, &target))?;
            if round > 0 {
                theirs.push(reference.as_secs_f64() * 1000.0);
                ours.push(took.as_secs_f64() * 1000.0);
            }
        }
        report.figure(format!("wasmtime serve, {language}"), "ms to first 200", &theirs);
        report.figure(format!("func, {language}"), "ms to first 200", &ours);
        report.goal(
            format!("func start to first 200 from a compiled {language} component, ms"),
            ours,
            Aim::AtMost(goal),
        );
    }
    Ok(report)
}
