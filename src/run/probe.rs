//! `plimsoll probe`: drives a daemon through a private proxy, and shows the scorecard.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::catalog::Catalog;
use crate::cli::ProbeArgs;
use crate::error::{Error, Exit};
use crate::inspect::Settings;
use crate::model::{Event, ProbeCase};
use crate::probe::client::Gate;
use crate::probe::ledger::Ledger;
use crate::probe::scorecard::{Comparison, Scorecard, Setting};
use crate::probe::{AT_ONCE, Probe, Wishes};
use crate::proxy::{Address, Listener, Recorder, Tap, serve};

use super::progress::Line;
use super::serve::Backend;
use super::session::{Output, Run, Session, recorder};
use super::signals::announce;

/// How often it is looked how far the probe is.
const TICK: Duration = Duration::from_millis(100);
/// So many of the things that could not be removed are named.
const LEFT_SHOWN: usize = 8;
/// So many versions are driven at once at the built-in backend: each has up to two networks, and the default pools hold 31.
const OWN_AT_ONCE: usize = 12;
/// Without a terminal the scorecard is as wide as this, unless COLUMNS says otherwise.
const WIDTH: usize = 80;

pub(super) fn run(args: &ProbeArgs) -> Result<Exit, Error> {
    super::enforce::refuse(&args.output, "probe", "it is to see what the daemon answers")?;
    let asked = asked(args)?;
    let recorder = recorder(args.record.as_deref())?;
    let session = start(args, &asked)?;
    let operations = operations(session.settings().catalog, &args.operation)?;
    super::runtime()?.block_on(async {
        let (mut first, mut interrupted, mut recorder) = (None, false, recorder);
        for daemon in &asked {
            let wishes = Wishes {
                versions: args.api_version.0,
                operations: operations.clone(),
                allow_destructive: daemon.allow_destructive,
                at_once: if daemon.is_own() { OWN_AT_ONCE } else { AT_ONCE },
                image: args.image.clone(),
                catalog: session.settings().catalog,
            };
            match one(daemon, wishes, recorder.take(), &session).await {
                Ok(false) => {}
                Ok(true) => interrupted = true,
                // One daemon that is not reached keeps no other from being seen.
                Err(error) => first = first.or(Some(error)),
            }
            if interrupted {
                break;
            }
        }
        // That it was not reached says more than that nothing was seen.
        if let (Some(error), [_]) = (&first, &asked[..]) {
            return Err(error.clone());
        }
        let exit = session.finish()?;
        match (exit, first) {
            _ if interrupted => Ok(Exit::Interrupted),
            (_, None) => Ok(exit),
            (Exit::Violations, Some(error)) => {
                announce(&error.to_string());
                Ok(exit)
            }
            (_, Some(error)) => Err(error),
        }
    })
}

/// A daemon that is to be driven.
struct Daemon {
    /// Where several are.
    name: Option<Arc<str>>,
    address: Address,
    allow_destructive: bool,
}

impl Daemon {
    /// Nothing is anybody's in the built-in backend, which begins and ends with this run; and it does not mind a crowd.
    fn is_own(&self) -> bool {
        self.address == Address::Reference
    }
}

fn asked(args: &ProbeArgs) -> Result<Vec<Daemon>, Error> {
    let daemon = |name, address: Address| {
        let allow_destructive = args.allow_destructive || address == Address::Reference;
        Daemon { name, address, allow_destructive }
    };
    if args.daemon.is_empty() {
        return Ok(vec![daemon(None, super::tls::backend(args.backend.clone(), &args.dial)?)]);
    }
    let mut asked: Vec<Daemon> = Vec::new();
    for (name, address) in &args.daemon {
        if asked.iter().any(|other| other.name.as_deref() == Some(name)) {
            return Err(Error::usage(format!("--daemon: two daemons are named `{name}`")));
        }
        asked.push(daemon(Some(name.as_str().into()), super::tls::backend(Some(address.clone()), &args.dial)?));
    }
    Ok(asked)
}

/// Drives one daemon through a private proxy; whether it was interrupted.
async fn one(daemon: &Daemon, wishes: Wishes, recorder: Option<Recorder>, session: &Session) -> Result<bool, Error> {
    // Only its owner may enter the folder, and so reach the socket.
    let dir = tempfile::Builder::new().prefix("plimsoll-").tempdir();
    let dir = dir.map_err(|error| Error::environment(format!("cannot make a folder for the socket: {error}")))?;
    let socket = dir.path().join("docker.sock");
    let listener = Listener::bind(&Address::Unix(socket.clone())).await?;
    let ledger = Arc::new(Ledger::default());
    let (events, cases) = (session.clone(), Arc::clone(&ledger));
    let settings = Settings { daemon: daemon.name.clone(), ..session.settings() };
    let tap = Arc::new(Tap::new(settings, recorder, move |event| {
        events.event(event);
        cases.event(event);
    }));
    let (stop, stopped) = watch::channel(false);
    let backend = Backend::start(daemon.address.clone()).await?;
    let serving = tokio::spawn(serve(listener, backend.address(), Arc::clone(&tap), stopped));
    let gate = Arc::new(Gate::new(socket, Arc::clone(&ledger)));
    let driven = drive(wishes, gate, ledger, daemon.name.as_deref()).await;
    let _ = stop.send(true);
    let served = serving.await.unwrap_or_else(|bug| std::panic::resume_unwind(bug.into_panic()));
    let recorded = tap.finish();
    let (probe, interrupted) = match driven {
        Ok(driven) => driven,
        // That it was not reached says more than that it did not answer.
        Err(error) => return Err(served.err().unwrap_or(error)),
    };
    for case in probe.results() {
        session.event(&Event::ProbeCase(ProbeCase { daemon: daemon.name.clone(), ..case }));
    }
    recorded?;
    // A daemon that went away meanwhile was not seen.
    if interrupted { Ok(true) } else { served.map(|()| false) }
}

/// Looks around, runs the cases and clears away; whether it was interrupted comes second.
async fn drive(wishes: Wishes, gate: Arc<Gate>, ledger: Arc<Ledger>, name: Option<&str>) -> Result<(Probe, bool), Error> {
    let listen = |kind| signal(kind).map_err(|error| Error::environment(format!("cannot listen for signals: {error}")));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let id = format!("{:04x}", fastrand::u16(..));
    let probe = tokio::select! {
        probe = Probe::prepare(wishes, gate, ledger, &id) => probe?,
        _ = interrupt.recv() => return Err(Error::environment("interrupted before it began")),
    };
    let interrupted = {
        let mut line = Line::new(false);
        let running = probe.run();
        tokio::pin!(running);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                () = &mut running => break false,
                _ = interrupt.recv() => break true,
                _ = terminate.recv() => break true,
                _ = tick.tick() => line.tell(|| progress(&probe, name)),
            }
        }
    };
    if interrupted {
        announce("interrupted, removing what was made …");
    }
    let left = if interrupted { probe.clear_twice().await } else { probe.clear().await };
    for thing in left.iter().take(LEFT_SHOWN) {
        announce(&format!("could not be removed: {thing}"));
    }
    if left.len() > LEFT_SHOWN {
        announce(&format!("… nor could {} more", left.len() - LEFT_SHOWN));
    }
    Ok((probe, interrupted))
}

/// How far it is.
fn progress(probe: &Probe, name: Option<&str>) -> String {
    let name = name.map(|name| format!("{name}, ")).unwrap_or_default();
    let (cases, failing) = probe.progress();
    let versions = probe.versions();
    let span = match versions {
        [one] => format!("API {one}"),
        [first, .., last] => format!("API {first} to {last}"),
        [] => "no version".to_owned(),
    };
    format!("probing {name}{span}: {cases} cases, {failing} with errors")
}

fn start(args: &ProbeArgs, asked: &[Daemon]) -> Result<Session, Error> {
    let width = width();
    let named: Vec<(String, String)> =
        asked.iter().filter_map(|it| Some((it.name.as_deref()?.to_owned(), it.address.to_string()))).collect();
    let backend = asked.first().map(|daemon| daemon.address.to_string()).unwrap_or_default();
    let allow_destructive = args.allow_destructive && asked.iter().any(|daemon| !daemon.is_own());
    let run = Run { command: "probe", output: Output::Live, recording: args.record.as_deref() };
    Session::start_with(run, &args.output, None, &move |out, report| {
        let crate::report::Setting { style, catalog, coverage } = report;
        let setting = Setting { backend: backend.clone(), allow_destructive, catalog, width, style, coverage };
        if named.is_empty() { Box::new(Scorecard::new(out, setting)) } else { Box::new(Comparison::new(out, &named, &setting)) }
    })
}

/// Columns: what COLUMNS says, else the terminal.
fn width() -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let found = || std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten().map(|(width, _)| usize::from(width.0));
    said.or_else(found).unwrap_or(WIDTH).clamp(40, 400)
}

fn operations(catalog: &Catalog, names: &[String]) -> Result<std::collections::BTreeSet<String>, Error> {
    for name in names {
        if catalog.operation(name).is_none() {
            return Err(Error::usage(format!("there is no operation `{name}`: plimsoll schemas list names them all")));
        }
    }
    Ok(names.iter().cloned().collect())
}
