//! `GET /volumes`, and who uses a volume.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::network::matches;
use super::super::refusal::Refusal;
use super::super::{Engine, State};

pub(super) fn list(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let filters = call.query.filters()?;
    filters.only(&["dangling", "driver", "label", "name"])?;
    let dangling = filters.flag("dangling")?;
    let state = engine.state();
    let users = users(&state);
    let all: Vec<Value> = state
        .volumes
        .iter()
        .filter(|_| filters.exact("driver", "local"))
        .filter(|volume| filters.any("name", |pattern| matches(pattern, &volume.name)))
        .filter(|volume| filters.labels(|key| volume.label(key)))
        .filter(|volume| dangling.is_none_or(|dangling| users.contains_key(volume.name.as_str()) != dangling))
        .map(super::Volume::to_json)
        .collect();
    Ok(Answer::json(json!({ "Volumes": all, "Warnings": null })))
}

/// The ids of the containers that mount each volume.
pub(in crate::reference) fn users(state: &State) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for container in state.containers.iter() {
        for mount in container.mounts.iter().filter(|mount| mount.kind == "volume") {
            let users = all.entry(&mount.name).or_default();
            // One container may mount a volume in two places.
            if users.last() != Some(&container.id.as_str()) {
                users.push(&container.id);
            }
        }
    }
    all
}
