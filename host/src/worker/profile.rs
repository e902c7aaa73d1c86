//! Profiles of a worker.config.json: descriptions that apply under conditions (spec host.md §6.1).

use horus_app::settings::Settings;
use regex::RegexBuilder;
use serde::Deserialize;
use serde_json::{Map, Value};

/// One profile.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Profile {
    /// Keys laid over the description.
    #[serde(default)]
    pub(super) description: Map<String, Value>,
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    condition_type: String,
    #[serde(default)]
    condition_name: String,
    #[serde(default)]
    condition_expression: String,
}

impl Profile {
    /// Whether all conditions hold. An unknown condition type or a broken expression never does.
    pub(super) fn applies(&self, settings: &Settings, host_version: &str) -> bool {
        self.conditions.iter().all(|condition| condition.holds(settings, host_version))
    }
}

impl Condition {
    fn holds(&self, settings: &Settings, host_version: &str) -> bool {
        let value = if self.condition_type.eq_ignore_ascii_case("environment") {
            settings.get(&self.condition_name)
        } else if self.condition_type.eq_ignore_ascii_case("hostProperty") {
            match self.condition_name.to_ascii_lowercase().as_str() {
                "sku" => settings.get("WEBSITE_SKU"),
                "platform" => Some(platform()),
                "hostversion" => Some(host_version),
                _ => None,
            }
        } else {
            None
        };
        let Some(value) = value else { return false };
        RegexBuilder::new(&self.condition_expression)
            .case_insensitive(true)
            .build()
            .is_ok_and(|expression| expression.is_match(value))
    }
}

/// The platform's name of this operating system.
pub(super) fn platform() -> &'static str {
    match std::env::consts::OS {
        "windows" => "WINDOWS",
        "macos" => "OSX",
        _ => "LINUX",
    }
}

/// The platform's name of this processor.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "Arm64",
        "x86" => "X86",
        _ => "X64",
    }
}
