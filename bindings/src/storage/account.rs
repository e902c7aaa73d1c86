//! From a connection string or section to an endpoint and a credential (spec bindings.md §1.11).

use std::fmt;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_core::http::{HttpClient, Url};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use horus_app::Secret;
use horus_app::connection::{Connection, ConnectionString};

use super::identity;

/// Account and key of the local emulator: public, the same everywhere
/// (<https://learn.microsoft.com/azure/storage/common/storage-use-azurite>).
const EMULATOR_ACCOUNT: &str = "devstoreaccount1";
const EMULATOR_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// One of the services of a storage account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Blobs.
    Blob,
    /// Queues.
    Queue,
    /// Tables.
    Table,
}

impl Service {
    /// First label of its host name.
    fn subdomain(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Queue => "queue",
            Self::Table => "table",
        }
    }

    fn emulator_port(self) -> u16 {
        match self {
            Self::Blob => 10000,
            Self::Queue => 10001,
            Self::Table => 10002,
        }
    }

    /// Key of its explicit endpoint in a connection string.
    fn endpoint_key(self) -> &'static str {
        match self {
            Self::Blob => "BlobEndpoint",
            Self::Queue => "QueueEndpoint",
            Self::Table => "TableEndpoint",
        }
    }

    /// Keys of its explicit endpoint in a section, in the order they are tried.
    fn section_keys(self) -> &'static [&'static str] {
        match self {
            Self::Blob => &["blobServiceUri", "serviceUri"],
            Self::Queue => &["queueServiceUri", "serviceUri"],
            Self::Table => &["tableServiceUri", "endpoint", "serviceUri"],
        }
    }
}

/// Why a connection that exists cannot be used. Names keys, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Neither an endpoint nor an account name to make one of.
    #[error(
        "the connection names no {0} endpoint: a connection string needs AccountName or {1}, a section accountName or {2}"
    )]
    NoEndpoint(&'static str, &'static str, &'static str),
    /// The endpoint is no URL.
    #[error("'{0}' of the connection is not a valid URL")]
    BadEndpoint(&'static str),
    /// Neither a key nor a shared access signature.
    #[error("the connection string has neither AccountKey (with AccountName) nor SharedAccessSignature")]
    NoCredential,
    /// The account key is not base64.
    #[error("AccountKey of the connection string is not valid base64")]
    BadKey,
    /// The identity part of a section is incomplete or unknown.
    #[error("{0}")]
    Identity(String),
    /// Tokens travel over TLS only.
    #[error("the connection authenticates with an identity, so its endpoint must use https")]
    Plain,
}

/// How requests prove who they come from.
#[derive(Clone)]
pub(super) enum Credential {
    /// Each request is signed with the account key.
    SharedKey { account: String, key: Secret },
    /// The endpoint itself carries a signature.
    SignedUrl,
    /// Each request carries a token.
    Token(Arc<dyn TokenCredential>),
}

/// Endpoint and credential of one service of a storage account.
#[derive(Clone)]
pub struct Account {
    /// May carry a shared access signature: never printed.
    pub(super) endpoint: Url,
    pub(super) credential: Credential,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({})", self.address())
    }
}

impl Account {
    /// Works out where `service` of `connection` is and how to authenticate there; tokens are asked for through
    /// `transport`.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub fn resolve(
        connection: &Connection,
        service: Service,
        transport: &Arc<dyn HttpClient>,
    ) -> Result<Self, AccountError> {
        match connection {
            Connection::ConnectionString(text) => from_text(text, service),
            Connection::Section(_) => from_section(connection, service, transport),
        }
    }

    /// The endpoint without anything secret and without a trailing slash; names the account in logs.
    pub fn address(&self) -> String {
        address(&self.endpoint)
    }
}

/// `url` without its query and without a trailing slash.
pub(super) fn address(url: &Url) -> String {
    let mut plain = url.clone();
    plain.set_query(None);
    plain.as_str().trim_end_matches('/').to_owned()
}

fn from_text(text: &ConnectionString, service: Service) -> Result<Account, AccountError> {
    if text.get("UseDevelopmentStorage").is_some_and(|flag| flag.eq_ignore_ascii_case("true")) {
        return emulator(text.get("DevelopmentStorageProxyUri"), service);
    }
    let account = text.get("AccountName");
    let mut endpoint = match (text.get(service.endpoint_key()), account) {
        (Some(explicit), _) => parse(explicit, service.endpoint_key())?,
        (None, Some(account)) => {
            let protocol = text.get("DefaultEndpointsProtocol").unwrap_or("https");
            let suffix = text.get("EndpointSuffix").unwrap_or("core.windows.net");
            parse(&format!("{protocol}://{account}.{}.{suffix}", service.subdomain()), "AccountName")?
        }
        (None, None) => return Err(no_endpoint(service)),
    };
    if let Some(signature) = text.get("SharedAccessSignature") {
        endpoint.set_query(Some(signature.trim_start_matches('?')));
        return Ok(Account { endpoint, credential: Credential::SignedUrl });
    }
    let key = text.get("AccountKey").ok_or(AccountError::NoCredential)?;
    BASE64_STANDARD.decode(key).map_err(|_| AccountError::BadKey)?;
    // With explicit endpoints of an emulator the account may be named by the path alone.
    let account =
        account.map(str::to_owned).or_else(|| account_of(&endpoint)).ok_or(AccountError::NoCredential)?;
    Ok(Account { endpoint, credential: Credential::SharedKey { account, key: Secret::new(key) } })
}

/// The account that an endpoint belongs to: the path on an emulator, else the first label of the host.
fn account_of(endpoint: &Url) -> Option<String> {
    let path = endpoint.path().trim_matches('/');
    match path.is_empty() {
        false => Some(path.to_owned()),
        true => endpoint.domain().and_then(|host| host.split('.').next()).map(str::to_owned),
    }
}

fn emulator(proxy: Option<&str>, service: Service) -> Result<Account, AccountError> {
    let mut endpoint = parse(proxy.unwrap_or("http://127.0.0.1"), "DevelopmentStorageProxyUri")?;
    endpoint
        .set_port(Some(service.emulator_port()))
        .map_err(|()| AccountError::BadEndpoint("DevelopmentStorageProxyUri"))?;
    endpoint.set_path(EMULATOR_ACCOUNT);
    let key = Secret::new(EMULATOR_KEY);
    Ok(Account { endpoint, credential: Credential::SharedKey { account: EMULATOR_ACCOUNT.to_owned(), key } })
}

fn from_section(
    section: &Connection,
    service: Service,
    transport: &Arc<dyn HttpClient>,
) -> Result<Account, AccountError> {
    let endpoint = match section.setting("accountName") {
        Some(account) => {
            parse(&format!("https://{account}.{}.core.windows.net", service.subdomain()), "accountName")?
        }
        None => service
            .section_keys()
            .iter()
            .find_map(|key| section.setting(key).map(|text| parse(text, key)))
            .ok_or_else(|| no_endpoint(service))??,
    };
    // A service address with a signature in it needs no further credential.
    if endpoint.query_pairs().any(|(name, _)| name == "sig") {
        return Ok(Account { endpoint, credential: Credential::SignedUrl });
    }
    if endpoint.scheme() != "https" {
        return Err(AccountError::Plain);
    }
    let credential = identity::credential(section, transport).map_err(AccountError::Identity)?;
    Ok(Account { endpoint, credential: Credential::Token(credential) })
}

fn parse(text: &str, key: &'static str) -> Result<Url, AccountError> {
    Url::parse(text)
        .ok()
        .filter(|url| !url.cannot_be_a_base() && url.has_host())
        .ok_or(AccountError::BadEndpoint(key))
}

fn no_endpoint(service: Service) -> AccountError {
    AccountError::NoEndpoint(service.subdomain(), service.endpoint_key(), service.section_keys()[0])
}
