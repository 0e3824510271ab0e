//! Which part of the daemon answers an operation: the one whose name the schema files' folder has.

use std::sync::Arc;

use crate::model::ApiVersion;

use super::answer::Answer;
use super::call::Call;
use super::refusal::Refusal;
use super::{Engine, container, exec, image, network, plugin, session, swarm, system, volume};

/// Answers a call.
pub(super) async fn answer(engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
    let version = call.version;
    part(engine, call).await.map_err(|refusal| in_words_of(version, refusal))
}

/// The one sentence that dockerd wrote otherwise before 23.0.
fn in_words_of(version: ApiVersion, refusal: Refusal) -> Refusal {
    match refusal.message.strip_prefix("invalid filter '") {
        Some(rest) if version < ApiVersion::new(42) => Refusal { message: format!("Invalid filter '{rest}"), ..refusal },
        _ => refusal,
    }
}

async fn part(engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
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
