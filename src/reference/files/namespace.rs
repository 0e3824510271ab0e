//! What a container sees: its root, and what is mounted on it.
//!
//! A question or a change is worked on one tree in which every mount stands in its place (trees are shared, so that this copies a handful of
//! names), and a change is then taken apart again. So everything that a tree can do works across mounts, and a change that meets something
//! read-only is not done at all. Locks are held for the length of one operation, never across an await.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;

use super::node::Node;
use super::{ExtractOptions, FileError, Files, Stat};

/// A tree that several may change: a container's root, a volume.
pub type Shared = Arc<Mutex<Files>>;

/// A tree to be shared.
#[must_use]
pub fn shared(files: Files) -> Shared {
    Arc::new(Mutex::new(files))
}

fn locked(files: &Shared) -> MutexGuard<'_, Files> {
    files.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One mount.
#[derive(Debug, Clone)]
pub struct Mount {
    /// Where, absolute and without links.
    pub at: String,
    /// What: a directory, or a tree that is one file.
    pub files: Shared,
    /// Whether it can be changed through this mount.
    pub writable: bool,
}

/// A container's view of files. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Namespace {
    root: Shared,
    root_writable: bool,
    mounts: Arc<Vec<Mount>>,
}

/// The trees put together, with what stood where the mounts are.
struct View {
    files: Files,
    covered: Vec<Option<Arc<Node>>>,
}

impl Namespace {
    /// A root with nothing mounted on it.
    #[must_use]
    pub fn new(root: Shared) -> Self {
        Self { root, root_writable: true, mounts: Arc::default() }
    }

    /// The root can no longer be changed, what is mounted on it can.
    #[must_use]
    pub fn with_read_only_root(mut self) -> Self {
        self.root_writable = false;
        self
    }

    /// Mounts a tree on a path. As runc does, the place is made if it is not there: a directory, or an empty file for a tree that is a file.
    pub fn with_mount(mut self, at: &str, files: Shared, writable: bool, now: Timestamp) -> Result<Self, FileError> {
        let is_directory = locked(&files).stat("/", true)?.is_directory();
        let whole = Self { root_writable: true, ..self.clone() };
        let at = whole.change(|tree| {
            let at = tree.resolve_missing(at)?;
            if !tree.exists(&at) {
                if is_directory {
                    tree.make_dirs(&at, 0o755, now)?;
                } else {
                    tree.make_dirs(at.rsplit_once('/').map_or("", |(parent, _)| parent), 0o755, now)?;
                    tree.write(&at, Bytes::new(), 0o755, now)?;
                }
            }
            Ok(at)
        })?;
        if at == "/" {
            return Err(FileError::Invalid);
        }
        let mut mounts = Vec::clone(&self.mounts);
        mounts.push(Mount { at, files, writable });
        // A mount below another comes after it.
        mounts.sort_by_key(|mount| mount.at.matches('/').count());
        self.mounts = Arc::new(mounts);
        Ok(self)
    }

    /// The container's own root, without mounts.
    #[must_use]
    pub fn root(&self) -> &Shared {
        &self.root
    }

    /// What is mounted, outer mounts first.
    #[must_use]
    pub fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// The mount that a path without links lies on; none when it lies on the root.
    #[must_use]
    pub fn mount_of(&self, path: &str) -> Option<&Mount> {
        self.mounts.iter().rev().find(|mount| path.strip_prefix(&mount.at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    /// Everything as one tree, at this moment. It can be read, exported, archived; changing it changes nothing here.
    #[must_use]
    pub fn view(&self) -> Files {
        if self.mounts.is_empty() {
            return locked(&self.root).clone();
        }
        let trees: Vec<Files> = self.mounts.iter().map(|mount| locked(&mount.files).clone()).collect();
        self.assemble(locked(&self.root).clone(), &trees).files
    }

    /// Changes files, in all trees together or in none.
    pub fn change<R>(&self, change: impl FnOnce(&mut Files) -> Result<R, FileError>) -> Result<R, FileError> {
        // Always in the same order, so that two containers with the same volumes do not wait for each other; a volume mounted twice is one tree.
        let mut trees: Vec<&Shared> = self.mounts.iter().map(|mount| &mount.files).chain([&self.root]).collect();
        trees.sort_by_key(|tree| Arc::as_ptr(tree));
        trees.dedup_by_key(|tree| Arc::as_ptr(tree));
        let mut guards: Vec<(*const Mutex<Files>, MutexGuard<'_, Files>)> =
            trees.into_iter().map(|tree| (Arc::as_ptr(tree), locked(tree))).collect();
        let held = |guards: &[(*const Mutex<Files>, MutexGuard<'_, Files>)], tree: &Shared| {
            guards.iter().find(|(at, _)| *at == Arc::as_ptr(tree)).map_or_else(Files::new, |(_, files)| Files::clone(files))
        };
        let root = held(&guards, &self.root);
        let before: Vec<Files> = self.mounts.iter().map(|mount| held(&guards, &mount.files)).collect();
        let mut view = self.assemble(root.clone(), &before);
        let done = change(&mut view.files)?;

        let mut changed: Vec<(*const Mutex<Files>, Files)> = Vec::new();
        for ((mount, before), covered) in self.mounts.iter().zip(&before).zip(&view.covered).rev() {
            let names = names(&mount.at);
            let now = Files { root: Arc::clone(view.files.node_at(&names).ok_or(FileError::Busy)?) };
            if now != *before {
                if now.root.is_directory() != before.root.is_directory() {
                    return Err(FileError::Busy);
                }
                if !mount.writable {
                    return Err(FileError::ReadOnly);
                }
                changed.push((Arc::as_ptr(&mount.files), now));
            }
            graft(&mut view.files, &names, covered.clone());
        }
        if view.files != root {
            if !self.root_writable {
                return Err(FileError::ReadOnly);
            }
            changed.push((Arc::as_ptr(&self.root), view.files));
        }
        for (at, files) in changed {
            if let Some((_, guard)) = guards.iter_mut().find(|(held, _)| *held == at) {
                **guard = files;
            }
        }
        Ok(done)
    }

    fn assemble(&self, root: Files, trees: &[Files]) -> View {
        let mut view = View { files: root, covered: Vec::with_capacity(trees.len()) };
        for (mount, tree) in self.mounts.iter().zip(trees) {
            let names = names(&mount.at);
            view.covered.push(view.files.node_at(&names).cloned());
            graft(&mut view.files, &names, Some(Arc::clone(&tree.root)));
        }
        view
    }

    /// See [`Files::stat`].
    pub fn stat(&self, path: &str, follow: bool) -> Result<Stat, FileError> {
        self.view().stat(path, follow)
    }

    /// See [`Files::read`].
    pub fn read(&self, path: &str) -> Result<Bytes, FileError> {
        self.view().read(path)
    }

    /// See [`Files::list`].
    pub fn list(&self, path: &str) -> Result<Vec<String>, FileError> {
        self.view().list(path)
    }

    /// See [`Files::resolve`].
    pub fn resolve(&self, path: &str) -> Result<String, FileError> {
        self.view().resolve(path)
    }

    /// See [`Files::export`].
    pub fn export(&self, path: &str) -> Result<Vec<u8>, FileError> {
        self.view().export(path)
    }

    /// See [`Files::write`].
    pub fn write(&self, path: &str, content: Bytes, mode: u32, now: Timestamp) -> Result<(), FileError> {
        self.change(|files| files.write(path, content, mode, now))
    }

    /// See [`Files::append`].
    pub fn append(&self, path: &str, more: Bytes, now: Timestamp) -> Result<(), FileError> {
        self.change(|files| files.append(path, more, now))
    }

    /// See [`Files::make_dirs`].
    pub fn make_dirs(&self, path: &str, mode: u32, now: Timestamp) -> Result<(), FileError> {
        self.change(|files| files.make_dirs(path, mode, now))
    }

    /// See [`Files::symlink`].
    pub fn symlink(&self, target: &str, path: &str, now: Timestamp) -> Result<(), FileError> {
        self.change(|files| files.symlink(target, path, now))
    }

    /// See [`Files::remove`].
    pub fn remove(&self, path: &str, recursive: bool, now: Timestamp) -> Result<(), FileError> {
        self.change(|files| files.remove(path, recursive, now))
    }

    /// See [`Files::extract`].
    pub fn extract(&self, at: &str, archive: &[u8], options: ExtractOptions, now: Timestamp) -> Result<(), FileError> {
        if !self.root_writable && self.resolve(at).is_ok_and(|at| self.mount_of(&at).is_none()) {
            return Err(FileError::ReadOnly);
        }
        self.change(|files| files.extract(at, archive, options, now))
    }
}

fn names(path: &str) -> Vec<String> {
    path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Puts a node in place, or takes it away, without leaving a trace in the directory's time. A place that is not there is left alone.
fn graft(files: &mut Files, names: &[String], node: Option<Arc<Node>>) {
    let Some((name, parents)) = names.split_last() else { return };
    if files.node_at(parents).is_none_or(|parent| !parent.is_directory()) {
        return;
    }
    // The parent is a directory: nothing here can fail.
    let _ = files.change_at(parents, |directory| {
        let children = directory.children_mut()?;
        match node {
            Some(node) => children.insert(name.clone(), node),
            None => children.remove(name),
        };
        Ok(())
    });
}
