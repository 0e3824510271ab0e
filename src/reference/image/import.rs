//! `POST /images/create` with `fromSrc`: an archive of files becomes an image of one layer. And the old insert, which needs a network.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::Call;
use super::super::files::{FileError, decompressed};
use super::super::refusal::Refusal;
use super::build::change;
use super::configuration::Draft;
use super::layer::{Layer, is_cut, stack};
use super::name::Name;
use super::progress::{self, Progress};
use super::{Image, Origin, Step, config};

/// Answers `POST /images/create` with `fromSrc`.
pub(super) async fn answer(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    // Before anything is refused: a client that still sends would not hear it.
    let body = call.body.read().await?;
    let source = call.query.text("fromSrc").to_owned();
    let name = match call.query.text("repo") {
        "" => None,
        repository => {
            let name = Name::parse(repository)?;
            if name.digest.is_some() {
                return Err(Refusal::bad_parameter("cannot import digest reference"));
            }
            Some(match call.query.text("tag") {
                "" => name,
                tag => name.with_tag(tag)?,
            })
        }
    };
    let mut settings = config::empty();
    change(&mut settings, call.query.all("changes"))?;
    if source.is_empty() {
        return Err(Refusal::server_error("Get \"http:\": http: no Host in request URL"));
    }
    if source != "-" {
        return Err(Refusal::server_error(unreachable(&source)));
    }
    let message = match call.query.text("message") {
        "" => format!("Imported from {source}"),
        message => message.to_owned(),
    };
    let now = engine.now();
    let image = tokio::task::spawn_blocking(move || {
        let origin = Origin { comment: message.clone(), ..Origin::here() };
        import(&body, settings, origin, now, message)
    });
    let image = image.await.map_err(|error| Refusal::server_error(error.to_string()))??;
    let id = {
        let mut state = engine.state();
        let id = state.images.insert(image).id.clone();
        if let Some(name) = &name {
            engine.tag_image(&mut state, &id, name);
        }
        engine.emit_image(&mut state, "import", &id, &id);
        id
    };
    let (progress, documents) = Progress::new();
    tokio::spawn(async move { progress.status(id).await });
    Ok(progress::answer(&call, documents))
}

fn import(body: &Bytes, settings: serde_json::Value, origin: Origin, created: jiff::Timestamp, comment: String) -> Result<Image, Refusal> {
    let failed = |error: FileError| Refusal::server_error(format!("ApplyLayer exit status 1 stdout:  stderr: {error}"));
    if is_cut(body) {
        return Err(failed(FileError::Corrupt("unexpected EOF".to_owned())));
    }
    let plain = match decompressed(body).map_err(failed)? {
        std::borrow::Cow::Borrowed(_) => body.clone(),
        std::borrow::Cow::Owned(plain) => plain.into(),
    };
    let layers = vec![Layer::of(plain)];
    let files = stack(&layers).map_err(failed)?;
    let step = Step { created, created_by: String::new(), comment, author: String::new(), empty_layer: false };
    Ok(Draft { parent: String::new(), created, config: settings, files, origin, layers, history: vec![step] }.finish())
}

/// Go's sentence about a source that is not there: nothing is ever fetched.
pub(super) fn unreachable(source: &str) -> String {
    let url = if source.contains("://") { source.to_owned() } else { format!("http://{source}") };
    let host = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let (name, port) = host.rsplit_once(':').unwrap_or((host, if url.starts_with("https:") { "443" } else { "80" }));
    let is_address = name == "localhost" || (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    if is_address {
        let address = if name == "localhost" { "127.0.0.1" } else { name };
        format!("Get \"{url}\": dial tcp {address}:{port}: connect: connection refused")
    } else {
        format!("Get \"{url}\": dial tcp: lookup {name}: no such host")
    }
}

/// Answers the old `POST /images/{name}/insert`, which puts a file from a URL into an image: there is no network to fetch it from.
pub(super) fn insert(engine: &Engine, call: &Call) -> Result<Answer, Refusal> {
    engine.state().images.find(&call.name)?;
    let (progress, documents) = Progress::new();
    let message = unreachable(call.query.text("url"));
    tokio::spawn(async move { progress.send(json!({ "errorDetail": { "message": message }, "error": message })).await });
    Ok(progress::answer(call, documents))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_not_fetched() {
        for (source, sentence) in [
            ("http://127.0.0.1:1/x", "Get \"http://127.0.0.1:1/x\": dial tcp 127.0.0.1:1: connect: connection refused"),
            ("example.com/x", "Get \"http://example.com/x\": dial tcp: lookup example.com: no such host"),
        ] {
            assert_eq!(unreachable(source), sentence);
        }
    }
}
