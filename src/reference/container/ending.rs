//! How the run of a container ends, and what its restart policy makes of that.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::SignedDuration;

use super::life::Phase;
use super::{Container, endpoints, remove, start};
use crate::reference::document::Document;
use crate::reference::program::ExitCode;
use crate::reference::{Engine, State};

/// The restart policy's first delay; it doubles with every run that was short.
pub(super) const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_mins(1);
/// A run of this length was long.
const LONG_RUN: SignedDuration = SignedDuration::from_secs(10);

/// Runs a process that was started to its end, and says then what became of its container.
pub(super) fn watch(
    engine: &Arc<Engine>,
    state: &State,
    id: &str,
    generation: u64,
    running: impl Future<Output = ExitCode> + Send + 'static,
) {
    let Ok(container) = state.containers.find(id) else { return };
    let console = container.console.clone();
    // A daemon that is dropped does not live on for its processes.
    let engine: Weak<Engine> = Arc::downgrade(engine);
    let id = id.to_owned();
    tokio::spawn(async move {
        let code = running.await;
        console.close().await;
        execs_ended(&engine, &id).await;
        if let Some(engine) = engine.upgrade() {
            end(&engine, &id, generation, i64::from(code));
        }
    });
}

/// The execs of a container end with it, and are told of first.
async fn execs_ended(engine: &Weak<Engine>, id: &str) {
    for _ in 0..200 {
        let Some(engine) = engine.upgrade() else { return };
        if engine.state().execs.pids(id).is_empty() {
            return;
        }
        drop(engine);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn end(engine: &Arc<Engine>, id: &str, generation: u64, code: i64) {
    let mut guard = engine.state();
    let state = &mut *guard;
    let now = engine.now();
    let State { containers, .. } = &mut *state;
    let Ok(container) = containers.find_mut(id) else { return };
    if container.life.generation != generation {
        return;
    }
    let (Phase::Running(run) | Phase::Paused(run)) = std::mem::replace(&mut container.life.phase, Phase::Exited) else { return };
    container.life.exit_code = code;
    container.life.finished = Some(now);
    if let Some(health) = &mut container.health {
        health.stopped();
    }
    let delay = (!run.told_to_end).then(|| again(container)).flatten();
    if delay.is_some() {
        container.life.phase = Phase::Restarting;
        container.restart_count = container.restart_count.saturating_add(1);
    }
    let waiting = std::mem::take(&mut container.life.until_exit);
    let auto_remove = delay.is_none() && !container.life.removing && Document(&container.host).flag("AutoRemove") && !run.restarting;
    containers.ports.release(&run.ports);
    super::tell(engine, state, id, "die", &[("exitCode", code.to_string())]);
    endpoints::leave(engine, state, id);
    start::tell_mounts(engine, state, id, false);
    if run.stopping {
        super::tell(engine, state, id, "stop", &[]);
    }
    // Whoever waits may have left.
    for waiting in waiting {
        let _ = waiting.send(code);
    }
    if auto_remove {
        remove::remove(engine, state, id, true);
    }
    if let Some(delay) = delay {
        restart_later(engine, id, generation, delay);
    }
}

/// How long to wait before the restart policy starts the container again; `None` when it does not.
fn again(container: &mut Container) -> Option<Duration> {
    let life = &mut container.life;
    let policy = Document(&container.host).at("RestartPolicy");
    let wanted = match policy.text("Name") {
        "always" => true,
        "unless-stopped" => !life.manually_stopped,
        "on-failure" => {
            let most = policy.int("MaximumRetryCount");
            life.exit_code != 0 && (most == 0 || i64::from(container.restart_count) < most)
        }
        _ => false,
    };
    let ran = match (life.started, life.finished) {
        (Some(started), Some(finished)) => finished.duration_since(started),
        _ => SignedDuration::ZERO,
    };
    let delay = if ran >= LONG_RUN { FIRST_DELAY } else { life.backoff };
    life.backoff = (delay * 2).min(LONGEST_DELAY);
    wanted.then_some(delay)
}

fn restart_later(engine: &Arc<Engine>, id: &str, generation: u64, delay: Duration) {
    let engine = Arc::downgrade(engine);
    let id = id.to_owned();
    tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        let Some(engine) = engine.upgrade() else { return };
        let mut guard = engine.state();
        let state = &mut *guard;
        let Ok(container) = state.containers.find_mut(&id) else { return };
        if container.life.generation != generation || !container.life.is_restarting() {
            return;
        }
        // What cannot be started stays stopped; its `Error` says why.
        let started = start::start(&engine, state, &id, false);
        if let (Err(_), Ok(container)) = (started, state.containers.find_mut(&id)) {
            container.life.settle();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_minute() {
        let mut delay = FIRST_DELAY;
        for _ in 0..20 {
            delay = (delay * 2).min(LONGEST_DELAY);
        }
        assert_eq!(delay, LONGEST_DELAY);
    }
}
