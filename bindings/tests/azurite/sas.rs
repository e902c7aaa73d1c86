//! Shared access signatures instead of a key (bindings.md §1.11).

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use horus_app::settings::Settings;
use horus_bindings::HostState;
use sha2::Sha256;

use super::Service;
use crate::Counterpart as _;

/// Value of `key` in a connection string.
fn part(connection: &str, key: &str) -> String {
    let (_, value) =
        connection.split(';').filter_map(|part| part.split_once('=')).find(|(name, _)| *name == key).unwrap();
    value.to_owned()
}

/// An account SAS for everything, as documented at
/// <https://learn.microsoft.com/rest/api/storageservices/create-account-sas>.
fn signature(connection: &str) -> String {
    let (permissions, services, kinds, version) = ("rwdlacup", "bq", "sco", "2021-06-08");
    let expiry = (chrono::Utc::now() + chrono::Duration::hours(1)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let account = part(connection, "AccountName");
    let text =
        format!("{account}\n{permissions}\n{services}\n{kinds}\n\n{expiry}\n\nhttps,http\n{version}\n\n");
    let key = BASE64_STANDARD.decode(part(connection, "AccountKey")).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(text.as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    url::form_urlencoded::Serializer::new(String::new())
        .append_pair("sv", version)
        .append_pair("ss", services)
        .append_pair("srt", kinds)
        .append_pair("sp", permissions)
        .append_pair("se", &expiry)
        .append_pair("spr", "https,http")
        .append_pair("sig", &signature)
        .finish()
}

#[tokio::test]
async fn a_shared_access_signature_opens_queues_and_blobs_and_stays_secret() {
    let mut service = Service::in_memory();
    let keyed = service.connection_string();
    let connection = format!(
        "QueueEndpoint={};BlobEndpoint={};SharedAccessSignature={}",
        part(&keyed, "QueueEndpoint"),
        part(&keyed, "BlobEndpoint"),
        signature(&keyed)
    );
    let settings = Settings::from_pairs([("AzureWebJobsStorage".to_owned(), connection)]);
    let connection = settings.storage_connection(None).unwrap();
    let storage = service.storage();

    let queue = storage.queues(&connection).unwrap().queue("signed").unwrap();
    queue.create().await.unwrap();
    queue.send("hello".to_owned()).await.unwrap();
    let message = queue.receive(1, Duration::from_secs(60)).await.unwrap().pop().expect("the message");
    let receipt = queue.hide(&message.id, &message.pop_receipt, Duration::from_secs(30)).await.unwrap();
    queue.delete(&message.id, &receipt).await.unwrap();

    let state = HostState::blobs(storage.blobs(&connection).unwrap());
    state.write("a/b", "content".into()).await.unwrap();
    assert_eq!(state.read("a/b").await.unwrap().as_deref(), Some(&b"content"[..]));

    service.stop();
    let refused = queue.send("nobody there".to_owned()).await.unwrap_err();
    let text = format!("{refused} {refused:?} {queue:?} {state:?} {connection:?} {settings:?}");
    assert!(text.contains("signed") && text.contains("cannot be reached"), "{text}");
    assert!(!text.contains("sig=") && !text.contains("sv="), "{text}");
}
