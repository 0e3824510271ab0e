//! Listening and dialling, on unix sockets and TCP, in the clear and in TLS.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixSocket, UnixStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::Address;
use super::tls::{self, ClientTls, Secured, ServerTls};
use crate::error::Error;

/// So many handshakes at once; further clients wait for one to end.
const GREETINGS: usize = 256;

/// So many clients may wait to be accepted, as far as the system permits (`somaxconn`). One that comes to a full queue is refused on a unix socket, and over TCP
/// comes back after a second.
const BACKLOG: u32 = 4096;

/// A stream of any kind.
#[derive(Debug)]
pub enum Stream {
    /// A unix socket's.
    Unix(UnixStream),
    /// A TCP socket's.
    Tcp(TcpStream),
    /// A TCP socket's, in TLS.
    Tls(Secured),
}

/// How to listen, beside where.
#[derive(Debug, Clone, Default)]
pub struct Listening {
    /// Other machines may reach it. Whoever does controls the daemon.
    pub remote: bool,
    /// In TLS; a unix socket never is.
    pub tls: Option<ServerTls>,
    /// What can be had there.
    pub purpose: Purpose,
}

/// What can be had where plimsoll listens; it says what is risked where other machines reach it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// All that the daemon can do.
    #[default]
    Daemon,
    /// The counts of a running proxy.
    Counts,
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
    Tls(Greeter),
}

/// Shakes hands with many clients at once, so that none waits for a slow one. It ends when it is dropped, and with it the handshakes under way.
#[derive(Debug)]
struct Greeter {
    greeted: Mutex<mpsc::Receiver<Secured>>,
    _task: JoinSet<()>,
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
    /// Binds to a unix socket or to loopback, in the clear. A socket file that nobody listens on is replaced; one that somebody does is refused.
    pub async fn bind(address: &Address) -> Result<Self, Error> {
        Self::bind_as(address, &Listening::default()).await
    }

    /// The same, in TLS or where other machines reach it.
    pub async fn bind_as(address: &Address, how: &Listening) -> Result<Self, Error> {
        let cannot = |error: &dyn std::fmt::Display| Error::environment(format!("cannot listen on {address}: {error}"));
        match address {
            Address::Unix(path) => {
                remove_stale(path).await.map_err(|why| cannot(&why))?;
                let (listener, file) = listen_at(path).map_err(|error| cannot(&error))?;
                Ok(Self { kind: Kind::Unix { listener, _file: file }, address: address.clone() })
            }
            Address::Tcp(host) | Address::Tls { host, .. } => {
                let found: Vec<SocketAddr> = tokio::net::lookup_host(host).await.map_err(|error| cannot(&error))?.collect();
                if !how.remote && !found.iter().all(|place| place.ip().is_loopback()) {
                    let risk = match how.purpose {
                        Purpose::Daemon => "whoever reaches it controls the daemon, and with it the daemon's machine",
                        Purpose::Counts => "whoever reaches it reads the counts",
                    };
                    return Err(Error::usage(format!(
                        "{address} can be reached from other machines, and {risk}: --allow-remote permits that"
                    )));
                }
                let listener = listen_on(&found).map_err(|error| cannot(&error))?;
                // With port 0 the system has chosen one.
                let host = listener.local_addr().map_err(|error| cannot(&error))?.to_string();
                match (&how.tls, address) {
                    (Some(tls), _) => {
                        let address = Address::Tls { host, tls: ClientTls::default() };
                        Ok(Self { kind: Kind::Tls(Greeter::start(listener, tls.clone())), address })
                    }
                    (None, Address::Tls { .. }) => {
                        Err(Error::usage(format!("{address} needs a certificate to show: --listen-tlscert and --listen-tlskey")))
                    }
                    (None, _) => Ok(Self { kind: Kind::Tcp(listener), address: Address::Tcp(host) }),
                }
            }
            Address::Reference => Err(Error::usage("`reference` is a backend, not an address to listen on")),
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The next client. With TLS it has shown what it had to show.
    pub async fn accept(&self) -> io::Result<Stream> {
        match &self.kind {
            Kind::Unix { listener, .. } => Ok(Stream::Unix(listener.accept().await?.0)),
            Kind::Tcp(listener) => accept_tcp(listener).await.map(Stream::Tcp),
            Kind::Tls(greeter) => greeter.next().await.map(Stream::Tls),
        }
    }
}

fn listen_at(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let file = SocketFile(path.to_owned());
    // Whoever may write to the socket is root on the daemon's machine: narrowed before anybody can connect.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok((socket.listen(BACKLOG)?, file))
}

/// At the first place that can be had.
fn listen_on(places: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut refused = io::Error::new(ErrorKind::AddrNotAvailable, "the name has no address");
    for place in places {
        let listener = if place.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.and_then(|socket| {
            // A port of which connections are still closing can be had at once, as dockerd's can.
            socket.set_reuseaddr(true)?;
            socket.bind(*place)?;
            socket.listen(BACKLOG)
        });
        match listener {
            Ok(listener) => return Ok(listener),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

async fn accept_tcp(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Greeter {
    fn start(listener: TcpListener, tls: ServerTls) -> Self {
        let (sender, greeted) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut greetings = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = accept_tcp(&listener), if greetings.len() < GREETINGS => match accepted {
                        Ok(stream) => {
                            let (tls, sender) = (tls.clone(), sender.clone());
                            greetings.spawn(async move {
                                if let Some(stream) = tls::greet(&tls, stream).await {
                                    // Nobody takes it any more: the listener is gone.
                                    let _ = sender.send(stream).await;
                                }
                            });
                        }
                        // Out of file descriptors, or a client that left again: the next one may do.
                        Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                    },
                    Some(_) = greetings.join_next(), if !greetings.is_empty() => {}
                }
            }
        });
        Self { greeted: Mutex::new(greeted), _task: task }
    }

    async fn next(&self) -> io::Result<Secured> {
        self.greeted.lock().await.recv().await.ok_or_else(|| io::Error::other("the listener has ended"))
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
        Address::Tls { host, tls } => tls.connect(host).await.map(Stream::Tls),
        Address::Reference => Err(io::Error::new(ErrorKind::Unsupported, "the reference backend was not started")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_crowd_may_come_at_once() {
        const CROWD: usize = 400;
        let dir = tempfile::tempdir().expect("a folder");
        let unix = Address::Unix(dir.path().join("crowd.sock"));
        for place in [unix, Address::Tcp("127.0.0.1:0".to_owned())] {
            // Nobody is accepted yet.
            let listener = Listener::bind(&place).await.expect("it listens");
            let mut crowd = Vec::new();
            for _ in 0..CROWD {
                let dialled = tokio::time::timeout(Duration::from_secs(20), dial(listener.address())).await;
                crowd.push(dialled.expect("nobody comes twice").expect("nobody is refused"));
            }
            for _ in 0..CROWD {
                listener.accept().await.expect("a client");
            }
        }
    }
}
