//! Dialling a daemon in TLS.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::unverified::Unverified;
use super::{Secured, files, provider, sentence};
use crate::error::Error;

/// A server of plain HTTP may wait for the end of what is no request to it: longer than this it is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// By what a daemon's certificate is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The authorities in this PEM file, and no others.
    File(PathBuf),
    /// The authorities that the system trusts.
    System,
    /// Any certificate is taken, as with the docker CLI's `--tls`: nobody listens in, but the daemon may be anybody.
    Anybody,
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::System => f.write_str("the system's authorities"),
            Self::Anybody => f.write_str("anybody"),
        }
    }
}

/// The PEM files of a certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How to dial in TLS: whom to trust, and the certificate to show. The default trusts the system's authorities and shows none.
#[derive(Clone, Default)]
pub struct ClientTls(Option<Arc<Loaded>>);

pub(super) struct Loaded {
    config: Arc<ClientConfig>,
    pub(super) trust: Trust,
    /// The file of the certificate that is shown.
    pub(super) shown: Option<PathBuf>,
}

impl ClientTls {
    /// Reads the files. The errors are an unreadable file (exit 3), one that holds something else, and a key of another certificate (exit 2).
    pub fn load(trust: Trust, identity: Option<&Identity>) -> Result<Self, Error> {
        Loaded::new(trust, identity).map(|loaded| Self(Some(Arc::new(loaded))))
    }

    fn loaded(&self) -> Result<Arc<Loaded>, Error> {
        static SYSTEM: OnceLock<Result<Arc<Loaded>, Error>> = OnceLock::new();
        match &self.0 {
            Some(loaded) => Ok(Arc::clone(loaded)),
            None => SYSTEM.get_or_init(|| Loaded::new(Trust::System, None).map(Arc::new)).clone(),
        }
    }

    /// Dials `host:port`. The error is one sentence.
    pub(in super::super) async fn connect(&self, host: &str) -> io::Result<Secured> {
        let loaded = self.loaded().map_err(io::Error::other)?;
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(name.to_owned()).map_err(|_| io::Error::other(format!("`{name}` is no name of a host")))?;
        let stream = TcpStream::connect(host).await?;
        // Nothing is to wait for more: what was one write stays one.
        stream.set_nodelay(true)?;
        match tokio::time::timeout(PATIENCE, TlsConnector::from(Arc::clone(&loaded.config)).connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream.into())),
            Ok(Err(error)) => Err(io::Error::other(sentence::of_daemon(&error, &loaded))),
            Err(_) => Err(io::Error::other(format!(
                "it did not answer the TLS handshake within {} s; if it speaks plain HTTP, write tcp:// without --tls",
                PATIENCE.as_secs()
            ))),
        }
    }

    /// Why the daemon ended a connection that was made: with TLS 1.3 it looks at the client's certificate after the client's handshake is done
    /// (RFC 8446, section 4.4.2.4). None if it is not for that.
    pub(in super::super) fn rejection(&self, error: &io::Error) -> Option<String> {
        let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        self.loaded().ok().map(|loaded| sentence::of_tls(error, &loaded))
    }
}

/// The same files, read at the same time.
impl PartialEq for ClientTls {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Eq for ClientTls {}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trust = self.0.as_ref().map_or(&Trust::System, |loaded| &loaded.trust);
        f.debug_struct("ClientTls").field("trust", trust).finish_non_exhaustive()
    }
}

impl Loaded {
    fn new(trust: Trust, identity: Option<&Identity>) -> Result<Self, Error> {
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| Error::environment(format!("cannot set up TLS: {error}")))?;
        let builder = match &trust {
            Trust::File(path) => builder.with_root_certificates(files::authorities(path)?),
            Trust::System => builder.with_root_certificates(system()?),
            Trust::Anybody => builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider()))),
        };
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(Identity { certificate, key }) => builder
                .with_client_auth_cert(files::certificates(certificate)?, files::key(key)?)
                .map_err(|error| does_not_fit(&error, certificate, key))?,
        };
        Ok(Self { config: Arc::new(config), trust, shown: identity.map(|identity| identity.certificate.clone()) })
    }
}

/// A certificate and a key that are not of each other, or of a kind that is not known.
pub(super) fn does_not_fit(error: &rustls::Error, certificate: &Path, key: &Path) -> Error {
    let (certificate, key) = (certificate.display(), key.display());
    Error::usage(match error {
        rustls::Error::InconsistentKeys(_) => format!("the key in {key} is not the key of the certificate in {certificate}"),
        error => format!("the certificate in {certificate} and the key in {key} cannot be used: {error}"),
    })
}

fn system() -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        return Err(Error::environment("this system names no authorities to judge the daemon's certificate by: --tlscacert does"));
    }
    Ok(store)
}
