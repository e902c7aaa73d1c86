use horus_app::log::Log;
use serde_json::json;

use super::*;

fn files(folder: &std::path::Path) -> Keys {
    let settings = Settings::from_pairs([
        ("AzureWebJobsSecretStorageType".to_owned(), "files".to_owned()),
        ("FUNCTIONS_SECRETS_PATH".to_owned(), folder.display().to_string()),
        ("WEBSITE_HOSTNAME".to_owned(), "orders.example.net".to_owned()),
    ]);
    Keys::open(&settings, &Storage::new(), "host", "instance", PathBuf::from("/nowhere"), Log::discard())
}

fn read(path: std::path::PathBuf) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

async fn level(keys: &Keys, presented: &str, function: Option<&str>) -> Level {
    keys.access(presented, function).await.unwrap().level
}

/// host.md S01: the first keyed call creates both documents with keys `default`, not encrypted.
#[tokio::test]
async fn s01_documents_are_made_on_first_use() {
    let folder = tempfile::tempdir().unwrap();
    let keys = files(&folder.path().join("secrets"));
    assert_eq!(level(&keys, "bogus", Some("Fn")).await, Level::Anonymous);
    let host = read(folder.path().join("secrets/host.json"));
    let function = read(folder.path().join("secrets/fn.json"));
    assert_eq!(host["masterKey"]["name"], "master");
    assert_eq!(host["masterKey"]["encrypted"], false);
    assert_eq!(host["functionKeys"][0]["name"], "default");
    assert_eq!(host["systemKeys"], json!([]));
    assert_eq!(host["hostName"], "orders.example.net");
    assert_eq!(host["source"], "runtime");
    assert_eq!(host["decryptionKeyId"], "");
    assert_eq!(function["keys"][0]["name"], "default");
    assert_eq!(function["keys"][0]["encrypted"], false);
    let value = function["keys"][0]["value"].as_str().unwrap();
    assert!(generate::is_generated(Kind::Function, value));
    assert!(generate::is_generated(Kind::Master, host["masterKey"]["value"].as_str().unwrap()));
    assert_eq!(level(&keys, value, Some("Fn")).await, Level::Function);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.path().join("secrets/host.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "others may read the keys");
    }
}

/// host.md S02: an edited file counts without a restart.
#[tokio::test]
async fn s02_an_edited_document_counts_without_restart() {
    let folder = tempfile::tempdir().unwrap();
    let keys = files(folder.path());
    keys.function("fn").await.unwrap();
    std::fs::write(
        folder.path().join("fn.json"),
        r#"{"keys":[{"name":"k","value":"edited","encrypted":false}]}"#,
    )
    .unwrap();
    let seen = async {
        while level(&keys, "edited", Some("fn")).await != Level::Function {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), seen).await.expect("the edited key never counted");
}

/// host.md S03: a document of the first form is accepted and rewritten.
#[tokio::test]
async fn s03_legacy_documents_are_upgraded() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fn.json"), r#"{"key":"v"}"#).unwrap();
    std::fs::write(folder.path().join("host.json"), r#"{"masterKey":"m","functionKey":"f"}"#).unwrap();
    let keys = files(folder.path());
    assert_eq!(level(&keys, "v", Some("fn")).await, Level::Function);
    assert_eq!(level(&keys, "m", None).await, Level::Admin);
    assert_eq!(level(&keys, "f", Some("other")).await, Level::Function);
    let function = read(folder.path().join("fn.json"));
    assert_eq!(function["keys"], json!([{"name": "default", "value": "v", "encrypted": false}]));
    let host = read(folder.path().join("host.json"));
    assert_eq!(host["masterKey"]["value"], "m");
    assert_eq!(host["functionKeys"][0]["value"], "f");
}

/// host.md S04: a mounted folder of keys is read, and cannot be written.
#[tokio::test]
async fn s04_mounted_keys_are_read_only() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in [
        ("host.master", "m\n"),
        ("host.function.default", "h"),
        ("host.systemKey.durabletask_extension", "s"),
        ("functions.fn.default", "f"),
        ("functions.other.default", "o"),
    ] {
        std::fs::write(folder.path().join(name), value).unwrap();
    }
    let keys = files(folder.path());
    let mut service = Arc::into_inner(keys.0).unwrap();
    service.repository = Repository::Mount(Mount(folder.path().to_owned()));
    let keys = Keys(Arc::new(service));
    assert_eq!(level(&keys, "m", None).await, Level::Admin);
    assert_eq!(level(&keys, "h", Some("fn")).await, Level::Function);
    assert_eq!(level(&keys, "s", None).await, Level::System);
    assert_eq!(level(&keys, "f", Some("Fn")).await, Level::Function);
    assert_eq!(level(&keys, "o", Some("Fn")).await, Level::Anonymous);
    let refused = keys.set(Scope::Function("fn"), "k", None).await.unwrap_err();
    assert!(refused.to_string().starts_with("KubernetesSecretsRepository is readonly"), "{refused}");
}

/// host.md S06: without storage and without a type there are no keys, so only anonymous functions answer.
#[tokio::test]
async fn s06_without_a_store_no_key_opens_anything() {
    let settings = Settings::default();
    let keys = Keys::open(&settings, &Storage::new(), "host", "i", PathBuf::new(), Log::discard());
    let access = keys.access("anything", Some("fn")).await.unwrap();
    assert!(access.opens(Level::Anonymous));
    assert!(!access.opens(Level::Function));
    assert!(
        matches!(keys.list(Scope::Host).await, Err(KeysError::Disabled(text)) if text.contains("missing both"))
    );
}

/// host.md H07, H09, H10 and §3.4: which key opens which level.
#[tokio::test]
async fn h09_every_kind_of_key_opens_what_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let keys = files(folder.path());
    let value = |key: &Key| key.value.reveal().to_owned();
    let host = keys.host().await.unwrap();
    let own = value(&keys.function("fn").await.unwrap()[0]);
    let other = value(&keys.function("other").await.unwrap()[0]);
    let system = value(&keys.extension("DurableTask").await.unwrap());
    let (master, host_function) = (value(&host.master), value(&host.functions[0]));
    use Level::{Admin, Anonymous, Function, System, User};
    for (name, presented, opens) in [
        ("none", "", &[Anonymous][..]),
        ("bogus", "bogus", &[Anonymous]),
        ("own", &own, &[Anonymous, Function]),
        ("other", &other, &[Anonymous]),
        ("host", &host_function, &[Anonymous, Function]),
        ("system", &system, &[Anonymous, System]),
        ("master", &master, &[Anonymous, User, Function, System, Admin]),
    ] {
        let access = keys.access(presented, Some("fn")).await.unwrap();
        for required in [Anonymous, User, Function, System, Admin] {
            assert_eq!(access.opens(required), opens.contains(&required), "{name} on {required:?}");
        }
    }
}

/// host.md A16: a webhook opens to its own system key and to the master key.
#[tokio::test]
async fn a16_webhooks_take_their_own_system_key() {
    let folder = tempfile::tempdir().unwrap();
    let keys = files(folder.path());
    let key = keys.extension("durabletask").await.unwrap();
    assert_eq!(&*key.name, "durabletask_extension");
    assert_eq!(keys.extension("DurableTask").await.unwrap(), key, "it is made once");
    let access = keys.access(key.value.reveal(), None).await.unwrap();
    assert!(access.opens_webhook("durabletask"));
    assert!(access.opens_webhook("DurableTask"));
    assert!(!access.opens_webhook("eventgrid"));
    assert!(!access.opens_webhook("é"));
    assert!(Access::OPEN.opens_webhook("eventgrid"));
    assert!(!Access::ANONYMOUS.opens_webhook("durabletask"));
}

/// host.md A01: no key 401, a lesser key 403, the master key passes; isolation shuts out keys.
#[test]
fn a01_admission_tells_unknown_from_insufficient() {
    let with = |level| Access { level, key: None, is_platform: false };
    assert_eq!(Admission::of(&Access::ANONYMOUS, false), Admission::Unauthorized);
    assert_eq!(Admission::of(&with(Level::Function), false), Admission::Forbidden);
    assert_eq!(Admission::of(&with(Level::System), false), Admission::Forbidden);
    assert_eq!(Admission::of(&with(Level::Admin), false), Admission::Granted);
    assert_eq!(Admission::of(&with(Level::Admin), true), Admission::Forbidden);
    assert_eq!(Admission::of(&Access::PLATFORM, true), Admission::Granted);
}

/// host.md A01: a function's own key is told from none wherever it is shown, without a look at the store.
#[tokio::test]
async fn a01_a_functions_own_key_is_recognised_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let keys = files(folder.path());
    let own = keys.function("fn").await.unwrap()[0].value.clone();
    assert_eq!(level(&keys, own.reveal(), None).await, Level::Anonymous);
    assert_eq!(keys.known_access(own.reveal()).level, Level::Function);
    assert_eq!(keys.known_access("bogus").level, Level::Anonymous);
    assert_eq!(keys.known_access("").level, Level::Anonymous);
    assert!(!folder.path().join("other.json").exists());
}

/// host.md A08: a key is made, replaced and removed, and counts at once.
#[tokio::test]
async fn a08_keys_are_made_replaced_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let keys = files(folder.path());
    let scope = Scope::Function("fn");
    let first = keys.set(scope, "k", None).await.unwrap();
    assert!(first.created);
    assert_eq!(first.key.value.reveal().len(), 56);
    let second = keys.set(scope, "K", None).await.unwrap();
    assert!(!second.created);
    assert_ne!(first.key.value, second.key.value);
    assert_eq!(level(&keys, first.key.value.reveal(), Some("fn")).await, Level::Anonymous);
    assert_eq!(level(&keys, second.key.value.reveal(), Some("fn")).await, Level::Function);
    assert!(keys.remove(scope, "k").await.unwrap());
    assert!(!keys.remove(scope, "k").await.unwrap());
    assert_eq!(level(&keys, second.key.value.reveal(), Some("fn")).await, Level::Anonymous);
    // A second host on the same folder sees the same keys.
    let again = files(folder.path());
    assert_eq!(again.list(scope).await.unwrap(), keys.list(scope).await.unwrap());
}

/// host.md A10: the master key is one of the system keys by name only, and rotating it ends the old one.
#[tokio::test]
async fn a10_the_master_key_rotates() {
    let folder = tempfile::tempdir().unwrap();
    let keys = files(folder.path());
    let old = keys.get(Scope::System, "_master").await.unwrap().unwrap();
    assert!(keys.get(Scope::Host, "_master").await.unwrap().is_none());
    assert!(keys.list(Scope::System).await.unwrap().is_empty());
    let new = keys.set(Scope::Host, "_master", None).await.unwrap().key;
    assert!(generate::is_generated(Kind::Master, new.value.reveal()));
    assert_eq!(level(&keys, old.value.reveal(), None).await, Level::Anonymous);
    assert_eq!(level(&keys, new.value.reveal(), None).await, Level::Admin);
}

/// host.md §5.2: encrypted values are replaced, the old document is kept, and not for ever.
#[tokio::test]
async fn encrypted_documents_are_kept_beside_their_replacement() {
    let folder = tempfile::tempdir().unwrap();
    let encrypted = r#"{"keys":[{"name":"default","value":"x","encrypted":true}]}"#;
    let snapshots = || {
        let names =
            std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("fn.snapshot.")).count()
    };
    for round in 1..=10 {
        std::fs::write(folder.path().join("fn.json"), encrypted).unwrap();
        let fresh = files(folder.path()).function("fn").await.unwrap();
        assert!(generate::is_generated(Kind::Function, fresh[0].value.reveal()));
        assert_eq!(snapshots(), round);
    }
    std::fs::write(folder.path().join("fn.json"), encrypted).unwrap();
    let refused = files(folder.path()).function("fn").await.unwrap_err();
    assert!(refused.to_string().starts_with("AZFD0007"), "{refused}");
}

/// A damaged document is reported by name and left alone.
#[tokio::test]
async fn damaged_documents_are_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["{", "[]", r#"{"keys":{}}"#, r#"{"keys":[7]}"#, ""] {
        std::fs::write(folder.path().join("fn.json"), text).unwrap();
        let error = files(folder.path()).function("fn").await.unwrap_err();
        assert!(error.to_string().contains("'fn.json'"), "{error}");
        assert_eq!(std::fs::read_to_string(folder.path().join("fn.json")).unwrap(), text);
    }
}

/// No secret is shown by `Debug`.
#[tokio::test]
async fn debug_shows_no_values() {
    let folder = tempfile::tempdir().unwrap();
    let keys = files(folder.path());
    let host = keys.host().await.unwrap();
    let shown = format!("{host:?} {keys:?} {:?}", keys.access(host.master.value.reveal(), None).await);
    assert!(!shown.contains(host.master.value.reveal()), "{shown}");
}

/// host.md §5.1: where keys are kept, by settings.
#[test]
fn the_store_follows_the_settings() {
    let open = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings = Settings::from_pairs(pairs);
        let keys = Keys::open(&settings, &Storage::new(), "Host1", "i", PathBuf::from("/d"), Log::discard());
        format!("{keys:?} {}", blob_prefix(&settings, "Host1"))
    };
    let storage = ("AzureWebJobsStorage", "UseDevelopmentStorage=true");
    assert_eq!(open(&[]), "Keys(disabled) host1");
    assert_eq!(open(&[storage]), "Keys(blobs) host1");
    assert_eq!(open(&[("AzureWebJobsSecretStorageType", "Blob"), storage]), "Keys(blobs) host1");
    assert_eq!(open(&[("AzureWebJobsSecretStorageType", "Files"), storage]), "Keys(files) host1");
    assert_eq!(open(&[("AzureWebJobsSecretStorageType", "kubernetes")]), "Keys(mount) host1");
    assert_eq!(open(&[storage, ("WEBSITE_SITE_NAME", "Site")]), "Keys(blobs) site");
    assert_eq!(
        open(&[storage, ("WEBSITE_SITE_NAME", "Site"), ("WEBSITE_SLOT_NAME", "Blue")]),
        "Keys(blobs) site-blue"
    );
}
