//! Which services of the embedded store an app needs: pure.

use std::path::PathBuf;

use horus_app::settings::Settings;
use horus_storage::Service;

/// What `--storage` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Where settings ask for it and the endpoints are free.
    Auto,
    /// Never.
    Off,
    /// Like `Auto`, with its data in this folder.
    Folder(PathBuf),
}

impl Choice {
    /// Reads the option's value.
    pub(crate) fn parse(value: Option<&str>) -> Self {
        match value {
            None => Self::Auto,
            Some(text) if text.eq_ignore_ascii_case("auto") => Self::Auto,
            Some(text) if text.eq_ignore_ascii_case("off") => Self::Off,
            Some(folder) => Self::Folder(folder.into()),
        }
    }
}

/// The services to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Plan {
    /// Blobs, queues and tables.
    pub(crate) storage: bool,
    /// Documents.
    pub(crate) documents: bool,
}

impl Plan {
    /// What the settings point at: `UseDevelopmentStorage=true` in any of them, or the local document endpoint.
    pub(crate) fn of(settings: &Settings) -> Self {
        let mut plan = Self::default();
        for (_, value) in settings.iter() {
            let lower = value.to_ascii_lowercase();
            plan.storage |= lower.contains("usedevelopmentstorage=true");
            plan.documents |= ["http://localhost:8081", "http://127.0.0.1:8081"]
                .iter()
                .any(|endpoint| lower.contains(&format!("accountendpoint={endpoint}")));
        }
        plan
    }

    /// The services it takes.
    pub(crate) fn services(self) -> impl Iterator<Item = Service> {
        Service::ALL.into_iter().filter(move |service| match service {
            Service::Blob | Service::Queue | Service::Table => self.storage,
            Service::Documents => self.documents,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(value: &str) -> Vec<Service> {
        let settings = Settings::from_pairs([("X".to_owned(), value.to_owned())]);
        Plan::of(&settings).services().collect()
    }

    #[test]
    fn settings_that_name_local_endpoints_ask_for_the_store() {
        const STORAGE: [Service; 3] = [Service::Blob, Service::Queue, Service::Table];
        for (value, expected) in [
            ("UseDevelopmentStorage=true", &STORAGE[..]),
            ("usedevelopmentstorage=TRUE;", &STORAGE),
            ("AccountEndpoint=http://localhost:8081/;AccountKey=abc==", &[Service::Documents]),
            ("AccountEndpoint=https://me.documents.azure.com:443/;AccountKey=x", &[]),
            ("DefaultEndpointsProtocol=https;AccountName=a", &[]),
        ] {
            assert_eq!(plan(value), expected, "{value}");
        }
    }

    #[test]
    fn the_option_takes_auto_off_or_a_folder() {
        assert_eq!(Choice::parse(None), Choice::Auto);
        assert_eq!(Choice::parse(Some("AUTO")), Choice::Auto);
        assert_eq!(Choice::parse(Some("off")), Choice::Off);
        assert_eq!(Choice::parse(Some("data")), Choice::Folder("data".into()));
    }
}
