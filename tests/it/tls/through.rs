//! What passes through a relay with TLS on both legs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use plimsoll::inspect::{EnforcePolicy, Settings};
use plimsoll::model::Event;
use plimsoll::proxy::{Address, ClientTls, Identity, Listener, Listening, ServerTls, Tap, Trust, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::Papers;

/// What does not come in this time does not come.
const LONG: Duration = Duration::from_secs(20);
const UPGRADE: &str =
    "POST /v1.41/containers/c/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
const UPGRADED: &str =
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

struct Rig {
    client: client::TlsStream<TcpStream>,
    daemon: server::TlsStream<TcpStream>,
    events: Arc<Mutex<Vec<Event>>>,
    tap: Arc<Tap>,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<Result<(), plimsoll::error::Error>>,
}

async fn rig(papers: &Papers, policy: Option<EnforcePolicy>) -> Rig {
    let identity = |name: &str| Identity { certificate: papers.path(&format!("{name}.pem")), key: papers.path(&format!("{name}.key")) };
    let tls = Some(ServerTls::load(identity("daemon"), Some(&papers.path("ca.pem"))).expect("files"));
    let (anywhere, how) = (Address::Tcp("127.0.0.1:0".to_owned()), Listening { tls, ..Listening::default() });
    let listener = Listener::bind_as(&anywhere, &how).await.expect("bound");
    let Address::Tls { host, .. } = listener.address().clone() else { panic!("{:?} is not in TLS", listener.address()) };
    let backend = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let tls = ClientTls::load(Trust::File(papers.path("ca.pem")), Some(&identity("client"))).expect("files");
    let address = Address::Tls { host: backend.local_addr().expect("an address").to_string(), tls };
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&events);
    let tap = Tap::new(Settings::default(), None, move |event| sink.lock().expect("not poisoned").push(event.clone()));
    let tap = Arc::new(match policy {
        Some(policy) => tap.enforcing(policy),
        None => tap,
    });
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(serve(listener, address, Arc::clone(&tap), stopped));
    let chain = |name: &str| vec![CertificateDer::from_pem_file(papers.path(&format!("{name}.pem"))).expect("a certificate")];
    let key = |name: &str| PrivateKeyDer::from_pem_file(papers.path(&format!("{name}.key"))).expect("a key");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(papers.path("ca.pem")).expect("a certificate")).expect("an authority");
    let config = ClientConfig::builder().with_root_certificates(roots).with_client_auth_cert(chain("client"), key("client")).expect("fits");
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let client = async {
        let stream = TcpStream::connect(host).await.expect("it listens");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("let in")
    };
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain("daemon"), key("daemon")).expect("fits");
    let daemon = async {
        let (stream, _) = backend.accept().await.expect("dialled");
        TlsAcceptor::from(Arc::new(config)).accept(stream).await.expect("greeted")
    };
    let (client, daemon) = tokio::join!(client, daemon);
    Rig { client, daemon, events, tap, stop, serving }
}

impl Rig {
    /// A hijack, seen by both.
    async fn hijack(&mut self) {
        self.client.write_all(UPGRADE.as_bytes()).await.expect("written");
        self.client.flush().await.expect("flushed");
        expect(&mut self.daemon, UPGRADE.as_bytes()).await;
        self.daemon.write_all(UPGRADED.as_bytes()).await.expect("written");
        self.daemon.flush().await.expect("flushed");
        expect(&mut self.client, UPGRADED.as_bytes()).await;
    }

    async fn finish(self) -> Vec<Event> {
        drop((self.client, self.daemon));
        let _ = self.stop.send(true);
        self.serving.await.expect("no bug").expect("reached");
        self.tap.finish().expect("no recording");
        self.events.lock().expect("not poisoned").clone()
    }
}

/// Exactly this comes, without anything more being sent.
async fn expect<R: tokio::io::AsyncRead + Unpin>(reader: &mut R, due: &[u8]) {
    let mut seen = vec![0; due.len()];
    tokio::time::timeout(LONG, reader.read_exact(&mut seen)).await.expect("in time").expect("all of it");
    assert!(seen == due, "{} bytes came otherwise", due.len());
}

fn modes() -> [Option<EnforcePolicy>; 2] {
    [None, Some(EnforcePolicy::default())]
}

#[tokio::test]
async fn a_half_close_goes_on_and_the_other_half_lives() {
    let papers = Papers::new();
    for mode in modes() {
        let mut rig = rig(&papers, mode).await;
        rig.hijack().await;
        // A byte at a time arrives at once.
        for byte in b"abc" {
            rig.client.write_all(&[*byte]).await.expect("written");
            expect(&mut rig.daemon, &[*byte]).await;
        }
        rig.client.shutdown().await.expect("close_notify");
        let mut rest = Vec::new();
        tokio::time::timeout(LONG, rig.daemon.read_to_end(&mut rest)).await.expect("in time").expect("a clean end");
        assert_eq!(rest, b"");
        rig.daemon.write_all(b"\x01\0\0\0\0\0\0\x05after").await.expect("written");
        rig.daemon.shutdown().await.expect("close_notify");
        let mut rest = Vec::new();
        tokio::time::timeout(LONG, rig.client.read_to_end(&mut rest)).await.expect("in time").expect("a clean end");
        assert_eq!(rest, b"\x01\0\0\0\0\0\0\x05after");
        rig.finish().await;
    }
}

#[tokio::test]
async fn megabytes_pass_both_ways_at_once() {
    let papers = Papers::new();
    for mode in modes() {
        let mut rig = rig(&papers, mode).await;
        rig.hijack().await;
        let mut frames = Vec::new();
        for number in 0..200_u8 {
            frames.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0x80, 0]);
            frames.extend(std::iter::repeat_n(number, 0x8000));
        }
        let up = vec![7; 5 << 20];
        let (mut client_reader, mut client_writer) = tokio::io::split(&mut rig.client);
        let (mut daemon_reader, mut daemon_writer) = tokio::io::split(&mut rig.daemon);
        let send_up = async {
            client_writer.write_all(&up).await.expect("written");
            client_writer.flush().await.expect("flushed");
        };
        let send_down = async {
            daemon_writer.write_all(&frames).await.expect("written");
            daemon_writer.flush().await.expect("flushed");
        };
        tokio::join!(send_up, send_down, expect(&mut daemon_reader, &up), expect(&mut client_reader, &frames));
        rig.finish().await;
    }
}

#[tokio::test]
async fn a_break_is_not_made_an_end() {
    let papers = Papers::new();
    for mode in modes() {
        let mut rig = rig(&papers, mode).await;
        rig.hijack().await;
        rig.daemon.write_all(b"\x01\0\0\0\0\0\0\x05half!").await.expect("written");
        rig.daemon.flush().await.expect("flushed");
        expect(&mut rig.client, b"\x01\0\0\0\0\0\0\x05half!").await;
        // TCP ends, TLS does not.
        rig.daemon.get_mut().0.shutdown().await.expect("shut");
        let mut rest = Vec::new();
        let end = tokio::time::timeout(LONG, rig.client.read_to_end(&mut rest)).await.expect("in time");
        assert_eq!(end.expect_err("no clean end").kind(), std::io::ErrorKind::UnexpectedEof);
        rig.finish().await;
    }
}
