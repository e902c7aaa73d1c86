//! `horus-bench [case …]`: measures Horus beside a reference in one run and prints ratios (see README.md).

mod app;
mod arguments;
mod cases;
mod load;
mod process;
mod queue_double;
mod reference;
mod report;
mod stats;

use std::io::Write as _;
use std::process::ExitCode;

use arguments::Arguments;

// The same allocator as the host's: the references must not lose for a reason of their own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Two providers are in the dependency graph, so rustls cannot choose one by itself.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.first().map(String::as_str) {
        Some("serve") => reference::serve(&words[1..]),
        _ => Arguments::parse(&words).and_then(|arguments| run(&arguments)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    if arguments.list {
        for case in cases::ALL {
            writeln!(out, "{:<12} {}", case.name, case.about)?;
        }
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut reports = Vec::new();
    for case in cases::ALL.iter().filter(|case| arguments.wants(case.name)) {
        writeln!(std::io::stderr(), "{}: {}", case.name, case.about)?;
        let report = (case.run)(arguments, &runtime)?;
        if !arguments.json {
            write!(out, "{}", report.text())?;
            out.flush()?;
        }
        reports.push(report);
    }
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report::document(&reports))?)?;
    }
    Ok(())
}
