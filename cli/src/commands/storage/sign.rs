//! Proof that the tool may use a store that runs in another process.

use std::time::Duration;

use chrono::{DateTime, Utc};
use horus_storage::Service;
use horus_storage::auth::Account;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The service version that the tool's requests are written for.
pub(super) const VERSION: &str = "2021-12-02";
/// How long a signature is good for.
const VALID: Duration = Duration::from_secs(600);

/// The query of an account SAS for everything that the verbs do
/// (<https://learn.microsoft.com/rest/api/storageservices/create-account-sas>).
pub(super) fn account_sas(account: &Account, now: DateTime<Utc>) -> Vec<(&'static str, String)> {
    const PERMISSIONS: &str = "rwdlacup";
    const SERVICES: &str = "bq";
    const RESOURCES: &str = "sco";
    let expiry = (now + VALID).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    // Start, address, protocol and encryption scope stay empty.
    let text =
        format!("{}\n{PERMISSIONS}\n{SERVICES}\n{RESOURCES}\n\n{expiry}\n\n\n{VERSION}\n\n", account.name());
    vec![
        ("sv", VERSION.to_owned()),
        ("ss", SERVICES.to_owned()),
        ("srt", RESOURCES.to_owned()),
        ("sp", PERMISSIONS.to_owned()),
        ("se", expiry),
        ("sig", account.sign(&text)),
    ]
}

/// The `Authorization` header of a document request
/// (<https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources>).
pub(super) fn document_token(account: &Account, method: &str, path: &[&str], date: &str) -> String {
    let is_feed = path.len() % 2 == 1;
    let (kind, link) = match path {
        [link @ .., kind] if is_feed => (*kind, link.join("/")),
        [.., kind, _] => (*kind, path.join("/")),
        _ => ("", String::new()),
    };
    let text = format!("{}\n{kind}\n{link}\n{}\n\n", method.to_ascii_lowercase(), date.to_ascii_lowercase());
    let token = format!("type=master&ver=1.0&sig={}", account.sign(&text));
    utf8_percent_encode(&token, NON_ALPHANUMERIC).to_string()
}

/// The date as HTTP has it.
pub(super) fn http_date(now: DateTime<Utc>) -> String {
    now.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Whether requests to `service` carry an account SAS.
pub(super) fn is_sas(service: Service) -> bool {
    service != Service::Documents
}
