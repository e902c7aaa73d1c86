//! The certificate that `func start --useHttps` and the embedded store serve with: the user's own, or one made here.

mod own;
mod pfx;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use horus_host::Tls;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::commands::Failed;

/// A certificate with those that vouch for it, and its key.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// What the host serves with, and what the user has to do about it.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) tls: Tls,
    pub(crate) note: Option<String>,
    /// The note is news: nobody can have acted on it yet.
    pub(crate) is_new: bool,
}

/// The certificate in the PFX file `cert`, opened with `password` (the text itself, or the path of a file that holds
/// it). Without `cert` a certificate for this machine is made, once, and kept in `folder`.
pub(crate) fn serve_with(
    cert: Option<&Path>,
    password: Option<&str>,
    folder: &Path,
) -> Result<Served, Failed> {
    let (identity, place, note, is_new) = match cert {
        Some(file) => (pfx::read(file, &pfx::password(password))?, file.to_owned(), None, false),
        None => {
            let own = own::load_or_make(folder)?;
            let what =
                if own.is_new { "A new self-signed certificate" } else { "The self-signed certificate" };
            let note = format!(
                "{what} for localhost is in {}; trust it in your browser or system once, or tell clients to use it (curl --cacert).",
                own.file.display()
            );
            (own.identity, own.file, Some(note), own.is_new)
        }
    };
    let mut config = config(identity, &place)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Served { tls: Tls::new(config), note, is_new })
}

/// The certificate of this machine, ready to serve with.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) config: ServerConfig,
    /// Its file, which clients may be given; none if it was made for this run alone.
    pub(crate) file: Option<PathBuf>,
}

/// The certificate that is kept in `folder`, made there when it is missing.
pub(crate) fn own(folder: &Path) -> Result<Own, Failed> {
    let own = own::load_or_make(folder)?;
    Ok(Own { config: config(own.identity, &own.file)?, file: Some(own.file) })
}

/// The certificate that is kept in `folder`, or one for this run alone. Writes nothing.
pub(crate) fn own_or_improvised(folder: &Path) -> Result<Own, Failed> {
    let own = own::load_or_improvise(folder)?;
    Ok(Own { config: config(own.identity, &own.file)?, file: (!own.is_new).then_some(own.file) })
}

fn config(identity: Identity, place: &Path) -> Result<ServerConfig, Failed> {
    ServerConfig::builder().with_no_client_auth().with_single_cert(identity.chain, identity.key).map_err(
        |error| {
            Failed::new(format!("The certificate in {} cannot be served with: {error}", place.display()))
                .hint("Its private key must be an RSA or elliptic-curve key that belongs to the certificate.")
        },
    )
}
