//! The probe's HTTP client, through the private proxy.
//!
//! Ordinary calls go over hyper on a connection that is kept alive. Hijacks need the bare socket: their request heads are written by hand,
//! since hyper takes no plain `200 OK` for an upgrade. Each wait is bounded. It judges nothing: what arrives was judged on the way.

mod raw;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::ledger::Ledger;

pub use raw::{Handshake, Raw};

/// So long one step may take: a connection, a head, the next bytes of a body.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// No body is collected beyond this.
const BODY_LIMIT: usize = 64 << 20;

/// The way to the proxy. Connections are numbered here as the proxy numbers them: in the order in which they are made.
#[derive(Debug)]
pub struct Gate {
    socket: PathBuf,
    count: Mutex<u64>,
    ledger: Arc<Ledger>,
}

impl Gate {
    /// To the proxy that listens at `socket`, to which nobody else connects.
    #[must_use]
    pub fn new(socket: PathBuf, ledger: Arc<Ledger>) -> Self {
        Self { socket, count: Mutex::new(0), ledger }
    }

    /// One more connection, for a case. One at a time, so that the order is known.
    async fn connect(&self, case: usize) -> Result<UnixStream, Fault> {
        let mut count = self.count.lock().await;
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| Fault(format!("cannot connect: {error}")))?;
        *count += 1;
        self.ledger.opened(*count, case);
        Ok(stream)
    }
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(String);

impl Fault {
    fn late(what: &str) -> Self {
        Self(format!("{what} within {} s", PATIENCE.as_secs()))
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST` …
    pub method: &'static str,
    /// Path and query, with the version.
    pub path: String,
    /// Beside Host, User-Agent and the length.
    pub headers: Vec<(&'static str, String)>,
    /// Empty for none.
    pub body: Bytes,
}

/// An answer, as a whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

/// An answer whose body is still coming.
#[derive(Debug)]
pub struct Flow {
    /// The status code.
    pub status: u16,
    body: Incoming,
}

impl Flow {
    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            let frame = timeout(PATIENCE, self.body.frame()).await.map_err(|_| Fault::late("no more of the body came"))?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(Fault(format!("the body broke off: {}", deepest(&error)))),
                // Trailers are no body.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Ok(Some(data)),
                    Err(_) => {}
                },
            }
        }
    }

    /// The rest of the body.
    pub async fn rest(mut self) -> Result<Bytes, Fault> {
        let mut all = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            if all.len() + bytes.len() > BODY_LIMIT {
                return Err(Fault("the body is larger than 64 MiB".to_owned()));
            }
            all.extend_from_slice(&bytes);
        }
        Ok(all.freeze())
    }
}

/// The client of one case: its connections are its own, and are closed with it.
#[derive(Debug)]
pub struct Client {
    gate: Arc<Gate>,
    case: usize,
    kept: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client without a connection yet.
    #[must_use]
    pub const fn new(gate: Arc<Gate>, case: usize) -> Self {
        Self { gate, case, kept: None }
    }

    /// Asks, and waits for the whole answer.
    pub async fn send(&mut self, request: &Request) -> Result<Answer, Fault> {
        let (sender, flow) = self.exchange(request).await?;
        let status = flow.status;
        let body = flow.rest().await?;
        self.kept = Some(sender);
        Ok(Answer { status, body })
    }

    /// Asks on a connection of its own, and waits for the answer's head; the connection ends with the [`Flow`].
    pub async fn open(&mut self, request: &Request) -> Result<Flow, Fault> {
        self.kept = None;
        Ok(self.exchange(request).await?.1)
    }

    /// Asks for the connection itself.
    pub async fn hijack(&mut self, request: &Request, handshake: Handshake) -> Result<Raw, Fault> {
        let stream = self.gate.connect(self.case).await?;
        Raw::ask(stream, request, handshake).await
    }

    async fn exchange(&mut self, request: &Request) -> Result<(SendRequest<Full<Bytes>>, Flow), Fault> {
        let mut kept = self.kept.take();
        if let Some(sender) = &mut kept
            && !matches!(timeout(PATIENCE, sender.ready()).await, Ok(Ok(())))
        {
            // The daemon has closed it meanwhile.
            kept = None;
        }
        let fresh = kept.is_none();
        let mut sender = match kept {
            Some(sender) => sender,
            None => self.dial().await?,
        };
        let answered = match timeout(PATIENCE, sender.send_request(build(request)?)).await {
            Ok(Err(error)) if !fresh && (error.is_canceled() || error.is_closed() || error.is_incomplete_message()) => {
                // Closed at the moment when it was used again.
                sender = self.dial().await?;
                timeout(PATIENCE, sender.send_request(build(request)?)).await
            }
            answered => answered,
        };
        let answer = answered.map_err(|_| Fault::late("no answer"))?;
        let answer = answer.map_err(|error| Fault(format!("the answer cannot be read: {}", deepest(&error))))?;
        let flow = Flow { status: answer.status().as_u16(), body: answer.into_body() };
        Ok((sender, flow))
    }

    async fn dial(&self) -> Result<SendRequest<Full<Bytes>>, Fault> {
        let stream = self.gate.connect(self.case).await?;
        let (sender, connection) = timeout(PATIENCE, handshake(TokioIo::new(stream)))
            .await
            .map_err(|_| Fault::late("no connection"))?
            .map_err(|error| Fault(format!("cannot connect: {error}")))?;
        // Ends with the sender and the body; what it has to say the sender says too.
        tokio::spawn(connection);
        Ok(sender)
    }
}

fn build(request: &Request) -> Result<hyper::Request<Full<Bytes>>, Fault> {
    let mut builder = hyper::Request::builder().method(request.method).uri(&request.path);
    builder = builder.header("Host", "docker").header("User-Agent", agent());
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    builder.body(Full::new(request.body.clone())).map_err(|error| Fault(format!("the request cannot be written: {error}")))
}

fn agent() -> &'static str {
    concat!("plimsoll-probe/", env!("CARGO_PKG_VERSION"))
}

/// The cause says more than what wraps it.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests;
