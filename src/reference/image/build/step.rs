//! The steps of a stage: each makes a container, or only its configuration, and of that the next image.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::super::container::neighbours;
use super::super::super::document::Document;
use super::super::super::files::{Files, clean};
use super::super::super::program::Neighbours;
use super::super::config;
use super::super::progress::Left;
use super::super::store::short;
use super::builder::{Builder, Stop};
use super::copy::{Copying, hash_of, owner, sources};
use super::dockerfile::{Command, Copy, Instruction, Kind};
use super::expand;
use super::run::{Ended, Run};
use super::settings::{Scope, apply, command_line, shell};
use super::stage::Stage;

/// What is said of a flag that the classic builder does not know.
const BUILDKIT: &str =
    "option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how to build images with BuildKit enabled";

impl Builder<'_> {
    /// Any instruction but `FROM`.
    pub(super) async fn step(&mut self, stage: &mut Stage, instruction: &Instruction) -> Result<(), Stop> {
        let escape = self.context.dockerfile.escape;
        match &instruction.kind {
            Kind::From { .. } => Err(Stop::Failed("FROM isn't allowed as an ONBUILD trigger".to_owned(), None)),
            Kind::Run { command, flag } => self.run(stage, command, flag.as_deref()).await,
            Kind::Copy(copy) => self.copy(stage, copy).await,
            Kind::Maintainer(name) => {
                stage.maintainer.clone_from(name);
                self.commit(stage, &format!("MAINTAINER {name}"), None).await
            }
            Kind::Arg(declared) => {
                let mut told = Vec::new();
                for (key, value) in declared {
                    let lookup = |name: &str| stage.variable(name);
                    let key = expand::word(key, escape, &lookup)?;
                    let value = value.as_ref().map(|value| expand::word(value, escape, &lookup)).transpose()?;
                    told.push(value.as_ref().map_or_else(|| key.clone(), |value| format!("{key}={value}")));
                    stage.args.declare(&key, value);
                }
                self.commit(stage, &format!("ARG {}", told.join(" ")), None).await
            }
            kind => {
                let mut settings = stage.config.clone();
                if let Kind::Healthcheck(_) = kind {
                    let old = Document(&settings).at("Healthcheck").texts("Test");
                    if old.first().is_some_and(|first| first != "NONE") {
                        self.tell(format!("Note: overriding previous HEALTHCHECK: [{}]\n", old.join(" "))).await?;
                    }
                }
                let told = {
                    let lookup = |name: &str| stage.variable(name);
                    let scope = Scope { escape, lookup: &lookup, command_set: stage.command_set };
                    apply(&mut settings, kind, &scope)?.unwrap_or_default()
                };
                stage.config = settings;
                if let Kind::Workdir(_) = kind {
                    return self.work_directory(stage, &told).await;
                }
                self.commit(stage, &told, None).await?;
                if let Kind::Cmd(command) = kind {
                    stage.command_set = stage.command_set || !matches!(command, Command::Exec(words) if words.is_empty());
                }
                Ok(())
            }
        }
    }

    /// `WORKDIR` makes its directory.
    async fn work_directory(&mut self, stage: &mut Stage, told: &str) -> Result<(), Stop> {
        let mut files = stage.files();
        let path = Document(&stage.config).text("WorkingDir").to_owned();
        files.make_dirs(&path, 0o755, self.engine.now()).map_err(|error| format!("mkdir {path}: {error}"))?;
        let mut step = stage.config.clone();
        let words: Vec<String> = shell(&step).into_iter().chain([format!("#(nop) {told}")]).collect();
        config::set(&mut step, "Cmd", json!(words));
        self.commit_step(stage, step, Some(files)).await
    }

    /// A step that changes the settings.
    async fn commit(&mut self, stage: &mut Stage, told: &str, after: Option<Files>) -> Result<(), Stop> {
        let mut step = stage.config.clone();
        let words: Vec<String> = shell(&step).into_iter().chain(["#(nop) ".to_owned(), told.to_owned()]).collect();
        config::set(&mut step, "Cmd", json!(words));
        self.commit_step(stage, step, after).await
    }

    async fn commit_step(&mut self, stage: &mut Stage, mut step: Value, after: Option<Files>) -> Result<(), Stop> {
        if self.probe(stage, &step).await? {
            return Ok(());
        }
        let container = self.container(stage).await?;
        config::set(&mut step, "Hostname", json!(short(&container)));
        let now = self.engine.now();
        stage.advance(&mut self.engine.state(), step, after, &container, now);
        Ok(())
    }

    /// Looks for the step in the cache.
    async fn probe(&self, stage: &mut Stage, step: &Value) -> Result<bool, Left> {
        let hit = stage.cached(&self.engine.state(), step, self.cache.as_ref());
        if hit {
            self.tell(" ---> Using cache\n").await?;
        }
        Ok(hit)
    }

    /// Makes the container of a step.
    async fn container(&mut self, stage: &Stage) -> Result<String, Left> {
        let id = {
            let mut state = self.engine.state();
            let id = state.ids.hex64();
            self.engine.emit(&mut state, "container", "create", &id, attributes(stage, &id));
            id
        };
        self.containers.push(id.clone());
        self.tell(format!(" ---> Running in {}\n", short(&id))).await?;
        Ok(id)
    }

    pub(super) async fn remove_containers(&mut self, succeeded: bool) -> Result<(), Left> {
        let removes = self.options.force_remove || (self.options.remove && succeeded);
        for id in std::mem::take(&mut self.containers) {
            if removes {
                let attributes = BTreeMap::from([("name".to_owned(), format!("build_{}", short(&id)))]);
                self.engine.emit(&mut self.engine.state(), "container", "destroy", &id, attributes);
                self.tell(format!("Removing intermediate container {}\n", short(&id))).await?;
            }
        }
        Ok(())
    }

    /// `RUN`.
    async fn run(&mut self, stage: &mut Stage, command: &Command, flag: Option<&str>) -> Result<(), Stop> {
        if let Some(flag) = flag {
            return Err(Stop::Failed(format!("the --{flag} {BUILDKIT}"), None));
        }
        let argv = command_line(&stage.config, command);
        let own = Document(&stage.config).texts("Env");
        let is_set = |name: &str| own.iter().any(|pair| pair.split('=').next() == Some(name));
        let args: Vec<(String, String, bool)> = stage.args.all().into_iter().filter(|(name, ..)| !is_set(name)).collect();
        let told: Vec<String> = args.iter().filter(|(.., counts)| *counts).map(|(name, value, _)| format!("{name}={value}")).collect();
        let mut step = stage.config.clone();
        let words = if args.is_empty() {
            argv.clone()
        } else {
            [format!("|{}", told.len())].into_iter().chain(told).chain(argv.iter().cloned()).collect()
        };
        config::set(&mut step, "Cmd", json!(words));
        config::set(&mut step, "Entrypoint", Value::Null);
        if self.probe(stage, &step).await? {
            return Ok(());
        }
        let container = self.container(stage).await?;
        let neighbours = self.neighbours()?;
        let attributes = attributes(stage, &container);
        self.engine.emit(&mut self.engine.state(), "container", "start", &container, attributes.clone());
        let run = Run {
            argv: argv.clone(),
            config: &stage.config,
            args: args.into_iter().map(|(name, value, _)| (name, value)).collect(),
            files: stage.files(),
            container: &container,
            clock: self.engine.settings().clock.clone(),
            extra_hosts: &self.options.extra_hosts,
            neighbours,
        };
        let ended = run.run(self.progress).await;
        let code = match &ended {
            Ok(Ended::Code(code, _)) => *code,
            Ok(Ended::NotStarted(_)) => 127,
            // It was killed.
            Err(Left) => 137,
        };
        let mut died = attributes;
        died.insert("exitCode".to_owned(), code.to_string());
        self.engine.emit(&mut self.engine.state(), "container", "die", &container, died);
        match ended? {
            Ended::NotStarted(error) => Err(Stop::Failed(error, None)),
            Ended::Code(0, files) => {
                let now = self.engine.now();
                stage.advance(&mut self.engine.state(), step, Some(files), &container, now);
                Ok(())
            }
            Ended::Code(code, _) => {
                let message = format!("The command '{}' returned a non-zero code: {code}", argv.join(" "));
                Err(Stop::Failed(message, Some(code)))
            }
        }
    }

    /// Whom a step reaches on the network that was asked for.
    fn neighbours(&self) -> Result<Option<Neighbours>, Stop> {
        let network = self.options.network.as_str();
        if matches!(network, "" | "default" | "bridge" | "host" | "none") {
            return Ok(None);
        }
        let id = match network.strip_prefix("container:") {
            Some(other) => return Ok(Some(neighbours::of_container(self.engine, &self.engine.state().containers.find(other)?.id))),
            None => self.engine.state().networks.find(network)?.id.clone(),
        };
        Ok(Some(neighbours::of_network(self.engine, &id)))
    }

    /// `COPY` and `ADD`.
    async fn copy(&mut self, stage: &mut Stage, copy: &Copy) -> Result<(), Stop> {
        let name = if copy.add { "ADD" } else { "COPY" };
        if copy.chmod {
            return Err(Stop::Failed(format!("the --chmod {BUILDKIT}"), None));
        }
        let escape = self.context.dockerfile.escape;
        let (paths, chown, wanted) = {
            let lookup = |name: &str| stage.variable(name);
            let paths = copy.sources.iter().map(|source| expand::word(source, escape, &lookup)).collect::<Result<Vec<_>, _>>()?;
            (paths, expand::word(&copy.chown, escape, &lookup)?, expand::word(&copy.destination, escape, &lookup)?)
        };
        let root = match &copy.from {
            Some(from) => self.other(from).await?,
            None => self.context.files.clone(),
        };
        let found = sources(&root, &paths, copy.add, copy.from.is_none()).map_err(|error| format!("{name} failed: {error}"))?;
        if found.len() > 1 && !wanted.ends_with('/') {
            return Err(Stop::Failed(
                format!("When using {name} with more than one source file, the destination must be a directory and end with a /"),
                None,
            ));
        }
        let chown_told = if chown.is_empty() { String::new() } else { format!("--chown={chown}") };
        let told = format!("#(nop) {name} {chown_told}{} in {wanted} ", hash_of(&found));
        let mut step = stage.config.clone();
        let words: Vec<String> = shell(&step).into_iter().chain([told]).collect();
        config::set(&mut step, "Cmd", json!(words));
        if self.probe(stage, &step).await? {
            return Ok(());
        }
        let mut files = stage.files();
        let destination = clean(Document(&stage.config).text("WorkingDir"), &wanted);
        let is_directory = (wanted.ends_with('/') || wanted.ends_with("/.") || wanted == ".") && destination != "/";
        let destination = if is_directory { format!("{destination}/") } else { destination };
        let owner = match (chown.is_empty(), &copy.from) {
            (true, Some(_)) => None,
            (true, None) => Some((0, 0)),
            (false, _) => Some(owner(&chown, &files)?),
        };
        let copying = Copying { root: &root, sources: &found, destination: &destination, owner, unpack: copy.add };
        let now = self.engine.now();
        copying.run(&mut files, now).map_err(|error| format!("failed to copy files: {error}"))?;
        stage.advance(&mut self.engine.state(), step, Some(files), "", now);
        Ok(())
    }

    /// The files of a stage, by name or number, or of an image.
    async fn other(&self, from: &str) -> Result<Files, Stop> {
        let named = self.done.iter().find(|(name, _)| name.as_deref() == Some(from.to_lowercase().as_str()));
        let staged = match (named, from.parse::<usize>()) {
            (Some(stage), _) => Some(stage),
            (None, Ok(number)) if number == self.done.len() => {
                return Err(Stop::Failed(format!("invalid from flag value {from}: refers to current build stage"), None));
            }
            (None, Ok(number)) => {
                let stage = self.done.get(number);
                Some(stage.ok_or_else(|| format!("invalid from flag value {from}: index out of bounds"))?)
            }
            (None, Err(_)) => None,
        };
        if let Some((_, image)) = staged {
            return Ok(image.as_ref().map(|image| image.files.clone()).unwrap_or_default());
        }
        let image = self.image(from, self.options.platform.as_ref()).await.map_err(|stop| match stop {
            Stop::Failed(message, code) => Stop::Failed(format!("invalid from flag value {from}: {message}"), code),
            Stop::Left => Stop::Left,
        })?;
        Ok(image.files.clone())
    }
}

/// What events say of the container of a step.
fn attributes(stage: &Stage, container: &str) -> BTreeMap<String, String> {
    let labels = Document(&stage.config).entries("Labels").map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()));
    let mut attributes: BTreeMap<String, String> = labels.collect();
    attributes.insert("image".to_owned(), stage.id().to_owned());
    attributes.insert("name".to_owned(), format!("build_{}", short(container)));
    attributes
}
