//! File systems in memory: an image's layers, a container's root, volumes and tmpfs mounts.
//!
//! [`Files`] is one tree, and copying it costs a reference count: nodes are shared until they are changed. [`Namespace`] is what a container sees:
//! its root with everything that is mounted on it. No file of the host is ever read or written, and no path leads out of a tree.

mod archive;
mod base;
mod change;
mod error;
mod extract;
mod namespace;
mod node;
mod path;
mod stat;

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

pub use base::{APPLET_MAGIC, HELLO_MAGIC, base};
pub use change::{Change, Kind as ChangeKind};
pub use error::FileError;
pub use extract::{ExtractOptions, decompressed};
pub use namespace::{Mount, Namespace, Shared, shared};
pub use node::Special;
pub use path::{base_name, clean};
pub use stat::{Sort, Stat};

use node::{Content, Kind, Node, same};
use path::{MOST_LEVELS, joined};

/// A whole file tree. `clone` shares everything; a change copies only the directories on its way.
#[derive(Debug, Clone)]
pub struct Files {
    root: Arc<Node>,
}

impl Default for Files {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Files {
    fn eq(&self, other: &Self) -> bool {
        same(&self.root, &other.root)
    }
}

impl Files {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self { root: Arc::new(Node::directory(0o755, Timestamp::UNIX_EPOCH)) }
    }

    /// A tree that is one file: to be mounted on a file, as `/etc/hosts` is.
    #[must_use]
    pub fn single(content: Bytes, mode: u32, now: Timestamp) -> Self {
        Self { root: Arc::new(Node::new(Kind::File(content.into()), mode, now)) }
    }

    /// What is at a path; the last name is followed if it is a link and `follow` says so.
    pub fn stat(&self, path: &str, follow: bool) -> Result<Stat, FileError> {
        let place = self.walk(path, follow)?;
        Ok(Stat::of(place.node()?, base_name(path)))
    }

    /// Whether something is at a path, links followed.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.stat(path, true).is_ok()
    }

    /// The stat of a path as the archive endpoints tell it: the last name is not followed, and a link's target is what it leads to.
    pub fn path_stat(&self, path: &str) -> Result<Stat, FileError> {
        let path = absolute(path);
        let mut stat = self.stat(&path, false)?;
        if stat.sort == Sort::Symlink {
            stat.link_target = self.resolve_missing(&path)?;
        }
        Ok(stat)
    }

    /// The content of a file.
    pub fn read(&self, path: &str) -> Result<Bytes, FileError> {
        self.content(path).map(Content::bytes)
    }

    /// The content of a file from an offset on; nothing when the file is shorter.
    pub fn read_from(&self, path: &str, offset: usize) -> Result<Bytes, FileError> {
        self.content(path).map(|content| content.after(offset))
    }

    fn content(&self, path: &str) -> Result<&Content, FileError> {
        let place = self.walk(path, true)?;
        place.node()?;
        match self.node_at(&place.names).map(|node| &node.kind) {
            Some(Kind::File(content)) => Ok(content),
            Some(Kind::Directory(_)) => Err(FileError::IsADirectory),
            Some(_) => Err(FileError::Invalid),
            None => Err(FileError::NotFound),
        }
    }

    /// The names in a directory, sorted.
    pub fn list(&self, path: &str) -> Result<Vec<String>, FileError> {
        let place = self.walk(path, true)?;
        let children = place.node()?.children().ok_or(FileError::NotADirectory)?;
        Ok(children.keys().cloned().collect())
    }

    /// Where a path leads: absolute, without links.
    pub fn resolve(&self, path: &str) -> Result<String, FileError> {
        let place = self.walk(path, true)?;
        place.node()?;
        Ok(joined(&place.names))
    }

    /// Where a path leads, even if nothing is there or on the way: what is missing is joined as it is written.
    pub fn resolve_missing(&self, path: &str) -> Result<String, FileError> {
        match self.walk(path, true) {
            Ok(place) => Ok(joined(&place.names)),
            Err(FileError::NotFound | FileError::NotADirectory) => {
                let cleaned = clean("/", path);
                let (parent, name) = cleaned.rsplit_once('/').unwrap_or(("", &cleaned));
                let parent = if parent.is_empty() || name.is_empty() { "/".to_owned() } else { self.resolve_missing(parent)? };
                Ok(clean(&parent, name))
            }
            Err(other) => Err(other),
        }
    }

    /// Where a link points, as it was written.
    pub fn read_link(&self, path: &str) -> Result<String, FileError> {
        match &self.walk(path, false)?.node()?.kind {
            Kind::Symlink(target) => Ok(target.clone()),
            _ => Err(FileError::Invalid),
        }
    }

    /// Bytes of all files.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.root.size()
    }

    /// Writes a whole file; a file that is there keeps its mode and owner.
    pub fn write(&mut self, path: &str, content: Bytes, mode: u32, now: Timestamp) -> Result<(), FileError> {
        if content.len() > node::MOST_BYTES {
            return Err(FileError::NoSpace);
        }
        let place = self.walk(path, true)?;
        if place.node.is_none() {
            if path.ends_with('/') {
                return Err(FileError::IsADirectory);
            }
            return self.put(&place.names, Node::new(Kind::File(content.into()), mode, now), now);
        }
        self.change_at(&place.names, |node| match &mut node.kind {
            Kind::File(old) => {
                *old = content.into();
                node.mtime = now;
                Ok(())
            }
            Kind::Directory(_) => Err(FileError::IsADirectory),
            // What is written to a device is gone.
            _ => Ok(()),
        })
    }

    /// Adds to the end of a file, which must exist.
    pub fn append(&mut self, path: &str, more: Bytes, now: Timestamp) -> Result<(), FileError> {
        let place = self.walk(path, true)?;
        place.node()?;
        self.change_at(&place.names, |node| match &mut node.kind {
            Kind::File(content) => {
                content.append(more)?;
                node.mtime = now;
                Ok(())
            }
            Kind::Directory(_) => Err(FileError::IsADirectory),
            _ => Ok(()),
        })
    }

    /// Makes a directory whose parent exists.
    pub fn make_dir(&mut self, path: &str, mode: u32, now: Timestamp) -> Result<(), FileError> {
        self.create(path.trim_end_matches('/'), Node::directory(mode, now), now)
    }

    /// Makes a directory and its parents; that it exists is no error.
    pub fn make_dirs(&mut self, path: &str, mode: u32, now: Timestamp) -> Result<(), FileError> {
        let mut at = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at.push('/');
            at.push_str(part);
            match self.stat(&at, true) {
                Ok(stat) if stat.is_directory() => {}
                Ok(_) => return Err(FileError::NotADirectory),
                Err(FileError::NotFound) => self.make_dir(&at, mode, now)?,
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// Makes a symbolic link that points to `target`, which need not exist.
    pub fn symlink(&mut self, target: &str, path: &str, now: Timestamp) -> Result<(), FileError> {
        if target.len() > 4095 {
            return Err(FileError::NameTooLong);
        }
        self.create(path, Node::new(Kind::Symlink(target.to_owned()), 0o777, now), now)
    }

    /// Makes a second name for a file. What is written to one later does not show in the other.
    pub fn link(&mut self, existing: &str, path: &str, now: Timestamp) -> Result<(), FileError> {
        let node = Node::clone(self.walk(existing, false)?.node()?);
        if node.is_directory() {
            return Err(FileError::Denied);
        }
        self.create(path, node, now)
    }

    /// Makes a fifo or a device.
    pub fn make_special(&mut self, path: &str, special: Special, mode: u32, now: Timestamp) -> Result<(), FileError> {
        self.create(path, Node::new(Kind::Special(special), mode, now), now)
    }

    /// Removes a file, a link, an empty directory; with `recursive` also what is in a directory.
    pub fn remove(&mut self, path: &str, recursive: bool, now: Timestamp) -> Result<(), FileError> {
        let place = self.walk(path.trim_end_matches('/'), false)?;
        let node = place.node()?;
        if !recursive && node.children().is_some_and(|children| !children.is_empty()) {
            return Err(FileError::NotEmpty);
        }
        let (parents, name) = place.split().ok_or(FileError::Busy)?;
        self.change_at(parents, |directory| {
            directory.children_mut()?.remove(name);
            directory.mtime = now;
            Ok(())
        })
    }

    /// Gives a file another name, in place of what has it; a directory only replaces an empty directory.
    pub fn rename(&mut self, from: &str, to: &str, now: Timestamp) -> Result<(), FileError> {
        let source = self.walk(from.trim_end_matches('/'), false)?;
        let node = Arc::clone(source.node()?);
        let target = self.walk(to.trim_end_matches('/'), false)?;
        if target.names == source.names {
            return Ok(());
        }
        if target.names.starts_with(&source.names) {
            return Err(FileError::Invalid);
        }
        if target.names.len() + node.height() > MOST_LEVELS {
            return Err(FileError::NameTooLong);
        }
        match (&target.node, node.is_directory()) {
            (Some(there), true) if !there.is_directory() => return Err(FileError::NotADirectory),
            (Some(there), true) if there.children().is_some_and(|children| !children.is_empty()) => return Err(FileError::NotEmpty),
            (Some(there), false) if there.is_directory() => return Err(FileError::IsADirectory),
            _ => {}
        }
        let (parents, name) = source.split().ok_or(FileError::Busy)?;
        let (target_parents, target_name) = target.split().ok_or(FileError::Busy)?;
        self.change_at(parents, |directory| {
            directory.mtime = now;
            directory.children_mut()?.remove(name);
            Ok(())
        })?;
        self.change_at(target_parents, |directory| {
            directory.mtime = now;
            directory.children_mut()?.insert(target_name.to_owned(), node);
            Ok(())
        })
    }

    /// Sets the permission bits, links followed.
    pub fn set_mode(&mut self, path: &str, mode: u32) -> Result<(), FileError> {
        self.change(path, true, |node| node.mode = mode & 0o7777)
    }

    /// Sets the owner; a link's own without `follow`.
    pub fn set_owner(&mut self, path: &str, uid: u32, gid: u32, follow: bool) -> Result<(), FileError> {
        self.change(path, follow, |node| (node.uid, node.gid) = (uid, gid))
    }

    /// Sets the time, and makes an empty file if there is none.
    pub fn touch(&mut self, path: &str, now: Timestamp) -> Result<(), FileError> {
        match self.change(path, true, |node| node.mtime = now) {
            Err(FileError::NotFound) => self.write(path, Bytes::new(), 0o644, now),
            done => done,
        }
    }

    fn change(&mut self, path: &str, follow: bool, change: impl FnOnce(&mut Node)) -> Result<(), FileError> {
        let place = self.walk(path, follow)?;
        place.node()?;
        self.change_at(&place.names, |node| {
            change(node);
            Ok(())
        })
    }

    fn create(&mut self, path: &str, node: Node, now: Timestamp) -> Result<(), FileError> {
        let place = self.walk(if path.is_empty() { "/" } else { path }, false)?;
        if place.node.is_some() {
            return Err(FileError::Exists);
        }
        self.put(&place.names, node, now)
    }

    /// Puts a node at names that hold no link, in place of what is there.
    fn put(&mut self, names: &[String], node: Node, now: Timestamp) -> Result<(), FileError> {
        let Some((name, parents)) = names.split_last() else {
            self.root = Arc::new(node);
            return Ok(());
        };
        self.change_at(parents, |directory| {
            directory.children_mut()?.insert(name.clone(), Arc::new(node));
            directory.mtime = now;
            Ok(())
        })
    }
}

/// A path as dockerd takes it: from the root, with a trailing `/` or `/.` kept, because it asks for a directory.
pub(crate) fn absolute(path: &str) -> String {
    let cleaned = clean("/", path);
    match path {
        _ if cleaned == "/" && !path.ends_with("/.") && path != "." => cleaned,
        _ if path.ends_with("/.") || path == "." => format!("{}/.", cleaned.trim_end_matches('/')),
        _ if path.ends_with('/') => format!("{cleaned}/"),
        _ => cleaned,
    }
}

/// The programs of the images, by name.
pub(crate) const fn applets() -> &'static [&'static str] {
    base::APPLETS
}

#[cfg(test)]
mod tests;
