//! Certificates and keys in PEM files.

use std::path::Path;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::Error;

/// RFC 7468, section 11: a key that needs a passphrase.
const ENCRYPTED: &[u8] = b"ENCRYPTED";

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| Error::environment(format!("cannot read {}: {error}", path.display())))
}

/// The certificates of a file, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(Error::usage(format!("{} holds no certificate: PEM is due, `-----BEGIN CERTIFICATE-----`", path.display()))),
        Err(error) => Err(Error::usage(format!("{} is broken PEM: {error}", path.display()))),
    }
}

/// The private key of a file: PKCS #8, PKCS #1 or SEC 1.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        Error::usage(if memchr::memmem::find(&text, ENCRYPTED).is_some() {
            format!(
                "the key in {} is encrypted, and plimsoll asks for no passphrase: `openssl pkey` writes it in the clear",
                path.display()
            )
        } else {
            format!("{} holds no private key: PEM is due, `-----BEGIN PRIVATE KEY-----`", path.display())
        })
    })
}

/// The authorities of a file.
pub(super) fn authorities(path: &Path) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store
            .add(certificate)
            .map_err(|error| Error::usage(format!("{} holds a certificate that cannot be an authority: {error}", path.display())))?;
    }
    Ok(store)
}
