use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};

use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rustls::pki_types::PrivateKeyDer;

use super::*;

fn provider() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// A PFX file with the certificate of `folder` in it.
fn export(folder: &Path, password: &str) -> std::path::PathBuf {
    let own = own::load_or_make(folder).unwrap_or_else(|error| panic!("{}", error.message));
    let PrivateKeyDer::Pkcs8(key) = &own.identity.key else { panic!("made keys are PKCS #8") };
    let chain = PrivateKeyChain::new(
        b"1".as_slice(),
        PrivateKey::from_der(key.secret_pkcs8_der()).unwrap(),
        [Certificate::from_der(&own.identity.chain[0]).unwrap()],
    );
    let mut store = KeyStore::new();
    store.add_entry("localhost", KeyStoreEntry::PrivateKeyChain(chain));
    let file = folder.join("cert.pfx");
    std::fs::write(&file, store.writer(password).write().unwrap()).unwrap();
    file
}

/// cli.md item 68: a certificate is made without any tool, kept, and made anew before it ends.
#[test]
fn c68_the_own_certificate_is_made_once() {
    provider();
    let folder = tempfile::tempdir().unwrap();
    let note = || serve_with(None, None, folder.path()).unwrap().note.unwrap();
    assert!(note().starts_with("A new self-signed certificate"));
    let key = folder.path().join("localhost.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let first = std::fs::read(folder.path().join("localhost.crt")).unwrap();
    assert!(note().starts_with("The self-signed certificate"));
    assert_eq!(std::fs::read(folder.path().join("localhost.crt")).unwrap(), first);

    let old = std::fs::File::options().append(true).open(folder.path().join("localhost.crt")).unwrap();
    old.set_modified(SystemTime::now() - Duration::from_secs(340 * 24 * 60 * 60)).unwrap();
    assert!(note().starts_with("A new"));
    assert_ne!(std::fs::read(folder.path().join("localhost.crt")).unwrap(), first);
}

/// `func storage --in-memory` keeps nothing on disk, its certificate included; one that is there is used.
#[test]
fn a_certificate_may_be_of_this_run_alone() {
    provider();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(own_or_improvised(folder.path()).unwrap().file, None);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let kept = own(folder.path()).unwrap().file.unwrap();
    assert_eq!(own_or_improvised(folder.path()).unwrap().file, Some(kept));
}

/// cli.md §1.4: `--cert` with `--password` as text or as the path of a file.
#[test]
fn a_pfx_file_opens_with_its_password() {
    provider();
    let folder = tempfile::tempdir().unwrap();
    let file = export(folder.path(), "open sesame");
    let secret = folder.path().join("password.txt");
    std::fs::write(&secret, "open sesame\n").unwrap();
    for password in ["open sesame", secret.to_str().unwrap()] {
        serve_with(Some(&file), Some(password), folder.path()).unwrap();
    }
}

/// Errors name the file and what to do.
#[test]
fn a_certificate_that_cannot_be_used_is_explained() {
    provider();
    let folder = tempfile::tempdir().unwrap();
    let file = export(folder.path(), "right");
    let pem = folder.path().join("localhost.crt");
    let gone = folder.path().join("gone.pfx");
    for (file, password, message, hint) in [
        (&file, Some("wrong"), "cannot be opened", "Check that --password"),
        (&file, None, "cannot be opened", "Give its password with --password"),
        (&pem, None, "is a PEM file", "openssl pkcs12 -export"),
        (&gone, None, "cannot be read", "Leave out --cert"),
    ] {
        let error = serve_with(Some(file), password, folder.path()).unwrap_err();
        assert!(error.message.contains(message), "{}", error.message);
        assert!(error.message.contains(file.to_str().unwrap()), "{}", error.message);
        assert!(error.hint.unwrap().contains(hint));
        assert!(!error.message.contains("wrong"), "the password is not shown");
    }
}
