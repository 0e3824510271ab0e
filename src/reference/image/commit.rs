//! `POST /commit`: an image of a container's files and settings.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::Call;
use super::super::document::Document;
use super::super::refusal::Refusal;
use super::build::change;
use super::configuration::Draft;
use super::layer::Layer;
use super::tag::new_name;
use super::{Origin, Step, config};

/// Answers the operation.
pub(super) async fn answer(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    let given = call.json().await?;
    let run = match call.query.text("run") {
        text if !text.is_empty() && call.since(7) && !call.since(9) => serde_json::from_str(text).ok(),
        _ => None,
    };
    let given = given.filter(Value::is_object).or(run);
    let name = match call.query.text("repo") {
        "" => None,
        repository => Some(new_name(repository, call.query.text("tag"))?),
    };
    let comment = match call.query.text("comment") {
        "" if !call.since(12) => call.query.text("m"),
        comment => comment,
    };
    let mut state = engine.state();
    let container = state.containers.find(call.query.text("container"))?;
    let (id, parent) = (container.id.clone(), container.image_id.clone());
    let own = config::normal(&container.config);
    let mut settings = given.as_ref().map_or_else(|| own.clone(), config::normal);
    change(&mut settings, call.query.all("changes"))?;
    config::merge(&mut settings, &own);
    let after = container.root.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let paused = container.is_running() && call.query.flag_or("pause", call.since(13));
    let attributes = attributes(&container.name, &container.image_name, &own);
    let layer = Layer::between(&container.image_files, &after);
    let empty_layer = after.changes(&container.image_files).is_empty();
    let now = engine.now();
    let (mut layers, mut history, mut files) = match state.images.by_id(&parent) {
        Some(image) => (image.layers.clone(), image.history.clone(), image.files.clone()),
        None => (Vec::new(), Vec::new(), container.image_files.clone()),
    };
    if !empty_layer {
        files.apply(&layer.archive).map_err(|error| Refusal::server_error(error.to_string()))?;
        layers.push(layer);
    }
    let author = call.query.text("author").to_owned();
    history.push(Step {
        created: now,
        created_by: Document(&own).texts("Cmd").join(" "),
        comment: comment.to_owned(),
        author: author.clone(),
        empty_layer,
    });
    let origin = Origin { author, comment: comment.to_owned(), container: id.clone(), container_config: own, ..Origin::here() };
    let image = Draft { parent, created: now, config: settings, files, origin, layers, history }.finish();
    if paused {
        engine.emit(&mut state, "container", "pause", &id, attributes.clone());
    }
    let image = state.images.insert(image).id.clone();
    let mut named = String::new();
    if let Some(name) = &name {
        engine.tag_image(&mut state, &image, name);
        named = name.familiar();
    }
    let mut committed = attributes.clone();
    for (key, value) in [("comment", comment), ("imageID", &image), ("imageRef", &named)] {
        committed.insert(key.to_owned(), value.to_owned());
    }
    engine.emit(&mut state, "container", "commit", &id, committed);
    if paused {
        engine.emit(&mut state, "container", "unpause", &id, attributes);
    }
    Ok(Answer::created(json!({ "Id": image })))
}

fn attributes(name: &str, image: &str, config: &Value) -> BTreeMap<String, String> {
    let labels = Document(config).entries("Labels").map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()));
    let mut attributes: BTreeMap<String, String> = labels.collect();
    attributes.insert("image".to_owned(), image.to_owned());
    attributes.insert("name".to_owned(), name.to_owned());
    attributes
}
