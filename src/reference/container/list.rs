//! `GET /containers/json`.

use std::sync::Arc;

use bytes::Bytes;

use super::filter::Selection;
use super::summary::{Named, Summary};
use crate::reference::Engine;
use crate::reference::answer::{Answer, Payload};
use crate::reference::call::Call;
use crate::reference::refusal::Refusal;

/// Answers the operation. The document is written without a tree in between: there may be ten thousand containers.
pub(super) fn answer(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let state = engine.state();
    let selection = Selection::of(call, &state)?;
    let size = call.query.flag("size");
    let wanted = state.containers.newest_first().filter(|container| selection.wants(container, &state)).take(selection.limit());
    let mut named = Named::new(&state);
    let now = engine.now();
    let summaries: Vec<Summary<'_>> = wanted.map(|container| Summary::of(container, &mut named, call.version, now, size)).collect();
    let written = serde_json::to_vec(&summaries).map_err(|error| Refusal::server_error(error.to_string()))?;
    Ok(Answer::new(200, Payload::Written(Bytes::from(written))))
}
