//! `plimsoll serve`: the reference backend, until it is stopped; and the same as the backend of another command.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::cli::ServeArgs;
use crate::error::{Error, Exit};
use crate::proxy::{Address, Listener, Stream};
use crate::reference::fault::Kind;
use crate::reference::{Clock, Engine, Fault, Settings, connection};

use super::signals::{Signals, announce};

pub(super) fn run(args: &ServeArgs) -> Result<Exit, Error> {
    if args.list_faults {
        return super::print(&list_faults());
    }
    let listening = super::tls::listening(&args.listen, &args.listening)?;
    let fault = |text: &String| text.parse::<Fault>().map_err(Error::usage);
    let settings = Settings {
        oldest: args.api_version.since,
        newest: args.api_version.until,
        seed: args.seed,
        clock: args.clock.map_or_else(Clock::system, Clock::fixed),
        cors: args.cors,
        faults: args.fault.iter().map(fault).collect::<Result<_, _>>()?,
    };
    crate::proxy::raise_descriptor_limit();
    super::runtime()?.block_on(async {
        let engine = Engine::new(settings);
        let mut listeners = Vec::new();
        for address in &args.listen {
            listeners.push(Listener::bind_as(address, &listening).await?);
        }
        let mut signals = Signals::listen()?;
        let (stop, stopped) = watch::channel(false);
        let mut serving = JoinSet::new();
        for listener in listeners {
            announce(&format!("listening on {}, reference backend", listener.address()));
            serving.spawn(accept(listener, Arc::clone(&engine), stopped.clone()));
        }
        let interrupted = signals.next().await;
        let _ = stop.send(true);
        serving.join_all().await;
        Ok(if interrupted { Exit::Interrupted } else { Exit::Compliant })
    })
}

/// A line a fault: its id, the rule that it breaks where the id does not say it, what it does.
fn list_faults() -> String {
    let width = Kind::ALL.iter().map(|kind| kind.id.len()).max().unwrap_or_default();
    let mut out = String::new();
    for kind in Kind::ALL {
        let note = match kind.rule {
            Some(rule) if rule.id() == kind.id => String::new(),
            Some(rule) => format!(" (breaks {})", rule.id()),
            None => " (legal)".to_owned(),
        };
        // Writing to a text cannot fail.
        let _ = writeln!(out, "{:width$}  {}{note}", kind.id, kind.what);
    }
    out
}

/// Accepts connections until it is told to stop; what is open then is cut.
async fn accept(listener: Listener, engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(Stream::Unix(stream)) => drop(connections.spawn(connection(stream, Arc::clone(&engine)))),
                Ok(Stream::Tcp(stream)) => drop(connections.spawn(connection(stream, Arc::clone(&engine)))),
                Ok(Stream::Tls(stream)) => drop(connections.spawn(connection(*stream, Arc::clone(&engine)))),
                // Out of file descriptors, or a client that left again: the next one may do.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            _ = stop.changed() => break,
        }
    }
    connections.shutdown().await;
}

/// A backend that was started if it is the built-in one. It ends when this is dropped.
pub(super) struct Backend {
    address: Address,
    own: Option<Own>,
}

struct Own {
    serving: JoinHandle<()>,
    // Only its owner may enter the folder, and so reach the socket.
    _dir: TempDir,
}

impl Backend {
    /// Starts the built-in backend when the address asks for it.
    pub(super) async fn start(address: Address) -> Result<Self, Error> {
        if address != Address::Reference {
            return Ok(Self { address, own: None });
        }
        let dir = tempfile::Builder::new().prefix("plimsoll-").tempdir();
        let dir = dir.map_err(|error| Error::environment(format!("cannot make a folder for the reference backend's socket: {error}")))?;
        let listener = Listener::bind(&Address::Unix(dir.path().join("reference.sock"))).await?;
        let address = listener.address().clone();
        let (stop, stopped) = watch::channel(false);
        let engine = Engine::new(Settings::default());
        let serving = tokio::spawn(async move {
            accept(listener, engine, stopped).await;
            drop(stop);
        });
        Ok(Self { address, own: Some(Own { serving, _dir: dir }) })
    }

    /// Where to dial.
    pub(super) fn address(&self) -> Address {
        self.address.clone()
    }

    /// What people call it.
    pub(super) fn name(&self) -> String {
        if self.own.is_some() { Address::Reference.to_string() } else { self.address.to_string() }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(own) = &self.own {
            own.serving.abort();
        }
    }
}
