//! The self-signed certificate for this machine: made once, then kept, so that a browser has to trust it once only.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Identity;
use crate::commands::Failed;

/// File of the certificate; this one may be handed to clients.
const CERTIFICATE: &str = "localhost.crt";
/// File of its private key.
const KEY: &str = "localhost.key";
/// How long a certificate is good for, as under the platform's tools.
const VALID: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// A new one is made this long before the old one ends.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Clocks differ: a certificate counts from a little before it is made.
const EARLIER: Duration = Duration::from_secs(60 * 60);

/// The certificate of this machine.
pub(super) struct Own {
    pub(super) identity: Identity,
    /// The file of the certificate.
    pub(super) file: PathBuf,
    /// Whether it was made just now.
    pub(super) is_new: bool,
}

/// The certificate kept in `folder`; a new one where there is none that is good for another while.
pub(super) fn load_or_make(folder: &Path) -> Result<Own, Failed> {
    let file = folder.join(CERTIFICATE);
    if let Some(identity) = load(folder, SystemTime::now()) {
        return Ok(Own { identity, file, is_new: false });
    }
    make(folder).map_err(|error| {
        Failed::new(format!("A self-signed certificate cannot be kept in {}: {error}", folder.display()))
            .hint("Make the folder writable, or give a certificate of your own with --cert FILE.pfx --password TEXT.")
    })?;
    let identity = load(folder, SystemTime::now()).ok_or_else(|| {
        Failed::new(format!("The certificate just written to {} cannot be read back.", folder.display()))
    })?;
    Ok(Own { identity, file, is_new: true })
}

/// What the folder holds, if both files are whole and new enough at `now`.
fn load(folder: &Path, now: SystemTime) -> Option<Identity> {
    let file = folder.join(CERTIFICATE);
    let made = std::fs::metadata(&file).ok()?.modified().ok()?;
    // Both were written together, so the file's time is the certificate's.
    if now > made + VALID - RENEW_BEFORE {
        return None;
    }
    let chain = vec![CertificateDer::from_pem_file(&file).ok()?];
    let key = PrivateKeyDer::from_pem_file(folder.join(KEY)).ok()?;
    Some(Identity { chain, key })
}

/// The certificate kept in `folder`; where there is none, one that nobody keeps.
pub(super) fn load_or_improvise(folder: &Path) -> Result<Own, Failed> {
    let file = folder.join(CERTIFICATE);
    if let Some(identity) = load(folder, SystemTime::now()) {
        return Ok(Own { identity, file, is_new: false });
    }
    let (certificate, key) = generate()
        .map_err(|error| Failed::new(format!("A self-signed certificate cannot be made: {error}")))?;
    let identity = Identity {
        chain: vec![certificate.der().clone()],
        key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
    };
    Ok(Own { identity, file, is_new: true })
}

fn make(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let (certificate, key) = generate()?;
    std::fs::create_dir_all(folder)?;
    // The key first: a certificate without it would be taken for whole.
    write(&folder.join(KEY), &key.serialize_pem())?;
    write(&folder.join(CERTIFICATE), &certificate.pem())?;
    Ok(())
}

fn generate() -> Result<(Certificate, KeyPair), rcgen::Error> {
    let now = SystemTime::now();
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "localhost");
    params.distinguished_name = name;
    params.subject_alt_names = vec![
        SanType::DnsName("localhost".try_into()?),
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = (now - EARLIER).into();
    params.not_after = (now + VALID).into();
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate, key))
}

/// Replaces a file by one that only this user may read.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let new = file.with_extension("new");
    let mut target = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    target.write_all(text.as_bytes())?;
    std::fs::rename(new, file)
}
