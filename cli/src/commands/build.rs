//! `func build --wasm`: compiles an app's WebAssembly ahead of time, for an image.

use std::path::Path;
use std::process::ExitCode;

use horus_app::local_settings::{self, LocalSettings};
use horus_app::settings::Settings;

use super::{Failed, folder, help};
use crate::args::{Given, Known, Takes};

const USAGE: &str = "func build --wasm [-/--options]";

const KNOWN: &[Known] = &[
    Known {
        long: "wasm",
        short: None,
        takes: Takes::Flag,
        help: "Compile the WebAssembly functions of the app",
    },
    Known {
        long: "cpu",
        short: None,
        takes: Takes::Value,
        help: "native: processors with all features of this one (default); baseline: every one of its architecture",
    },
    Known {
        long: "script-root",
        short: None,
        takes: Takes::Value,
        help: "Folder of the app. Default: the current one",
    },
    Known { long: "prefix", short: None, takes: Takes::Value, help: "Same as --script-root" },
];

/// `func build --help`.
pub(super) fn help() -> Result<ExitCode, Failed> {
    help::print(&help::action(USAGE, KNOWN))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn run(tokens: &[String]) -> Result<ExitCode, Failed> {
    let given = Given::parse(tokens, KNOWN)?;
    super::warn_unknown(&given);
    if given.flag("wasm")? != Some(true) {
        return Err(Failed::new(format!("Usage: {USAGE}"))
            .hint("Only WebAssembly is compiled by func; other languages have build tools of their own."));
    }
    let root = folder::app_root(&folder::given(&given)?).ok_or_else(|| {
        Failed::new("Unable to find project root. Expecting to find one of host.json, local.settings.json in project root.")
            .hint("Run `func build` in the folder of your app, or name it with --script-root.")
    })?;
    let local = LocalSettings::load(&root).map_err(|error| Failed::new(error.to_string()))?;
    let (settings, _) = local_settings::merge(&local, &Settings::from_env());
    compile(&root, &settings, given.value("cpu").unwrap_or("native"))
}

#[cfg(feature = "wasm")]
fn compile(root: &Path, settings: &Settings, cpu: &str) -> Result<ExitCode, Failed> {
    use std::io::Write as _;

    use horus_host::{Built, Cpu, Precompiled};

    let cpu = match cpu.to_ascii_lowercase().as_str() {
        "native" => Cpu::Native,
        "baseline" => Cpu::Baseline,
        _ => return Err(Failed::new(format!("Invalid --cpu value '{cpu}'. Expected native or baseline."))),
    };
    let shown = |file: &Path| file.strip_prefix(root).unwrap_or(file).display().to_string();
    let megabytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    let compiling = |file: &Path, size: usize| {
        // A broken pipe is no reason to stop.
        let _ = writeln!(std::io::stderr(), "Compiling {} ({:.1} MiB)", shown(file), megabytes(size));
    };
    let built = horus_host::build_wasm(root, settings, cpu, compiling).map_err(Failed::new)?;
    let mut out = std::io::stdout();
    if built.is_empty() {
        writeln!(out, "This app has no function in a .wasm file; nothing was compiled.")?;
    }
    let mut failed = Vec::new();
    for Built { file, functions, outcome, took } in built {
        let (file, functions) = (shown(&file), functions.join(", "));
        match outcome {
            Ok(Precompiled::Compiled(size)) => writeln!(
                out,
                "{file} ({functions}): compiled in {:.1} s, {:.1} MiB of code",
                took.as_secs_f64(),
                megabytes(size)
            )?,
            Ok(Precompiled::Found) => writeln!(out, "{file} ({functions}): was compiled already")?,
            Err(error) => failed.push(format!("{functions}: {error}")),
        }
    }
    match failed.is_empty() {
        true => Ok(ExitCode::SUCCESS),
        false => Err(Failed::new(failed.join("\n"))),
    }
}

#[cfg(not(feature = "wasm"))]
fn compile(_root: &Path, _settings: &Settings, _cpu: &str) -> Result<ExitCode, Failed> {
    Err(Failed::new("This build of func runs no WebAssembly. Use one with the feature 'wasm'."))
}
