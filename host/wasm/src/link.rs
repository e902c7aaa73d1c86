//! Whether and how compiled code can be called: its imports are provided, its exports are those of a contract.

use std::path::Path;

use wasmtime::component::types::Component as ComponentType;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::aot::Code;
use crate::guest::Pre;
use crate::warm::Served;
use crate::world::{self, FunctionsPre};
use crate::{Engine, LoadError, Reuse};

/// Interfaces that guests may import; versions 0.2.x are compatible with each other.
const PROVIDED: [&str; 7] = [
    "wasi:io/",
    "wasi:clocks/",
    "wasi:random/",
    "wasi:cli/",
    "wasi:filesystem/",
    "wasi:sockets/",
    "wasi:http/",
];
/// Their version.
const PROVIDED_VERSION: &str = "@0.2.";

/// Imports that are not there by their beginnings, and what to do about them.
const HINTS: [(&str, &str); 12] = [
    (
        "wasi:http/",
        "wasi:http is provided in version 0.2; build the guest for it and list the hosts it calls under 'allowedHosts' of 'extensions.wasm' in host.json",
    ),
    (
        "wasi:filesystem/",
        "wasi:filesystem is provided in version 0.2; build the guest for it and grant folders with 'folders' of 'extensions.wasm' in host.json",
    ),
    (
        "wasi:cli/",
        "wasi:cli is provided in version 0.2; build the guest for it, and grant environment variables with 'environment' of 'extensions.wasm' in host.json",
    ),
    (
        "wasi:config/",
        "no grant supplies wasi:config; read settings as environment variables, granted with 'environment' of 'extensions.wasm' in host.json",
    ),
    (
        "wasi:keyvalue/",
        "no grant supplies wasi:keyvalue; use input and output bindings, or an HTTP service granted with 'allowedHosts'",
    ),
    (
        "wasi:blobstore/",
        "no grant supplies wasi:blobstore; use input and output bindings, or an HTTP service granted with 'allowedHosts'",
    ),
    ("wasi:messaging/", "no grant supplies wasi:messaging; use triggers and output bindings"),
    (
        "wasi:logging/",
        "wasi:logging is not provided; write to standard error or import horus:functions/logging",
    ),
    ("wasi:", "WASI is provided in version 0.2 for components and as preview 1 for core modules"),
    (
        "wasi_unstable.",
        "the guest was built for an outdated WASI; build it for wasm32-wasip1 or wasm32-wasip2",
    ),
    (
        "env.",
        "the guest was linked without a libc or leaves symbols undefined; build it for wasm32-wasip1 or wasm32-wasip2",
    ),
    (
        "",
        "no grant supplies it: only WASI (0.2 for components, preview 1 for core modules), wasi:http 0.2 and horus:functions/logging are provided",
    ),
];

/// Links compiled code and finds its contract by its exports: the typed world first, then `wasi:http`, then commands.
pub(crate) fn link(
    engine: &Engine,
    file: &Path,
    code: &Code,
    reuse: Option<Reuse>,
) -> Result<Pre, LoadError> {
    let invalid =
        |error: wasmtime::Error| LoadError::Invalid { file: file.to_owned(), reason: format!("{error:#}") };
    match code {
        Code::Module(module) => {
            let missing: Vec<String> = module
                .imports()
                .filter(|import| import.module() != "wasi_snapshot_preview1")
                .map(|import| format!("{}.{}", import.module(), import.name()))
                .collect();
            if !missing.is_empty() {
                return Err(imports(file, missing));
            }
            if module.get_export("_start").is_none() {
                let names = module.exports().map(|export| export.name().to_owned());
                return Err(contract(file, "module", names));
            }
            Ok(Pre::Core(engine.module_linker()?.instantiate_pre(module).map_err(invalid)?))
        }
        Code::Component(component) => {
            let shape: ComponentType = component.component_type();
            let imported = shape.imports(&engine.inner).map(|(name, _)| name);
            let exports: Vec<String> =
                shape.exports(&engine.inner).map(|(name, _)| name.to_owned()).collect();
            check_world(file, imported.chain(exports.iter().map(String::as_str)))?;
            let missing: Vec<String> = shape
                .imports(&engine.inner)
                .map(|(name, _)| name)
                .filter(|name| !is_provided(name))
                .map(str::to_owned)
                .collect();
            if !missing.is_empty() {
                return Err(imports(file, missing));
            }
            let exports_one = |prefix: &str| exports.iter().any(|name| name.starts_with(prefix));
            let is_typed = exports_one(world::HANDLER);
            let is_http = exports_one("wasi:http/incoming-handler@0.2.");
            if !is_typed && !is_http && !exports_one("wasi:cli/run@0.2.") {
                return Err(contract(file, "component", exports.into_iter()));
            }
            let pre = engine.component_linker()?.instantiate_pre(component).map_err(invalid)?;
            Ok(match (is_typed, is_http) {
                (true, _) => {
                    let pre = FunctionsPre::new(pre).map_err(invalid)?;
                    Pre::Typed(Served::new(pre, reuse, engine))
                }
                (false, true) => {
                    let pre = ProxyPre::new(pre).map_err(invalid)?;
                    Pre::Http(Served::new(pre, reuse, engine))
                }
                (false, false) => Pre::Command(CommandPre::new(pre).map_err(invalid)?),
            })
        }
    }
}

/// Refuses a component that was made for another version of the typed world.
fn check_world<'a>(file: &Path, names: impl Iterator<Item = &'a str>) -> Result<(), LoadError> {
    for name in names.filter(|name| name.starts_with(world::PACKAGE)) {
        let found = name.split_once('@').map_or("(none)", |(_, version)| version);
        if !world::fits(found) {
            return Err(LoadError::World {
                file: file.to_owned(),
                name: name.split('@').next().unwrap_or(name).to_owned(),
                found: found.to_owned(),
                provided: world::VERSION,
            });
        }
    }
    Ok(())
}

fn is_provided(import: &str) -> bool {
    import.starts_with(world::LOGGING)
        || import.starts_with(world::TYPES)
        || PROVIDED.iter().any(|prefix| import.starts_with(prefix)) && import.contains(PROVIDED_VERSION)
}

/// Names the imports and, once each, what to do about them.
fn imports(file: &Path, imports: Vec<String>) -> LoadError {
    let mut hints: Vec<&str> = Vec::new();
    for import in &imports {
        let hint = HINTS.iter().find(|(start, _)| import.starts_with(start)).map(|(_, hint)| *hint);
        if let Some(hint) = hint.filter(|hint| !hints.contains(hint)) {
            hints.push(hint);
        }
    }
    LoadError::Imports { file: file.to_owned(), imports, hint: hints.join("; ") }
}

fn contract(file: &Path, what: &str, exports: impl Iterator<Item = String>) -> LoadError {
    let names: Vec<String> = exports.collect();
    let has = match names.len() {
        0 => format!("the {what} exports nothing"),
        _ => format!("the {what} exports {}", names.join(", ")),
    };
    LoadError::Contract { file: file.to_owned(), has }
}
