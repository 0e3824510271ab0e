//! `DELETE /containers/{id}`, and how a container goes.

use std::sync::Arc;

use super::{kill, signal};
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::refusal::Refusal;
use crate::reference::{Engine, State};

/// Answers the operation.
pub(super) async fn answer(engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
    let (force, volumes) = (call.query.flag("force"), call.query.flag("v"));
    if call.query.flag("link") {
        return unlink(engine, &call.name);
    }
    let id = {
        let mut state = engine.state();
        let container = state.containers.find_mut(&call.name)?;
        if container.life.removing {
            return Err(Refusal::conflict(format!("removal of container {} is already in progress", call.name)));
        }
        if container.life.is_running() && !force {
            return Err(Refusal::conflict(running(&call, container)));
        }
        container.life.removing = true;
        container.id.clone()
    };
    // It is carried through also when the client leaves meanwhile.
    let engine = Arc::clone(engine);
    let removing = tokio::spawn(async move { kill_and_remove(&engine, &id, volumes).await });
    removing.await.unwrap_or_else(|error| Err(Refusal::server_error(error.to_string())))
}

async fn kill_and_remove(engine: &Arc<Engine>, id: &str, volumes: bool) -> Result<Answer, Refusal> {
    let is_running = engine.state().containers.find(id)?.life.is_running();
    if is_running {
        kill::kill(engine, id, signal::KILL).await;
    }
    let mut state = engine.state();
    let container = state.containers.find_mut(id)?;
    if container.life.is_running() {
        container.life.removing = false;
        return Err(Refusal::server_error(format!("Could not kill running container {id}, cannot remove")));
    }
    remove(engine, &mut state, id, volumes);
    Ok(Answer::empty(204))
}

/// dockerd's words for a container that runs; they have changed with Docker 27.
fn running(call: &Call, container: &super::Container) -> String {
    let paused = container.life.is_paused();
    if call.since(46) {
        let how = if paused { "unpause and then stop" } else { "stop" };
        let (name, word) = (&container.name, container.life.word());
        return format!("cannot remove container \"/{name}\": container is {word}: {how} the container before removing or force remove");
    }
    let how = if paused { "Unpause and then stop" } else { "Stop" };
    let (id, word) = (&container.id, container.life.word());
    format!("You cannot remove a {word} container {id}. {how} the container before attempting removal or force remove")
}

fn unlink(engine: &Arc<Engine>, name: &str) -> Result<Answer, Refusal> {
    let mut state = engine.state();
    let name = name.strip_prefix('/').unwrap_or(name);
    let Some((parent, alias)) = name.rsplit_once('/') else {
        return Err(Refusal::server_error("Conflict, cannot remove the default link name of the container"));
    };
    let parent = state
        .containers
        .find(parent)
        .map_err(|_| Refusal::server_error(format!("Cannot get parent /{parent} for name /{name}")))?
        .id
        .clone();
    if state.containers.unlink(&parent, alias) {
        Ok(Answer::empty(204))
    } else {
        Err(Refusal::not_found(format!("No such container: {name}")))
    }
}

/// Removes a container that does not run, and with `volumes` those that had no name. Those who waited for it are told.
pub(super) fn remove(engine: &Engine, state: &mut State, id: &str, volumes: bool) {
    let Ok(container) = state.containers.find(id) else { return };
    if container.life.run().is_some() {
        return;
    }
    let attributes = container.attributes();
    let Some(container) = state.containers.remove(id) else { return };
    container.console.abandon();
    if volumes {
        remove_volumes(engine, state, &container);
    }
    engine.emit(state, "container", "destroy", id, attributes);
    let code = container.life.exit_code;
    let life = container.life;
    // Whoever waits may have left.
    for waiting in life.until_exit.into_iter().chain(life.until_removed) {
        let _ = waiting.send(code);
    }
}

fn remove_volumes(engine: &Engine, state: &mut State, container: &super::Container) {
    for mount in container.mounts.iter().filter(|mount| mount.anonymous) {
        let is_used = state.containers.iter().any(|other| other.mounts.iter().any(|used| used.name == mount.name));
        if !is_used && state.volumes.remove(&mount.name).is_some() {
            engine.emit(state, "volume", "destroy", &mount.name, [("driver".to_owned(), mount.driver.clone())].into());
        }
    }
}
