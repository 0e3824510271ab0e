//! `ContainerChanges` and `ContainerExport`: all of a container's own files.

use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

use super::pieces;
use crate::reference::Engine;
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::container::tell;
use crate::reference::refusal::Refusal;

/// What the container changed of its image; null when it is nothing.
pub(super) fn changes(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let (root, image) = {
        let state = engine.state();
        let container = state.containers.find(&call.name)?;
        (Arc::clone(&container.root), container.image_files.clone())
    };
    let now = root.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let changes = now.changes(&image);
    if changes.is_empty() {
        return Ok(Answer::json(Value::Null));
    }
    Ok(Answer::json(changes.into_iter().map(|change| json!({ "Path": change.path, "Kind": change.kind as u8 })).collect()))
}

/// All files as they are now, without what is mounted.
pub(super) fn export(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let root = {
        let mut state = engine.state();
        let container = state.containers.find(&call.name)?;
        if container.life.removing {
            return Err(Refusal::conflict(format!("You cannot export container {} which is being removed", container.id)));
        }
        let (id, root) = (container.id.clone(), Arc::clone(&container.root));
        tell(engine, &mut state, &id, "export", &[]);
        root
    };
    let now = root.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Answer::new(200, pieces("application/octet-stream", now.export_all())))
}
