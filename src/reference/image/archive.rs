//! `GET /images/{name}/get` and `GET /images/get`: the archive of `docker save`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::answer::{Answer, Payload};
use super::super::call::Call;
use super::super::files::{FileError, Files};
use super::super::refusal::Refusal;
use super::super::{Engine, State};
use super::layer::digest;
use super::name::{Name, Reference};
use super::store::no_such;
use super::{Image, config};

/// How much of the archive is written at once.
const CHUNK: usize = 1 << 20;

/// Answers the operations.
pub(super) fn answer(engine: &Engine, call: &Call) -> Result<Answer, Refusal> {
    let names: Vec<String> = match call.operation.id() {
        "ImageGet" => vec![call.name.clone()],
        _ => call.query.all("names").to_vec(),
    };
    let saved = wanted(&engine.state(), &names)?;
    let archive = save(&saved).map_err(|error| Refusal::server_error(error.to_string()))?;
    let mut state = engine.state();
    for one in &saved {
        engine.emit_image(&mut state, "save", &one.image.id, &one.image.id);
    }
    Ok(Answer::new(200, Payload::Stream(Some("application/x-tar"), chunks(archive))))
}

fn chunks(archive: Vec<u8>) -> mpsc::Receiver<Bytes> {
    let (sender, receiver) = mpsc::channel(4);
    let mut rest = Bytes::from(archive);
    tokio::spawn(async move {
        while !rest.is_empty() {
            let chunk = rest.split_to(CHUNK.min(rest.len()));
            if sender.send(chunk).await.is_err() {
                return;
            }
        }
    });
    receiver
}

/// An image to save, and the names that go with it.
struct Saved {
    image: Arc<Image>,
    names: Vec<Name>,
}

fn wanted(state: &State, names: &[String]) -> Result<Vec<Saved>, Refusal> {
    let mut all: Vec<Saved> = Vec::new();
    let mut add = |image: Arc<Image>, name: Option<Name>| {
        let at = all.iter().position(|saved| saved.image.id == image.id).unwrap_or_else(|| {
            all.push(Saved { image, names: Vec::new() });
            all.len() - 1
        });
        if let Some(name) = name.filter(|name| name.tag.is_some() && !all[at].names.contains(name)) {
            all[at].names.push(name);
        }
    };
    for text in names {
        let name = match Reference::parse(text)? {
            Reference::Id(_) => {
                add(state.images.find(text)?, None);
                continue;
            }
            Reference::Name(name) => name,
        };
        let of_repository = if name.is_bare() { state.images.of_repository(&name) } else { Vec::new() };
        if !of_repository.is_empty() {
            for (name, image) in of_repository {
                add(image, Some(name));
            }
        } else if name.is_bare() || name.familiar_name() == "sha256" {
            add(state.images.find(text).map_err(|_| no_such(text))?, None);
        } else {
            let image = state.images.named(&name).ok_or_else(|| Refusal::not_found("reference does not exist"))?;
            add(Arc::clone(image), Some(name.exact()));
        }
    }
    Ok(all)
}

/// Writes the archive: for each image its configuration, for each layer a directory as old daemons read it, and what belongs to what.
fn save(images: &[Saved]) -> Result<Vec<u8>, FileError> {
    let epoch = Timestamp::UNIX_EPOCH;
    let mut files = Files::new();
    let mut manifest = Vec::new();
    let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let saved: BTreeSet<&str> = images.iter().map(|saved| saved.image.id.as_str()).collect();
    let mut written: BTreeMap<String, String> = BTreeMap::new();
    for Saved { image, names } in images {
        let hex = image.id.strip_prefix("sha256:").unwrap_or(&image.id);
        let layers = save_layers(&mut files, image, &mut written)?;
        files.write(&format!("/{hex}.json"), image.configuration.clone(), 0o644, image.created)?;
        for name in names {
            let tags = repositories.entry(name.familiar_name()).or_default();
            tags.insert(name.tag.clone().unwrap_or_default(), layers.last().cloned().unwrap_or_default());
        }
        let tags: Vec<String> = names.iter().map(Name::familiar).collect();
        let mut item = json!({
            "Config": format!("{hex}.json"),
            "RepoTags": if tags.is_empty() { Value::Null } else { json!(tags) },
            "Layers": layers.iter().map(|layer| format!("{layer}/layer.tar")).collect::<Vec<_>>(),
        });
        if saved.contains(image.parent.as_str()) {
            config::set(&mut item, "Parent", json!(image.parent));
        }
        manifest.push(item);
    }
    files.write("/manifest.json", format!("{}\n", Value::Array(manifest)).into(), 0o644, epoch)?;
    if !repositories.is_empty() {
        files.write("/repositories", format!("{}\n", json!(repositories)).into(), 0o644, epoch)?;
    }
    Ok(files.export_all())
}

/// The directories of an image's layers, by the ids that they had before images were known by their content.
fn save_layers(files: &mut Files, image: &Image, written: &mut BTreeMap<String, String>) -> Result<Vec<String>, FileError> {
    let mut ids: Vec<String> = Vec::new();
    for (at, (layer, chain)) in image.layers.iter().zip(&image.chain).enumerate() {
        let is_top = at + 1 == image.layers.len();
        let mut old = if is_top {
            json!({ "created": image.created.to_string(), "container_config": image.origin.container_config, "config": image.config,
                "author": image.origin.author, "architecture": image.origin.architecture })
        } else {
            json!({ "created": "1970-01-01T00:00:00Z", "container_config": config::empty() })
        };
        if let Some(parent) = ids.last() {
            config::set(&mut old, "parent", json!(parent));
        }
        config::set(&mut old, "layer_id", json!(chain));
        let id = digest(old.to_string().as_bytes()).split_off("sha256:".len());
        config::set(&mut old, "os", json!(image.origin.os));
        config::set(&mut old, "id", json!(id));
        if let Value::Object(members) = &mut old {
            members.remove("layer_id");
        }
        if !files.exists(&format!("/{id}")) {
            files.make_dir(&format!("/{id}"), 0o755, image.created)?;
            files.write(&format!("/{id}/VERSION"), Bytes::from_static(b"1.0"), 0o644, image.created)?;
            files.write(&format!("/{id}/json"), old.to_string().into(), 0o644, image.created)?;
            // A layer that stands elsewhere in the archive already is a link to it there.
            match written.get(&layer.diff_id) {
                Some(other) => files.symlink(&format!("../{other}/layer.tar"), &format!("/{id}/layer.tar"), image.created)?,
                None => files.write(&format!("/{id}/layer.tar"), layer.archive.clone(), 0o644, image.created)?,
            }
            written.entry(layer.diff_id.clone()).or_insert_with(|| id.clone());
        }
        ids.push(id);
    }
    Ok(ids)
}
