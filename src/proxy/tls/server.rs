//! Listening for clients in TLS.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::WebPkiClientVerifier;

use super::client::does_not_fit;
use super::{Identity, Secured, files, provider, sentence};
use crate::error::Error;
use crate::proxy::refuse::{self, Reply};

/// A client that has not greeted within this time is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many different reasons are said; whoever makes up more is not listened to.
const REASONS: usize = 16;
/// The first byte of every TLS connection: a record of the handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// How to listen in TLS: the certificate to show, and whether clients must show one.
#[derive(Clone)]
pub struct ServerTls(Arc<Loaded>);

struct Loaded {
    acceptor: TlsAcceptor,
    identity: Identity,
    /// The file of the authorities of clients' certificates.
    authorities: Option<PathBuf>,
    /// Reasons that were said.
    said: Mutex<HashSet<String>>,
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerTls").field("identity", &self.0.identity).field("authorities", &self.0.authorities).finish_non_exhaustive()
    }
}

impl ServerTls {
    /// Reads the files. With `authorities`, a client must show a certificate that one of them has signed. The errors are an unreadable file (exit 3), one that holds
    /// something else, and a key of another certificate (exit 2).
    pub fn load(identity: Identity, authorities: Option<&Path>) -> Result<Self, Error> {
        let cannot = |error: &dyn std::fmt::Display| Error::environment(format!("cannot set up TLS: {error}"));
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(|error| cannot(&error))?;
        let builder = match authorities {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let store = Arc::new(files::authorities(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(store, provider()).build().map_err(|error| cannot(&error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let Identity { certificate, key } = &identity;
        let mut config = builder
            .with_single_cert(files::certificates(certificate)?, files::key(key)?)
            .map_err(|error| does_not_fit(&error, certificate, key))?;
        // As dockerd: the only protocol that is spoken here.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self(Arc::new(Loaded { acceptor, identity, authorities: authorities.map(Path::to_path_buf), said: Mutex::default() })))
    }

    /// Says a reason on standard error, the first time.
    fn say(&self, reason: String) {
        let mut said = self.0.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < REASONS && !said.contains(&reason) {
            // Nobody listens on standard error: then nobody is told.
            let _ = writeln!(io::stderr(), "plimsoll: a client was not let in: {reason}");
            said.insert(reason);
        }
    }
}

/// The handshake with a client. None if it was not let in: it was told, and so was standard error.
pub(in super::super) async fn greet(tls: &ServerTls, stream: TcpStream) -> Option<Secured> {
    tokio::time::timeout(PATIENCE, welcome(tls, stream)).await.ok().flatten()
}

async fn welcome(tls: &ServerTls, mut stream: TcpStream) -> Option<Secured> {
    let mut first = [0];
    if stream.peek(&mut first).await.ok()? == 1 && first[0] != HANDSHAKE {
        tls.say("it does not speak TLS; --tls or --tlsverify makes the docker CLI do so".to_owned());
        refuse::answer(&mut stream, Reply::bad_request("plimsoll: TLS is spoken here: use https://, or --tlsverify with tcp://")).await;
        return None;
    }
    match tls.0.acceptor.accept(stream).into_fallible().await {
        Ok(stream) => Some(Box::new(stream.into())),
        Err((error, mut stream)) => {
            // It has been sent an alert, and may be sending its request meanwhile: a reset would overtake the alert.
            refuse::linger(&mut stream).await;
            if let Some(reason) = sentence::of_client(&error, &tls.0.identity.certificate, tls.0.authorities.as_deref()) {
                tls.say(reason);
            }
            None
        }
    }
}
