//! Requests to functions in WebAssembly: what the host adds to an instance, and to a call of one.

use serde_json::json;
use tokio::runtime::Runtime;

use super::{Instances, PATH, Wasmtime, guest};
use crate::app::App;
use crate::arguments::Arguments;
use crate::cases::{Case, Subject, take_turns};
use crate::load::Target;
use crate::process::Process;
use crate::report::{Aim, Report};
use crate::stats::ratios;

pub(in crate::cases) const CASE: Case = Case {
    name: "wasm-http",
    about: "bare axum and `wasmtime serve` against HTTP functions in WebAssembly",
    run,
};

/// The function of the typed sample, and its path.
const TYPED: (&str, &str) = ("HelloTyped", "/api/hello-rust-typed");

/// The same of the command, which tells its functions by their names.
const COMMAND: (&str, &str) = ("HelloC", "/api/HelloC");

fn run(arguments: &Arguments, runtime: &Runtime) -> anyhow::Result<Report> {
    let mut report = Report::new(CASE.name);
    let wasmtime = Wasmtime::new(arguments)?;
    let code = wasmtime.compile(&guest(arguments, "rust"))?;
    let section = |reused: bool| json!({ "instanceReuse": reused });
    let plain = |language: &str, function: &str, reused| {
        App::wasm(arguments, &[(function.to_owned(), guest(arguments, language))], &section(reused))
    };
    let typed =
        |reused| App::wasm_described(arguments, &guest(arguments, "rust-typed"), TYPED.0, &section(reused));
    let start = |app: &App, path: &str| {
        let (process, target) = app.start(arguments)?;
        anyhow::Ok((process, Target { path: path.to_owned(), ..target }))
    };
    let (http_fresh, http_reused) = (plain("rust", "hello", false)?, plain("rust", "hello", true)?);
    let (typed_fresh, typed_reused, command) = (typed(false)?, typed(true)?, plain("c", COMMAND.0, false)?);
    let (process, address) = Process::serve(&["axum"])?;
    let mut subjects = [
        Subject::ready("axum", (process, Target { address, path: PATH.into() }), runtime)?,
        Subject::ready("wasmtime serve, as shipped", wasmtime.serve(&code, Instances::AsShipped)?, runtime)?,
        Subject::ready("wasmtime serve, fresh", wasmtime.serve(&code, Instances::Fresh)?, runtime)?,
        Subject::ready("wasmtime serve, reused", wasmtime.serve(&code, Instances::Reused)?, runtime)?,
        Subject::ready("func, wasi:http, fresh", start(&http_fresh, PATH)?, runtime)?,
        Subject::ready("func, wasi:http, reused", start(&http_reused, PATH)?, runtime)?,
        Subject::ready("func, typed, fresh", start(&typed_fresh, TYPED.1)?, runtime)?,
        Subject::ready("func, typed, reused", start(&typed_reused, TYPED.1)?, runtime)?,
        Subject::ready("func, core module as a command, fresh", start(&command, COMMAND.1)?, runtime)?,
    ];
    for connections in [1, 32] {
        take_turns(&mut subjects, connections, arguments, &mut report)?;
        if connections > 1 {
            let [
                axum,
                shipped,
                serve_fresh,
                serve_reused,
                http_fresh,
                http_reused,
                typed_fresh,
                typed_reused,
                command,
            ] = &subjects;
            let mut compare = |what: &Subject, with: &Subject, aim| {
                let rates = ratios(&what.rates(), &with.rates());
                report.goal(format!("{} / {}, req/s", what.name, with.name), rates, aim);
            };
            compare(http_fresh, serve_fresh, Aim::AtLeast(1.8));
            compare(http_fresh, shipped, Aim::None);
            compare(typed_fresh, shipped, Aim::None);
            compare(http_reused, serve_reused, Aim::AtLeast(1.5));
            compare(http_reused, axum, Aim::AtLeast(0.5));
            compare(typed_fresh, serve_fresh, Aim::AtLeast(2.2));
            compare(typed_reused, axum, Aim::AtLeast(0.8));
            for subject in [shipped, serve_fresh, serve_reused, http_fresh, typed_fresh, command] {
                compare(subject, axum, Aim::None);
            }
        }
        subjects.iter_mut().for_each(Subject::forget);
    }
    Ok(report)
}
