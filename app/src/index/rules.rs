//! Rules that look at all functions at once, or at what the host knows (spec host.md §2.4 to §2.6).

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::files::CUSTOM_HANDLER;
use super::{Index, ordinal};
use crate::app::AppError;
use crate::function::Function;
use crate::host_json::HostJson;
use crate::log::{Log, category};
use crate::settings::Settings;

/// Warning AZFD0011, to be logged when `FUNCTIONS_WORKER_RUNTIME` is not set.
pub const RUNTIME_MISSING: &str = "AZFD0011: The 'FUNCTIONS_WORKER_RUNTIME' setting is required. Please specify a valid value, for example 'node' or 'python'. The application will continue to run, but may throw an exception in the future.";

/// Warning AZFD0013, to be logged when the app is for another language than the setting says.
pub fn runtime_mismatch(setting: &str, found: &str) -> String {
    format!(
        "AZFD0013: The 'FUNCTIONS_WORKER_RUNTIME' is set to '{setting}', which does not match the worker runtime metadata found in the deployed function app artifacts. The deployed artifacts are for '{found}'."
    )
}

/// Rejects functions with a binding type that no extension has. The text depends on whether a bundle is declared.
/// A `warmupTrigger` outside a function called `Warmup` is rejected as well.
pub fn check_binding_types(index: &mut Index, known: impl Fn(&str) -> bool, has_bundle: bool) {
    index.weed(|function| {
        let mut unknown: Vec<&str> = Vec::new();
        for binding in &function.bindings {
            let kind = binding.kind.as_str();
            if !known(kind) && !unknown.iter().any(|listed| listed.eq_ignore_ascii_case(kind)) {
                unknown.push(kind);
            }
        }
        let types = unknown.join(", ");
        match (unknown.is_empty(), has_bundle) {
            (true, _) => misnamed_warmup(function),
            (false, true) => Some(format!(
                "The binding type(s) '{types}' were not found in the configured extension bundle. Please ensure the type is correct and the correct version of extension bundle is configured."
            )),
            (false, false) => Some(format!(
                "The binding type(s) '{types}' are not registered. Please ensure the type is correct and the binding extension is installed."
            )),
        }
    });
}

fn misnamed_warmup(function: &Function) -> Option<String> {
    let is_warmup = function.trigger().is("warmupTrigger");
    (is_warmup && !function.name.eq_ignore_ascii_case("Warmup")).then(|| {
        format!("A warmupTrigger needs a function named 'Warmup'; this one is named '{}'.", function.name)
    })
}

/// Moves functions that host.json's `functions` does not list to [`Index::excluded`], and says so in the log.
pub fn apply_allow_list(index: &mut Index, host: &HostJson, log: &Log) {
    let Some(allowed) = &host.functions else { return };
    log.info(
        category::STARTUP,
        format!(
            "A function allow list has been specified, excluding all but the following functions: [{}]",
            allowed.join(", ")
        ),
    );
    let is_allowed = |name: &str| allowed.iter().any(|listed| ordinal(listed) == ordinal(name));
    let (kept, excluded): (Vec<_>, Vec<_>) =
        std::mem::take(&mut index.functions).into_iter().partition(|function| is_allowed(&function.name));
    index.functions = kept;
    index.excluded.extend(excluded);
    index.errors.retain(|error| is_allowed(&error.function));
}

/// Compares the functions' languages with the runtime the app is set to. Functions in one of `in_process`
/// (languages that need no worker) fit every app. Functions of other languages are rejected one by one.
///
/// # Errors
/// When nothing fits, or languages are mixed and nothing says which one counts.
pub fn check_languages(
    index: &mut Index,
    runtime: Option<&str>,
    in_process: &[&str],
) -> Result<(), AppError> {
    let needs_worker = |function: &Function| {
        let mut free = in_process.iter().chain([&CUSTOM_HANDLER]);
        !free.any(|language| language.eq_ignore_ascii_case(&function.language))
    };
    let languages: BTreeSet<String> = index
        .functions
        .iter()
        .filter(|function| needs_worker(function))
        .map(|function| function.language.to_ascii_lowercase())
        .collect();
    let Some(runtime) = runtime.filter(|runtime| !runtime.is_empty()) else {
        return match languages.len() {
            0 | 1 => Ok(()),
            _ => Err(AppError::SeveralLanguages),
        };
    };
    let needs_runtime = runtime.to_ascii_lowercase();
    if !languages.is_empty() && !languages.contains(&needs_runtime) {
        return Err(AppError::OtherLanguage(runtime.to_owned()));
    }
    index.weed(|function| {
        let fits = !needs_worker(function) || function.language.eq_ignore_ascii_case(runtime);
        (!fits).then(|| {
            let language = match function.language.as_str() {
                "" => "no language known by its script file",
                language => language,
            };
            format!("The function is written in {language}, but FUNCTIONS_WORKER_RUNTIME is '{runtime}'.")
        })
    });
    Ok(())
}

/// Checks the routes of HTTP functions: settings resolve, no reserved prefix, no template twice for one method.
/// Templates are compared as text; their grammar is the HTTP extension's.
pub fn check_routes(index: &mut Index, settings: &Settings) {
    let mut taken: HashMap<String, Vec<(String, Methods)>> = HashMap::new();
    for function in std::mem::take(&mut index.functions) {
        if !function.trigger().is("httpTrigger") {
            index.functions.push(function);
            continue;
        }
        let template = match template_of(&function, settings) {
            Ok(template) => template,
            Err(message) => {
                index.reject(&function.name, message);
                continue;
            }
        };
        let methods = methods_of(&function);
        let routes = taken.entry(template).or_default();
        match routes.iter().find(|(_, others)| intersect(&methods, others)) {
            Some((other, _)) => {
                let message =
                    format!("The route specified conflicts with the route defined by function '{other}'.");
                index.reject(&function.name, message);
            }
            None => {
                routes.push((function.name.clone(), methods));
                index.functions.push(function);
            }
        }
    }
}

/// The template as it is compared: settings resolved, trimmed, lower case; the function's name without `route`.
fn template_of(function: &Function, settings: &Settings) -> Result<String, String> {
    let route = match function.trigger().property("route") {
        Some(Value::String(route)) => settings.expand(route).map_err(|error| error.to_string())?,
        _ => function.name.clone(),
    };
    let template = route.trim_matches('/').to_lowercase();
    match template.starts_with("admin") || template.starts_with("runtime") {
        true => Err("The specified route conflicts with one or more built in routes.".to_owned()),
        false => Ok(template),
    }
}

/// Lower-cased methods; `None` is every method.
type Methods = Option<Vec<String>>;

fn methods_of(function: &Function) -> Methods {
    let listed: Vec<String> = match function.trigger().property("methods")? {
        Value::Array(methods) => methods.iter().filter_map(Value::as_str).map(str::to_lowercase).collect(),
        Value::String(methods) => methods.split(',').map(|method| method.trim().to_lowercase()).collect(),
        _ => Vec::new(),
    };
    let listed: Vec<String> = listed.into_iter().filter(|method| !method.is_empty()).collect();
    (!listed.is_empty()).then_some(listed)
}

fn intersect(one: &Methods, other: &Methods) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.iter().any(|method| other.contains(method)),
        _ => true,
    }
}

/// Adds the functions of another provider (a worker's index beside function.json files, say). A function that
/// both have is an error, and neither runs.
pub fn merge(index: &mut Index, other: Index) {
    let names = |index: &Index| -> BTreeSet<String> {
        index.functions.iter().map(|function| ordinal(&function.name)).collect()
    };
    let both: BTreeSet<String> = names(index).intersection(&names(&other)).cloned().collect();
    index.weed(|function| {
        both.contains(&ordinal(&function.name))
            .then(|| format!("Found duplicate FunctionMetadata with the name {}", function.name))
    });
    index.functions.extend(other.functions.into_iter().filter(|added| !both.contains(&ordinal(&added.name))));
    index.excluded.extend(other.excluded);
    index.errors.extend(other.errors);
    index.settle();
}
