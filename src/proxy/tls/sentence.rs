//! What went wrong in TLS, in a sentence that names the file or the option to look at.

use std::io::{self, ErrorKind};
use std::path::Path;

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

use super::client::Loaded;

/// Why the daemon could not be reached.
pub(super) fn of_daemon(error: &io::Error, own: &Loaded) -> String {
    match tls(error) {
        Some(error) => of_tls(error, own),
        None if error.kind() == ErrorKind::UnexpectedEof => {
            "it closed the connection in the TLS handshake; if it speaks plain HTTP, write tcp:// without --tls".to_owned()
        }
        None => error.to_string(),
    }
}

/// The same, of an error of TLS itself.
pub(super) fn of_tls(error: &Error, own: &Loaded) -> String {
    use AlertDescription as Alert;
    match (error, &own.shown) {
        (Error::InvalidCertificate(wrong), _) => of_certificate(wrong, &own.trust.to_string()),
        (Error::InvalidMessage(_), _) => "it does not answer in TLS; if it speaks plain HTTP, write tcp:// without --tls".to_owned(),
        (Error::AlertReceived(Alert::ProtocolVersion), _) => "it speaks neither TLS 1.2 nor TLS 1.3".to_owned(),
        // Go before 1.21 says bad_certificate of none.
        (Error::AlertReceived(Alert::CertificateRequired | Alert::BadCertificate | Alert::HandshakeFailure), None) => {
            "it wants a client certificate: --tlscert and --tlskey, or cert.pem and key.pem in DOCKER_CERT_PATH".to_owned()
        }
        (Error::AlertReceived(Alert::UnknownCA), Some(shown)) => {
            format!("it does not know the authority of the client certificate in {}", shown.display())
        }
        (Error::AlertReceived(Alert::CertificateExpired), Some(shown)) => {
            format!("it says that the client certificate in {} has expired", shown.display())
        }
        (Error::AlertReceived(alert), Some(shown)) if is_about_a_certificate(*alert) => {
            format!("it does not accept the client certificate in {} (alert {alert:?})", shown.display())
        }
        (Error::AlertReceived(alert), _) => format!("it ended the TLS handshake (alert {alert:?})"),
        (error, _) => format!("TLS failed: {error}"),
    }
}

/// Why a client was not let in, where it is worth a line: one that leaves without a word is not. `certificate` is what was shown to it, and
/// `authorities` those that its own is judged by.
pub(super) fn of_client(error: &io::Error, certificate: &Path, authorities: Option<&Path>) -> Option<String> {
    let error = tls(error)?;
    Some(match error {
        Error::NoCertificatesPresented => "it showed no certificate".to_owned(),
        Error::InvalidCertificate(wrong) => of_certificate(wrong, &authorities.map(|path| path.display().to_string()).unwrap_or_default()),
        Error::AlertReceived(alert) if is_about_a_certificate(*alert) => {
            format!("it does not accept the certificate in {} (alert {alert:?})", certificate.display())
        }
        Error::AlertReceived(alert) => format!("it ended the TLS handshake (alert {alert:?})"),
        Error::PeerIncompatible(_) => "it speaks neither TLS 1.2 nor TLS 1.3, or none of their ciphers".to_owned(),
        error => format!("TLS failed: {error}"),
    })
}

fn tls(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref::<Error>()
}

const fn is_about_a_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError
    )
}

fn of_certificate(wrong: &CertificateError, authorities: &str) -> String {
    match wrong {
        CertificateError::UnknownIssuer => format!("no authority in {authorities} has signed its certificate"),
        CertificateError::BadSignature => {
            format!("its certificate names an authority in {authorities}, but another of the same name has signed it")
        }
        CertificateError::Expired => "its certificate has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => format!("its certificate expired at {}", time(not_after.as_secs())),
        CertificateError::NotValidYet => "its certificate is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("its certificate is not valid before {}", time(not_before.as_secs()))
        }
        CertificateError::NotValidForNameContext { expected, presented } if presented.is_empty() => {
            format!("its certificate is for no host at all (it has no subjectAltName), not for {}", expected.to_str())
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let presented: Vec<_> = presented.iter().map(|name| bare(name)).collect();
            format!("its certificate is for {}, not for {}", presented.join(", "), expected.to_str())
        }
        wrong => format!("its certificate cannot be accepted: {wrong}"),
    }
}

/// `DnsName("host")` is `host`.
fn bare(name: &str) -> &str {
    name.split_once('(').map_or(name, |(_, inner)| inner.trim_end_matches(')').trim_matches('"'))
}

fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| format!("second {seconds}"), |time| time.to_string())
}
