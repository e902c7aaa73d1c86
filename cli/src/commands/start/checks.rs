//! What is looked at before the host starts, to say early what would fail late (spec cli.md §4.3).

use std::path::Path;

use horus_app::HostJson;
use horus_app::log::{Level, Log};
use horus_app::settings::Settings;
use serde_json::Value;

/// What the console needs to know of host.json.
#[derive(Debug, Default)]
pub(super) struct HostJsonLevels {
    pub(super) default_level: Option<Level>,
    pub(super) levels: Vec<(String, Level)>,
}

impl HostJsonLevels {
    /// Whether the app says how much its functions may log.
    pub(super) fn has_function_level(&self) -> bool {
        self.levels.iter().any(|(category, _)| category.eq_ignore_ascii_case("Function"))
    }
}

/// Reads log levels from host.json. A file that cannot be read is the host's to report.
pub(super) fn host_json(root: &Path, settings: &Settings) -> HostJsonLevels {
    if !root.join("host.json").is_file() {
        return HostJsonLevels::default();
    }
    match HostJson::load(root, settings, &Log::discard()) {
        Ok(host) => {
            HostJsonLevels { default_level: host.logging.default, levels: host.logging.levels.clone() }
        }
        Err(_) => HostJsonLevels::default(),
    }
}

/// Warns about connections that no setting resolves.
pub(super) fn connections(root: &Path, settings: &Settings, log: &Log) {
    let Ok(folders) = std::fs::read_dir(root) else { return };
    for folder in folders.flatten() {
        let file = folder.path().join("function.json");
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let Ok(function) = serde_json::from_str::<Value>(&text) else { continue };
        for binding in function["bindings"].as_array().into_iter().flatten() {
            let Some(connection) = binding.get("connection").and_then(Value::as_str) else { continue };
            let kind = binding["type"].as_str().unwrap_or_default();
            let place = file.display();
            if connection.is_empty() {
                let note = format!("Warning: 'connection' property in '{place}' is empty.");
                log.warning("Host.Startup", note);
            } else if !is_set(settings, connection) {
                log.warning("Host.Startup", format!(
                    "Warning: Cannot find value named '{connection}' in local.settings.json that matches 'connection' property set on '{kind}' in '{place}'. Add it there or set it in the environment."
                ));
            }
        }
    }
}

fn is_set(settings: &Settings, connection: &str) -> bool {
    [connection.to_owned(), format!("AzureWebJobs{connection}")].iter().any(|name| {
        settings.text(name).is_some()
            || settings.text(&format!("ConnectionStrings:{name}")).is_some()
            || !settings.section(name).is_empty()
    })
}
