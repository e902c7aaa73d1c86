//! Connections to endpoints and credentials, and signatures.

use azure_core::http::request::Request;
use azure_core::http::{Method, Url};
use horus_app::Secret;
use horus_app::settings::Settings;

use super::account::Credential;
use super::shared_key::SharedKeyPolicy;
use super::{Account, AccountError, Service, Storage};

const KEY: &str = "c2VjcmV0LWtleQ==";

fn resolve(pairs: &[(&str, &str)], service: Service) -> Result<Account, AccountError> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let connection = Settings::from_pairs(pairs).storage_connection(Some("Foo")).expect("a connection");
    Account::resolve(&connection, service, Storage::new().transport())
}

fn text(value: &str, service: Service) -> Result<Account, AccountError> {
    resolve(&[("Foo", value)], service)
}

/// bindings.md 26: the emulator's ports and well-known account.
#[test]
fn b26_development_storage_is_the_local_emulator() {
    for (service, address) in [
        (Service::Blob, "http://127.0.0.1:10000/devstoreaccount1"),
        (Service::Queue, "http://127.0.0.1:10001/devstoreaccount1"),
        (Service::Table, "http://127.0.0.1:10002/devstoreaccount1"),
    ] {
        let account = text("usedevelopmentstorage=TRUE", service).unwrap();
        assert_eq!(account.address(), address);
        assert!(
            matches!(&account.credential, Credential::SharedKey { account, .. } if account == "devstoreaccount1")
        );
    }
    let proxied =
        text("UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://azurite", Service::Queue).unwrap();
    assert_eq!(proxied.address(), "http://azurite:10001/devstoreaccount1");
}

/// bindings.md §1.11: endpoints of connection strings.
#[test]
fn connection_strings_name_their_endpoint_in_several_ways() {
    for (value, address) in [
        ("AccountName=acc;AccountKey=c2VjcmV0", "https://acc.queue.core.windows.net"),
        (
            "DefaultEndpointsProtocol=http;AccountName=acc;AccountKey=c2VjcmV0;EndpointSuffix=core.example.org",
            "http://acc.queue.core.example.org",
        ),
        (
            "AccountName=acc;AccountKey=c2VjcmV0;QueueEndpoint=http://127.0.0.1:4001/acc;",
            "http://127.0.0.1:4001/acc",
        ),
        ("accountname=acc;accountkey=c2VjcmV0", "https://acc.queue.core.windows.net"),
    ] {
        let account = text(value, Service::Queue).unwrap();
        assert_eq!(account.address(), address, "{value}");
        assert!(matches!(&account.credential, Credential::SharedKey { account, .. } if account == "acc"));
    }
}

/// bindings.md §1.11: a shared access signature replaces the key and never shows.
#[test]
fn a_shared_access_signature_travels_in_the_url_and_never_shows() {
    let account = text(
        "QueueEndpoint=https://acc.queue.core.windows.net/;SharedAccessSignature=?sv=2024&sig=abc%2Fdef",
        Service::Queue,
    )
    .unwrap();
    assert!(matches!(account.credential, Credential::SignedUrl));
    assert_eq!(account.endpoint.query(), Some("sv=2024&sig=abc%2Fdef"));
    assert!(!format!("{account:?} {}", account.address()).contains("sig"));
}

/// bindings.md 24 and 25: sections, with and without an identity.
#[test]
fn b25_sections_select_an_identity() {
    for (pairs, address) in [
        (
            vec![
                ("Foo__queueServiceUri", "https://acc.queue.example.org/"),
                ("Foo__credential", "managedidentity"),
            ],
            "https://acc.queue.example.org",
        ),
        (vec![("Foo__accountName", "acc")], "https://acc.queue.core.windows.net"),
        (vec![("Foo:serviceUri", "https://any.example.org")], "https://any.example.org"),
        (
            vec![
                ("AzureWebJobsFoo__accountName", "acc"),
                ("AzureWebJobsFoo__tenantId", "t"),
                ("AzureWebJobsFoo__clientId", "c"),
                ("AzureWebJobsFoo__clientSecret", "s3cret"),
            ],
            "https://acc.queue.core.windows.net",
        ),
        (
            vec![
                ("Foo__accountName", "acc"),
                ("Foo__credential", "managedIdentityAsFederatedIdentity"),
                ("Foo__tenantId", "t"),
                ("Foo__clientId", "c"),
                ("Foo__managedIdentityClientId", "m"),
            ],
            "https://acc.queue.core.windows.net",
        ),
    ] {
        let account = resolve(&pairs, Service::Queue).unwrap();
        assert_eq!(account.address(), address);
        assert!(matches!(account.credential, Credential::Token(_)), "{address}");
    }
}

#[test]
fn unusable_connections_say_what_is_missing_and_no_value() {
    for (pairs, expected) in [
        (
            vec![("Foo", "AccountKey=c2VjcmV0")],
            AccountError::NoEndpoint("queue", "QueueEndpoint", "queueServiceUri"),
        ),
        (vec![("Foo", "AccountName=acc")], AccountError::NoCredential),
        (vec![("Foo", "AccountName=acc;AccountKey=not base64")], AccountError::BadKey),
        (
            vec![("Foo", "AccountName=acc;AccountKey=c2VjcmV0;QueueEndpoint=nowhere")],
            AccountError::BadEndpoint("QueueEndpoint"),
        ),
        (vec![("Foo__queueServiceUri", "http://acc.queue.example.org")], AccountError::Plain),
        (
            vec![("Foo__accountName", "acc"), ("Foo__credential", "magic")],
            AccountError::Identity("the connection's credential 'magic' is not known".to_owned()),
        ),
    ] {
        let error = resolve(&pairs, Service::Queue).expect_err("unusable");
        assert_eq!(error, expected);
        assert!(!error.to_string().contains("c2VjcmV0"));
    }
}

/// A signature worked out by hand: HMAC-SHA256 of the documented string to sign. On an emulator the account is
/// in it twice.
#[test]
fn requests_are_signed_as_documented() {
    let url = "http://127.0.0.1:10001/acc/orders/messages?numofmessages=32&Comp=a%20b";
    let mut request = Request::new(Url::parse(url).unwrap(), Method::Post);
    request.insert_header("content-type", "application/xml");
    request.insert_header("x-ms-version", "2025-11-05");
    request.set_body("hello");
    SharedKeyPolicy::new("acc", Secret::new(KEY))
        .sign(&mut request, "Mon, 23 Nov 2026 21:00:00 GMT".to_owned())
        .unwrap();

    let text = "POST\n\n\n5\n\napplication/xml\n\n\n\n\n\n\nx-ms-date:Mon, 23 Nov 2026 21:00:00 GMT\n\
                x-ms-version:2025-11-05\n/acc/acc/orders/messages\ncomp:a b\nnumofmessages:32";
    let expected = super::shared_key::signature(&Secret::new(KEY), text).unwrap();
    let sent = request.headers().get_str(&"authorization".into()).unwrap();
    assert_eq!(sent, format!("SharedKey acc:{expected}"));
}

/// One service object per connection, however many bindings ask.
#[test]
fn services_are_shared_between_bindings() {
    let storage = Storage::new();
    let settings = Settings::from_pairs([
        ("A".to_owned(), "UseDevelopmentStorage=true".to_owned()),
        ("B".to_owned(), "AccountName=acc;AccountKey=c2VjcmV0".to_owned()),
    ]);
    for name in ["A", "B", "A"] {
        storage.queues(&settings.storage_connection(Some(name)).unwrap()).unwrap();
    }
    assert_eq!(storage.0.queues.lock().len(), 2);
}
