//! `plimsoll proxy`: the man in the middle, until it is stopped.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::cli::ProxyArgs;
use crate::error::{Error, Exit};
use crate::proxy::{Listener, Tap, serve};

use super::session::{Output, Session, recorder};

pub(super) fn run(args: ProxyArgs) -> Result<Exit, Error> {
    let backend = super::backend(args.backend)?;
    let recorder = recorder(args.record.as_deref())?;
    super::runtime()?.block_on(async {
        let listener = Listener::bind(&args.listen).await?;
        // Before anybody is told that it listens: a script may stop it at once.
        let mut signals = Signals::listen()?;
        let session = Session::start("proxy", &args.judge, Output::Live)?;
        announce(&format!("listening on {}, backend {backend}", listener.address()));
        let events = session.clone();
        let tap = Arc::new(Tap::new(session.settings(), recorder, move |event| events.event(event)));
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, backend, Arc::clone(&tap), stopped));
        let interrupted = signals.next().await;
        let _ = stop.send(true);
        let served = serving.await.unwrap_or_else(|bug| std::panic::resume_unwind(bug.into_panic()));
        let recorded = tap.finish();
        let exit = session.finish()?;
        recorded?;
        match (interrupted, exit) {
            (true, _) => Ok(Exit::Interrupted),
            (false, Exit::Violations) => Ok(exit),
            (false, _) => served.map(|()| exit),
        }
    })
}

/// The signals that stop a proxy.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(|error| Error::environment(format!("cannot listen for signals: {error}")));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Whether it was SIGINT; SIGTERM and SIGHUP are the regular way to stop.
    async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.interrupt.recv() => true,
            _ = self.terminate.recv() => false,
            _ = self.hangup.recv() => false,
        }
    }
}

/// Standard output is for the report, so this goes to standard error; scripts wait for it.
fn announce(text: &str) {
    use std::io::Write as _;
    // Nobody listens on standard error: then nobody waits.
    let _ = writeln!(std::io::stderr(), "plimsoll: {text}");
}
