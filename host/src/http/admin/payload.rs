//! What the admin API answers with (spec host.md §4.4).

use std::path::Path;

use horus_app::{Function, FunctionSource};
use horus_bindings::http::route;
use serde::Serialize;
use serde_json::Value;

/// Longest sample event that is shown with a function.
const TEST_DATA_LIMIT: u64 = 4096;

/// `GET /admin/host/status`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HostStatus<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) state: &'static str,
    pub(super) version: &'a str,
    pub(super) version_details: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform_version: Option<&'a str>,
    pub(super) instance_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) computer_name: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) errors: &'a [String],
    /// In milliseconds.
    pub(super) process_uptime: u64,
    pub(super) function_app_content_editing_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) extension_bundle: Option<Bundle<'a>>,
}

/// The bundle that host.json asks for. Nothing is downloaded: its bindings are native.
#[derive(Debug, Serialize)]
pub(super) struct Bundle<'a> {
    pub(super) id: &'a str,
    pub(super) version: &'a str,
}

/// One function, as the admin API and trigger synchronisation describe it. The names are snake-case on the wire, too,
/// except the three flags.
#[derive(Debug, Serialize)]
pub(super) struct FunctionInfo<'a> {
    name: &'a str,
    script_root_path_href: Option<String>,
    script_href: Option<String>,
    config_href: Option<String>,
    test_data_href: Option<String>,
    href: String,
    invoke_url_template: Option<String>,
    language: Option<&'a str>,
    config: &'a Value,
    files: Option<()>,
    test_data: String,
    #[serde(rename = "isDisabled")]
    is_disabled: bool,
    #[serde(rename = "isDirect")]
    is_direct: bool,
    #[serde(rename = "isProxy")]
    is_proxy: bool,
}

impl<'a> FunctionInfo<'a> {
    /// Describes `function` of the app at `root` with links below `base` (scheme and host). `template` is prefix and
    /// route of an HTTP function.
    pub(super) fn new(
        function: &'a Function,
        template: Option<&str>,
        base: &str,
        root: &Path,
        test_data: Option<&Path>,
    ) -> Self {
        let files = format!("{base}/admin/vfs");
        let link = |path: &Path| relative(root, path).map(|path| format!("{files}/{path}"));
        let is_file_based = function.source == FunctionSource::Host;
        let directory = root.join(&function.directory);
        let script = directory.join(&function.script_file);
        let sample = format!("{}.dat", function.name);
        Self {
            name: &function.name,
            script_root_path_href: link(&directory).map(|link| format!("{}/", link.trim_end_matches('/'))),
            script_href: (!function.script_file.as_os_str().is_empty()).then(|| link(&script)).flatten(),
            config_href: is_file_based.then(|| link(&directory.join("function.json"))).flatten(),
            test_data_href: Some(format!("{files}/data/Functions/sampledata/{sample}")),
            href: format!("{base}/admin/functions/{}", function.name),
            invoke_url_template: template.map(|template| route::invoke_url(base, template)),
            language: (!function.language.is_empty()).then_some(function.language.as_str()),
            config: &function.config,
            files: None,
            test_data: test_data.map(|folder| sample_event(&folder.join(sample))).unwrap_or_default(),
            is_disabled: function.disabled,
            is_direct: false,
            is_proxy: false,
        }
    }
}

/// `path` below `root` with forward slashes.
fn relative(root: &Path, path: &Path) -> Option<String> {
    let parts: Vec<_> = path.strip_prefix(root).ok()?.iter().map(|part| part.to_string_lossy()).collect();
    Some(parts.join("/"))
}

/// The event that the portal would offer for a test, if there is one and it is short.
fn sample_event(path: &Path) -> String {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() <= TEST_DATA_LIMIT => {
            std::fs::read_to_string(path).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// `GET …/keys`.
#[derive(Debug, Serialize)]
pub(super) struct KeyList<'a> {
    pub(super) keys: Vec<KeyValue<'a>>,
    pub(super) links: [Link; 1],
}

/// A key and its value: the one place where values leave the host.
#[derive(Debug, Serialize)]
pub(super) struct KeyValue<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
}

/// `GET …/keys/{name}`.
#[derive(Debug, Serialize)]
pub(super) struct OneKey<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    pub(super) links: [Link; 1],
}

/// Where something is found again.
#[derive(Debug, Serialize)]
pub(super) struct Link {
    rel: &'static str,
    href: String,
}

impl Link {
    /// The address of the answer itself.
    pub(super) fn to_self(href: String) -> [Self; 1] {
        [Self { rel: "self", href }]
    }
}
