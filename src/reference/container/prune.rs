//! `POST /containers/prune`.

use std::sync::Arc;

use serde_json::json;

use super::{filter, remove};
use crate::reference::Engine;
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::refusal::Refusal;

/// Answers the operation.
pub(super) fn answer(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let filters = call.query.filters()?;
    filters.only(&["label", "label!", "until"])?;
    let until = match filters.get("until") {
        [] => None,
        [one] => Some(filter::moment(one, engine.now())?),
        _ => return Err(Refusal::bad_parameter("more than one until filter specified")),
    };
    let mut guard = engine.state();
    let state = &mut *guard;
    let old_enough = |created| until.is_none_or(|until| created < until);
    let gone: Vec<(String, u64)> = state
        .containers
        .newest_first()
        .filter(|container| !container.life.is_running() && !container.life.removing && old_enough(container.created))
        .filter(|container| filters.labels(|key| container.label(key)))
        .map(|container| (container.id.clone(), container.written()))
        .collect();
    let mut reclaimed = 0;
    for (id, bytes) in &gone {
        reclaimed += bytes;
        remove::remove(engine, state, id, false);
    }
    engine.emit(state, "container", "prune", "", [("reclaimed".to_owned(), reclaimed.to_string())].into());
    let ids = if gone.is_empty() { serde_json::Value::Null } else { gone.iter().map(|(id, _)| id.as_str()).collect() };
    Ok(Answer::json(json!({ "ContainersDeleted": ids, "SpaceReclaimed": reclaimed })))
}
