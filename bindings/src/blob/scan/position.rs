//! Where the search in one container stands, shared between instances (spec bindings.md §5.1).

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{BindingError, HostState};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScanInfo {
    latest_scan: Option<String>,
}

/// The blob `blobscaninfo/{hostId}/{account}/{container}/scanInfo` of the host's state.
#[derive(Debug)]
pub(super) struct Position {
    state: HostState,
    path: String,
}

impl Position {
    pub(super) fn new(state: &HostState, host_id: &str, account: &str, container: &str) -> Self {
        let path = format!("blobscaninfo/{host_id}/{account}/{container}/scanInfo");
        Self { state: state.clone(), path }
    }

    /// Blobs written before this are known; `None` when nothing is.
    pub(super) async fn read(&self) -> Result<Option<DateTime<Utc>>, BindingError> {
        let Some(content) = self.state.read(&self.path).await? else { return Ok(None) };
        let info: Option<ScanInfo> = serde_json::from_slice(&content).ok();
        let latest = info.and_then(|info| DateTime::parse_from_rfc3339(&info.latest_scan?).ok());
        // Unreadable is as good as absent: receipts keep known blobs from running again.
        Ok(latest.map(|latest| latest.with_timezone(&Utc)))
    }

    /// Remembers that blobs written before `threshold` are known.
    pub(super) async fn write(&self, threshold: DateTime<Utc>) -> Result<(), BindingError> {
        let latest = threshold - TimeDelta::milliseconds(1);
        let info = ScanInfo { latest_scan: Some(latest.to_rfc3339_opts(SecondsFormat::Millis, true)) };
        let text = serde_json::to_vec(&info).expect("text members are always JSON");
        self.state.write(&self.path, Bytes::from(text)).await
    }
}
