//! The identity that all instances of an app share (spec host.md §10.1).

use std::path::Path;

use crate::settings::Settings;

const LONGEST: usize = 32;
const EXPLICIT: &str = "AzureFunctionsWebHost__hostid";

/// A host id with what should be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostId {
    /// The id: names locks, timers and blobs of the app.
    pub id: String,
    /// Something to log as a warning.
    pub warning: Option<String>,
    /// Whether it was cut short, so that two apps on one storage account might share it.
    pub may_collide: bool,
}

/// The host id of the app at `root`.
pub fn host_id(settings: &Settings, root: &Path) -> String {
    resolve(settings, root).id
}

/// The host id of the app at `root`, from the setting, the platform's site name or this machine's name.
pub fn resolve(settings: &Settings, root: &Path) -> HostId {
    if let Some(id) = settings.text(EXPLICIT) {
        let rule = match is_valid(id) {
            true => "This is not a recommended configuration and may lead to unexpected behavior.",
            false => "It is invalid: use 1 to 32 lower-case letters, digits and single dashes between them.",
        };
        let warning = Some(format!("Host id '{id}' is set explicitly by '{EXPLICIT}'. {rule}"));
        return HostId { id: id.to_owned(), warning, may_collide: false };
    }
    if let Some(name) = site_name(settings) {
        let id = shortened(&name);
        return HostId { id, warning: None, may_collide: name.chars().count() > LONGEST };
    }
    let machine = gethostname::gethostname();
    let id = shortened(&local_name(&machine.to_string_lossy(), &root.to_string_lossy()));
    HostId { id, warning: None, may_collide: false }
}

/// Name of the site on a platform that has such names.
fn site_name(settings: &Settings) -> Option<String> {
    let is_kubernetes =
        settings.text("KUBERNETES_SERVICE_HOST").is_some() && settings.text("POD_NAMESPACE").is_some();
    let is_platform = settings.text("WEBSITE_INSTANCE_ID").is_some()
        || settings.text("CONTAINER_NAME").is_some()
        || settings.text("MANAGED_ENVIRONMENT").is_some()
        || is_kubernetes;
    let name = settings.text("WEBSITE_SITE_NAME").filter(|_| is_platform)?.to_lowercase();
    Some(match settings.text("WEBSITE_SLOT_NAME").map(str::to_lowercase) {
        Some(slot) if slot != "production" => format!("{name}-{slot}"),
        _ => name,
    })
}

fn local_name(machine: &str, root: &str) -> String {
    // The reference knows the machine by the first label of its name.
    let label = machine.split('.').next().unwrap_or_default();
    let name: String = label.chars().filter(|letter| letter.is_alphanumeric()).collect();
    format!("{name}-{}", hash(root).unsigned_abs())
}

/// The reference's stable hash over UTF-16 units, wrapping.
fn hash(text: &str) -> i32 {
    text.encode_utf16().fold(23_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

fn shortened(name: &str) -> String {
    let short: String = name.chars().take(LONGEST).collect();
    short.to_lowercase().trim_end_matches('-').to_owned()
}

fn is_valid(id: &str) -> bool {
    let letters = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let dashes = !id.starts_with('-') && !id.ends_with('-') && !id.contains("--");
    (1..=LONGEST).contains(&id.len()) && letters && dashes
}

#[cfg(test)]
mod tests;
