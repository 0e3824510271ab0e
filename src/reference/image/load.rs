//! `POST /images/load`: reads the archive of `docker save`, its form of before 1.10, or an OCI layout.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::error::Category;
use serde_json::{Value, json};

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::Call;
use super::super::document::Document;
use super::super::files::{ExtractOptions, FileError, Files, decompressed};
use super::super::refusal::Refusal;
use super::configuration::{self, diff_ids};
use super::json::go_error;
use super::layer::{Layer, is_cut, stack};
use super::name::Name;
use super::progress::{self, Left, Progress};
use super::store::short;
use super::{Image, Step};

/// Levels of images that the old form may have.
const MOST_PARENTS: usize = 256;
/// What the layers of an archive may come to together: a small one can claim to be large many times over.
const MOST_UNPACKED: usize = 1 << 30;

/// Answers the operation.
pub(super) async fn answer(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    let body = call.body.read().await?;
    let quiet = call.query.flag_or("quiet", true);
    let (progress, documents) = Progress::new();
    let engine = Arc::clone(engine);
    tokio::spawn(async move {
        let loaded = tokio::task::spawn_blocking(move || read(&body));
        let loaded = loaded.await.unwrap_or_else(|error| Err(error.to_string()));
        let _: Result<(), Left> = match loaded {
            Ok(loaded) => keep(&engine, loaded, quiet, &progress).await,
            Err(why) => progress.error(&Refusal::server_error(why)).await,
        };
    });
    Ok(progress::answer(&call, documents))
}

/// An image of an archive.
struct Loaded {
    image: Image,
    names: Vec<Name>,
    parent: String,
}

/// What an archive holds.
struct Archive {
    images: Vec<Loaded>,
    /// The old form says nothing about what it loads.
    silent: bool,
}

async fn keep(engine: &Engine, archive: Archive, quiet: bool, progress: &Progress) -> Result<(), Left> {
    let ids: Vec<String> = archive.images.iter().map(|loaded| loaded.image.id.clone()).collect();
    let (mut nameless, mut tagged) = (String::new(), 0);
    for mut loaded in archive.images {
        if !quiet {
            for layer in &loaded.image.layers {
                let (size, id) = (layer.archive.len() as u64, short(&layer.diff_id));
                if !engine.state().images.iter().any(|record| record.image.layers.iter().any(|own| own.diff_id == layer.diff_id)) {
                    progress.bar(id, "Loading layer", size / 2, size).await?;
                    progress.bar(id, "Loading layer", size, size).await?;
                }
            }
        }
        if ids.contains(&loaded.parent) && loaded.parent != loaded.image.id {
            loaded.image.parent = loaded.parent;
        }
        let mut lines = Vec::new();
        {
            let mut state = engine.state();
            let id = state.images.insert(loaded.image).id.clone();
            let _ = writeln!(nameless, "Loaded image ID: {id}");
            for name in &loaded.names {
                if let Some(other) = state.images.named(name).filter(|other| other.id != id) {
                    lines.push(format!(
                        "The image {} already exists, renaming the old one with ID {} to empty string\n",
                        name.familiar(),
                        other.id
                    ));
                }
                // As dockerd does, a loaded name does not count as a time of tagging.
                let tagged = state.images.by_id.get(&id).and_then(|record| record.tagged);
                state.images.tag(name, &id, engine.now());
                if let Some(record) = state.images.by_id.get_mut(&id) {
                    record.tagged = tagged;
                }
                if !archive.silent {
                    lines.push(format!("Loaded image: {}\n", name.familiar()));
                }
            }
            tagged += loaded.names.len();
            engine.emit_image(&mut state, "load", &id, &id);
        }
        for line in lines {
            progress.send(json!({ "stream": line })).await?;
        }
    }
    if tagged == 0 && !archive.silent && !nameless.is_empty() {
        progress.send(json!({ "stream": nameless })).await?;
    }
    Ok(())
}

/// Reads an archive. The error is dockerd's sentence.
fn read(body: &[u8]) -> Result<Archive, String> {
    if is_cut(body) {
        return Err("Error processing tar file(exit status 1): unexpected EOF".to_owned());
    }
    let mut files = Files::new();
    let unpacked = files.extract("/", body, ExtractOptions::default(), jiff::Timestamp::UNIX_EPOCH);
    unpacked.map_err(|error| format!("Error processing tar file(exit status 1): {error}"))?;
    match files.read("/manifest.json") {
        Ok(manifest) => read_manifest(&files, &manifest).map(|images| Archive { images, silent: false }),
        Err(FileError::NotFound) if files.exists("/index.json") => read_layout(&files).map(|images| Archive { images, silent: false }),
        Err(FileError::NotFound) => read_old(&files).map(|images| Archive { images, silent: true }),
        Err(error) => Err(opening("manifest.json", &error)),
    }
}

fn opening(path: &str, error: &FileError) -> String {
    format!("open /var/lib/docker/tmp/docker-import/{path}: {error}")
}

fn json_of(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Eof => "unexpected EOF".to_owned(),
        _ => go_error(&String::from_utf8_lossy(bytes), &error, ""),
    })
}

fn get(files: &Files, path: &str) -> Result<Bytes, String> {
    files.read(&format!("/{path}")).map_err(|error| opening(path, &error))
}

fn layer(files: &Files, path: &str, room: &mut usize) -> Result<Arc<Layer>, String> {
    let packed = get(files, path)?;
    let plain = match decompressed(&packed).map_err(|error| error.to_string())? {
        std::borrow::Cow::Borrowed(_) => packed.clone(),
        std::borrow::Cow::Owned(plain) => plain.into(),
    };
    *room = room.checked_sub(plain.len()).ok_or_else(|| FileError::NoSpace.to_string())?;
    Ok(Layer::of(plain))
}

/// Makes the image of a configuration and its layers.
fn assemble(bytes: Bytes, layers: Vec<Arc<Layer>>) -> Result<Image, String> {
    let value = json_of(&bytes)?;
    if !value.get("rootfs").is_some_and(Value::is_object) {
        return Err("invalid image JSON, no RootFS key".to_owned());
    }
    let wanted = diff_ids(&value);
    if wanted.len() != layers.len() {
        return Err(format!("invalid manifest, layers length mismatch: expected {}, got {}", layers.len(), wanted.len()));
    }
    for (at, (expected, layer)) in wanted.iter().zip(&layers).enumerate() {
        if *expected != layer.diff_id {
            return Err(format!("invalid diffID for layer {at}: expected {expected:?}, got {:?}", layer.diff_id));
        }
    }
    let mut draft = configuration::read(&value);
    if draft.origin.os != configuration::OS {
        return Err(format!("cannot load {} image on linux", draft.origin.os));
    }
    draft.files = stack(&layers).map_err(|error| format!("failed to register layer: Error processing tar file(exit status 1): {error}"))?;
    draft.layers = layers;
    Ok(draft.finish_with(bytes))
}

fn read_manifest(files: &Files, manifest: &[u8]) -> Result<Vec<Loaded>, String> {
    let manifest = json_of(manifest)?;
    let items = manifest.as_array().ok_or("json: cannot unmarshal object into Go value of type []tarexport.manifestItem")?;
    let mut images = Vec::new();
    let mut known: BTreeMap<String, Arc<Layer>> = BTreeMap::new();
    let mut room = MOST_UNPACKED;
    for item in items {
        let item = Document(item);
        let bytes = get(files, item.text("Config"))?;
        let (named, wanted) = (item.items("Layers").len(), diff_ids(&json_of(&bytes)?).len());
        if named != wanted && Document(&json_of(&bytes)?).has("rootfs") {
            return Err(format!("invalid manifest, layers length mismatch: expected {named}, got {wanted}"));
        }
        let mut layers = Vec::new();
        for path in item.texts("Layers") {
            let one = match known.get(&path) {
                Some(one) => Arc::clone(one),
                None => layer(files, &path, &mut room)?,
            };
            known.insert(path, Arc::clone(&one));
            layers.push(one);
        }
        let mut names = Vec::new();
        for text in item.texts("RepoTags") {
            let name = Name::parse(&text).map_err(|refusal| refusal.message)?;
            if name.tag.is_none() {
                return Err(format!("invalid tag {text:?}"));
            }
            names.push(name);
        }
        images.push(Loaded { image: assemble(bytes, layers)?, names, parent: item.text("Parent").to_owned() });
    }
    Ok(images)
}

/// The form of before 1.10: a directory with `json` and `layer.tar` for each image, and `repositories`.
fn read_old(files: &Files) -> Result<Vec<Loaded>, String> {
    let mut old = Old { files, done: BTreeMap::new(), images: Vec::new(), room: MOST_UNPACKED };
    for id in files.list("/").unwrap_or_default() {
        if files.stat(&format!("/{id}"), false).is_ok_and(|stat| stat.is_directory()) {
            old.read(&id, 0)?;
        }
    }
    let repositories = json_of(&get(files, "repositories")?)?;
    for (repository, tags) in repositories.as_object().into_iter().flatten() {
        for (tag, id) in tags.as_object().into_iter().flatten() {
            let id = id.as_str().unwrap_or_default();
            let at = old.done.get(id).ok_or_else(|| format!("invalid target ID: {id}"))?;
            let name = Name::parse(repository).and_then(|name| name.with_tag(tag)).map_err(|refusal| refusal.message)?;
            old.images[*at].names.push(name);
        }
    }
    Ok(old.images)
}

/// An archive of the old form that is being read.
struct Old<'f> {
    files: &'f Files,
    /// Where in `images` the ids of the archive are.
    done: BTreeMap<String, usize>,
    images: Vec<Loaded>,
    room: usize,
}

impl Old<'_> {
    fn read(&mut self, id: &str, depth: usize) -> Result<usize, String> {
        if let Some(at) = self.done.get(id) {
            return Ok(*at);
        }
        if depth > MOST_PARENTS {
            return Err(format!("invalid target ID: {id}"));
        }
        let value = json_of(&get(self.files, &format!("{id}/json"))?)?;
        let parent = Document(&value).text("parent");
        let mut draft = configuration::read(&value);
        if !parent.is_empty() {
            let at = self.read(parent, depth + 1)?;
            let parent = &self.images[at].image;
            draft.layers.clone_from(&parent.layers);
            draft.history.clone_from(&parent.history);
            draft.parent.clone_from(&parent.id);
        }
        draft.layers.push(layer(self.files, &format!("{id}/layer.tar"), &mut self.room)?);
        draft.files = stack(&draft.layers).map_err(|error| error.to_string())?;
        draft.history.push(Step {
            created: draft.created,
            created_by: Document(&draft.origin.container_config).texts("Cmd").join(" "),
            comment: draft.origin.comment.clone(),
            author: draft.origin.author.clone(),
            empty_layer: false,
        });
        let parent = draft.parent.clone();
        self.images.push(Loaded { image: draft.finish(), names: Vec::new(), parent });
        self.done.insert(id.to_owned(), self.images.len() - 1);
        Ok(self.images.len() - 1)
    }
}

/// An OCI layout: `index.json` names manifests, which name blobs.
fn read_layout(files: &Files) -> Result<Vec<Loaded>, String> {
    let blob = |descriptor: Document<'_>| {
        let digest = descriptor.text("digest");
        let hex = digest.strip_prefix("sha256:").filter(|hex| super::name::is_hex64(hex)).ok_or("invalid checksum digest format")?;
        Ok::<_, String>(format!("blobs/sha256/{hex}"))
    };
    let index = json_of(&get(files, "index.json")?)?;
    let mut room = MOST_UNPACKED;
    let mut images = Vec::new();
    for descriptor in Document(&index).items("manifests") {
        let descriptor = Document(descriptor);
        let manifest = json_of(&get(files, &blob(descriptor)?)?)?;
        let manifest = Document(&manifest);
        if !manifest.has("config") {
            continue;
        }
        let mut layers = Vec::new();
        for item in manifest.items("layers") {
            layers.push(layer(files, &blob(Document(item))?, &mut room)?);
        }
        let annotations = descriptor.at("annotations");
        let named = [annotations.text("io.containerd.image.name"), annotations.text("org.opencontainers.image.ref.name")];
        let names: Vec<Name> = named
            .iter()
            .find(|text| !text.is_empty())
            .and_then(|text| Name::parse(text).ok())
            .map(|name| name.exact())
            .into_iter()
            .collect();
        images.push(Loaded { image: assemble(get(files, &blob(manifest.at("config"))?)?, layers)?, names, parent: String::new() });
    }
    Ok(images)
}
