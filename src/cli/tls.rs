//! TLS on either leg: the docker CLI's options for dialling, dockerd's with `listen-` before them for listening.

#![expect(clippy::doc_markdown, reason = "doc comments are help texts here, and stand in the terminal as they are")]

use std::path::PathBuf;

use clap::Args;

const DIALLING: &str = "TLS to the daemon";
const LISTENING: &str = "TLS and clients";

/// How a daemon behind TCP is dialled. What is not typed is read from the environment, as the docker CLI does.
#[derive(Debug, Clone, Default, Args)]
pub struct DialArgs {
    /// Dial tcp:// in TLS, and take whatever certificate the daemon shows [also: $DOCKER_TLS]
    #[arg(long, help_heading = DIALLING)]
    pub tls: bool,
    /// Dial tcp:// in TLS, and verify the daemon's certificate [also: $DOCKER_TLS_VERIFY, and https://]
    #[arg(long, help_heading = DIALLING)]
    pub tlsverify: bool,
    /// The authorities of the daemon's certificate [default: ca.pem in $DOCKER_CERT_PATH, else ~/.docker]
    #[arg(long, help_heading = DIALLING, value_name = "FILE.pem")]
    pub tlscacert: Option<PathBuf>,
    /// The client certificate that is shown to the daemon [default: cert.pem there, if there is one]
    #[arg(long, help_heading = DIALLING, value_name = "FILE.pem")]
    pub tlscert: Option<PathBuf>,
    /// The key of the client certificate [default: key.pem there]
    #[arg(long, help_heading = DIALLING, value_name = "FILE.pem")]
    pub tlskey: Option<PathBuf>,
}

/// How clients are listened for, beside where.
#[derive(Debug, Clone, Default, Args)]
pub struct ListenArgs {
    /// Listen where other machines reach it, too: whoever reaches it controls the daemon
    #[arg(long)]
    pub allow_remote: bool,
    /// Listen in TLS, and show this certificate to clients
    #[arg(long, help_heading = LISTENING, value_name = "FILE.pem", requires = "listen_tlskey")]
    pub listen_tlscert: Option<PathBuf>,
    /// The key of that certificate
    #[arg(long, help_heading = LISTENING, value_name = "FILE.pem", requires = "listen_tlscert")]
    pub listen_tlskey: Option<PathBuf>,
    /// Let only those clients in whose certificate one of these authorities has signed
    #[arg(long, help_heading = LISTENING, value_name = "FILE.pem", requires = "listen_tlscert")]
    pub listen_tlscacert: Option<PathBuf>,
}
