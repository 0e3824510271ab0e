//! `POST /volumes/create`, and `GET` and `PUT /volumes/{name}`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::document::Document;
use super::super::refusal::Refusal;
use super::super::{Engine, State};

pub(super) fn create(engine: &Arc<Engine>, body: Document<'_>) -> Result<Answer, Refusal> {
    if body.has("ClusterVolumeSpec") {
        return Err(Refusal::unavailable(
            "volume create: cannot create cluster volume: this node is not a swarm manager. \
             Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.",
        ));
    }
    let now = engine.now();
    let mut guard = engine.state();
    let State { volumes, ids, .. } = &mut *guard;
    let (options, labels) = (body.member("DriverOpts"), body.member("Labels"));
    let (volume, made) = volumes.make(Some(body.text("Name")), body.text("Driver"), options, labels, ids, now)?;
    let (name, shown) = (volume.name.clone(), volume.to_json());
    if made {
        let attributes = BTreeMap::from([("driver".to_owned(), "local".to_owned())]);
        engine.emit(&mut guard, "volume", "create", &name, attributes);
    }
    Ok(Answer::created(shown))
}

pub(super) fn inspect(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    engine.state().volumes.find(&call.name).map(|volume| Answer::json(volume.to_json()))
}

/// There are no cluster volumes here, and others cannot be changed.
pub(super) async fn update(engine: &Arc<Engine>, call: &mut Call) -> Result<Answer, Refusal> {
    if !engine.state().swarm.is_manager() {
        return Err(Refusal::unavailable("volume update only valid for cluster volumes, but swarm is unavailable"));
    }
    match call.query.int("version") {
        Ok(Some(_)) => {}
        _ => return Err(Refusal::bad_parameter(format!("invalid version specified: {}", call.query.text("version")))),
    }
    call.json().await?;
    Err(Refusal::not_found(format!("volume {} not found", call.name)))
}
