//! `POST /containers/{id}/pause` and `/unpause`.

use std::sync::Arc;

use super::life::Phase;
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::refusal::Refusal;
use crate::reference::{Engine, State};

/// Freezes a container's processes.
pub(super) fn pause(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let mut guard = engine.state();
    let state = &mut *guard;
    let container = state.containers.find_mut(&call.name)?;
    let id = container.id.clone();
    container.life.phase = match std::mem::replace(&mut container.life.phase, Phase::Exited) {
        Phase::Running(run) => {
            run.process.processes().pause();
            Phase::Paused(run)
        }
        other => {
            let why = match &other {
                Phase::Paused(_) => format!("Container {id} is already paused"),
                Phase::Restarting => format!("Container {id} is restarting, wait until the container is running"),
                _ => format!("Container {id} is not running"),
            };
            container.life.phase = other;
            return Err(Refusal::conflict(why));
        }
    };
    super::tell(engine, state, &id, "pause", &[]);
    Ok(Answer::empty(204))
}

/// Lets a container's processes go on.
pub(super) fn unpause(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let mut guard = engine.state();
    let state = &mut *guard;
    let id = state.containers.find(&call.name)?.id.clone();
    if thaw(engine, state, &id) { Ok(Answer::empty(204)) } else { Err(Refusal::server_error(format!("Container {id} is not paused"))) }
}

/// Lets a container's processes go on; false when they were not frozen.
pub(super) fn thaw(engine: &Engine, state: &mut State, id: &str) -> bool {
    let Ok(container) = state.containers.find_mut(id) else { return false };
    match std::mem::replace(&mut container.life.phase, Phase::Exited) {
        Phase::Paused(run) => {
            run.process.processes().resume();
            container.life.phase = Phase::Running(run);
        }
        other => {
            container.life.phase = other;
            return false;
        }
    }
    super::tell(engine, state, id, "unpause", &[]);
    true
}
