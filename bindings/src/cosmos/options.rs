//! The `cosmosDB` section of host.json (spec bindings.md §7).

use serde::Deserialize;

use crate::BindError;

/// How requests travel. The client has one way, the gateway; the other is accepted since apps name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ConnectionMode {
    #[default]
    Gateway,
    Direct,
}

/// The section, validated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Options {
    pub(super) connection_mode: ConnectionMode,
    /// What requests say about their sender besides the client's own words.
    pub(super) user_agent_suffix: Option<String>,
}

impl Options {
    pub(super) fn read(section: &serde_json::Value) -> Result<Self, BindError> {
        horus_app::options::read(section)
            .map_err(|error| BindError::new(format!("host.json: extensions.cosmosDB.{error}")))
    }
}
