//! `DELETE /images/{name}`: takes names away, and with the last one the image and those that it was built on.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;
use super::super::{Engine, State};
use super::name::Name;
use super::store::short;

/// Answers the operation.
pub(super) fn answer(engine: &Engine, call: &Call) -> Result<Answer, Refusal> {
    if call.name.trim().is_empty() {
        return Err(Refusal::bad_parameter("image name cannot be blank"));
    }
    let mut state = engine.state();
    let removal = Removal { engine, force: call.query.flag("force"), prune: !call.query.flag("noprune"), records: Vec::new() };
    let records = removal.run(&mut state, &call.name)?;
    if !call.since(2) {
        return Ok(Answer::empty(204));
    }
    Ok(Answer::json(records.iter().map(Record::document).collect()))
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    /// A name was taken away.
    Untagged(String),
    /// An image, or a chain of layers, is gone.
    Deleted(String),
}

impl Record {
    pub(super) fn document(&self) -> Value {
        match self {
            Self::Untagged(name) => json!({ "Untagged": name }),
            Self::Deleted(id) => json!({ "Deleted": id }),
        }
    }
}

/// A removal that is under way.
pub(super) struct Removal<'e> {
    pub(super) engine: &'e Engine,
    pub(super) force: bool,
    pub(super) prune: bool,
    pub(super) records: Vec<Record>,
}

/// Why an image cannot go.
struct Conflict {
    hard: bool,
    /// A container uses it.
    used: bool,
    why: String,
}

impl Removal<'_> {
    /// Removes what a reference names.
    pub(super) fn run(mut self, state: &mut State, reference: &str) -> Result<Vec<Record>, Refusal> {
        let id = state.images.find(reference)?.id.clone();
        let names: Vec<Name> = state.images.references(&id).cloned().collect();
        let mut quiet = false;
        if begins(&id, reference) {
            if is_single(&names) {
                if let Some(found) = conflict(state, &id, !self.force, false) {
                    return Err(refusal(&id, &found));
                }
                for name in &names {
                    self.untag(state, &id, name, true);
                }
            }
        } else {
            if !self.force
                && is_single(&names)
                && let Some(container) = state.containers.iter().find(|container| container.image_id == id)
            {
                return Err(Refusal::conflict(format!(
                    "conflict: unable to remove repository reference {reference:?} (must force) - container {} is using its referenced image {}",
                    short(&container.id),
                    short(&id)
                )));
            }
            let name = Name::parse(reference)?.exact();
            self.untag(state, &id, &name, true);
            if name.digest.is_none() {
                self.drop_digests(state, &id, &name);
            }
            if state.images.references(&id).next().is_some() {
                return Ok(self.records);
            }
            quiet = true;
        }
        self.remove(state, &id, quiet)?;
        Ok(self.records)
    }

    /// When the last tag of a repository is gone its digests go too.
    fn drop_digests(&mut self, state: &mut State, id: &str, name: &Name) {
        let of_repository = |other: &&Name| other.domain == name.domain && other.path == name.path;
        let rest: Vec<Name> = state.images.references(id).filter(of_repository).cloned().collect();
        if rest.iter().all(|name| name.digest.is_some()) {
            for name in &rest {
                self.untag(state, id, name, false);
            }
        }
    }

    fn untag(&mut self, state: &mut State, id: &str, name: &Name, tell: bool) {
        state.images.untag(name);
        self.records.push(Record::Untagged(name.familiar()));
        if tell {
            self.engine.emit_image(state, "untag", id, id);
        }
    }

    /// Deletes an image, and then, quietly, those that it was built on and that nothing needs any more.
    fn remove(&mut self, state: &mut State, id: &str, quiet: bool) -> Result<(), Refusal> {
        let (mut id, mut quiet, mut force) = (id.to_owned(), quiet, self.force);
        // A stopped container's own layer lies on those of its image, and keeps them.
        let mut held = false;
        loop {
            if let Some(found) = conflict(state, &id, !force, true) {
                let dangling = state.images.references(&id).next().is_none() && !state.images.has_children(&id);
                if quiet && (!dangling || found.used) {
                    return Ok(());
                }
                return Err(refusal(&id, &found));
            }
            for name in state.images.references(&id).cloned().collect::<Vec<_>>() {
                self.untag(state, &id, &name, true);
            }
            self.engine.emit_image(state, "delete", &id, &id);
            let Some(image) = state.images.remove(&id) else { return Ok(()) };
            self.records.push(Record::Deleted(id.clone()));
            held |= state.containers.iter().any(|container| container.image_id == id);
            for chain in image.chain.iter().rev().take_while(|chain| !held && !state.images.has_chain(chain)) {
                self.records.push(Record::Deleted(chain.clone()));
            }
            if !self.prune || image.parent.is_empty() || state.images.by_id(&image.parent).is_none() {
                return Ok(());
            }
            id.clone_from(&image.parent);
            (quiet, force) = (true, false);
        }
    }
}

/// What keeps an image from going; `soft` asks also for what a client can force, `names_matter` for its names among that.
fn conflict(state: &State, id: &str, soft: bool, names_matter: bool) -> Option<Conflict> {
    if state.images.has_children(id) {
        return Some(Conflict { hard: true, used: false, why: "image has dependent child images".to_owned() });
    }
    let used_by = |running: bool| state.containers.iter().find(|container| container.image_id == id && container.is_running() == running);
    if let Some(container) = used_by(true) {
        let why = format!("image is being used by running container {}", short(&container.id));
        return Some(Conflict { hard: true, used: true, why });
    }
    if soft && names_matter && state.images.references(id).next().is_some() {
        return Some(Conflict { hard: false, used: false, why: "image is referenced in multiple repositories".to_owned() });
    }
    if soft && let Some(container) = used_by(false) {
        let why = format!("image is being used by stopped container {}", short(&container.id));
        return Some(Conflict { hard: false, used: true, why });
    }
    None
}

fn refusal(id: &str, conflict: &Conflict) -> Refusal {
    let force = if conflict.hard { "cannot be forced" } else { "must be forced" };
    Refusal::conflict(format!("conflict: unable to delete {} ({force}) - {}", short(id), conflict.why))
}

/// Whether a reference is the beginning of the id.
fn begins(id: &str, reference: &str) -> bool {
    id.starts_with(reference) || id.strip_prefix("sha256:").is_some_and(|hex| hex.starts_with(reference))
}

/// All names are of one repository, and at most one is a tag.
fn is_single(names: &[Name]) -> bool {
    let Some(first) = names.first() else { return false };
    let tags = names.iter().filter(|name| name.tag.is_some()).count();
    tags <= 1 && names.iter().all(|name| name.domain == first.domain && name.path == first.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_repository_with_one_tag_is_single() {
        let digest = format!("a@sha256:{}", "0".repeat(64));
        for (names, single) in
            [(vec![], false), (vec!["a:1"], true), (vec!["a:1", "a:2"], false), (vec!["a:1", &digest], true), (vec!["b:1", &digest], false)]
        {
            let parsed: Vec<Name> = names.iter().map(|name| Name::parse(name).expect("a name")).collect();
            assert_eq!(is_single(&parsed), single, "{names:?}");
        }
        assert!(begins("sha256:abc", "ab") && begins("sha256:abc", "sha256:a") && !begins("sha256:abc", "b"));
    }
}
