//! Which part of the daemon answers an operation: the one whose name the schema files' folder has.

use std::sync::Arc;

use super::answer::Answer;
use super::call::Call;
use super::refusal::Refusal;
use super::{Engine, container, exec, image, network, plugin, session, swarm, system, volume};

/// Answers a call.
pub(super) async fn answer(engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
    match call.operation.tag() {
        "config" | "node" | "secret" | "service" | "swarm" | "task" => swarm::answer(engine, call).await,
        "container" => container::answer(engine, call).await,
        "distribution" | "image" => image::answer(engine, call).await,
        "exec" => exec::answer(engine, call).await,
        "network" => network::answer(engine, call).await,
        "plugin" => plugin::answer(engine, call).await,
        "session" => session::answer(engine, call).await,
        "system" => system::answer(engine, call).await,
        "volume" => volume::answer(engine, call).await,
        // The schema files of an overlay may have others.
        tag => Err(Refusal::not_implemented(format!("the reference backend has no part for {tag}"))),
    }
}
