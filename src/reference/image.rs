//! Images: where they come from, what they hold, who names them.
//!
//! The store keeps images by their ids, which are the digests of their configurations as in dockerd, and the names that lead to them. What a pull
//! finds is in a registry in memory, with a few small images built in. Nothing is ever fetched or sent.

mod archive;
mod build;
mod commit;
mod config;
mod configuration;
mod delete;
mod distribution;
mod glob;
mod history;
mod import;
mod inspect;
mod json;
mod layer;
mod list;
mod load;
mod moment;
mod name;
mod progress;
mod prune;
mod pull;
mod push;
mod registry;
mod search;
mod store;
mod tag;
pub(super) mod usage;
mod viz;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::answer::Answer;
use super::call::Call;
use super::files::Files;
use super::ids::Ids;
use super::refusal::Refusal;
use super::{Engine, State};

use layer::Layer;
use name::Name;

/// An image. It never changes; its names do.
#[derive(Debug)]
pub(super) struct Image {
    /// `sha256:` and the digest of its configuration.
    pub(super) id: String,
    /// The image that it was built on, or the empty text.
    pub(super) parent: String,
    /// When it was created.
    pub(super) created: Timestamp,
    /// What a container of it runs: `Cmd`, `Entrypoint`, `Env`, `WorkingDir`, `ExposedPorts`, `Volumes`, `Labels`, `User`, `Healthcheck` …
    /// Every member that Go always writes is there.
    pub(super) config: Value,
    /// Its files, all layers together. Cheap to clone.
    pub(super) files: Files,
    /// Their size in bytes.
    pub(super) size: u64,
    /// How it was made.
    pub(super) origin: Origin,
    /// What each step added that added files, the oldest first.
    layers: Vec<Arc<Layer>>,
    /// The ids of the chains that the layers make.
    chain: Vec<String>,
    /// The steps, the oldest first.
    history: Vec<Step>,
    /// The configuration as it is digested.
    configuration: Bytes,
}

/// How an image was made.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// Who made it.
    pub(super) author: String,
    /// What they said about it.
    pub(super) comment: String,
    /// The id of the container that it was made of, or the empty text.
    pub(super) container: String,
    /// The configuration of that container.
    pub(super) container_config: Value,
    /// The daemon that made it.
    pub(super) docker_version: String,
    /// `amd64`.
    pub(super) architecture: String,
    /// `linux`.
    pub(super) os: String,
}

/// One step by which an image came to be.
#[derive(Debug, Clone)]
struct Step {
    created: Timestamp,
    created_by: String,
    comment: String,
    author: String,
    empty_layer: bool,
}

/// All images and their names.
#[derive(Debug)]
pub(super) struct Images {
    by_id: BTreeMap<String, Record>,
    names: BTreeMap<Name, String>,
    registry: registry::Registry,
}

/// An image and what changes about it.
#[derive(Debug)]
struct Record {
    image: Arc<Image>,
    names: BTreeSet<Name>,
    tagged: Option<Timestamp>,
}

impl Images {
    /// A daemon begins with none: what it needs it pulls.
    pub(super) fn new(_ids: &mut Ids, _now: Timestamp) -> Self {
        Self { by_id: BTreeMap::new(), names: BTreeMap::new(), registry: registry::Registry::default() }
    }
}

/// Answers the operations of this part.
pub(super) async fn answer(engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
    match call.operation.id() {
        "BuildPrune" => usage::prune_builds(engine, &call),
        "DistributionInspect" => distribution::inspect(engine, &call),
        "ImageAttestations" => distribution::attestations(engine, &call),
        "ImageBuild" => build::answer(engine, call).await,
        "ImageCommit" => commit::answer(engine, call).await,
        "ImageCreate" => pull::create(engine, call).await,
        "ImageDelete" => delete::answer(engine, &call),
        "ImageGet" | "ImageGetAll" => archive::answer(engine, &call),
        "ImageHistory" => history::answer(engine, &call),
        "ImageInsert" => import::insert(engine, &call),
        "ImageInspect" => inspect::answer(engine, &call),
        "ImageList" => list::answer(engine, &call),
        "ImageLoad" => load::answer(engine, call).await,
        "ImagePrune" => prune::answer(engine, &call),
        "ImagePush" => push::answer(engine, call).await,
        "ImageSearch" => search::answer(&call),
        "ImageTag" => tag::answer(engine, &call),
        "ImageViz" => Ok(viz::answer(engine)),
        id => Err(Refusal::not_implemented(format!("{id} is not part of the reference backend"))),
    }
}

impl Engine {
    /// Tells what happened to an image; `reference` is how the client named it.
    fn emit_image(&self, state: &mut State, action: &str, id: &str, reference: &str) {
        let mut attributes: BTreeMap<String, String> = BTreeMap::new();
        if let Some(record) = state.images.by_id.get(id) {
            for (key, value) in record.image.config.get("Labels").and_then(Value::as_object).into_iter().flatten() {
                attributes.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
            }
        }
        if !reference.is_empty() {
            attributes.insert("name".to_owned(), reference.to_owned());
        }
        self.emit(state, "image", action, id, attributes);
    }
}

#[cfg(test)]
mod tests;
