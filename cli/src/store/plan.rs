//! Which services of the embedded store an app needs: pure.

use std::path::PathBuf;

use azure_core::http::Url;
use horus_app::connection::ConnectionString;
use horus_app::settings::Settings;
use horus_in_process::is_this_machine;
use horus_storage::Service;
use horus_storage::auth::{Account, WELL_KNOWN_ACCOUNT};
use horus_storage::documents::WELL_KNOWN_KEY;

use super::Keys;

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

/// The services to serve, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Plan {
    /// Blobs, queues and tables.
    pub(crate) storage: bool,
    /// Documents.
    pub(crate) documents: bool,
    /// Something uses the emulators' storage account.
    pub(crate) well_known_account: bool,
    /// Something uses the emulators' document key.
    pub(crate) well_known_key: bool,
    /// Connections to the local endpoints that the store refuses.
    pub(crate) refused: Vec<Refused>,
}

/// A connection for a storage account at the local endpoints that the store will not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) setting: String,
    pub(crate) account: String,
    /// Whether the account itself is known, and only the key is another.
    pub(crate) is_known: bool,
}

/// Services of a storage account, and the keys of their endpoints in connection strings.
const ENDPOINTS: [(Service, &str); 3] =
    [(Service::Blob, "BlobEndpoint"), (Service::Queue, "QueueEndpoint"), (Service::Table, "TableEndpoint")];

impl Plan {
    /// What the settings point at: `UseDevelopmentStorage=true` in any of them, one of the accounts in `keys` at the
    /// usual local endpoints, or the local document endpoint.
    pub(crate) fn of(settings: &Settings, keys: &Keys) -> Self {
        let mut plan = Self::default();
        for (name, value) in settings.iter() {
            let text = ConnectionString::lenient(value);
            if text.get("UseDevelopmentStorage").is_some_and(|flag| flag.eq_ignore_ascii_case("true")) {
                plan.storage = true;
                plan.well_known_account = true;
            }
            if let Some(account) = local_account(&text) {
                plan.well_known_account |= account == WELL_KNOWN_ACCOUNT;
                let emulators = || (account == WELL_KNOWN_ACCOUNT).then(Account::well_known);
                let known = keys.accounts.get(&account).cloned().or_else(emulators);
                plan.storage |= known.is_some();
                let fits = known.as_ref().is_some_and(|known| has_key_of(&text, known));
                if !fits {
                    let (setting, is_known) = (name.to_owned(), known.is_some());
                    plan.refused.push(Refused { setting, account, is_known });
                }
            }
            if text.get("AccountEndpoint").and_then(|url| usual_port(url, &["http", "https"]))
                == Some(Service::Documents)
            {
                plan.documents = true;
                plan.well_known_key |= text.get("AccountKey") == Some(WELL_KNOWN_KEY);
            }
        }
        plan
    }

    /// The services it takes.
    pub(crate) fn services(&self) -> impl Iterator<Item = Service> {
        Service::ALL.into_iter().filter(|service| match service {
            Service::Blob | Service::Queue | Service::Table => self.storage,
            Service::Documents => self.documents,
        })
    }
}

/// The account that a connection string has at the usual local endpoints.
fn local_account(text: &ConnectionString) -> Option<String> {
    ENDPOINTS.iter().find_map(|(service, key)| {
        let endpoint = text.get(key)?;
        (usual_port(endpoint, &["http"])? == *service).then_some(())?;
        let in_path = || Url::parse(endpoint).ok()?.path_segments()?.next().map(str::to_owned);
        // A string with a shared access signature names the account in its endpoints only.
        text.get("AccountName").map(str::to_owned).or_else(in_path).filter(|name| !name.is_empty())
    })
}

/// Whether a connection string signs as `account` does. Those without a key have a signature of their own.
fn has_key_of(text: &ConnectionString, account: &Account) -> bool {
    const PROBE: &str = "the same key gives the same signature";
    text.get("AccountKey").is_none_or(|key| {
        Account::new(account.name(), key).is_ok_and(|given| given.sign(PROBE) == account.sign(PROBE))
    })
}

/// The service that is usually at this address of this machine.
fn usual_port(url: &str, schemes: &[&str]) -> Option<Service> {
    let url = Url::parse(url).ok().filter(|url| schemes.contains(&url.scheme()) && is_this_machine(url))?;
    let port = url.port()?;
    Service::ALL.into_iter().find(|service| service.usual_port() == port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(value: &str) -> Plan {
        let settings = Settings::from_pairs([("X".to_owned(), value.to_owned())]);
        let keys = Keys::parse(Some("mine:c2VjcmV0"), None).unwrap();
        Plan::of(&settings, &keys)
    }

    #[test]
    fn settings_that_name_local_endpoints_ask_for_the_store() {
        const STORAGE: [Service; 3] = [Service::Blob, Service::Queue, Service::Table];
        for (value, expected) in [
            ("UseDevelopmentStorage=true", &STORAGE[..]),
            ("usedevelopmentstorage=TRUE;", &STORAGE),
            ("AccountEndpoint=http://localhost:8081/;AccountKey=abc==", &[Service::Documents]),
            ("AccountEndpoint=https://localhost:8081/;AccountKey=abc==;", &[Service::Documents]),
            ("AccountKey=abc==;AccountEndpoint=https://127.0.0.1:8081", &[Service::Documents]),
            ("AccountEndpoint=https://localhost:8082/;AccountKey=abc==", &[]),
            ("AccountEndpoint=https://me.documents.azure.com:443/;AccountKey=x", &[]),
            ("DefaultEndpointsProtocol=https;AccountName=a", &[]),
            ("AccountName=mine;AccountKey=c2VjcmV0;QueueEndpoint=http://127.0.0.1:10001/mine", &STORAGE),
            ("BlobEndpoint=http://localhost:10000/mine;SharedAccessSignature=sv=1&sig=2", &STORAGE),
            ("AccountName=mine;AccountKey=c2VjcmV0;QueueEndpoint=http://127.0.0.1:10000/mine", &[]),
            ("AccountName=mine;AccountKey=c2VjcmV0;QueueEndpoint=http://10.0.0.1:10001/mine", &[]),
            ("AccountName=mine;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net", &[]),
        ] {
            assert_eq!(plan(value).services().collect::<Vec<_>>(), expected, "{value}");
        }
    }

    /// The emulators' accounts are open to those who use them, and other accounts to nobody.
    #[test]
    fn accounts_are_told_apart() {
        let known = plan("UseDevelopmentStorage=true");
        assert!(known.well_known_account && !known.well_known_key);
        let spelled =
            plan("AccountName=devstoreaccount1;BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1");
        assert!(spelled.well_known_account && spelled.storage);
        let own = plan("AccountName=mine;BlobEndpoint=http://127.0.0.1:10000/mine");
        assert!(own.storage && !own.well_known_account && own.refused.is_empty());
        let stranger = plan("AccountName=other;BlobEndpoint=http://127.0.0.1:10000/other");
        assert!(!stranger.storage);
        let refused = |account: &str, is_known| {
            vec![Refused { setting: "X".into(), account: account.into(), is_known }]
        };
        assert_eq!(stranger.refused, refused("other", false));
        let keyed = |key: &str| {
            plan(&format!("AccountName=mine;AccountKey={key};BlobEndpoint=http://127.0.0.1:10000/mine"))
        };
        assert_eq!(keyed("c2VjcmV0").refused, []);
        assert_eq!(keyed("c29tZXRoaW5nIGVsc2U=").refused, refused("mine", true));
        assert_eq!(keyed("not base64").refused, refused("mine", true));
        let documents =
            |key: &str| plan(&format!("AccountEndpoint=https://localhost:8081/;AccountKey={key}"));
        assert!(documents(WELL_KNOWN_KEY).well_known_key && !documents("abc==").well_known_key);
    }

    #[test]
    fn the_option_takes_auto_off_or_a_folder() {
        assert_eq!(Choice::parse(None), Choice::Auto);
        assert_eq!(Choice::parse(Some("AUTO")), Choice::Auto);
        assert_eq!(Choice::parse(Some("off")), Choice::Off);
        assert_eq!(Choice::parse(Some("data")), Choice::Folder("data".into()));
    }
}
