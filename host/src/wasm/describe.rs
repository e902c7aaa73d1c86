//! Files that carry their functions with them: a custom section `horus:functions` with one JSON object per function,
//! written like function.json with a `name` and without `scriptFile` (see `docs/wasm.md`).
//!
//! An object without a name says something about the whole file: `{"wasm": {"instanceReuse": true}}`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use horus_app::index::{self, Index, WorkerFunction};
use horus_app::{Function, FunctionError, Settings, retry};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The custom section.
const SECTION: &str = "horus:functions";
const EXTENSION: &str = "wasm";
/// The member for what function.json has no word for.
const OWN: &str = "wasm";
/// Folders that hold anything but an app's guests.
const PASSED_OVER: [&str; 2] = ["node_modules", "target"];

/// The functions that the guests of the app in `root` describe themselves: those of every `.wasm` file in the app's
/// folder and in the folders directly below it. What is wrong with one file or function leaves the others alone.
pub(crate) fn functions(root: &Path, settings: &Settings) -> Index {
    let mut errors = Vec::new();
    let mut found: BTreeMap<String, Vec<Described>> = BTreeMap::new();
    for file in files(root) {
        match described(&file) {
            Ok(objects) => {
                for (name, object) in objects.into_iter().filter_map(|object| Some((name(&object)?, object)))
                {
                    let file = file.clone();
                    found.entry(name.to_uppercase()).or_default().push(Described { name, file, object });
                }
            }
            Err(message) => errors.push(FunctionError { function: shown(root, &file), message }),
        }
    }
    let mut index = Index::default();
    for described in found.into_values() {
        let places: Vec<String> = described.iter().map(|one| shown(root, &one.file)).collect();
        if described.len() > 1 {
            let message = format!(
                "The function is described {} times, in {}. Names must be unique within the function app.",
                places.len(),
                places.join(", ")
            );
            let function = described.into_iter().map(|one| one.name).next().unwrap_or_default();
            errors.push(FunctionError { function, message });
            continue;
        }
        for one in described {
            match function(&one, root, settings) {
                Ok(function) => index.functions.push(function),
                Err(message) => {
                    let message = format!("{message} (described in {})", places[0]);
                    errors.push(FunctionError { function: one.name, message });
                }
            }
        }
    }
    index.errors = errors;
    index
}

/// Joins `described` to what else the app has. Functions of one name are in error, with the file that describes one.
pub(crate) fn join(index: &mut Index, described: Index, root: &Path) {
    let files: HashMap<String, String> = described
        .functions
        .iter()
        .map(|function| (function.name.to_uppercase(), shown(root, &function.script_file)))
        .collect();
    let known = index.errors.len();
    index::merge(index, described);
    if index.errors.len() == known {
        return;
    }
    for error in index.errors.iter_mut().filter(|error| error.message.starts_with("Found duplicate")) {
        if let Some(file) = files.get(&error.function.to_uppercase()) {
            let note = format!("; {file} describes it as well");
            if !error.message.ends_with(&note) {
                error.message.push_str(&note);
            }
        }
    }
}

/// A function and the file that describes it.
struct Described {
    name: String,
    file: PathBuf,
    object: Map<String, Value>,
}

fn function(described: &Described, root: &Path, settings: &Settings) -> Result<Function, String> {
    let Described { name, file, object } = described;
    let Some(bindings) = member(object, "bindings").and_then(Value::as_array) else {
        return Err("A described function needs 'bindings', a list as in function.json.".into());
    };
    let retry = match member(object, "retry") {
        None | Some(Value::Null) => None,
        Some(policy) => Some(retry::parse(policy).map_err(|error| error.to_string())?),
    };
    let found = WorkerFunction {
        name: name.clone(),
        directory: root.display().to_string(),
        script_file: file.display().to_string(),
        raw_bindings: bindings.iter().map(Value::to_string).collect(),
        retry,
        ..WorkerFunction::default()
    };
    let mut index = index::from_worker(vec![found], settings, EXTENSION);
    let Some(mut function) = index.functions.pop() else {
        return Err(index.errors.pop().map(|error| error.message).unwrap_or_default());
    };
    if let (Some(own), Value::Object(config)) = (member(object, OWN), &mut function.config) {
        config.insert(OWN.to_owned(), own.clone());
    }
    Ok(function)
}

/// What a guest says about how it may be run.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct OwnKeys {
    /// Whether an instance may serve several calls, one after the other.
    instance_reuse: Option<bool>,
}

/// Whether guests allow that instances are used again; files are read once.
#[derive(Debug, Default)]
pub(super) struct Allowance(HashMap<PathBuf, bool>);

impl Allowance {
    /// What `function` says, or else its file.
    ///
    /// # Errors
    /// When the `wasm` member means nothing; names the place.
    pub(super) fn of(&mut self, function: &Function) -> Result<bool, String> {
        let own = match &function.config {
            Value::Object(config) => keys(config)?.instance_reuse,
            _ => None,
        };
        if let Some(own) = own {
            return Ok(own);
        }
        let file = &function.script_file;
        if let Some(known) = self.0.get(file) {
            return Ok(*known);
        }
        let mut allows = false;
        // A file that cannot be read, or says nothing sensible, is complained about elsewhere.
        for object in described(file).unwrap_or_default().iter().filter(|object| name(object).is_none()) {
            allows |= keys(object)?.instance_reuse.unwrap_or_default();
        }
        self.0.insert(file.clone(), allows);
        Ok(allows)
    }
}

fn keys(object: &Map<String, Value>) -> Result<OwnKeys, String> {
    match member(object, OWN) {
        None | Some(Value::Null) => Ok(OwnKeys::default()),
        Some(own) => OwnKeys::deserialize(own)
            .map_err(|error| format!("The member 'wasm' of its description: {error}.")),
    }
}

/// The guests that may describe themselves, in the order of their paths.
fn files(root: &Path) -> Vec<PathBuf> {
    let entries =
        |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_guest = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(EXTENSION)) && path.is_file()
    };
    let holds_guests = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with('.') && !PASSED_OVER.contains(&name.as_ref()) && path.is_dir()
    };
    let mut files: Vec<PathBuf> = entries(root).filter(is_guest).collect();
    for folder in entries(root).filter(holds_guests) {
        files.extend(entries(&folder).filter(is_guest));
    }
    files.sort();
    files
}

/// The objects in the sections of `file`; they follow each other, with or without white space or NUL bytes between
/// them, and may be in lists.
fn described(file: &Path) -> Result<Vec<Map<String, Value>>, String> {
    let sections = horus_wasm::sections(file, SECTION)
        .map_err(|error| format!("The functions that the file describes cannot be read: {error}."))?;
    let mut objects = Vec::new();
    for section in sections {
        let invalid = |reason: String| {
            format!("The custom section '{SECTION}' must hold JSON objects, one per function: {reason}.")
        };
        let text = std::str::from_utf8(&section).map_err(|error| invalid(error.to_string()))?;
        let text = text.replace('\0', " ");
        for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
            let values = match value.map_err(|error| invalid(error.to_string()))? {
                Value::Array(values) => values,
                value => vec![value],
            };
            for value in values {
                let Value::Object(object) = value else {
                    return Err(invalid(format!("{value} is no object")));
                };
                if name(&object).is_none() && member(&object, OWN).is_none() {
                    return Err(invalid("an object has no 'name'".into()));
                }
                objects.push(object);
            }
        }
    }
    Ok(objects)
}

fn name(object: &Map<String, Value>) -> Option<String> {
    member(object, "name").and_then(Value::as_str).map(str::to_owned)
}

/// A member, ignoring case as in function.json.
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// A file as an error names it.
fn shown(root: &Path, file: &Path) -> String {
    file.strip_prefix(root).unwrap_or(file).display().to_string()
}
