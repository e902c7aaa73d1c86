//! The app's settings, assembled: local.settings.json, then what the tool adds, then the environment on top (spec
//! cli.md §4.4).

use std::path::Path;

use horus_app::local_settings::{self, LocalSettings};
use horus_app::log::Level;
use horus_app::settings::Settings;

use super::checks;
use crate::args::Given;
use crate::commands::Failed;

/// Settings with what there is to say about them.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) settings: Settings,
    pub(super) messages: Vec<String>,
}

/// The settings the host runs with.
pub(super) fn assemble(root: &Path, local: &LocalSettings, given: &Given, port: u16) -> Assembled {
    let environment = Settings::from_env();
    let (mut settings, mut messages) = local_settings::merge(local, &environment);
    let mut computed = vec![
        ("WEBSITE_HOSTNAME".to_owned(), format!("localhost:{port}")),
        ("AzureWebJobsScriptRoot".to_owned(), root.to_string_lossy().into_owned()),
        ("FUNCTIONS_CORETOOLS_ENVIRONMENT".to_owned(), "true".to_owned()),
        ("AzureFunctionsJobHost__SequentialRestart".to_owned(), "true".to_owned()),
        ("PYTHON_ENABLE_DEBUG_LOGGING".to_owned(), "1".to_owned()),
    ];
    let chosen = given.value("user-log-level");
    // What host.json says about functions stands, unless the caller says otherwise.
    if chosen.is_some() || !checks::host_json(root, &settings).has_function_level() {
        let level = chosen.unwrap_or("Information").to_owned();
        computed.push(("AzureFunctionsJobHost__logging__logLevel__Function".to_owned(), level));
    }
    if given.flag("enable-json-output").ok().flatten() == Some(true) {
        computed.push(("FUNCTIONS_ENABLE_JSON_OUTPUT".to_owned(), "True".to_owned()));
    }
    for (n, name) in given.list("functions").iter().enumerate() {
        computed.push((format!("AzureFunctionsJobHost__functions__{n}"), name.clone()));
    }
    if let Some(arguments) = given.value("language-worker") {
        let runtime = settings.text("FUNCTIONS_WORKER_RUNTIME").unwrap_or("node").to_ascii_lowercase();
        computed.push((format!("languageWorkers__{runtime}__arguments"), arguments.to_owned()));
    }
    for (name, value) in computed {
        // What is really in the environment wins over what the tool computes.
        if environment.get(&name).is_none() && (settings.get(&name).is_none() || name == "WEBSITE_HOSTNAME") {
            settings = settings.with(name, value);
        }
    }
    const ENVIRONMENT: &str = "AZURE_FUNCTIONS_ENVIRONMENT";
    if let Some(value) = environment.get(ENVIRONMENT).filter(|value| *value != "Development") {
        messages
            .push(format!("{ENVIRONMENT} already exists with value '{value}', overriding to 'Development'."));
    }
    settings = settings.with(ENVIRONMENT, "Development");
    Assembled { settings, messages }
}

/// `--user-log-level`, or the variable of the same meaning.
pub(super) fn user_log_level(given: &Given) -> Result<Option<Level>, Failed> {
    let variable = std::env::var("FUNCTIONS_USER_LOG_LEVEL").ok();
    let Some(text) = given.value("user-log-level").or(variable.as_deref()) else { return Ok(None) };
    Level::parse(text).map(Some).ok_or_else(|| {
        Failed::new(format!(
            "Invalid --user-log-level value '{text}'. Expected Trace, Debug, Information, Warning, Error, Critical or None."
        ))
    })
}

/// Whether a build server runs this.
pub(super) fn is_ci() -> bool {
    ["CI", "CONTINUOUS_INTEGRATION", "BUILD_NUMBER", "RUN_ID"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
