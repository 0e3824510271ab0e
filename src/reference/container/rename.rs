//! `POST /containers/{id}/rename`.

use std::sync::Arc;

use super::name;
use crate::reference::Engine;
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::refusal::Refusal;

/// Answers the operation.
pub(super) fn answer(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let asked = call.query.text("name");
    let mut guard = engine.state();
    let state = &mut *guard;
    if call.name.is_empty() || asked.is_empty() {
        return Err(Refusal::bad_parameter("Neither old nor new names may be empty"));
    }
    let container = state.containers.find(&call.name)?;
    let (id, old) = (container.id.clone(), container.name.clone());
    if asked.strip_prefix('/').unwrap_or(asked) == old {
        return Err(Refusal::bad_parameter("Renaming a container with the same name as its current name"));
    }
    // The daemon looks at the name with its slash.
    let slashed = if asked.starts_with('/') { asked.to_owned() } else { format!("/{asked}") };
    let new = name::checked(&state.containers, &slashed)
        .map_err(|refusal| Refusal { message: format!("Error when allocating new name: {}", refusal.message), ..refusal })?;
    state.containers.rename(&id, &new);
    super::tell(engine, state, &id, "rename", &[("oldName", format!("/{old}"))]);
    Ok(Answer::empty(204))
}
