//! `plimsoll replay`: a recording as a daemon, until it is stopped; or as the clients, through the judge.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cli::{Part, ReplayArgs};
use crate::error::{Error, Exit};
use crate::model::Event;
use crate::proxy::{self, Address, Listener, Stream, Tap};
use crate::replay::Script;
use crate::replay::client::play;
use crate::replay::daemon::{Ending, connection};
use crate::transcript::{Exchange, Exchanges};

use super::progress::{Progress, Steps};
use super::recording::Recording;
use super::serve::Backend;
use super::session::{Output, Session, recorder};
use super::signals::{Signals, announce};

/// So many of the requests that were not asked are named.
const UNASKED_SHOWN: usize = 12;

pub(super) fn run(args: ReplayArgs) -> Result<Exit, Error> {
    let exchanges = load(&args.file)?;
    match args.part {
        Part::Daemon => daemon(args, exchanges),
        Part::Client => client(args, exchanges),
    }
}

/// Reads a recording up to its end, or to where it breaks: what stands before that can be played.
fn load(path: &Path) -> Result<Vec<Exchange>, Error> {
    let recording = Recording::open(path)?;
    let mut splitter = None;
    let mut exchanges = Vec::new();
    let read = recording.read(path, &mut Progress::new("reading", path, false), &mut |line| {
        let splitter = splitter.get_or_insert_with(|| Exchanges::new(line.announced));
        splitter.push(line.entry, &mut |exchange| exchanges.push(exchange));
    });
    if let Some(splitter) = splitter {
        splitter.finish(&mut |exchange| exchanges.push(exchange));
    }
    if exchanges.is_empty() {
        read?;
        return Err(Error::usage(format!("{}: there is no request in it", path.display())));
    }
    if let Err(error) = read {
        announce(&format!("{error}; what stands before that is played"));
    }
    Ok(exchanges)
}

fn daemon(args: ReplayArgs, exchanges: Vec<Exchange>) -> Result<Exit, Error> {
    let listen = args.listen.ok_or_else(|| Error::usage("--as daemon needs --listen ADDR"))?;
    let idle = [("--backend", args.backend.is_some()), ("--record", args.record.is_some())];
    let idle = idle.into_iter().find(|(_, given)| *given).map(|(option, _)| option);
    if let Some(option) = idle.or_else(|| super::tls::typed(&args.dial)) {
        return Err(Error::usage(format!("{option} is for --as client: the recording is the daemon")));
    }
    super::runtime()?.block_on(async {
        let script = Arc::new(Script::new(exchanges, args.speed));
        let listener = Listener::bind(&listen).await?;
        let mut signals = Signals::listen()?;
        announce(&format!("listening on {}, {} recorded exchanges", listener.address(), script.tally().0));
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(accept(listener, Arc::clone(&script), stopped));
        let interrupted = signals.next().await;
        let _ = stop.send(true);
        serving.await.unwrap_or_else(|bug| std::panic::resume_unwind(bug.into_panic()));
        super::print(&summary(&script))?;
        Ok(match (interrupted, script.unmatched().is_empty()) {
            (true, _) => Exit::Interrupted,
            (false, true) => Exit::Compliant,
            (false, false) => Exit::Violations,
        })
    })
}

/// Plays the clients through a private proxy, which judges.
fn client(args: ReplayArgs, exchanges: Vec<Exchange>) -> Result<Exit, Error> {
    super::enforce::refuse(&args.judge.output, "replay", "it is to see what the daemon answers")?;
    let backend = super::tls::backend(args.backend, &args.dial)?;
    let recorder = recorder(args.record.as_deref())?;
    super::runtime()?.block_on(async {
        // Only its owner may enter the folder, and so reach the socket.
        let dir = tempfile::Builder::new().prefix("plimsoll-").tempdir();
        let dir = dir.map_err(|error| Error::environment(format!("cannot make a folder for the socket: {error}")))?;
        let socket = dir.path().join("docker.sock");
        let listener = Listener::bind(&Address::Unix(socket.clone())).await?;
        let mut signals = Signals::listen()?;
        let backend = Backend::start(backend).await?;
        let session = Session::start("replay", &args.judge, Output::Live, args.record.as_deref())?;
        let events = session.clone();
        let mut steps = Steps::new(format!("replaying {}", args.file.display()), Some(exchanges.len()), "exchanges");
        let tap = Arc::new(Tap::new(session.settings(), recorder, move |event| {
            events.event(event);
            if matches!(event, Event::Exchange(_)) {
                steps.done();
            }
        }));
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(proxy::serve(listener, backend.address(), Arc::clone(&tap), stopped));
        let interrupted = tokio::select! {
            given_up = play(exchanges, &socket, args.speed) => {
                for (line, request) in given_up {
                    announce(&format!("no answer came to {request} (line {line}), so what is after it was sent without"));
                }
                false
            }
            _ = signals.next() => true,
        };
        let _ = stop.send(true);
        let served = serving.await.unwrap_or_else(|bug| std::panic::resume_unwind(bug.into_panic()));
        let recorded = tap.finish();
        let exit = session.finish()?;
        recorded?;
        match exit {
            _ if interrupted => Ok(Exit::Interrupted),
            Exit::Violations => Ok(exit),
            _ => served.map(|()| exit),
        }
    })
}

/// Accepts connections until it is told to stop; what is open then is cut.
async fn accept(listener: Listener, script: Arc<Script>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(stream) => drop(connections.spawn(serve(stream, Arc::clone(&script)))),
                // Out of file descriptors, or a client that left again: the next one may do.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(done) = connections.join_next(), if !connections.is_empty() => {
                if let Err(bug) = done {
                    std::panic::resume_unwind(bug.into_panic());
                }
            }
            _ = stop.changed() => break,
        }
    }
    connections.shutdown().await;
}

async fn serve(stream: Stream, script: Arc<Script>) {
    match stream {
        Stream::Unix(mut stream) => drop(connection(&mut stream, &script).await),
        Stream::Tls(mut stream) => drop(connection(&mut stream, &script).await),
        Stream::Tcp(mut stream) => {
            if connection(&mut stream, &script).await == Ending::Reset {
                // With nothing to linger for, closing is a reset. A connection that is gone needs none.
                let _ = stream.set_zero_linger();
            }
        }
    }
}

/// What was played, and what could not be.
fn summary(script: &Script) -> String {
    let (recorded, played, answered) = script.tally();
    let (unmatched, unasked) = (script.unmatched(), script.unasked());
    let mut out = Vec::new();
    for request in &unmatched {
        let times = if request.count > 1 { format!("  ×{}", request.count) } else { String::new() };
        out.push(format!("not in the recording: {}{times}\n  {}", request.request, request.nearest));
    }
    for (line, request) in unasked.iter().take(UNASKED_SHOWN) {
        out.push(format!("not asked: {request} (line {line})"));
    }
    if unasked.len() > UNASKED_SHOWN {
        out.push(format!("not asked: … and {} more", unasked.len() - UNASKED_SHOWN));
    }
    let refused: u64 = unmatched.iter().map(|request| request.count).sum();
    out.push(format!(
        "replayed: {answered} requests answered, {refused} not in the recording; {played} of {recorded} recorded exchanges were asked\n"
    ));
    out.join("\n")
}
