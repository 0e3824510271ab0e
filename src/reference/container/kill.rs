//! `POST /containers/{id}/kill`.

use std::sync::Arc;
use std::time::Duration;

use super::{signal, stop};
use crate::reference::Engine;
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::document::Document;
use crate::reference::refusal::Refusal;

/// A process that was killed has ended after this time.
const KILLED_WITHIN: Duration = Duration::from_secs(10);

/// Answers the operation.
pub(super) async fn answer(engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
    let text = call.query.text("signal");
    let number = if text.is_empty() { signal::KILL } else { signal::parse(text)? };
    let (id, killable) = {
        let state = engine.state();
        let container = state.containers.find(&call.name)?;
        (container.id.clone(), container.life.is_running())
    };
    let cannot = |why: String| format!("Cannot kill container: {}: {why}", call.name);
    if !killable {
        // Below 1.20 it is as good as killed (moby/moby daemon/server/router/container/container_routes.go, postContainersKill).
        if !call.since(20) {
            return Ok(Answer::empty(204));
        }
        return Err(Refusal::conflict(cannot(format!("Container {id} is not running"))));
    }
    if !signal::is_known(number) {
        return Err(Refusal::server_error(cannot(format!("The linux daemon does not support signal {text}"))));
    }
    kill(engine, &id, number).await;
    Ok(Answer::empty(204))
}

/// Sends a signal; after SIGKILL the container has ended.
pub(super) async fn kill(engine: &Arc<Engine>, id: &str, number: u8) {
    let ended = {
        let mut guard = engine.state();
        let state = &mut *guard;
        let Ok(container) = state.containers.find_mut(id) else { return };
        let own = Document(&container.config).text("StopSignal");
        // With a stop signal of its own, only that one (and SIGKILL) says that the container is to end.
        let last = number == signal::KILL || own.is_empty() || signal::parse(own).is_ok_and(|own| own == number);
        container.life.manually_stopped |= last;
        if container.life.is_restarting() {
            if last {
                container.life.settle();
            }
            return;
        }
        let ended = container.life.next_exit();
        stop::send(engine, state, id, number, last);
        ended
    };
    if number == signal::KILL {
        let _ = tokio::time::timeout(KILLED_WITHIN, ended).await;
    }
}
