//! `ExecResize`.

use std::sync::Arc;
use std::time::Duration;

use super::{Phase, usable};
use crate::reference::Engine;
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::container::stream::size;
use crate::reference::refusal::Refusal;

/// So long dockerd waits for the start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sets the size of an exec's terminal, as soon as it has one.
pub(super) async fn answer(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let (rows, columns) = size(&call.query)?;
    let mut phase = {
        let state = engine.state();
        usable(&state, &call.name)?.phase.subscribe()
    };
    let started = phase.wait_for(|phase| !matches!(phase, Phase::Created | Phase::Starting));
    match tokio::time::timeout(PATIENCE, started).await {
        Err(_) => return Err(Refusal::server_error("timeout waiting for exec session ready")),
        Ok(Ok(phase)) if matches!(*phase, Phase::Running { .. }) => {}
        Ok(_) => return Err(Refusal::not_found("no such exec")),
    }
    let state = engine.state();
    state.execs.get(&call.name)?.console.resize(rows, columns);
    Ok(Answer::empty(200))
}
