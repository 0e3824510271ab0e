//! `POST /containers/{id}/restart`.

use std::sync::Arc;

use super::start;
use super::stop::{self, Manner};
use crate::reference::Engine;
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::refusal::Refusal;

/// Answers the operation.
pub(super) async fn answer(engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
    // It is carried through also when the client leaves meanwhile.
    let engine = Arc::clone(engine);
    let restarting = tokio::spawn(async move { restart(&engine, &call).await });
    restarting.await.unwrap_or_else(|error| Err(Refusal::server_error(error.to_string())))
}

async fn restart(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let manner = Manner { restarting: true, ..Manner::of(call)? };
    let id = engine.state().containers.find(&call.name)?.id.clone();
    let cannot = |refusal: Refusal| Refusal { message: format!("Cannot restart container {}: {}", call.name, refusal.message), ..refusal };
    let is_running = engine.state().containers.find(&id)?.life.is_running();
    if is_running {
        stop::stop(engine, &id, &manner).await;
    }
    let mut guard = engine.state();
    let state = &mut *guard;
    let container = state.containers.find(&id)?;
    if !container.life.is_running() {
        start::start(engine, state, &id, true).map_err(cannot)?;
    }
    super::tell(engine, state, &id, "restart", &[]);
    Ok(Answer::empty(204))
}
