//! `plimsoll run`: a private proxy around one command.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::RunArgs;
use crate::error::{Error, Exit};
use crate::proxy::{Address, Listener, Tap, serve};

use super::enforce::policy;
use super::serve::Backend;
use super::session::{Output, Session, recorder};
use super::signals::announce;

pub(super) fn run(args: RunArgs) -> Result<Exit, Error> {
    let between = args.between;
    let backend = super::tls::backend(between.backend, &between.dial)?;
    let policy = policy(&between.judge.output, &between.enforce)?;
    let recorder = recorder(between.record.as_deref())?;
    super::runtime()?.block_on(async {
        // Only its owner may enter the folder, and so reach the socket.
        let dir = tempfile::Builder::new().prefix("plimsoll-").tempdir();
        let dir = dir.map_err(|error| Error::environment(format!("cannot make a folder for the socket: {error}")))?;
        let listener = Listener::bind(&Address::Unix(dir.path().join("docker.sock"))).await?;
        let host = listener.address().to_string();
        let backend = Backend::start(backend).await?;
        let session = Session::start("run", &between.judge, Output::AtEnd, between.record.as_deref())?;
        let events = session.clone();
        let tap = Tap::new(session.settings(), recorder, move |event| events.event(event));
        let tap = Arc::new(match policy {
            Some(policy) => tap.enforcing(policy),
            None => tap,
        });
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, backend.address(), Arc::clone(&tap), stopped));
        let ended = command(&args.command, &host).await;
        let _ = stop.send(true);
        let served = serving.await.unwrap_or_else(|bug| std::panic::resume_unwind(bug.into_panic()));
        let recorded = tap.finish();
        session.unwritten(&recorded);
        let (status, interrupted) = ended?;
        let exit = session.finish()?;
        recorded?;
        if let (Err(error), Exit::Violations) = (&served, exit) {
            // The violations decide how it ends, and may well come of this.
            announce(&error.to_string());
        }
        match exit {
            _ if interrupted => Ok(Exit::Interrupted),
            Exit::Violations => Ok(exit),
            _ if served.is_err() => served.map(|()| exit),
            _ if !status.success() => Ok(Exit::CommandFailed),
            _ => Ok(exit),
        }
    })
}

/// Runs the command; whether it was interrupted comes second.
pub(super) async fn command(words: &[std::ffi::OsString], host: &str) -> Result<(ExitStatus, bool), Error> {
    let (program, arguments) = words.split_first().ok_or_else(|| Error::usage("there is no command to run"))?;
    let mut interrupt =
        signal(SignalKind::interrupt()).map_err(|error| Error::environment(format!("cannot listen for signals: {error}")))?;
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| Error::environment(format!("cannot listen for signals: {error}")))?;
    let mut child = Command::new(program)
        .args(arguments)
        .env("DOCKER_HOST", host)
        // These would win over DOCKER_HOST, or ask for TLS on the private socket.
        .env_remove("DOCKER_CONTEXT")
        .env_remove("DOCKER_TLS")
        .env_remove("DOCKER_TLS_VERIFY")
        .env_remove("DOCKER_CERT_PATH")
        .stdin(Stdio::inherit())
        .spawn()
        .map_err(|error| Error::environment(format!("cannot run {}: {error}", program.to_string_lossy())))?;
    let mut interrupted = false;
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status.map_err(|error| Error::environment(format!("cannot wait for {}: {error}", program.to_string_lossy())))?;
                return Ok((status, interrupted));
            }
            // The terminal sends SIGINT to the command as well: its end is waited for, so that the report is whole.
            _ = interrupt.recv() => interrupted = true,
            _ = terminate.recv() => {
                interrupted = true;
                // Gone already is fine.
                let _ = child.start_kill();
            }
        }
    }
}
