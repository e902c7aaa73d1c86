//! function.json: discovery, script files and languages (spec host.md §2.1 to §2.3).

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Index, binding, is_disabled, ordinal};
use crate::function::{Function, FunctionSource};
use crate::json::{self, property};
use crate::retry;
use crate::settings::Settings;

const FILE_NAME: &str = "function.json";
/// Language of functions that a custom handler answers.
pub(super) const CUSTOM_HANDLER: &str = "http";
/// Names that make a file the primary script, besides the stem `run`.
const PRIMARY: [&str; 4] = ["index.js", "index.mjs", "index.cjs", "__init__.py"];

/// What [`from_files`] knows about the app besides its directory.
struct Surroundings<'a> {
    settings: &'a Settings,
    languages: &'a [(&'a str, &'a str)],
    runtime: Option<&'a str>,
    is_custom_handler: bool,
}

/// Reads every immediate sub-directory of `root` that holds a function.json.
///
/// `languages` maps script extensions to languages (`(".js", "node")`); where several languages claim one
/// extension, `runtime` decides. With `is_custom_handler` no script file is needed and every function belongs to
/// the handler.
pub fn from_files(
    root: &Path,
    settings: &Settings,
    languages: &[(&str, &str)],
    runtime: Option<&str>,
    is_custom_handler: bool,
) -> Index {
    let around = Surroundings { settings, languages, runtime, is_custom_handler };
    let mut index = Index::default();
    // An unreadable root has no functions; whoever starts the host has already said so about host.json.
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let directory = entry.path();
        let file = directory.join(FILE_NAME);
        let text = match json::read_text(&file) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
            Err(error) => {
                let name = entry.file_name();
                index
                    .reject(&name.to_string_lossy(), format!("Unable to read '{}': {error}", file.display()));
                continue;
            }
        };
        let name = entry.file_name().to_string_lossy().into_owned();
        match read(&name, &directory, &file, &text, &around) {
            Ok(function) => index.functions.push(function),
            Err(message) => index.reject(&name, message),
        }
    }
    index.settle();
    index
}

/// Names of the directories of `root` that hold a function.json but are in neither the functions nor the errors of
/// `index`: a worker that indexes by itself overlooked them (spec host.md §2.7 "Mixed apps").
pub fn not_indexed(root: &Path, index: &Index) -> Vec<String> {
    let known: HashSet<String> = index
        .functions
        .iter()
        .chain(&index.excluded)
        .map(|function| ordinal(&function.name))
        .chain(index.errors.iter().map(|error| ordinal(&error.function)))
        .collect();
    let mut names: Vec<String> = std::fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join(FILE_NAME).is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !known.contains(&ordinal(name)))
        .collect();
    names.sort_by_cached_key(|name| ordinal(name));
    names
}

fn read(
    name: &str,
    directory: &Path,
    file: &Path,
    text: &str,
    around: &Surroundings<'_>,
) -> Result<Function, String> {
    binding::check_function_name(name)?;
    let config =
        json::parse(text).map_err(|error| format!("Unable to parse '{}'. {error}", file.display()))?;
    let Value::Object(fields) = &config else {
        return Err(format!("Unable to parse '{}'. The file must hold a JSON object", file.display()));
    };
    check_configuration_source(name, fields)?;
    let bindings = match property(fields, "bindings").and_then(Value::as_array) {
        Some(bindings) => bindings.iter().map(binding::read).collect::<Result<Vec<_>, _>>()?,
        None => Vec::new(),
    };
    binding::check(&bindings)?;
    let retry = match property(fields, "retry") {
        None | Some(Value::Null) => None,
        Some(policy) => Some(retry::parse(policy).map_err(|error| error.to_string())?),
    };
    let script = script_file(directory, optional_text(fields, "scriptFile")?, around.is_custom_handler)?;
    Ok(Function {
        name: name.to_owned(),
        id: Uuid::new_v4().to_string(),
        directory: directory.to_owned(),
        language: language_of(&script, around),
        script_file: script,
        entry_point: optional_text(fields, "entryPoint")?.unwrap_or_default(),
        bindings,
        retry,
        disabled: is_disabled(name, around.settings),
        source: FunctionSource::Host,
        properties: Vec::new(),
        config,
    })
}

fn check_configuration_source(name: &str, fields: &Map<String, Value>) -> Result<(), String> {
    let source = match property(fields, "configurationSource") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::String(source)) => source.clone(),
        Some(other) => other.to_string(),
    };
    match source.to_ascii_lowercase().as_str() {
        "config" | "attributes" => Ok(()),
        _ => Err(format!("Illegal value '{source}' for 'configurationSource' property in {name}.")),
    }
}

fn optional_text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match property(fields, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!(
            "Error parsing function.json: Invalid value specified for property '{name}' of type String."
        )),
    }
}

/// spec host.md §2.3.
fn script_file(
    directory: &Path,
    explicit: Option<String>,
    is_custom_handler: bool,
) -> Result<PathBuf, String> {
    if let Some(relative) = explicit {
        let script = cleaned(&directory.join(relative));
        return match script.is_file() || is_custom_handler {
            true => Ok(script),
            false => Err(
                "Invalid script file name configuration. The 'scriptFile' property is set to a file that does not exist."
                    .to_owned(),
            ),
        };
    }
    match primary(directory) {
        Some(script) => Ok(script),
        None if is_custom_handler => Ok(PathBuf::new()),
        None => Err(
            "Unable to determine the primary function script. Make sure at least one script file is present. Try renaming your entry point script to 'run' or alternatively you can specify the name of the entry point script explicitly by adding a 'scriptFile' property to your function metadata."
                .to_owned(),
        ),
    }
}

fn primary(directory: &Path) -> Option<PathBuf> {
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .filter(|path| !path.file_name().is_some_and(|name| name.eq_ignore_ascii_case(FILE_NAME)))
        .collect();
    if scripts.len() == 1 {
        return scripts.pop();
    }
    scripts.sort();
    let is_primary = |path: &PathBuf| {
        let is_run = path.file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case("run"));
        is_run || path.file_name().is_some_and(|name| PRIMARY.iter().any(|p| name.eq_ignore_ascii_case(p)))
    };
    scripts.into_iter().find(is_primary)
}

/// `path` without `.` and `..`, by name alone: links are not followed, the file may not exist.
fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

fn language_of(script: &Path, around: &Surroundings<'_>) -> String {
    if around.is_custom_handler {
        return CUSTOM_HANDLER.to_owned();
    }
    let extension = script.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    let claims = || {
        let has = |known: &str| known.trim_start_matches('.').eq_ignore_ascii_case(&extension);
        around.languages.iter().filter(move |(known, _)| has(known)).map(|(_, language)| *language)
    };
    let is_runtime = |language: &&str| around.runtime.is_some_and(|name| name.eq_ignore_ascii_case(language));
    let known = claims().find(is_runtime).or_else(|| claims().next());
    match (known, extension.as_str()) {
        (Some(language), _) => language,
        (None, "cs" | "csx") => "CSharp",
        (None, "dll") => "DotNetAssembly",
        _ => "",
    }
    .to_owned()
}
