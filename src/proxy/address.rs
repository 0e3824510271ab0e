//! Addresses as Docker writes them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::tls::ClientTls;

/// Where a daemon listens, or plimsoll is to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `unix:///var/run/docker.sock`
    Unix(PathBuf),
    /// `tcp://127.0.0.1:2375`, `http://…`
    Tcp(String),
    /// `https://host:2376`, or `tcp://` with TLS asked for: how to dial comes with it. Where plimsoll listens it is not used.
    Tls {
        /// `host:port`
        host: String,
        /// Whom to trust, and what to show.
        tls: ClientTls,
    },
    /// The built-in backend. Whoever dials starts it first, on an address of its own.
    Reference,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(host) => write!(f, "tcp://{host}"),
            Self::Tls { host, .. } => write!(f, "https://{host}"),
            Self::Reference => f.write_str("reference"),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMS: &str = "write unix:///path, tcp://host:port, http://host:port, https://host:port or reference";
        let Some((scheme, rest)) = text.split_once("://") else {
            return match text {
                "reference" => Ok(Self::Reference),
                _ => Err(format!("`{text}` is no address: {FORMS}")),
            };
        };
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix(PathBuf::from(rest))),
            "unix" => Err(format!("`{text}` needs an absolute path: unix:///path")),
            "tcp" | "http" | "https" => {
                let host = rest.trim_end_matches('/');
                let port = host.rsplit_once(':').filter(|(name, port)| !name.is_empty() && port.parse::<u16>().is_ok());
                match port {
                    Some(_) if !host.contains('/') && scheme == "https" => {
                        Ok(Self::Tls { host: host.to_owned(), tls: ClientTls::default() })
                    }
                    Some(_) if !host.contains('/') => Ok(Self::Tcp(host.to_owned())),
                    Some(_) => Err(format!("`{text}` has a path behind the port: {FORMS}")),
                    None => Err(format!("`{text}` needs a host and a port: {FORMS}")),
                }
            }
            _ => Err(format!("`{scheme}` is no scheme: {FORMS}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_docker_writes_them() {
        for (text, shown) in [
            ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
            ("tcp://127.0.0.1:2375", "tcp://127.0.0.1:2375"),
            ("http://localhost:80/", "tcp://localhost:80"),
            ("tcp://[::1]:2375", "tcp://[::1]:2375"),
            ("https://127.0.0.1:2376/", "https://127.0.0.1:2376"),
            ("reference", "reference"),
        ] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(shown.to_owned()));
        }
        for text in [
            "",
            "/var/run/docker.sock",
            "unix://relative",
            "tcp://host",
            "tcp://:1",
            "tcp://h:99999",
            "tcp://h:1/x",
            "ssh://h",
            "https://h",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
