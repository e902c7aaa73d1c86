//! The `extensions.wasm` section of host.json: limits and grants of guests.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use horus_app::{HostJson, HostJsonError, Settings, timespan};
use horus_wasm::{Folder, Grants, HostPattern, Limits, Reuse};
use serde::Deserialize;

const SECTION: &str = "wasm";

/// The section: keys for all guests, and below `functions` those of single ones, which come first.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Options {
    /// Instances of all functions together; default 500.
    max_total_instances: Option<usize>,
    max_memory_megabytes: Option<usize>,
    max_table_elements: Option<usize>,
    #[serde(deserialize_with = "timespan::deserialize_option")]
    timeout: Option<Duration>,
    max_instances: Option<usize>,
    max_waiting: Option<usize>,
    max_output_kilobytes: Option<usize>,
    max_fuel: Option<u64>,
    instance_reuse: Option<bool>,
    max_instance_uses: Option<u32>,
    #[serde(deserialize_with = "timespan::deserialize_option")]
    instance_idle_timeout: Option<Duration>,
    environment: Option<Vec<String>>,
    folders: Option<Vec<FolderKeys>>,
    allowed_hosts: Option<Vec<String>>,
    functions: BTreeMap<String, FunctionKeys>,
}

/// What can be said about a single function; absent keys are those of the section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct FunctionKeys {
    max_memory_megabytes: Option<usize>,
    max_table_elements: Option<usize>,
    #[serde(deserialize_with = "timespan::deserialize_option")]
    timeout: Option<Duration>,
    max_instances: Option<usize>,
    max_waiting: Option<usize>,
    max_output_kilobytes: Option<usize>,
    max_fuel: Option<u64>,
    instance_reuse: Option<bool>,
    max_instance_uses: Option<u32>,
    #[serde(deserialize_with = "timespan::deserialize_option")]
    instance_idle_timeout: Option<Duration>,
    environment: Option<Vec<String>>,
    folders: Option<Vec<FolderKeys>>,
    allowed_hosts: Option<Vec<String>>,
}

/// A granted folder.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct FolderKeys {
    /// Relative to the app's root, or absolute.
    path: String,
    /// What the guest calls it; default `/` and the folder's own name.
    guest_path: Option<String>,
    writable: bool,
}

impl Options {
    /// Reads the section.
    ///
    /// # Errors
    /// When a value does not fit; names the key.
    pub(crate) fn read(host: &HostJson) -> Result<Self, HostJsonError> {
        let options: Self = host.extension_options(SECTION)?;
        let all = options.functions.iter().map(|(name, keys)| (Some(name), keys.numbers()));
        for (function, numbers) in std::iter::once((None, options.shared().numbers())).chain(all) {
            for (key, value) in numbers {
                if value == Some(0) {
                    let path = match function {
                        None => format!("extensions.{SECTION}.{key}"),
                        Some(name) => format!("extensions.{SECTION}.functions.{name}.{key}"),
                    };
                    let message = format!("host.json: {path}: must be a number above 0, not 0.");
                    return Err(host.invalid(path, message));
                }
            }
        }
        Ok(options)
    }

    /// Instances at once, all functions together.
    pub(crate) fn total_instances(&self) -> usize {
        self.max_total_instances.filter(|count| *count > 0).unwrap_or(500)
    }

    /// What one call of `function` may take.
    pub(crate) fn limits(&self, function: &str) -> Limits {
        let (own, shared, default) = (self.of(function), self.shared(), Limits::default());
        let megabytes = own.max_memory_megabytes.or(shared.max_memory_megabytes);
        let kilobytes = own.max_output_kilobytes.or(shared.max_output_kilobytes);
        Limits {
            memory: megabytes.map_or(default.memory, |count| count.saturating_mul(1 << 20)),
            table_elements: own
                .max_table_elements
                .or(shared.max_table_elements)
                .unwrap_or(default.table_elements),
            time: own.timeout.or(shared.timeout),
            instances: own.max_instances.or(shared.max_instances).unwrap_or(default.instances),
            waiting: own.max_waiting.or(shared.max_waiting).unwrap_or(default.waiting),
            output: kilobytes.map_or(default.output, |count| count.saturating_mul(1 << 10)),
            fuel: own.max_fuel.or(shared.max_fuel),
        }
    }

    /// Whether and how instances of `function` serve several calls. host.json has the last word; otherwise the guest
    /// says whether it allows that.
    pub(crate) fn reuse(&self, function: &str, guest_allows: bool) -> Option<Reuse> {
        let (own, shared, default) = (self.of(function), self.shared(), Reuse::default());
        let wanted = own.instance_reuse.or(shared.instance_reuse).unwrap_or(guest_allows);
        wanted.then(|| Reuse {
            uses: own.max_instance_uses.or(shared.max_instance_uses).unwrap_or(default.uses),
            idle: own.instance_idle_timeout.or(shared.instance_idle_timeout).unwrap_or(default.idle),
        })
    }

    /// What `function` may touch. Names of settings that are not set grant nothing.
    pub(crate) fn grants(&self, function: &str, root: &Path, settings: &Settings) -> Grants {
        let (own, shared) = (self.of(function), self.shared());
        let environment = own.environment.or(shared.environment).unwrap_or_default();
        let folders = own.folders.or(shared.folders).unwrap_or_default();
        let hosts = own.allowed_hosts.or(shared.allowed_hosts).unwrap_or_default();
        Grants {
            environment: environment
                .into_iter()
                .filter_map(|name| settings.text(&name).map(|value| (name.clone(), value.to_owned())))
                .collect(),
            folders: folders.into_iter().map(|keys| keys.resolve(root)).collect(),
            hosts: hosts.iter().map(|text| HostPattern::new(text)).collect(),
        }
    }

    fn of(&self, function: &str) -> FunctionKeys {
        let found = self.functions.iter().find(|(name, _)| name.eq_ignore_ascii_case(function));
        found.map(|(_, keys)| keys.clone()).unwrap_or_default()
    }

    fn shared(&self) -> FunctionKeys {
        FunctionKeys {
            max_memory_megabytes: self.max_memory_megabytes,
            max_table_elements: self.max_table_elements,
            timeout: self.timeout,
            max_instances: self.max_instances,
            max_waiting: self.max_waiting,
            max_output_kilobytes: self.max_output_kilobytes,
            max_fuel: self.max_fuel,
            instance_reuse: self.instance_reuse,
            max_instance_uses: self.max_instance_uses,
            instance_idle_timeout: self.instance_idle_timeout,
            environment: self.environment.clone(),
            folders: self.folders.clone(),
            allowed_hosts: self.allowed_hosts.clone(),
        }
    }
}

impl FunctionKeys {
    fn numbers(&self) -> [(&'static str, Option<usize>); 6] {
        let fuel = self.max_fuel.map(|fuel| usize::try_from(fuel).unwrap_or(usize::MAX));
        let uses = self.max_instance_uses.map(|uses| usize::try_from(uses).unwrap_or(usize::MAX));
        [
            ("maxFuel", fuel),
            ("maxInstanceUses", uses),
            ("maxMemoryMegabytes", self.max_memory_megabytes),
            ("maxTableElements", self.max_table_elements),
            ("maxInstances", self.max_instances),
            ("maxOutputKilobytes", self.max_output_kilobytes),
        ]
    }
}

impl FolderKeys {
    fn resolve(self, root: &Path) -> Folder {
        let path = root.join(&self.path);
        let guest = self.guest_path.unwrap_or_else(|| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            format!("/{name}")
        });
        Folder { path, guest, writable: self.writable }
    }
}
