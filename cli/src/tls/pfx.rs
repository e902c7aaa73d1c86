//! Certificates from PFX (PKCS #12) files.

use std::path::Path;

use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::Identity;
use crate::commands::Failed;

/// The password that `--password` means: the first line of the file it names, else the text itself.
pub(super) fn password(given: Option<&str>) -> String {
    let given = given.unwrap_or_default();
    match std::fs::read_to_string(given) {
        Ok(text) => text.lines().next().unwrap_or_default().to_owned(),
        Err(_) => given.to_owned(),
    }
}

/// The certificate, its chain and its key.
pub(super) fn read(file: &Path, password: &str) -> Result<Identity, Failed> {
    let place = file.display();
    let data = std::fs::read(file).map_err(|error| {
        Failed::new(format!("--cert {place}: the file cannot be read: {error}"))
            .hint("Leave out --cert to use a self-signed certificate that is made for you.")
    })?;
    if data.starts_with(b"-----BEGIN") {
        return Err(Failed::new(format!("--cert {place} is a PEM file; a PFX (PKCS #12) file is needed."))
            .hint("Convert it: openssl pkcs12 -export -in cert.pem -inkey key.pem -out cert.pfx"));
    }
    let store = KeyStore::from_pkcs12(&data, password, Pkcs12ImportPolicy::Strict).map_err(|error| {
        Failed::new(format!("--cert {place} cannot be opened: {error}")).hint(match password.is_empty() {
            true => "Give its password with --password, as text or as the path of a file that holds it.",
            false => "Check that --password is the file's password, or the path of a file that holds it.",
        })
    })?;
    let (_, entry) = store.private_key_chain().ok_or_else(|| {
        Failed::new(format!("--cert {place} holds no certificate with a private key."))
            .hint("Export it again together with its private key.")
    })?;
    let chain = entry.certs().iter().map(|cert| CertificateDer::from(cert.as_der().to_vec())).collect();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(entry.key().as_der().to_vec()));
    Ok(Identity { chain, key })
}
