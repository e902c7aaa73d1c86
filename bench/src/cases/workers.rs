//! How throughput grows with worker processes, with functions that compute for some milliseconds.

use std::time::Duration;

use tokio::runtime::Runtime;

use super::{Case, Subject, take_turns};
use crate::app::App;
use crate::arguments::Arguments;
use crate::report::{Aim, Report};
use crate::stats::ratios;

pub(super) const CASE: Case =
    Case { name: "workers", about: "one, two … worker processes with functions that compute", run };

/// Computes for some milliseconds and says who did it.
const NODE: &str = "const { app } = require('@azure/functions');\n\
     app.http('hello', { methods: ['GET'], authLevel: 'anonymous', handler: () => {\n\
     \x20 let sum = 0;\n\
     \x20 for (let n = 0; n < 1e6; n++) sum = (sum * 31 + n) % 1000003;\n\
     \x20 return { body: `${process.pid} ${sum}` };\n\
     } });\n";
const PYTHON: &str = "import os\n\
     import azure.functions as func\n\
     app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)\n\
     @app.route(route='hello', methods=['GET'])\n\
     def hello(req: func.HttpRequest) -> func.HttpResponse:\n\
     \x20   total = 0\n\
     \x20   for n in range(100000):\n\
     \x20       total = (total * 31 + n) % 1000003\n\
     \x20   return func.HttpResponse(f'{os.getpid()} {total}')\n";

/// Further processes are started every ten seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// As many as keep every process busy.
const CONNECTIONS: usize = 8;

fn run(arguments: &Arguments, runtime: &Runtime) -> anyhow::Result<Report> {
    let mut report = Report::new(CASE.name);
    let cores = std::thread::available_parallelism()?.get();
    let counts: Vec<usize> = [1, 2, 4, 8].into_iter().filter(|count| *count <= cores.max(2)).collect();
    if cores < 3 {
        report.note(format!("{cores} cores: the host and the load generator take their share of them"));
    }
    for (language, source) in [("Node", NODE), ("Python", PYTHON)] {
        let mut apps = Vec::new();
        for count in &counts {
            let mut app = match language {
                "Node" => App::node_v4(arguments, source)?,
                _ => App::python(arguments, source)?,
            };
            app.set("FUNCTIONS_WORKER_PROCESS_COUNT", &count.to_string());
            apps.push(app);
        }
        let mut subjects = Vec::new();
        for (app, count) in apps.iter().zip(&counts) {
            let mut subject =
                Subject::ready(format!("{language}, {count} processes"), app.start(arguments)?, runtime)?;
            runtime.block_on(crate::load::until_answers_differ(
                &mut subject.process,
                &subject.target,
                *count,
                PATIENCE,
            ))?;
            subjects.push(subject);
        }
        take_turns(&mut subjects, CONNECTIONS, arguments, &mut report)?;
        if let [one, others @ ..] = &subjects[..] {
            for (subject, count) in others.iter().zip(&counts[1..]) {
                let rates = ratios(&subject.rates(), &one.rates());
                let each = rates.into_iter().map(|ratio| ratio / *count as f64).collect();
                report.goal(format!("{} / one, req/s per process", subject.name), each, Aim::AtLeast(0.8));
            }
        }
    }
    Ok(report)
}
