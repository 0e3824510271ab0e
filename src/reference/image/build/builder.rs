//! The classic builder: the steps of a Dockerfile, one after the other, and what it tells meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::super::Engine;
use super::super::super::document::Document;
use super::super::super::refusal::Refusal;
use super::super::name::Name;
use super::super::progress::{Left, Progress};
use super::super::pull::{Platform, fetch};
use super::super::store::short;
use super::super::{Image, config};
use super::args::Args;
use super::context::Context;
use super::dockerfile::{Kind, parse_stage};
use super::expand;
use super::options::Options;
use super::stage::Stage;

/// Why a build ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The client left.
    Left,
    /// It failed, with the exit code of a command if there is one.
    Failed(String, Option<u8>),
}

impl From<Left> for Stop {
    fn from(_: Left) -> Self {
        Self::Left
    }
}

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Self::Failed(message, None)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal.message, None)
    }
}

/// A build that is under way.
pub(super) struct Builder<'b> {
    pub(super) engine: &'b Arc<Engine>,
    pub(super) options: &'b Options,
    pub(super) context: &'b Context,
    pub(super) progress: &'b Progress,
    /// The stages that are done: name, and image.
    pub(super) done: Vec<(Option<String>, Option<Arc<Image>>)>,
    /// The images that steps are looked for among; all, if there is none.
    pub(super) cache: Option<BTreeSet<String>>,
    /// Containers of this step that are still to be removed.
    pub(super) containers: Vec<String>,
}

impl<'b> Builder<'b> {
    pub(super) fn new(engine: &'b Arc<Engine>, options: &'b Options, context: &'b Context, progress: &'b Progress) -> Self {
        let cache = cache(engine, &options.cache_from);
        Self { engine, options, context, progress, done: Vec::new(), cache, containers: Vec::new() }
    }

    pub(super) async fn tell(&self, text: impl Into<String>) -> Result<(), Left> {
        self.progress.send(json!({ "stream": text.into() })).await
    }

    /// Builds, and gives the id of the image.
    pub(super) async fn build(&mut self) -> Result<String, Stop> {
        let plan = self.options.plan(&self.context.dockerfile)?;
        let total = plan.len();
        let gaps: Vec<String> =
            self.context.dockerfile.gaps.iter().map(|line| format!("[WARNING]: Empty continuation line found in:\n    {line}\n")).collect();
        if !gaps.is_empty() {
            let gaps = gaps.concat();
            let warning = format!("{gaps}[WARNING]: Empty continuation lines will become errors in a future release.\n");
            self.tell(format!("\u{1b}[91m{warning}\u{1b}[0m")).await?;
        }
        let mut args = Args::new(self.options.args.clone());
        let mut stage: Option<Stage> = None;
        for (number, instruction) in plan.iter().enumerate() {
            if let Kind::From { name, .. } = &instruction.kind {
                self.end_stage(stage.take(), &mut args).await?;
                if name.as_ref().is_some_and(|name| self.done.iter().any(|(other, _)| other.as_ref() == Some(name))) {
                    return Err(Stop::Failed(format!("{} stage name already used", name.clone().unwrap_or_default()), None));
                }
            }
            self.tell(format!("Step {}/{total} : {}", number + 1, instruction.original)).await?;
            self.tell("\n").await?;
            match (&instruction.kind, &mut stage) {
                (Kind::From { image, platform, name }, _) => {
                    let begun = self.begin(image, platform.as_deref(), name.clone(), &args).await?;
                    self.tell(format!(" ---> {}\n", short(begun.id()))).await?;
                    stage = Some(begun);
                }
                (Kind::Arg(declared), None) => {
                    let escape = self.context.dockerfile.escape;
                    for (key, value) in declared {
                        let lookup = |name: &str| args.get(name);
                        let key = expand::word(key, escape, &lookup)?;
                        let value = value.as_ref().map(|value| expand::word(value, escape, &lookup)).transpose()?;
                        args.declare_globally(&key, value);
                    }
                }
                (_, Some(stage)) => {
                    let stepped = self.step(stage, instruction).await;
                    // Nobody hears of it when the client has left, but they go all the same.
                    let gone = matches!(stepped, Err(Stop::Left));
                    self.remove_containers(stepped.is_ok() || gone).await?;
                    stepped?;
                    self.tell(format!(" ---> {}\n", short(stage.id()))).await?;
                }
                (_, None) => return Err(Stop::Failed("no build stage in current context".to_owned(), None)),
            }
        }
        let id = stage.as_ref().map(|stage| stage.id().to_owned()).unwrap_or_default();
        self.end_stage(stage, &mut args).await?;
        let unused = args.unused().join(" ");
        if !unused.is_empty() {
            self.tell(format!("[Warning] One or more build-args [{unused}] were not consumed\n")).await?;
        }
        if id.is_empty() {
            return Err(Stop::Failed("No image was generated. Is your Dockerfile empty?".to_owned(), None));
        }
        Ok(id)
    }

    async fn end_stage(&mut self, stage: Option<Stage>, args: &mut Args) -> Result<(), Left> {
        let Some(stage) = stage else { return Ok(()) };
        if self.options.aux && !stage.id().is_empty() {
            self.progress.send(json!({ "aux": { "ID": stage.id() } })).await?;
        }
        args.merge_used(&stage.args);
        self.done.push((stage.name, stage.image));
        Ok(())
    }

    /// `FROM`.
    async fn begin(&self, source: &str, platform: Option<&str>, name: Option<String>, args: &Args) -> Result<Stage, Stop> {
        let escape = self.context.dockerfile.escape;
        let lookup = |name: &str| args.get_global(name);
        let image = expand::word(source, escape, &lookup)?;
        if image.is_empty() {
            return Err(Stop::Failed(format!("base name ({source}) should not be blank"), None));
        }
        let platform = match platform.map(|platform| expand::word(platform, escape, &lookup)).transpose()? {
            Some(text) if !text.is_empty() => {
                Some(Platform::parse(&text).map_err(|refusal| format!("failed to parse platform {text}: {}", refusal.message))?)
            }
            _ => self.options.platform.clone(),
        };
        let staged = self.done.iter().find(|(name, _)| name.as_deref() == Some(image.to_lowercase().as_str()));
        let image = match staged {
            Some((_, image)) => image.clone(),
            None if image == "scratch" => None,
            None => Some(self.image(&image, platform.as_ref()).await?),
        };
        let mut stage = Stage::new(name, image, args.for_stage());
        stage.busted = self.options.no_cache;
        let triggers = Document(&stage.config).texts("OnBuild");
        if !triggers.is_empty() {
            self.triggers(&mut stage, &triggers).await?;
        }
        Ok(stage)
    }

    /// An image that is here, or is pulled.
    pub(super) async fn image(&self, reference: &str, platform: Option<&Platform>) -> Result<Arc<Image>, Stop> {
        if !self.options.pull
            && let Ok(image) = self.engine.state().images.find(reference)
        {
            return Ok(image);
        }
        let name = Name::parse(reference)?.exact();
        fetch(self.engine, &name, platform, self.progress).await??;
        Ok(self.engine.state().images.find(reference)?)
    }

    /// What the image's `ONBUILD` asks for. They are steps of their own that are not counted.
    async fn triggers(&self, stage: &mut Stage, triggers: &[String]) -> Result<(), Stop> {
        config::set(&mut stage.config, "OnBuild", Value::Null);
        let plural = if triggers.len() > 1 { "s" } else { "" };
        self.tell(format!("# Executing {} build trigger{plural}\n", triggers.len())).await?;
        // A builder of its own for the containers of the triggers; its stages are never asked for.
        let mut own = Builder::new(self.engine, self.options, self.context, self.progress);
        own.done.clone_from(&self.done);
        for trigger in triggers {
            let parsed = parse_stage(trigger)?;
            let [instruction] = parsed.instructions.as_slice() else {
                return Err(Stop::Failed("onbuild trigger should be a single expression".to_owned(), None));
            };
            let stepped = own.step(stage, instruction).await;
            own.remove_containers(stepped.is_ok()).await?;
            stepped?;
        }
        Ok(())
    }
}

/// The images that `cachefrom` names, and those that they were built on.
fn cache(engine: &Engine, names: &[String]) -> Option<BTreeSet<String>> {
    if names.is_empty() {
        return None;
    }
    let state = engine.state();
    let mut all = BTreeSet::new();
    for name in names {
        let mut at = state.images.find(name).ok();
        while let Some(image) = at.filter(|image| all.insert(image.id.clone())) {
            at = state.images.by_id(&image.parent).cloned();
        }
    }
    Some(all)
}
