//! `plimsoll proxy`: the man in the middle, until it is stopped.

use std::sync::Arc;

use tokio::sync::watch;

use crate::cli::ProxyArgs;
use crate::error::{Error, Exit};
use crate::proxy::{Listener, Tap, raise_descriptor_limit, serve};

use super::enforce::policy;
use super::metrics;
use super::serve::Backend;
use super::session::{Output, Session, recorder};
use super::signals::{Signals, announce};
use super::tls;

pub(super) fn run(args: ProxyArgs) -> Result<Exit, Error> {
    let between = args.between;
    let backend = tls::backend(between.backend, &between.dial)?;
    let listening = tls::listening(std::slice::from_ref(&args.listen), &args.listening)?;
    let policy = policy(&between.judge.output, &between.enforce)?;
    let recorder = recorder(between.record.as_deref())?;
    raise_descriptor_limit();
    super::runtime()?.block_on(async {
        let listener = Listener::bind_as(&args.listen, &listening).await?;
        // Before anybody is told that it listens: a script may stop it at once.
        let mut signals = Signals::listen()?;
        let session = Session::start("proxy", &between.judge, Output::Live, between.record.as_deref())?;
        let backend = Backend::start(backend).await?;
        announce(&format!("listening on {}, backend {}", listener.address(), backend.name()));
        let events = session.clone();
        let tap = Tap::new(session.settings(), recorder, move |event| events.event(event));
        let tap = Arc::new(match policy {
            Some(policy) => tap.enforcing(policy),
            None => tap,
        });
        let (stop, stopped) = watch::channel(false);
        let metrics = match &args.metrics {
            Some(address) => Some(metrics::serve(address, args.listening.allow_remote, &session, &tap).await?),
            None => None,
        };
        let serving = tokio::spawn(serve(listener, backend.address(), Arc::clone(&tap), stopped));
        let interrupted = signals.next().await;
        let _ = stop.send(true);
        drop(metrics);
        let served = serving.await.unwrap_or_else(|bug| std::panic::resume_unwind(bug.into_panic()));
        let recorded = tap.finish();
        session.unwritten(&recorded);
        let exit = session.finish()?;
        recorded?;
        if let (Err(error), Exit::Violations) = (&served, exit) {
            // The violations decide how it ends, and may well come of this.
            announce(&error.to_string());
        }
        match (interrupted, exit) {
            (true, _) => Ok(Exit::Interrupted),
            (false, Exit::Violations) => Ok(exit),
            (false, _) => served.map(|()| exit),
        }
    })
}
