//! `POST /images/{name}/tag`.

use std::sync::Arc;

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;
use super::super::{Engine, State};
use super::name::Name;

/// Answers the operation.
pub(super) fn answer(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let mut state = engine.state();
    let image = state.images.find(&call.name)?;
    // Before 24.0 dockerd took the name's fault for its own.
    let status = |refusal: Refusal| if call.since(43) { refusal } else { Refusal::server_error(refusal.message) };
    let name = new_name(call.query.text("repo"), call.query.text("tag")).map_err(status)?;
    engine.tag_image(&mut state, &image.id, &name);
    Ok(Answer::empty(201))
}

/// The name that `repo` and `tag` give, as tag, commit and import take them.
pub(super) fn new_name(repository: &str, tag: &str) -> Result<Name, Refusal> {
    let name = Name::parse(repository)?;
    if name.digest.is_some() {
        return Err(Refusal::bad_parameter("refusing to create a tag with a digest reference"));
    }
    if name.familiar_name() == "sha256" {
        return Err(Refusal::bad_parameter("refusing to create an ambiguous tag using digest algorithm as name"));
    }
    if tag.is_empty() { Ok(name) } else { name.with_tag(tag) }
}

impl Engine {
    /// Gives an image a name, and tells it.
    pub(super) fn tag_image(&self, state: &mut State, id: &str, name: &Name) {
        let name = name.exact();
        state.images.tag(&name, id, self.now());
        self.emit_image(state, "tag", id, &name.familiar());
    }
}
