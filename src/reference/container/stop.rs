//! `POST /containers/{id}/stop`, and how a container is made to end.

use std::sync::Arc;
use std::time::Duration;

use super::signal;
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::document::Document;
use crate::reference::refusal::Refusal;
use crate::reference::{Engine, State};

/// So long a container has to stop by itself when nobody says otherwise.
const DEFAULT_SECONDS: i64 = 10;
/// A process that was killed has ended after this time.
const KILLED_WITHIN: Duration = Duration::from_secs(10);

/// How a container is to be stopped.
#[derive(Debug, Clone, Default)]
pub(super) struct Manner {
    /// Seconds to wait; none for its own `StopTimeout`, negative for ever.
    pub(super) seconds: Option<i64>,
    /// Another signal than its own.
    pub(super) signal: Option<u8>,
    /// It will be started again at once: what is removed when it ends stays.
    pub(super) restarting: bool,
}

impl Manner {
    /// As the query of `stop` and `restart` says it.
    pub(super) fn of(call: &Call) -> Result<Self, Refusal> {
        let seconds = call.query.int("t")?;
        let signal = match call.query.text("signal") {
            text if !text.is_empty() && call.since(42) => Some(signal::parse(text)?),
            _ => None,
        };
        Ok(Self { seconds, signal, restarting: false })
    }
}

/// Answers the operation.
pub(super) async fn answer(engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
    let manner = Manner::of(&call)?;
    let id = {
        let state = engine.state();
        let container = state.containers.find(&call.name)?;
        if !container.life.is_running() {
            return Err(Refusal::not_modified());
        }
        container.id.clone()
    };
    // It is carried through also when the client leaves meanwhile.
    let engine = Arc::clone(engine);
    let stopping = tokio::spawn(async move { stop(&engine, &id, &manner).await });
    let _ = stopping.await;
    Ok(Answer::empty(204))
}

/// Makes a container end: with its signal, and when its time is over with SIGKILL.
pub(super) async fn stop(engine: &Arc<Engine>, id: &str, manner: &Manner) {
    let ended = {
        let mut guard = engine.state();
        let state = &mut *guard;
        let Ok(container) = state.containers.find_mut(id) else { return };
        container.life.manually_stopped = true;
        if container.life.is_restarting() {
            // There is nothing to end: it just is not started again.
            container.life.settle();
            super::tell(engine, state, id, "stop", &[]);
            return;
        }
        let config = Document(&container.config);
        let own = signal::parse(config.text("StopSignal")).unwrap_or(signal::TERM);
        let seconds = manner.seconds.or(config.member("StopTimeout").as_i64()).unwrap_or(DEFAULT_SECONDS);
        let Some(run) = container.life.run_mut() else { return };
        run.stopping = true;
        run.restarting = manner.restarting;
        let ended = container.life.next_exit();
        send(engine, state, id, manner.signal.unwrap_or(own), true);
        (ended, seconds)
    };
    let (mut ended, seconds) = ended;
    match u64::try_from(seconds) {
        // It may take as long as it likes.
        Err(_) => drop(ended.await),
        Ok(seconds) => {
            if tokio::time::timeout(Duration::from_secs(seconds), &mut ended).await.is_err() {
                let is_there = {
                    let mut guard = engine.state();
                    send(engine, &mut guard, id, signal::KILL, true)
                };
                if is_there {
                    let _ = tokio::time::timeout(KILLED_WITHIN, ended).await;
                }
            }
        }
    }
}

/// Sends a signal to a container that runs; false when it does not. `last` says that the restart policy is to leave it alone.
pub(super) fn send(engine: &Engine, state: &mut State, id: &str, number: u8, last: bool) -> bool {
    let Ok(container) = state.containers.find_mut(id) else { return false };
    let Some(run) = container.life.run_mut() else { return false };
    run.told_to_end |= last;
    super::tell(engine, state, id, "kill", &[("signal", number.to_string())]);
    let Ok(container) = state.containers.find_mut(id) else { return false };
    if let Some(run) = container.life.run_mut() {
        run.process.signal(number);
    }
    // A frozen process takes its signal when it is thawed.
    if last && container.life.is_paused() {
        super::pause::thaw(engine, state, id);
    }
    true
}
