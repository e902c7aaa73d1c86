//! Compiling an app's guests ahead of time, so that an image starts without a compiler at work.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use horus_app::log::Log;
use horus_app::{HostJson, Settings, index};
use horus_wasm::{Cache, Engine, GuestOptions, LoadError};

use super::load::{BESIDE_APP, engine_options};
use super::{Options, describe};
use crate::start::runs_in_host;

pub use horus_wasm::{Cpu, Precompiled};

/// One file of guests and what became of it.
#[derive(Debug)]
pub struct Built {
    /// The file.
    pub file: PathBuf,
    /// The functions that it holds.
    pub functions: Vec<String>,
    /// Whether it was compiled, or why not. A file that could be compiled but not be started is an error, too.
    pub outcome: Result<Precompiled, LoadError>,
    /// How long it took.
    pub took: Duration,
}

/// Compiles every guest of the app in `root` for `cpu` and keeps the code where a start of the app looks for it, in a
/// form that any user can read. Files come in the order of their paths; the same files always give the same bytes.
/// `compiling` hears the file and its size in bytes before each compilation.
///
/// # Errors
/// A text when the app as a whole cannot be built: host.json is invalid, a function.json cannot be read, or nothing can
/// be written beside the app.
pub fn build_wasm(
    root: &Path,
    settings: &Settings,
    cpu: Cpu,
    mut compiling: impl FnMut(&Path, usize),
) -> Result<Vec<Built>, String> {
    let host = HostJson::load(root, settings, &Log::discard()).map_err(|error| error.to_string())?;
    let options = Options::read(&host).map_err(|error| error.to_string())?;
    let settings = host.beneath(settings);
    let mut index = index::from_files(root, &settings, &[], None, false);
    describe::join(&mut index, describe::functions(root, &settings), root);
    if let Some(error) = index.errors.first() {
        return Err(error.to_string());
    }
    let functions: Vec<_> = index.functions.into_iter().filter(runs_in_host).collect();
    let mut files: Vec<(PathBuf, Vec<String>)> = Vec::new();
    for function in &functions {
        match files.iter_mut().find(|(file, _)| *file == function.script_file) {
            Some((_, names)) => names.push(function.name.clone()),
            None => files.push((function.script_file.clone(), vec![function.name.clone()])),
        }
    }
    if files.is_empty() {
        return Ok(Vec::new());
    }
    files.sort();
    let folder = root.join(BESIDE_APP);
    let cache = Cache::for_image(&folder)
        .map_err(|error| format!("Compiled code cannot be kept in '{}': {error}", folder.display()))?;
    let limits: Vec<_> = functions.iter().map(|function| options.limits(&function.name)).collect();
    let engine =
        Engine::new(engine_options(&options, &limits, Some(cache))).map_err(|error| error.to_string())?;
    let mut build = |(file, functions): (PathBuf, Vec<String>)| {
        let since = Instant::now();
        let outcome = engine.precompile(&file, cpu, |size| compiling(&file, size)).and_then(|done| {
            // Whatever would keep it from starting should stop the image from being built.
            let name = functions.first().cloned().unwrap_or_default();
            let guest = GuestOptions { name, ..GuestOptions::default() };
            engine.load(&file, guest, |_| {}).map(|_| done)
        });
        Built { file, functions, outcome, took: since.elapsed() }
    };
    Ok(files.into_iter().map(&mut build).collect())
}
