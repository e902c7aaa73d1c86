//! The same Python function behind the functions framework, and under Horus with the worker that ships and, where
//! somebody has it, with the platform's.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Case, Subject, take_turns};
use crate::app::{App, python_environment};
use crate::arguments::Arguments;
use crate::load::Target;
use crate::process::{Process, free_address};
use crate::report::{Aim, Report};
use crate::stats::ratios;

pub(super) const CASE: Case = Case {
    name: "http-python",
    about: "functions-framework for Python against the same function under Horus",
    run,
};

/// Names the folder of the platform's worker, with its worker.config.json.
const REFERENCE: &str = "HORUS_REFERENCE_PYTHON_WORKER";

/// The function in the v2 model, as most are written and as a coroutine.
const SYNC: &str = "import azure.functions as func\n\
     app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)\n\
     @app.route(route='hello', methods=['GET'])\n\
     def hello(req: func.HttpRequest) -> func.HttpResponse:\n\
     \x20   return func.HttpResponse('hello')\n";

/// The framework's own production server with its defaults: gunicorn, one process, threads.
fn framework(arguments: &Arguments, logs: &TempDir) -> anyhow::Result<(Process, Target)> {
    let address = free_address()?;
    let environment = python_environment(arguments)?;
    let mut command = Command::new(environment.join("bin/functions-framework"));
    command
        .args(["--source=framework.py", "--target=hello", "--host=127.0.0.1"])
        .args(["--port", &address.port().to_string()])
        .current_dir(arguments.repository.join("bench/python"));
    let process = Process::start(&mut command, &logs.path().join("functions-framework.log"))?;
    Ok((process, Target { address, path: "/api/hello".into() }))
}

fn run(arguments: &Arguments, runtime: &Runtime) -> anyhow::Result<Report> {
    let mut report = Report::new(CASE.name);
    let logs = tempfile::tempdir()?;
    let coroutine = SYNC.replace("\ndef hello", "\nasync def hello");
    let apps = [App::python(arguments, SYNC)?, App::python(arguments, &coroutine)?];
    let mut reference = App::python(arguments, SYNC)?;
    let [threads, coroutines] = &apps;
    let mut subjects = vec![
        Subject::ready("functions-framework", framework(arguments, &logs)?, runtime)?,
        Subject::ready("func, sync", threads.start(arguments)?, runtime)?,
        Subject::ready("func, async", coroutines.start(arguments)?, runtime)?,
    ];
    match std::env::var_os(REFERENCE).map(PathBuf::from) {
        Some(worker) => {
            reference.set("languageWorkers__python__workerDirectory", &worker.to_string_lossy());
            let started = reference.start(arguments)?;
            subjects.push(Subject::ready("func, sync, the platform's worker", started, runtime)?);
        }
        None => report.note(format!("{REFERENCE} names no folder: the platform's worker did not run")),
    }
    for connections in [1, 32] {
        take_turns(&mut subjects, connections, arguments, &mut report)?;
        if let [framework, threads, coroutines, others @ ..] = &subjects[..]
            && connections > 1
        {
            for subject in [threads, coroutines] {
                let rates = ratios(&subject.rates(), &framework.rates());
                let what = format!("{} / functions-framework, req/s", subject.name);
                report.goal(what, rates, Aim::AtLeast(1.5));
            }
            for platform in others {
                let rates = ratios(&threads.rates(), &platform.rates());
                let cpu = ratios(&platform.worker_cpu, &threads.worker_cpu);
                report.goal("func, sync / the platform's worker, req/s", rates, Aim::AtLeast(2.0));
                report.goal("the platform's worker / func, sync, worker CPU per request", cpu, Aim::None);
            }
        }
        subjects.iter_mut().for_each(Subject::forget);
    }
    Ok(report)
}
