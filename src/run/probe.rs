//! `plimsoll probe`: drives a daemon through a private proxy, and shows the scorecard.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::catalog::Catalog;
use crate::cli::ProbeArgs;
use crate::error::{Error, Exit};
use crate::model::Event;
use crate::probe::client::Gate;
use crate::probe::ledger::Ledger;
use crate::probe::scorecard::{Scorecard, Setting};
use crate::probe::{AT_ONCE, Probe, Wishes};
use crate::proxy::{Address, Listener, Tap, serve};

use super::serve::Backend;
use super::session::{Output, Run, Session, recorder};

/// How often the line of progress is written anew.
const TICK: Duration = Duration::from_millis(100);
/// So many of the things that could not be removed are named.
const LEFT_SHOWN: usize = 8;
/// So many versions are driven at once at the built-in backend: each has up to two networks, and the default pools hold 31.
const OWN_AT_ONCE: usize = 12;
/// Without a terminal the scorecard is as wide as this, unless COLUMNS says otherwise.
const WIDTH: usize = 80;

pub(super) fn run(args: ProbeArgs) -> Result<Exit, Error> {
    super::enforce::refuse(&args.output, "probe", "it is to see what the daemon answers")?;
    let backend = super::backend(args.backend)?;
    let recorder = recorder(args.record.as_deref())?;
    // Nothing is anybody's in the built-in backend, which begins and ends with this run; and it does not mind a crowd.
    let is_own = backend == Address::Reference;
    let allow_destructive = args.allow_destructive || is_own;
    let session = start(&args.output, &backend, allow_destructive && !is_own, args.record.as_deref())?;
    let catalog = session.settings().catalog;
    let wishes = Wishes {
        versions: args.api_version.0,
        operations: operations(catalog, &args.operation)?,
        allow_destructive,
        at_once: if is_own { OWN_AT_ONCE } else { AT_ONCE },
        image: args.image,
        catalog,
    };
    super::runtime()?.block_on(async {
        // Only its owner may enter the folder, and so reach the socket.
        let dir = tempfile::Builder::new().prefix("plimsoll-").tempdir();
        let dir = dir.map_err(|error| Error::environment(format!("cannot make a folder for the socket: {error}")))?;
        let socket = dir.path().join("docker.sock");
        let listener = Listener::bind(&Address::Unix(socket.clone())).await?;
        let ledger = Arc::new(Ledger::default());
        let (events, cases) = (session.clone(), Arc::clone(&ledger));
        let tap = Arc::new(Tap::new(session.settings(), recorder, move |event| {
            events.event(event);
            cases.event(event);
        }));
        let (stop, stopped) = watch::channel(false);
        let backend = Backend::start(backend).await?;
        let serving = tokio::spawn(serve(listener, backend.address(), Arc::clone(&tap), stopped));
        let gate = Arc::new(Gate::new(socket, Arc::clone(&ledger)));
        let driven = drive(wishes, gate, ledger).await;
        let _ = stop.send(true);
        let served = serving.await.unwrap_or_else(|bug| std::panic::resume_unwind(bug.into_panic()));
        let recorded = tap.finish();
        let (probe, interrupted) = match driven {
            Ok(driven) => driven,
            // That it was not reached says more than that it did not answer.
            Err(error) => return Err(served.err().unwrap_or(error)),
        };
        for case in probe.results() {
            session.event(&Event::ProbeCase(case));
        }
        let exit = session.finish()?;
        recorded?;
        match exit {
            _ if interrupted => Ok(Exit::Interrupted),
            Exit::Violations => Ok(exit),
            // A daemon that went away meanwhile was not seen.
            _ => served.map(|()| exit),
        }
    })
}

/// Looks around, runs the cases and clears away; whether it was interrupted comes second.
async fn drive(wishes: Wishes, gate: Arc<Gate>, ledger: Arc<Ledger>) -> Result<(Probe, bool), Error> {
    let listen = |kind| signal(kind).map_err(|error| Error::environment(format!("cannot listen for signals: {error}")));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let id = format!("{:04x}", fastrand::u16(..));
    let probe = tokio::select! {
        probe = Probe::prepare(wishes, gate, ledger, &id) => probe?,
        _ = interrupt.recv() => return Err(Error::environment("interrupted before it began")),
    };
    let shown = std::io::stderr().is_terminal();
    let interrupted = {
        let running = probe.run();
        tokio::pin!(running);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                () = &mut running => break false,
                _ = interrupt.recv() => break true,
                _ = terminate.recv() => break true,
                _ = tick.tick() => if shown { progress(&probe) },
            }
        }
    };
    if shown {
        say("\r\x1b[K");
    }
    if interrupted {
        say("plimsoll: interrupted, removing what was made …\n");
    }
    let left = if interrupted { probe.clear_twice().await } else { probe.clear().await };
    for thing in left.iter().take(LEFT_SHOWN) {
        say(&format!("plimsoll: could not be removed: {thing}\n"));
    }
    if left.len() > LEFT_SHOWN {
        say(&format!("plimsoll: … nor could {} more\n", left.len() - LEFT_SHOWN));
    }
    Ok((probe, interrupted))
}

fn progress(probe: &Probe) {
    let (cases, failing) = probe.progress();
    let versions = probe.versions();
    let span = match versions {
        [one] => format!("API {one}"),
        [first, .., last] => format!("API {first} to {last}"),
        [] => "no version".to_owned(),
    };
    say(&format!("\r\x1b[Kprobing {span}: {cases} cases, {failing} with errors"));
}

/// Standard output is for the report.
fn say(text: &str) {
    let mut stderr = std::io::stderr();
    // Nobody listens on standard error: then nobody waits.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

fn start(output: &crate::cli::OutputArgs, backend: &Address, allow_destructive: bool, recording: Option<&Path>) -> Result<Session, Error> {
    let backend = backend.to_string();
    let width = width();
    let run = Run { command: "probe", output: Output::Live, recording };
    Session::start_with(run, output, None, &move |out, style, catalog| {
        let setting = Setting { backend: backend.clone(), allow_destructive, catalog, width, style };
        Box::new(Scorecard::new(out, setting))
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
