//! `GET /images/{name}/json`.

use serde_json::{Map, Value, json};

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;
use super::config::{is_empty, normal};
use super::configuration::no_time;
use super::registry::MANIFEST;
use super::{Image, Images};

/// The storage driver that this daemon says it has.
pub(in crate::reference) const DRIVER: &str = "overlay2";

/// Answers the operation.
pub(super) fn answer(engine: &Engine, call: &Call) -> Result<Answer, Refusal> {
    if call.query.flag("manifests") && !call.query.text("platform").is_empty() {
        return Err(Refusal::bad_parameter("conflicting options: manifests and platform options cannot both be set"));
    }
    let state = engine.state();
    let image = state.images.find(&call.name);
    let image = image.map_err(|refusal| Refusal::new(refusal.status, format!("no such image: {}: {}", call.name, refusal.message)))?;
    Ok(Answer::json(if call.since(12) { document(&state.images, &image, call) } else { old(&image) }))
}

fn document(images: &Images, image: &Image, call: &Call) -> Value {
    let tags = images.tags_of(&image.id);
    let digests = images.digests_of(&image.id);
    let tagged = images.by_id.get(&image.id).and_then(|record| record.tagged).unwrap_or_else(no_time);
    let layers: Vec<&String> = image.layers.iter().map(|layer| &layer.diff_id).collect();
    let mut root = json!({ "Type": "layers" });
    if !layers.is_empty() {
        root["Layers"] = json!(layers);
    }
    let mut document = json!({
        "Id": image.id,
        "RepoTags": tags,
        "RepoDigests": digests,
        "Parent": image.parent,
        "Comment": image.origin.comment,
        "Created": image.created.to_string(),
        "Container": image.origin.container,
        "ContainerConfig": image.origin.container_config,
        "DockerVersion": image.origin.docker_version,
        "Author": image.origin.author,
        "Config": config(image, call),
        "Architecture": image.origin.architecture,
        "Os": image.origin.os,
        "Size": image.size,
        "VirtualSize": image.size,
        "GraphDriver": { "Name": DRIVER, "Data": driver_data(image) },
        "RootFS": root,
        "Metadata": { "LastTagTime": tagged.to_string() },
    });
    let Value::Object(members) = &mut document else { return document };
    if call.since(44) && image.created == no_time() {
        members.remove("Created");
    }
    if call.since(52) {
        for name in ["Parent", "Comment", "DockerVersion", "Author"] {
            if members.get(name).is_some_and(is_empty) {
                members.remove(name);
            }
        }
    }
    document
}

/// Up to 1.49 with all that a container has, up to 1.51 with all that an image may have, then only with what is set.
fn config(image: &Image, call: &Call) -> Value {
    let mut config = normal(&image.config);
    if let Value::Object(members) = &mut config
        && call.since(50)
    {
        for name in [
            "Hostname",
            "Domainname",
            "AttachStdin",
            "AttachStdout",
            "AttachStderr",
            "Tty",
            "OpenStdin",
            "StdinOnce",
            "Image",
            "NetworkDisabled",
            "MacAddress",
            "StopTimeout",
        ] {
            members.remove(name);
        }
        if call.since(52) {
            members.retain(|_, value| !is_empty(value));
        }
    }
    config
}

/// Where an overlay driver would keep the layers. Nothing is there.
fn driver_data(image: &Image) -> Value {
    let directory = |id: &str, what: &str| format!("/var/lib/docker/overlay2/{}/{what}", id.strip_prefix("sha256:").unwrap_or(id));
    let Some((top, below)) = image.chain.split_last() else { return Value::Null };
    let mut data = Map::new();
    if !below.is_empty() {
        let lower: Vec<String> = below.iter().rev().map(|id| directory(id, "diff")).collect();
        data.insert("LowerDir".to_owned(), json!(lower.join(":")));
    }
    for (name, what) in [("MergedDir", "merged"), ("UpperDir", "diff"), ("WorkDir", "work")] {
        data.insert(name.to_owned(), json!(directory(top, what)));
    }
    Value::Object(data)
}

/// Up to 1.11 the members were those of the configuration file.
fn old(image: &Image) -> Value {
    json!({
        "id": image.id,
        "parent": image.parent,
        "comment": image.origin.comment,
        "created": image.created.to_string(),
        "container": image.origin.container,
        "container_config": image.origin.container_config,
        "docker_version": image.origin.docker_version,
        "author": image.origin.author,
        "config": image.config,
        "architecture": image.origin.architecture,
        "os": image.origin.os,
        "Size": image.size,
    })
}

/// What names an image for a client of the containerd era: its manifest.
pub(super) fn descriptor(digest: &str, size: usize) -> Value {
    json!({ "mediaType": MANIFEST, "digest": digest, "size": size })
}
