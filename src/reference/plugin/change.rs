//! Enable, disable and remove.

use std::sync::Arc;

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;
use super::emit;

pub(super) fn enable(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let timeout = call.query.text("timeout");
    if timeout.parse::<i64>().is_err() && (call.since(25) || !timeout.is_empty()) {
        let message = format!("strconv.Atoi: parsing {timeout:?}: invalid syntax");
        return Err(Refusal::new(if call.since(44) { 400 } else { 500 }, message));
    }
    let mut state = engine.state();
    let plugin = state.plugins.find_mut(&call.name)?;
    if plugin.enabled {
        return Err(Refusal::conflict(format!("plugin is already enabled: plugin {} is enabled", plugin.name)));
    }
    plugin.enabled = true;
    let id = plugin.id.clone();
    emit(engine, &mut state, "enable", &id, &call.name);
    Ok(Answer::empty(200))
}

pub(super) fn disable(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let mut state = engine.state();
    let plugin = state.plugins.find_mut(&call.name)?;
    if !plugin.enabled {
        return Err(Refusal::conflict(format!("plugin is already disabled: plugin {} found but disabled", plugin.name)));
    }
    plugin.enabled = false;
    let id = plugin.id.clone();
    emit(engine, &mut state, "disable", &id, &call.name);
    Ok(Answer::empty(200))
}

pub(super) fn remove(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let mut state = engine.state();
    let position = state.plugins.position(&call.name)?;
    let plugin = state.plugins.find(&call.name)?;
    if plugin.enabled && !call.query.flag("force") {
        return Err(Refusal::conflict(format!("plugin {} is enabled", plugin.name)));
    }
    let id = plugin.id.clone();
    state.plugins.all.remove(position);
    emit(engine, &mut state, "remove", &id, &call.name);
    Ok(Answer::empty(200))
}
