//! Containers: from create to remove.
//!
//! What always holds:
//! - A name belongs to one container, and so does an alias (`parent/alias`) that a link gave it.
//! - A container that runs (or is paused) has a process and a pid; one that does not has neither, nor published ports, nor addresses.
//! - The code that `wait` tells, inspect's `ExitCode` and the `exitCode` of the `die` event are the same.
//!
//! All changes are made under the engine's lock by plain functions; only the watchers of a process, of its health and of a restart's delay are tasks.
//! Nothing is run on the host, and a bind mount is a directory in memory that has the host path for its name.

mod config;
pub(super) mod console;
mod create;
mod ending;
mod endpoints;
pub(super) mod environment;
mod filter;
mod health;
mod host;
mod inspect;
mod kill;
mod life;
mod links;
mod list;
mod mount;
mod name;
pub(super) mod neighbours;
mod pause;
mod port;
mod process;
mod prune;
mod registry;
mod remove;
mod rename;
mod restart;
mod signal;
mod start;
mod status;
mod stop;
pub(super) mod stream;
mod summary;
mod update;
mod validate;
mod wait;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::answer::Answer;
use super::call::Call;
use super::document::Document;
use super::files::{Files, Namespace};
use super::network::Endpoint;
use super::refusal::Refusal;
use super::{Engine, State};

use console::Console;
pub(super) use health::Health;
pub(super) use life::Life;
pub(super) use mount::Mount;
pub(super) use registry::Containers;

/// A container.
#[derive(Debug)]
pub(super) struct Container {
    /// 64 hex digits.
    pub(super) id: String,
    /// Without the slash that the API puts before it.
    pub(super) name: String,
    /// When it was created.
    pub(super) created: Timestamp,
    /// How many were created before it: lists are by this, the newest first.
    pub(super) sequence: u64,
    /// The id of its image, `sha256:…`; empty for a container without one.
    pub(super) image_id: String,
    /// The image as the client wrote it.
    pub(super) image_name: String,
    /// `Config` as inspect shows it: every member that Go always writes is there.
    pub(super) config: Value,
    /// `HostConfig` as inspect shows it.
    pub(super) host: Value,
    /// What it writes on: the image's files and what was changed since.
    pub(super) root: Arc<Mutex<Files>>,
    /// The image's files, to compare with.
    pub(super) image_files: Files,
    /// What its processes see: the root and the mounts.
    pub(super) namespace: Namespace,
    /// What is mounted where.
    pub(super) mounts: Vec<Mount>,
    /// Its networks, by name.
    pub(super) endpoints: BTreeMap<String, Endpoint>,
    /// Networks that it asked for and that are not there: settings by name.
    pub(super) missing_networks: Map<String, Value>,
    /// Where it is in its life.
    pub(super) life: Life,
    /// The standard streams of its process, and what they said so far.
    pub(super) console: Console,
    /// Its health, once it was started with a check.
    pub(super) health: Option<Health>,
    /// How often the restart policy has started it again.
    pub(super) restart_count: u32,
}

impl Container {
    /// Whether its process has a terminal.
    pub(super) fn tty(&self) -> bool {
        Document(&self.config).flag("Tty")
    }

    /// Whether its process runs, paused or not.
    pub(super) fn is_running(&self) -> bool {
        self.life.run().is_some()
    }

    /// Whether its process is frozen.
    pub(super) fn is_paused(&self) -> bool {
        self.life.is_paused()
    }

    /// A label's value.
    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.config.get("Labels")?.get(key)?.as_str()
    }

    /// The attributes that its events have: its labels, its image and its name.
    pub(super) fn attributes(&self) -> BTreeMap<String, String> {
        let labels = Document(&self.config).entries("Labels").filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        let mut all: BTreeMap<String, String> = labels.collect();
        if !self.image_name.is_empty() {
            all.insert("image".to_owned(), self.image_name.clone());
        }
        all.insert("name".to_owned(), self.name.clone());
        all
    }

    /// Bytes that it has written beyond its image.
    pub(super) fn written(&self) -> u64 {
        let size = self.root.lock().map_or(0, |files| files.size());
        size.saturating_sub(self.image_files.size())
    }

    /// The program and its arguments: the entrypoint and the command.
    pub(super) fn argv(&self) -> Vec<String> {
        let config = Document(&self.config);
        let mut argv = config.texts("Entrypoint");
        argv.extend(config.texts("Cmd"));
        argv
    }
}

/// Tells an event of a container, with more attributes than it always has.
fn tell(engine: &Engine, state: &mut State, id: &str, action: &str, more: &[(&str, String)]) {
    let Ok(container) = state.containers.find(id) else { return };
    let mut attributes = container.attributes();
    attributes.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    engine.emit(state, "container", action, id, attributes);
}

/// Answers the operations of this part.
pub(super) async fn answer(engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
    match call.operation.id() {
        "ContainerCreate" => create::answer(engine, call).await,
        "ContainerDelete" => remove::answer(engine, call).await,
        "ContainerInspect" => inspect::answer(engine, &call),
        "ContainerKill" => kill::answer(engine, call).await,
        "ContainerList" => list::answer(engine, &call),
        "ContainerPause" => pause::pause(engine, &call),
        "ContainerPrune" => prune::answer(engine, &call),
        "ContainerRename" => rename::answer(engine, &call),
        "ContainerRestart" => restart::answer(engine, call).await,
        "ContainerStart" => start::answer(engine, call).await,
        "ContainerStop" => stop::answer(engine, call).await,
        "ContainerUnpause" => pause::unpause(engine, &call),
        "ContainerUpdate" => update::answer(engine, call).await,
        "ContainerWait" => wait::answer(engine, call).await,
        _ => stream::answer(engine, call).await,
    }
}

#[cfg(test)]
mod tests;
