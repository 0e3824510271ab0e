//! `POST /images/{name}/push`: into the registry in memory.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;
use super::Image;
use super::json::go_error;
use super::name::Name;
use super::progress::{self, Left, Progress};
use super::registry::unreachable;
use super::store::short;

/// Answers the operation.
pub(super) async fn answer(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    if call.header("x-registry-auth").is_empty() {
        // Where the credentials stood before there was a header for them.
        let body = call.body.read().await?;
        let first = serde_json::Deserializer::from_slice(&body).into_iter::<Value>().next();
        let why = match first {
            Some(Ok(Value::Object(_) | Value::Null)) => None,
            None => Some("EOF".to_owned()),
            Some(Ok(_)) => Some("json: cannot unmarshal into Go value of type types.AuthConfig".to_owned()),
            Some(Err(error)) => Some(go_error(&String::from_utf8_lossy(&body), &error, "types.AuthConfig")),
        };
        // Only daemons that know the header insist on the one or the other.
        if let Some(why) = why.filter(|_| call.since(5)) {
            return Err(Refusal::bad_parameter(format!("Bad parameters and missing X-Registry-Auth: {why}")));
        }
    }
    let name = Name::parse(&call.name)?;
    let name = match call.query.text("tag") {
        "" => name,
        tag => name.with_tag(tag)?,
    };
    let (progress, documents) = Progress::new();
    let engine = Arc::clone(engine);
    tokio::spawn(async move {
        let _: Result<(), Left> = match push(&engine, &name, &progress).await {
            Ok(done) => done.map_or(Ok(()), Err),
            Err(refusal) => progress.error(&refusal).await,
        };
    });
    Ok(progress::answer(&call, documents))
}

/// Pushes; `Some` when the client left meanwhile.
async fn push(engine: &Engine, name: &Name, progress: &Progress) -> Result<Option<Left>, Refusal> {
    if progress.status(format!("The push refers to repository [{}]", name.bare())).await.is_err() {
        return Ok(Some(Left));
    }
    let found = engine.state().images.of_repository(name);
    if found.is_empty() {
        let message = format!("An image does not exist locally with the tag: {}", name.familiar_name());
        return Err(Refusal::server_error(message));
    }
    if let Some(sentence) = unreachable(name) {
        return Err(Refusal::server_error(sentence));
    }
    let mut wanted: Vec<(Name, Arc<Image>)> = found.into_iter().filter(|(name, _)| name.tag.is_some()).collect();
    if name.digest.is_some() {
        return Err(Refusal::server_error("cannot push a digest reference"));
    }
    if name.tag.is_some() {
        wanted.retain(|(own, _)| own == name);
        if wanted.is_empty() {
            return Err(Refusal::server_error(format!("tag does not exist: {}", name.familiar())));
        }
    }
    if name.is_default_domain() && name.path.starts_with("library/") {
        let first = wanted.first().map(|(_, image)| Arc::clone(image));
        if layers(engine, name, first.as_deref(), progress, false).await.is_err() {
            return Ok(Some(Left));
        }
        return Err(Refusal::server_error("denied: requested access to the resource is denied"));
    }
    for (name, image) in &wanted {
        if one(engine, name, image, progress).await.is_err() {
            return Ok(Some(Left));
        }
    }
    let mut state = engine.state();
    engine.emit_image(&mut state, "push", &name.familiar(), &name.familiar_name());
    Ok(None)
}

async fn one(engine: &Engine, name: &Name, image: &Arc<Image>, progress: &Progress) -> Result<(), Left> {
    layers(engine, name, Some(image), progress, true).await?;
    let published = {
        let mut state = engine.state();
        let published = state.images.registry.push(name, image);
        state.images.tag(&name.with_digest(&published.digest), &image.id, engine.now());
        published
    };
    let (tag, digest, size) = (name.tag.as_deref().unwrap_or_default(), &published.digest, published.manifest_size);
    progress.status(format!("{tag}: digest: {digest} size: {size}")).await?;
    progress.send(json!({ "progressDetail": {}, "aux": { "Tag": tag, "Digest": digest, "Size": size } })).await
}

async fn layers(engine: &Engine, name: &Name, image: Option<&Image>, progress: &Progress, granted: bool) -> Result<(), Left> {
    let Some(image) = image else { return Ok(()) };
    let known: Vec<String> = {
        let state = engine.state();
        let published = state.images.registry.repository(name);
        published.iter().flat_map(|(_, published)| &published.image.layers).map(|layer| layer.diff_id.clone()).collect()
    };
    for layer in image.layers.iter().rev() {
        progress.layer(short(&layer.diff_id), "Preparing").await?;
    }
    for layer in image.layers.iter().rev().filter(|_| granted) {
        let (id, size) = (short(&layer.diff_id), layer.archive.len() as u64);
        if known.contains(&layer.diff_id) {
            progress.layer(id, "Layer already exists").await?;
            continue;
        }
        progress.bar(id, "Pushing", size / 2, size).await?;
        progress.bar(id, "Pushing", size, size).await?;
        progress.layer(id, "Pushed").await?;
    }
    Ok(())
}
