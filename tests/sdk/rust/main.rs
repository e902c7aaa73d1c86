//! The public Rust clients: the same cases against the embedded store and against the emulators, with the same results.
//!
//! Blobs and queues are opened with shared access signatures, the only credential besides identities that these clients
//! take. There is no public Rust client for tables.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]
#![allow(clippy::duplicate_mod, reason = "every counterpart has the cases for itself")]

mod on_azurite;
mod on_the_document_emulator;
mod on_the_store;

use std::fmt::Debug;

use azure_core::error::ErrorKind;
use azure_core::http::Url;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use horus_test_support::{Azurite, CosmosEmulator, EmbeddedStore};
use sha2::Sha256;

/// A storage account.
trait StorageAccount {
    fn connection_string(&self) -> String;

    /// The endpoint called `key` in the connection string, with a signature for everything
    /// (<https://learn.microsoft.com/rest/api/storageservices/create-account-sas>).
    fn endpoint(&self, key: &str) -> Url {
        let connection = self.connection_string();
        let (permissions, services, kinds, version) = ("rwdlacupt", "bq", "sco", "2021-06-08");
        let expiry =
            (chrono::Utc::now() + chrono::Duration::hours(1)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let account = part(&connection, "AccountName");
        let text =
            format!("{account}\n{permissions}\n{services}\n{kinds}\n\n{expiry}\n\nhttps,http\n{version}\n\n");
        let key_bytes = BASE64_STANDARD.decode(part(&connection, "AccountKey")).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key_bytes).unwrap();
        mac.update(text.as_bytes());
        let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        let mut url = Url::parse(&part(&connection, key)).unwrap();
        url.query_pairs_mut()
            .append_pair("sv", version)
            .append_pair("ss", services)
            .append_pair("srt", kinds)
            .append_pair("sp", permissions)
            .append_pair("se", &expiry)
            .append_pair("spr", "https,http")
            .append_pair("sig", &signature);
        url
    }
}

impl StorageAccount for Azurite {
    fn connection_string(&self) -> String {
        self.connection_string()
    }
}

impl StorageAccount for EmbeddedStore {
    fn connection_string(&self) -> String {
        self.connection_string()
    }
}

/// An account of documents.
trait DocumentAccount {
    fn connection_string(&self) -> String;
}

impl DocumentAccount for EmbeddedStore {
    fn connection_string(&self) -> String {
        self.document_connection_string()
    }
}

impl DocumentAccount for CosmosEmulator {
    fn connection_string(&self) -> String {
        self.connection_string()
    }
}

/// Value of `key` in a connection string.
fn part(connection: &str, key: &str) -> String {
    let mut parts = connection.split(';').filter_map(|part| part.split_once('='));
    let (_, value) = parts.find(|(name, _)| *name == key).unwrap();
    value.to_owned()
}

/// Status and code of a refusal.
fn refusal<T: Debug>(result: azure_core::Result<T>) -> (u16, String) {
    let error = result.expect_err("a refusal");
    match error.kind() {
        ErrorKind::HttpResponse { status, error_code, .. } => {
            ((*status).into(), error_code.clone().unwrap_or_default())
        }
        other => panic!("no answer: {other:?}: {error}"),
    }
}
