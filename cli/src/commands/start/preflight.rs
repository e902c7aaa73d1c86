//! What stops a start, or is said before it, from the settings and the app's files alone (spec cli.md §4.3).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use horus_app::local_settings::LocalSettings;
use horus_app::settings::Settings;
use serde_json::Value;

use crate::commands::Failed;

const RUNTIME: &str = "FUNCTIONS_WORKER_RUNTIME";
/// What the platform knows.
const RUNTIMES: [&str; 10] =
    ["dotnet-isolated", "dotnet", "node", "python", "java", "powershell", "custom", "go", "native", "wasm"];
/// Other spellings that `func init` takes, and what the setting has to be.
const ALIASES: [(&str, &str); 10] = [
    ("js", "node"),
    ("javascript", "node"),
    ("ts", "node"),
    ("typescript", "node"),
    ("py", "python"),
    ("pwsh", "powershell"),
    ("c#", "dotnet-isolated"),
    ("csharp", "dotnet-isolated"),
    ("f#", "dotnet-isolated"),
    ("golang", "go"),
];
/// Names of Python interpreters, in the order they are looked for.
const PYTHONS: [&str; 8] =
    ["python3", "python", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python3.9"];
const PYTHON_PATH: &str = "languageWorkers__python__defaultExecutablePath";

/// A setting that means something else on the platform, or a language that does not exist.
pub(super) fn check_settings(local: &LocalSettings, settings: &Settings) -> Result<(), Failed> {
    const CONTAINER: &str = "CONTAINER_NAME";
    if local.values.iter().any(|(name, _)| name.eq_ignore_ascii_case(CONTAINER)) {
        return Err(Failed::new(format!(
            "'{CONTAINER}' in Values of local.settings.json is reserved: the host would take this machine for one of the platform's containers."
        ))
        .hint("Give the setting another name."));
    }
    let Some(runtime) = settings.text(RUNTIME) else { return Ok(()) };
    let runtime = runtime.to_ascii_lowercase();
    // A worker of the app's own, or a folder of further workers, brings further languages.
    let is_known = RUNTIMES.contains(&runtime.as_str())
        || settings.text("languageWorkers__workersDirectory").is_some()
        || settings.text(&format!("languageWorkers__{runtime}__workerDirectory")).is_some();
    if is_known {
        return Ok(());
    }
    let failed = Failed::new(format!(
        "Invalid value '{runtime}' for '{RUNTIME}'. Valid options: {}.",
        RUNTIMES.join(", ")
    ));
    Err(match ALIASES.iter().find(|(alias, _)| *alias == runtime) {
        Some((_, name)) => failed.hint(format!("Set {RUNTIME} to '{name}' in local.settings.json.")),
        None => failed.hint(format!("Set {RUNTIME} in local.settings.json or in the environment.")),
    })
}

/// The interpreter for a Python app where nothing names one and the usual name is missing: a further setting.
pub(super) fn python(root: &Path, settings: &Settings) -> Result<Option<(String, String)>, Failed> {
    let is_python = settings.text(RUNTIME).is_some_and(|runtime| runtime.eq_ignore_ascii_case("python"));
    let is_chosen = settings.text(PYTHON_PATH).is_some() || settings.text("VIRTUAL_ENV").is_some();
    let has_own = [".venv", "venv"].iter().any(|folder| root.join(folder).join("bin/python").exists());
    if !is_python || is_chosen || has_own {
        return Ok(None);
    }
    match on_path(&PYTHONS, settings.text("PATH").map(OsStr::new)) {
        // What the worker starts by itself.
        Some((name, _)) if name == PYTHONS[0] => Ok(None),
        Some((_, path)) => Ok(Some((PYTHON_PATH.to_owned(), path.to_string_lossy().into_owned()))),
        None => Err(Failed::new("Could not find a Python version. 3.10.x, 3.11.x, 3.12.x, 3.13.x, or 3.14.x is recommended, and used in Azure Functions.")
            .hint("Install Python, make a virtual environment (.venv) in the app's folder, or set languageWorkers__python__defaultExecutablePath.")),
    }
}

fn on_path<'a>(names: &[&'a str], path: Option<&OsStr>) -> Option<(&'a str, PathBuf)> {
    let folders: Vec<PathBuf> = std::env::split_paths(path?).collect();
    names.iter().find_map(|name| {
        folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()).map(|file| (*name, file))
    })
}

/// What to say about a TypeScript app whose JavaScript is not there.
pub(super) fn unbuilt(root: &Path) -> Option<String> {
    if !root.join("tsconfig.json").is_file() {
        return None;
    }
    let package = std::fs::read_to_string(root.join("package.json")).ok()?;
    let package: Value = serde_json::from_str(&package).ok()?;
    let main = package["main"].as_str()?;
    let folder = main.trim_start_matches("./").split('/').next()?;
    // `main` may be a pattern; its first folder is where the compiler writes.
    if !main.contains('/') || folder.contains(['*', '{', '?']) || root.join(folder).exists() {
        return None;
    }
    let command = if package["scripts"]["build"].is_string() { "npm run build" } else { "npx tsc" };
    Some(format!(
        "'{folder}' is missing: package.json names '{main}' as \"main\", and this TypeScript app is not built. Run '{command}' first."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        Settings::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    /// cli.md §4.3 runtime name.
    #[test]
    fn an_unknown_runtime_lists_the_options() {
        let check = |pairs: &[(&str, &str)]| check_settings(&LocalSettings::default(), &settings(pairs));
        assert!(check(&[]).is_ok());
        assert!(check(&[(RUNTIME, "Node")]).is_ok());
        assert!(check(&[(RUNTIME, "own"), ("languageWorkers__workersDirectory", "/w")]).is_ok());
        assert!(check(&[(RUNTIME, "own"), ("languageWorkers:own:workerDirectory", "/w")]).is_ok());
        let error = check(&[(RUNTIME, "ruby")]).unwrap_err();
        assert!(
            error.message.starts_with("Invalid value 'ruby' for 'FUNCTIONS_WORKER_RUNTIME'. Valid options: ")
        );
        assert!(error.message.contains("node, python"), "{}", error.message);
        assert!(check(&[(RUNTIME, "ts")]).unwrap_err().hint.unwrap().contains("to 'node'"));
    }

    /// cli.md §4.3 reserved setting, worker-protocol.md §19.16.
    #[test]
    fn a_reserved_name_in_values_is_an_error() {
        let values = vec![("container_name".to_owned(), Some("x".to_owned()))];
        let local = LocalSettings { values, ..LocalSettings::default() };
        let error = check_settings(&local, &Settings::default()).unwrap_err();
        assert!(error.message.contains("'CONTAINER_NAME' in Values of local.settings.json is reserved"));
        // On the platform it comes from the environment.
        assert!(check_settings(&LocalSettings::default(), &settings(&[("CONTAINER_NAME", "x")])).is_ok());
    }

    /// cli.md §4.3 Python.
    #[test]
    fn a_python_under_another_name_is_found() {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let path = bin.to_str().unwrap();
        let app = settings(&[(RUNTIME, "python"), ("PATH", path)]);
        let error = python(root.path(), &app).unwrap_err();
        assert!(error.message.starts_with("Could not find a Python version. 3.10.x"), "{}", error.message);
        std::fs::write(bin.join("python3.12"), "").unwrap();
        let found = python(root.path(), &app).unwrap().unwrap();
        assert_eq!(found, (PYTHON_PATH.to_owned(), format!("{path}/python3.12")));
        std::fs::write(bin.join("python3"), "").unwrap();
        assert_eq!(python(root.path(), &app).unwrap(), None);
        assert_eq!(python(root.path(), &settings(&[(RUNTIME, "node"), ("PATH", "/none")])).unwrap(), None);
        std::fs::create_dir_all(root.path().join(".venv/bin")).unwrap();
        std::fs::write(root.path().join(".venv/bin/python"), "").unwrap();
        assert_eq!(python(root.path(), &settings(&[(RUNTIME, "python")])).unwrap(), None);
    }

    /// cli.md §4.3 "TS not built" (ours).
    #[test]
    fn typescript_that_is_not_built_is_told() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(root.path().join(name), text).unwrap();
        write("package.json", r#"{"main": "dist/src/functions/*.js", "scripts": {"build": "tsc"}}"#);
        assert_eq!(unbuilt(root.path()), None);
        write("tsconfig.json", "{}");
        let text = unbuilt(root.path()).unwrap();
        assert!(text.contains("'dist' is missing") && text.contains("'npm run build'"), "{text}");
        write("package.json", r#"{"main": "./out/index.js"}"#);
        assert!(unbuilt(root.path()).unwrap().contains("'npx tsc'"));
        std::fs::create_dir(root.path().join("out")).unwrap();
        assert_eq!(unbuilt(root.path()), None);
    }
}
