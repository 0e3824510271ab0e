//! A stage of a build: the image that it has come to, and the steps that make the next one of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::super::State;
use super::super::super::document::Document;
use super::super::super::files::Files;
use super::super::configuration::Draft;
use super::super::layer::Layer;
use super::super::{Image, Origin, Step, config};
use super::args::Args;

/// A stage that is being built.
#[derive(Debug)]
pub(super) struct Stage {
    /// Its name, if it has one.
    pub(super) name: Option<String>,
    /// What the next image runs.
    pub(super) config: Value,
    /// The image of the last step; none at the beginning of `FROM scratch`.
    pub(super) image: Option<Arc<Image>>,
    /// Who `MAINTAINER` names.
    pub(super) maintainer: String,
    /// Whether `CMD` was set in this stage.
    pub(super) command_set: bool,
    pub(super) args: Args,
    /// Once a step was not found in the cache none is looked for any more.
    pub(super) busted: bool,
}

impl Stage {
    /// Begins on an image.
    pub(super) fn new(name: Option<String>, image: Option<Arc<Image>>, args: Args) -> Self {
        let mut settings = image.as_ref().map_or_else(config::empty, |image| image.config.clone());
        let env = Document(&settings).texts("Env");
        if !env.iter().any(|pair| pair.starts_with("PATH=")) {
            config::set_env(&mut settings, "PATH", super::super::super::program::DEFAULT_PATH);
        }
        for name in ["OpenStdin", "StdinOnce"] {
            config::set(&mut settings, name, json!(false));
        }
        let mut stage = Self { name, config: settings, image, maintainer: String::new(), command_set: false, args, busted: false };
        stage.refer();
        stage
    }

    /// The id of the image, or the empty text.
    pub(super) fn id(&self) -> &str {
        self.image.as_ref().map_or("", |image| &image.id)
    }

    /// The files of the image.
    pub(super) fn files(&self) -> Files {
        self.image.as_ref().map(|image| image.files.clone()).unwrap_or_default()
    }

    /// A value of a variable: the environment first, then build arguments.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        let env = Document(&self.config).texts("Env");
        let own = env.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned));
        own.or_else(|| self.args.get(name))
    }

    /// Takes an image that an earlier build made by the same step on the same image; one of these, if there are such.
    pub(super) fn cached(&mut self, state: &State, step: &Value, among: Option<&BTreeSet<String>>) -> bool {
        if self.busted {
            return false;
        }
        let fits = |image: &&Arc<Image>| image.parent == self.id() && same(&image.origin.container_config, step);
        let known = |image: &&Arc<Image>| among.is_none_or(|among| among.contains(&image.id));
        let all = state.images.iter().map(|record| &record.image);
        let found = all.filter(fits).filter(known).max_by_key(|image| image.created);
        let Some(found) = found else {
            self.busted = true;
            return false;
        };
        self.image = Some(Arc::clone(found));
        self.refer();
        true
    }

    /// Makes the next image: `step` is the configuration of the container that made it, `after` its files if they may have changed.
    pub(super) fn advance(&mut self, state: &mut State, step: Value, after: Option<Files>, container: &str, now: Timestamp) {
        let before = self.files();
        let (mut layers, mut history) = match &self.image {
            Some(image) => (image.layers.clone(), image.history.clone()),
            None => (Vec::new(), Vec::new()),
        };
        let files = after.unwrap_or_else(|| before.clone());
        let empty_layer = files == before || files.changes(&before).is_empty();
        if !empty_layer {
            layers.push(Layer::between(&before, &files));
        }
        history.push(Step {
            created: now,
            created_by: Document(&step).texts("Cmd").join(" "),
            comment: String::new(),
            author: self.maintainer.clone(),
            empty_layer,
        });
        let origin = Origin { author: self.maintainer.clone(), container: container.to_owned(), container_config: step, ..Origin::here() };
        let config = self.config.clone();
        let draft = Draft { parent: self.id().to_owned(), created: now, config, files, origin, layers, history };
        self.image = Some(state.images.insert(draft.finish()));
        self.refer();
    }

    /// `Image` of the configuration is the image that the next step is made on.
    fn refer(&mut self) {
        let id = self.id().to_owned();
        config::set(&mut self.config, "Image", json!(id));
    }
}

/// Whether two steps are the same: what dockerd compares of their configurations.
fn same(one: &Value, other: &Value) -> bool {
    let (one, other) = (Document(one), Document(other));
    let member = |name: &str| {
        let (one, other) = (one.member(name), other.member(name));
        one == other || (config::is_empty(one) && config::is_empty(other))
    };
    ["AttachStdout", "AttachStderr", "User", "OpenStdin", "Tty", "Cmd", "Env", "Labels", "ExposedPorts", "Entrypoint", "Volumes"]
        .into_iter()
        .all(member)
}
