//! What images take of the disk, for `GET /system/df`; and the cache of builds, which takes nothing: what a build made are images.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::ApiVersion;

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;
use super::super::{Engine, State};
use super::Images;
use super::list::{shared_sizes, shown_names};

impl Images {
    /// How many there are, with those that only others are built on.
    pub(in crate::reference) fn count(&self) -> usize {
        self.iter().count()
    }

    /// `LayersSize`: bytes of all layers, each counted once.
    pub(in crate::reference) fn layers_size(&self) -> u64 {
        let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
        for record in self.iter() {
            sizes.extend(record.image.chain.iter().cloned().zip(record.image.layers.iter().map(|layer| layer.size)));
        }
        sizes.values().fold(0, |sum, size| sum.saturating_add(*size))
    }
}

/// `Images`: a summary of each image, with the sizes and numbers of containers that a list only has on request.
pub(in crate::reference) fn summaries(state: &State, version: ApiVersion) -> Vec<Value> {
    let shared = shared_sizes(state);
    let mut users: BTreeMap<&str, u64> = BTreeMap::new();
    for container in state.containers.iter() {
        *users.entry(container.image_id.as_str()).or_default() += 1;
    }
    let mut all = Vec::new();
    for record in state.images.iter() {
        let image = &record.image;
        if record.names.is_empty() && state.images.has_children(&image.id) {
            continue;
        }
        let (tags, digests) = shown_names(state.images.tags_of(&image.id), state.images.digests_of(&image.id), version);
        all.push(json!({
            "Id": image.id,
            "ParentId": image.parent,
            "RepoTags": tags,
            "RepoDigests": digests,
            "Created": image.created.as_second(),
            "Size": image.size,
            "VirtualSize": image.size,
            "SharedSize": shared.get(&image.id).copied().unwrap_or_default(),
            "Labels": image.config.get("Labels").cloned().unwrap_or_default(),
            "Containers": users.get(image.id.as_str()).copied().unwrap_or_default(),
        }));
    }
    all
}

/// Answers `POST /build/prune`.
pub(super) fn prune_builds(engine: &Engine, call: &Call) -> Result<Answer, Refusal> {
    call.query.filters()?;
    for name in ["keep-storage", "reserved-space", "max-used-space", "min-free-space"] {
        call.query.int(name).map_err(|_| {
            let text = call.query.text(name);
            let why = format!("strconv.Atoi: parsing {text:?}: invalid syntax");
            Refusal::server_error(format!("{name} is in bytes and expects an integer, got {text}: {why}"))
        })?;
    }
    let attributes = BTreeMap::from([("reclaimed".to_owned(), "0".to_owned())]);
    engine.emit(&mut engine.state(), "builder", "prune", "", attributes);
    Ok(Answer::json(json!({ "CachesDeleted": null, "SpaceReclaimed": 0 })))
}
