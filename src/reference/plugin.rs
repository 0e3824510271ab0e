//! Plugins, as state: they can be installed, enabled and set, and do nothing.

mod change;
mod config;
mod create;
mod install;
mod name;
mod set;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::refusal::Refusal;
use super::{Engine, State};

use name::Name;

/// A plugin that is installed.
#[derive(Debug, Clone)]
struct Plugin {
    id: String,
    /// `vieux/sshfs:latest`.
    name: String,
    /// Where it came from, with its registry.
    reference: String,
    enabled: bool,
    /// Its own configuration, as Go writes it.
    config: Value,
    /// What of it is set.
    settings: Value,
}

impl Plugin {
    fn to_json(&self) -> Value {
        json!({
            "Id": self.id,
            "Name": self.name,
            "Enabled": self.enabled,
            "PluginReference": self.reference,
            "Settings": self.settings,
            "Config": self.config,
        })
    }

    /// What it is for: `volumedriver` of `docker.volumedriver/1.0`.
    fn capabilities(&self) -> impl Iterator<Item = &str> {
        let types = self.config["Interface"]["Types"].as_array().into_iter().flatten().filter_map(Value::as_str);
        types.filter_map(|kind| kind.split('/').next()?.rsplit('.').next())
    }
}

/// All plugins, in the order of their installation.
#[derive(Debug, Default)]
pub(super) struct Plugins {
    all: Vec<Plugin>,
}

impl Plugins {
    /// By id, by name, or by the only id that begins so.
    fn position(&self, term: &str) -> Result<usize, Refusal> {
        let not_found = || Refusal::not_found(format!("plugin {term:?} not found"));
        if let Some(found) = self.all.iter().position(|plugin| plugin.id == term) {
            return Ok(found);
        }
        let name = Name::parse(term).map_err(|_| not_found())?.familiar();
        if let Some(found) = self.all.iter().position(|plugin| plugin.name == name) {
            return Ok(found);
        }
        let mut begun = self.all.iter().enumerate().filter(|(_, plugin)| plugin.id.starts_with(term));
        match (begun.next(), begun.next()) {
            (Some((found, _)), None) => Ok(found),
            (Some(_), Some(_)) => Err(Refusal::bad_parameter(format!("multiple plugins found for {term:?}"))),
            (None, _) => Err(not_found()),
        }
    }

    fn find(&self, term: &str) -> Result<&Plugin, Refusal> {
        let position = self.position(term)?;
        self.all.get(position).ok_or_else(|| Refusal::not_found(format!("plugin {term:?} not found")))
    }

    fn find_mut(&mut self, term: &str) -> Result<&mut Plugin, Refusal> {
        let position = self.position(term)?;
        self.all.get_mut(position).ok_or_else(|| Refusal::not_found(format!("plugin {term:?} not found")))
    }

    /// Refuses a name that is taken.
    fn vacant(&self, name: &str) -> Result<(), Refusal> {
        if self.all.iter().any(|plugin| plugin.name == name) {
            return Err(Refusal::conflict(format!("plugin {name} already exists")));
        }
        Ok(())
    }
}

/// An event of a plugin; `name` is what the client called it.
fn emit(engine: &Engine, state: &mut State, action: &str, id: &str, name: &str) {
    engine.emit(state, "plugin", action, id, BTreeMap::from([("name".to_owned(), name.to_owned())]));
}

/// Answers the operations of this part.
pub(super) async fn answer(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    match call.operation.id() {
        "GetPluginPrivileges" => install::privileges(&call),
        "PluginPull" => {
            let body = call.body.read().await?;
            install::pull(engine, &call, &body)
        }
        "PluginUpgrade" => {
            let body = call.body.read().await?;
            install::upgrade(engine, &call, &body)
        }
        "PluginPush" => install::push(engine, &call),
        "PluginCreate" => {
            let body = call.body.read().await?;
            create::answer(engine, &call, &body)
        }
        "PluginList" => list(engine, &call),
        "PluginInspect" => engine.state().plugins.find(&call.name).map(|plugin| Answer::json(plugin.to_json())),
        "PluginEnable" => change::enable(engine, &call),
        "PluginDisable" => change::disable(engine, &call),
        "PluginDelete" => change::remove(engine, &call),
        "PluginSet" => {
            let body = call.body.read().await?;
            set::answer(engine, &call, &body)
        }
        id => Err(Refusal::not_implemented(format!("{id} is not part of the reference backend"))),
    }
}

fn list(engine: &Engine, call: &Call) -> Result<Answer, Refusal> {
    let filters = call.query.filters()?;
    filters.only(&["capability", "enabled"])?;
    let enabled = match filters.get("enabled") {
        [] => None,
        values if values.iter().any(|value| value == "true") => Some(true),
        values if values.iter().any(|value| value == "false") => Some(false),
        values => return Err(Refusal::bad_parameter(format!("invalid filter 'enabled=[{}]'", values.join(" ")))),
    };
    let state = engine.state();
    let shown: Vec<Value> = state
        .plugins
        .all
        .iter()
        .filter(|plugin| enabled.is_none_or(|enabled| plugin.enabled == enabled))
        .filter(|plugin| plugin.capabilities().all(|capability| filters.any("capability", |value| value == capability)))
        .map(Plugin::to_json)
        .collect();
    Ok(Answer::json(shown.into()))
}
