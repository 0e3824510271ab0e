//! `GET /images/{name}/history`.

use serde_json::{Value, json};

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;

/// Answers the operation: the newest step first, with the ids of those images on the way that are kept.
pub(super) fn answer(engine: &Engine, call: &Call) -> Result<Answer, Refusal> {
    let state = engine.state();
    let image = state.images.find(&call.name)?;
    let mut sizes = image.layers.iter().map(|layer| layer.size);
    let mut steps: Vec<Value> = Vec::with_capacity(image.history.len());
    for step in &image.history {
        let size = if step.empty_layer { 0 } else { sizes.next().unwrap_or_default() };
        steps.push(json!({
            "Id": "<missing>",
            "Created": step.created.as_second(),
            "CreatedBy": step.created_by,
            "Tags": null,
            "Size": size,
            "Comment": step.comment,
        }));
    }
    steps.reverse();
    let mut at = Some(image);
    for step in &mut steps {
        let Some(image) = at else { break };
        let tags = state.images.tags_of(&image.id);
        step["Id"] = json!(image.id);
        if !tags.is_empty() {
            step["Tags"] = json!(tags);
        }
        at = state.images.by_id(&image.parent).cloned();
    }
    Ok(Answer::json(Value::Array(steps)))
}
