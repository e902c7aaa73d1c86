//! Which services of the embedded store an app needs: pure.

use std::path::PathBuf;

use horus_app::settings::Settings;

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
    pub(crate) fn of(settings: &Settings, choice: &Choice) -> Self {
        if *choice == Choice::Off {
            return Self::default();
        }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(value: &str, choice: &Choice) -> (bool, bool) {
        let settings = Settings::from_pairs([("X".to_owned(), value.to_owned())]);
        let plan = Plan::of(&settings, choice);
        (plan.storage, plan.documents)
    }

    #[test]
    fn settings_that_name_local_endpoints_ask_for_the_store() {
        let cosmos = "AccountEndpoint=http://localhost:8081/;AccountKey=abc==";
        let table = [
            ("UseDevelopmentStorage=true", Choice::Auto, (true, false)),
            ("usedevelopmentstorage=TRUE;", Choice::Folder("x".into()), (true, false)),
            (cosmos, Choice::Auto, (false, true)),
            (
                "AccountEndpoint=https://me.documents.azure.com:443/;AccountKey=x",
                Choice::Auto,
                (false, false),
            ),
            ("UseDevelopmentStorage=true", Choice::Off, (false, false)),
            ("DefaultEndpointsProtocol=https;AccountName=a", Choice::Auto, (false, false)),
        ];
        for (value, choice, expected) in table {
            assert_eq!(plan(value, &choice), expected, "{value} {choice:?}");
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
