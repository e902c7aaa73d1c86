//! Functions that a language worker found by itself (spec host.md §2.7).

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Index, binding, is_disabled};
use crate::function::{Function, FunctionSource, RetryPolicy};
use crate::json;
use crate::settings::Settings;

/// One function as a worker describes it.
#[derive(Debug, Clone, Default)]
pub struct WorkerFunction {
    /// Name.
    pub name: String,
    /// The worker's own id; used towards it from then on.
    pub id: String,
    /// Directory, as given.
    pub directory: String,
    /// Script file, as given.
    pub script_file: String,
    /// Exported name.
    pub entry_point: String,
    /// Bindings, each a JSON object as text: the only source of bindings.
    pub raw_bindings: Vec<String>,
    /// Retry policy.
    pub retry: Option<RetryPolicy>,
    /// Properties that travel back with the load request.
    pub properties: Vec<(String, String)>,
}

/// Validates what a worker found by the rules for function.json, without looking at files. Every function has
/// the language `runtime`.
pub fn from_worker(found: Vec<WorkerFunction>, settings: &Settings, runtime: &str) -> Index {
    let mut index = Index::default();
    for one in found {
        let name = one.name.clone();
        match read(one, settings, runtime) {
            Ok(function) => index.functions.push(function),
            Err(message) => index.reject(&name, message),
        }
    }
    index.settle();
    index
}

fn read(found: WorkerFunction, settings: &Settings, runtime: &str) -> Result<Function, String> {
    binding::check_function_name(&found.name)?;
    if found.script_file.is_empty() {
        return Err(format!("The worker gave no script file for function '{}'.", found.name));
    }
    let raw = found
        .raw_bindings
        .iter()
        .map(|text| {
            json::parse(text).map_err(|error| format!("Unable to parse a binding of the worker: {error}"))
        })
        .collect::<Result<Vec<Value>, String>>()?;
    let bindings = raw.iter().map(binding::read).collect::<Result<Vec<_>, _>>()?;
    binding::check(&bindings)?;
    Ok(Function {
        config: json!({
            "name": found.name,
            "entryPoint": found.entry_point,
            "scriptFile": found.script_file,
            "language": runtime,
            "functionDirectory": found.directory,
            "bindings": raw,
        }),
        disabled: is_disabled(&found.name, settings),
        // Some workers leave the id to the host.
        id: match found.id.is_empty() {
            true => uuid::Uuid::new_v4().to_string(),
            false => found.id,
        },
        name: found.name,
        directory: PathBuf::from(found.directory),
        script_file: PathBuf::from(found.script_file),
        entry_point: found.entry_point,
        language: runtime.to_owned(),
        bindings,
        retry: found.retry,
        source: FunctionSource::Worker,
        properties: found.properties,
    })
}
