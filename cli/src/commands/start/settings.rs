//! The app's settings, assembled: local.settings.json, then what the tool adds, then the environment on top (spec
//! cli.md §4.4).

use std::path::Path;

use horus_app::local_settings::{self, LocalSettings};
use horus_app::log::Level;
use horus_app::settings::Settings;

use super::checks;
use crate::args::Given;
use crate::commands::Failed;

const FUNCTION_LEVEL: &str = "AzureFunctionsJobHost__logging__logLevel__Function";
/// Languages whose workers take `--language-worker`.
const LANGUAGES: [&str; 4] = ["node", "python", "java", "powershell"];

/// Settings with what there is to say about them.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) settings: Settings,
    pub(super) messages: Vec<String>,
}

/// The settings the host runs with.
pub(super) fn assemble(
    root: &Path,
    local: &LocalSettings,
    environment: &Settings,
    given: &Given,
    port: u16,
) -> Result<Assembled, Failed> {
    let (plain, _) = local_settings::merge(local, environment);
    let mut computed = Vec::new();
    let mut set = |name: &str, value: String| computed.push((name.to_owned(), value));
    set("WEBSITE_HOSTNAME", format!("localhost:{port}"));
    set("AzureWebJobsScriptRoot", root.to_string_lossy().into_owned());
    set("FUNCTIONS_CORETOOLS_ENVIRONMENT", "true".into());
    set("AzureFunctionsJobHost__SequentialRestart", "true".into());
    if plain.get("PYTHON_ENABLE_DEBUG_LOGGING").is_none() {
        set("PYTHON_ENABLE_DEBUG_LOGGING", "1".into());
    }
    match user_log_level(given)? {
        Some(level) => set(FUNCTION_LEVEL, format!("{level:?}")),
        // What the app says about functions stands.
        None if plain.get(FUNCTION_LEVEL).is_some() => {}
        None if checks::host_json(root, &plain).has_function_level() => {}
        None => set(FUNCTION_LEVEL, "Information".into()),
    }
    if given.flag("enable-json-output")? == Some(true) {
        set("FUNCTIONS_ENABLE_JSON_OUTPUT", "True".into());
    }
    if given.flag("dotnet-isolated-debug")? == Some(true) {
        set("FUNCTIONS_ENABLE_DEBUGGER_WAIT", "True".into());
        set("DOTNET_STARTUP_HOOKS", "Microsoft.Azure.Functions.Worker.Core".into());
    }
    for (n, name) in given.list("functions").iter().enumerate() {
        set(&format!("AzureFunctionsJobHost__functions__{n}"), name.clone());
    }
    if let Some(arguments) = given.value("language-worker") {
        let runtime = plain.text("FUNCTIONS_WORKER_RUNTIME").map(str::to_ascii_lowercase);
        // An app that does not say its language has one of them all the same.
        let languages = match &runtime {
            Some(runtime) => vec![runtime.as_str()],
            None => LANGUAGES.to_vec(),
        };
        for language in languages {
            set(&format!("languageWorkers__{language}__arguments"), arguments.to_owned());
        }
    }
    let (settings, messages) = local_settings::merge_with(local, &computed, environment);
    Ok(Assembled { settings, messages })
}

/// Settings by which language workers written in Node trust `certificate` besides the usual ones, so that the app's own
/// clients of the local document service need no change. What the app or the environment says stands.
pub(super) fn trusting(settings: Settings, certificate: Option<&Path>) -> Settings {
    const NAME: &str = "NODE_EXTRA_CA_CERTS";
    match certificate {
        Some(file) if settings.text(NAME).is_none() => settings.with(NAME, file.to_string_lossy()),
        _ => settings,
    }
}

/// `--user-log-level`, or the variable of the same meaning.
pub(super) fn user_log_level(given: &Given) -> Result<Option<Level>, Failed> {
    let variable = std::env::var("FUNCTIONS_USER_LOG_LEVEL").ok().filter(|text| !text.trim().is_empty());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::start::KNOWN;

    fn assembled(line: &str, values: &[(&str, &str)], environment: &[(&str, &str)]) -> Assembled {
        let tokens: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let given = Given::parse(&tokens, KNOWN).unwrap();
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())));
        let local = LocalSettings { values: values.collect(), ..LocalSettings::default() };
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        assemble(Path::new("/app"), &local, &Settings::from_pairs(environment), &given, 7071).unwrap()
    }

    /// cli.md §4.4: the file is below what the tool computes, and the environment above both.
    #[test]
    fn precedence() {
        let values = [("WEBSITE_HOSTNAME", "file"), ("A", "file"), ("PYTHON_ENABLE_DEBUG_LOGGING", "0")];
        let settings = assembled("", &values, &[("A", "env")]).settings;
        assert_eq!(settings.get("WEBSITE_HOSTNAME"), Some("localhost:7071"));
        assert_eq!(settings.get("A"), Some("env"));
        assert_eq!(settings.get("PYTHON_ENABLE_DEBUG_LOGGING"), Some("0"));
        assert_eq!(settings.get("AzureWebJobsScriptRoot"), Some("/app"));
        let settings = assembled("", &[], &[("WEBSITE_HOSTNAME", "env")]).settings;
        assert_eq!(settings.get("WEBSITE_HOSTNAME"), Some("env"));
        let given =
            assembled("", &[("A", "file")], &[("A", "env"), ("AZURE_FUNCTIONS_ENVIRONMENT", "Staging")]);
        assert_eq!(given.settings.get("AZURE_FUNCTIONS_ENVIRONMENT"), Some("Development"));
        assert_eq!(
            given.messages,
            [
                "Skipping 'A' from local settings as it's already defined in current environment variables.",
                "AZURE_FUNCTIONS_ENVIRONMENT already exists with value 'Staging', overriding to 'Development'.",
            ]
        );
    }

    /// Apps reach the local document service at https://localhost:8081/ as they are.
    #[test]
    fn node_trusts_the_certificate_of_the_store() {
        let trusted = |pairs: &[(&str, &str)], file: Option<&str>| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let settings = trusting(Settings::from_pairs(pairs), file.map(Path::new));
            settings.get("NODE_EXTRA_CA_CERTS").map(str::to_owned)
        };
        assert_eq!(trusted(&[], Some("/app/x.crt")).as_deref(), Some("/app/x.crt"));
        assert_eq!(trusted(&[("NODE_EXTRA_CA_CERTS", "own")], Some("/app/x.crt")).as_deref(), Some("own"));
        assert_eq!(trusted(&[], None), None);
    }

    /// cli.md §1.4: flags that are settings for the host and its workers.
    #[test]
    fn flags_become_settings() {
        let python = [("FUNCTIONS_WORKER_RUNTIME", "Python")];
        for (line, name, expected) in [
            ("--functions a b", "AzureFunctionsJobHost__functions__1", Some("b")),
            ("--language-worker -X", "languageWorkers__python__arguments", Some("-X")),
            ("--language-worker -X", "languageWorkers__node__arguments", None),
            ("--dotnet-isolated-debug", "FUNCTIONS_ENABLE_DEBUGGER_WAIT", Some("True")),
            (
                "--dotnet-isolated-debug",
                "DOTNET_STARTUP_HOOKS",
                Some("Microsoft.Azure.Functions.Worker.Core"),
            ),
            ("--enable-json-output", "FUNCTIONS_ENABLE_JSON_OUTPUT", Some("True")),
            ("--user-log-level error", FUNCTION_LEVEL, Some("Error")),
            ("", FUNCTION_LEVEL, Some("Information")),
        ] {
            assert_eq!(assembled(line, &python, &[]).settings.get(name), expected, "{line}");
        }
        let unknown = assembled("--language-worker -X", &[], &[]).settings;
        assert_eq!(unknown.get("languageWorkers__node__arguments"), Some("-X"));
        let own = assembled("", &[(FUNCTION_LEVEL, "Debug")], &[]).settings;
        assert_eq!(own.get(FUNCTION_LEVEL), Some("Debug"));
    }
}
