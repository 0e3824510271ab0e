//! All containers, found by id, by name and by the beginning of an id, each without a search.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use super::Container;
use super::port::Allocation;
use crate::reference::files::{Files, Shared, shared};
use crate::reference::refusal::Refusal;

/// All containers.
#[derive(Debug, Default)]
pub(in crate::reference) struct Containers {
    by_id: BTreeMap<String, Container>,
    /// Names, and the links as `parent/alias`, without the slash before them.
    by_name: HashMap<String, String>,
    /// The links that a container has: an alias and the id of whom it means.
    links: HashMap<String, BTreeMap<String, String>>,
    /// Who links to a container: the id, and the alias.
    linked_from: HashMap<String, BTreeSet<(String, String)>>,
    created: u64,
    pids: u32,
    /// Directories of the host as containers bind them: in memory, one for each path.
    binds: BTreeMap<String, Shared>,
    /// Ports of the host that are taken.
    pub(super) ports: Allocation,
}

impl Containers {
    /// By id, by name with or without its slash, or by the only id that begins so.
    pub(in crate::reference) fn find(&self, name: &str) -> Result<&Container, Refusal> {
        let id = self.id_of(name)?;
        self.by_id.get(&id).ok_or_else(|| no_such(name))
    }

    /// The same, to change it.
    pub(in crate::reference) fn find_mut(&mut self, name: &str) -> Result<&mut Container, Refusal> {
        let id = self.id_of(name)?;
        self.by_id.get_mut(&id).ok_or_else(|| no_such(name))
    }

    /// All of them, by id.
    pub(in crate::reference) fn iter(&self) -> impl Iterator<Item = &Container> {
        self.by_id.values()
    }

    /// All of them, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Container> {
        // Sorted anew: that is quicker than to look each of them up.
        let mut all: Vec<&Container> = self.by_id.values().collect();
        all.sort_unstable_by_key(|container| std::cmp::Reverse(container.sequence));
        all.into_iter()
    }

    /// Which container has this name. Names have no slash before them.
    pub(super) fn owner_of(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(String::as_str)
    }

    /// Takes a container in. Its name must be free.
    pub(super) fn insert(&mut self, mut container: Container) {
        self.created += 1;
        container.sequence = self.created;
        self.by_name.insert(container.name.clone(), container.id.clone());
        self.by_id.insert(container.id.clone(), container);
    }

    /// Takes a container out, with its name and the links that it is a part of.
    pub(super) fn remove(&mut self, id: &str) -> Option<Container> {
        for alias in self.links.get(id).map(|links| links.keys().cloned().collect::<Vec<_>>()).unwrap_or_default() {
            self.unlink(id, &alias);
        }
        for (parent, alias) in self.linked_from.remove(id).unwrap_or_default() {
            self.unlink(&parent, &alias);
        }
        let container = self.by_id.remove(id)?;
        self.by_name.remove(&container.name);
        Some(container)
    }

    /// Gives a container another name, which must be free; its links are named after it.
    pub(super) fn rename(&mut self, id: &str, name: &str) {
        let Some(container) = self.by_id.get_mut(id) else { return };
        let old = std::mem::replace(&mut container.name, name.to_owned());
        self.by_name.remove(&old);
        self.by_name.insert(name.to_owned(), id.to_owned());
        for (alias, child) in self.links.get(id).into_iter().flatten() {
            self.by_name.remove(&format!("{old}/{alias}"));
            self.by_name.insert(format!("{name}/{alias}"), child.clone());
        }
    }

    /// Lets a container see another one under an alias, in place of whom it saw so before.
    pub(super) fn link(&mut self, parent: &str, alias: &str, child: &str) {
        self.unlink(parent, alias);
        let Some(name) = self.by_id.get(parent).map(|container| format!("{}/{alias}", container.name)) else { return };
        self.by_name.insert(name, child.to_owned());
        self.links.entry(parent.to_owned()).or_default().insert(alias.to_owned(), child.to_owned());
        self.linked_from.entry(child.to_owned()).or_default().insert((parent.to_owned(), alias.to_owned()));
    }

    /// Takes a link away; false if there is none such.
    pub(super) fn unlink(&mut self, parent: &str, alias: &str) -> bool {
        let Some(child) = self.links.get_mut(parent).and_then(|links| links.remove(alias)) else { return false };
        if let Some(from) = self.linked_from.get_mut(&child) {
            from.remove(&(parent.to_owned(), alias.to_owned()));
        }
        if let Some(container) = self.by_id.get(parent) {
            self.by_name.remove(&format!("{}/{alias}", container.name));
        }
        true
    }

    /// The links of a container: alias and id.
    pub(super) fn links_of(&self, parent: &str) -> impl Iterator<Item = (&str, &str)> {
        self.links.get(parent).into_iter().flatten().map(|(alias, child)| (alias.as_str(), child.as_str()))
    }

    /// The names that others gave to a container, `parent/alias`.
    pub(super) fn aliases_of(&self, id: &str) -> impl Iterator<Item = String> {
        let from = self.linked_from.get(id).into_iter().flatten();
        from.filter_map(|(parent, alias)| Some(format!("{}/{alias}", self.by_id.get(parent)?.name)))
    }

    /// A pid that no other container's process has.
    pub(in crate::reference) fn next_pid(&mut self) -> u32 {
        self.pids = self.pids.wrapping_add(1) % 4_000_000;
        1000 + self.pids
    }

    /// The directory in memory that stands for a path of the host.
    pub(super) fn bind(&mut self, path: &str) -> Shared {
        self.binds.entry(path.to_owned()).or_insert_with(|| shared(Files::new())).clone()
    }

    fn id_of(&self, name: &str) -> Result<String, Refusal> {
        if name.is_empty() {
            return Err(Refusal::bad_parameter("invalid name or ID supplied: \"\""));
        }
        if self.by_id.contains_key(name) {
            return Ok(name.to_owned());
        }
        if let Some(id) = self.by_name.get(name.strip_prefix('/').unwrap_or(name)) {
            return Ok(id.clone());
        }
        let from = (Bound::Included(name.to_owned()), Bound::Unbounded);
        let mut candidates = self.by_id.range(from).map(|(id, _)| id).take_while(|id| id.starts_with(name));
        match (candidates.next(), candidates.next()) {
            (Some(id), None) => Ok(id.clone()),
            (Some(_), Some(_)) => Err(Refusal::server_error(format!("Multiple IDs found with provided prefix: {name}"))),
            (None, _) => Err(no_such(name)),
        }
    }
}

fn no_such(name: &str) -> Refusal {
    Refusal::not_found(format!("No such container: {name}"))
}
