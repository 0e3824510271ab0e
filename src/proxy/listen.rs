//! Listening and dialling, on unix sockets and TCP.

use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::Address;
use crate::error::Error;

/// A stream of either kind.
#[derive(Debug)]
pub enum Stream {
    /// A unix socket's.
    Unix(UnixStream),
    /// A TCP socket's.
    Tcp(TcpStream),
}

/// Listens on one address. A unix socket's file goes when the listener does.
#[derive(Debug)]
pub struct Listener {
    kind: Kind,
    address: Address,
}

#[derive(Debug)]
enum Kind {
    Unix { listener: UnixListener, _file: SocketFile },
    Tcp(TcpListener),
}

/// Removes the file when it is dropped.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Gone already is fine.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Binds. A socket file that nobody listens on is replaced; one that somebody does is refused.
    pub async fn bind(address: &Address) -> Result<Self, Error> {
        let cannot = |error: &dyn std::fmt::Display| Error::environment(format!("cannot listen on {address}: {error}"));
        match address {
            Address::Unix(path) => {
                remove_stale(path).await.map_err(|why| cannot(&why))?;
                let listener = UnixListener::bind(path).map_err(|error| cannot(&error))?;
                let file = SocketFile(path.clone());
                // Whoever may write to the socket is root on the daemon's machine.
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(|error| cannot(&error))?;
                Ok(Self { kind: Kind::Unix { listener, _file: file }, address: address.clone() })
            }
            Address::Tcp(host) => {
                let listener = TcpListener::bind(host).await.map_err(|error| cannot(&error))?;
                // With port 0 the system has chosen one.
                let bound = listener.local_addr().map_err(|error| cannot(&error))?;
                Ok(Self { kind: Kind::Tcp(listener), address: Address::Tcp(bound.to_string()) })
            }
            Address::Reference => Err(Error::usage("`reference` is a backend, not an address to listen on")),
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The next client.
    pub async fn accept(&self) -> io::Result<Stream> {
        match &self.kind {
            Kind::Unix { listener, .. } => Ok(Stream::Unix(listener.accept().await?.0)),
            Kind::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }
}

async fn remove_stale(path: &Path) -> Result<(), String> {
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err("the file exists and is no socket".to_owned());
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err("another process listens there".to_owned()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) async fn dial(address: &Address) -> io::Result<Stream> {
    match address {
        Address::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix),
        Address::Tcp(host) => {
            let stream = TcpStream::connect(host).await?;
            // Nothing is to wait for more: what was one write stays one.
            stream.set_nodelay(true)?;
            Ok(Stream::Tcp(stream))
        }
        Address::Reference => Err(io::Error::new(ErrorKind::Unsupported, "the reference backend was not started")),
    }
}
