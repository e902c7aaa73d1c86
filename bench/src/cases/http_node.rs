//! The same JavaScript function behind a plain Node server, behind the functions framework, and under Horus.

use std::process::Command;

use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Case, Subject, take_turns};
use crate::app::App;
use crate::arguments::Arguments;
use crate::load::Target;
use crate::process::{Process, free_address};
use crate::report::{Aim, Report};
use crate::stats::ratios;

pub(super) const CASE: Case = Case {
    name: "http-node",
    about: "plain Node and functions-framework against the same function under Horus",
    run,
};

/// The function in the v4 model.
pub(super) const V4: &str = "const { app } = require('@azure/functions');\n\
     app.http('hello', { methods: ['GET'], authLevel: 'anonymous', handler: () => ({ body: 'hello' }) });\n";
/// The function in the v3 model.
pub(super) const V3: &str = "module.exports = async () => ({ res: { body: 'hello' } });\n";

/// Programs of bench/node that serve the function by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rival {
    Plain,
    Framework,
}

impl Rival {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "node:http",
            Self::Framework => "functions-framework",
        }
    }

    pub(super) fn start(self, arguments: &Arguments, logs: &TempDir) -> anyhow::Result<(Process, Target)> {
        let folder = arguments.repository.join("bench/node");
        anyhow::ensure!(
            folder.join("node_modules").is_dir(),
            "run `npm ci` in bench/node first; bench/run does"
        );
        let address = free_address()?;
        let port = address.port().to_string();
        let mut command = Command::new("node");
        match self {
            Self::Plain => command.arg("plain.js").arg(&port),
            Self::Framework => command
                .arg("node_modules/@google-cloud/functions-framework/build/src/main.js")
                .args(["--source=framework.js", "--target=hello", "--port", &port]),
        };
        command.current_dir(folder).env("NODE_ENV", "production");
        let process = Process::start(
            &mut command,
            &logs.path().join(format!("{}.log", self.name().replace(':', "-"))),
        )?;
        Ok((process, Target { address, path: "/api/hello".into() }))
    }
}

fn run(arguments: &Arguments, runtime: &Runtime) -> anyhow::Result<Report> {
    let mut report = Report::new(CASE.name);
    let logs = tempfile::tempdir()?;
    let v4 = App::node_v4(arguments, V4)?;
    let v3 = App::node()?.with_files(1, "index.js", V3)?;
    let rival = |rival: Rival| Subject::ready(rival.name(), rival.start(arguments, &logs)?, runtime);
    let mut subjects = [
        rival(Rival::Plain)?,
        rival(Rival::Framework)?,
        Subject::ready("func, v4 model", v4.start(arguments)?, runtime)?,
        Subject::ready("func, v3 model", v3.start(arguments)?, runtime)?,
    ];
    for connections in [1, 32] {
        take_turns(&mut subjects, connections, arguments, &mut report)?;
        if connections > 1 {
            let [plain, framework, v4, v3] = &subjects;
            for subject in [v4, v3] {
                let name = &subject.name;
                let rates = ratios(&subject.rates(), &framework.rates());
                report.goal(format!("{name} / functions-framework, req/s"), rates, Aim::AtLeast(3.0));
                let rates = ratios(&subject.rates(), &plain.rates());
                report.goal(format!("{name} / node:http, req/s"), rates, Aim::AtLeast(0.4));
                let cpu = subject.worker_cpu.clone();
                report.goal(format!("{name}, worker CPU µs per request"), cpu, Aim::AtMost(120.0));
            }
        }
        subjects.iter_mut().for_each(Subject::forget);
    }
    Ok(report)
}
