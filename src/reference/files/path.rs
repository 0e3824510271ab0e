//! Finding a node by its path, as the kernel walks it: links are followed, `..` never leaves the root.

use std::sync::Arc;

use super::node::{Kind, Node};
use super::{FileError, Files};

/// Links that are followed before giving up, as on Linux.
const MOST_LINKS: usize = 40;

/// Levels that a tree may have: walking and dropping it recurses.
pub(super) const MOST_LEVELS: usize = 200;

/// The longest name, as on Linux.
const LONGEST_NAME: usize = 255;

/// Where a path led: the names from the root, without links, and what is there.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) names: Vec<String>,
    pub(super) node: Option<Arc<Node>>,
}

impl Place {
    pub(super) fn node(&self) -> Result<&Arc<Node>, FileError> {
        self.node.as_ref().ok_or(FileError::NotFound)
    }

    /// The directory of this place and its name in it; none for the root.
    pub(super) fn split(&self) -> Option<(&[String], &str)> {
        self.names.split_last().map(|(last, parents)| (parents, last.as_str()))
    }
}

/// The path of names from the root.
pub(super) fn joined(names: &[String]) -> String {
    format!("/{}", names.join("/"))
}

/// A path joined to a directory unless it is absolute, with `.` and `..` taken out of the text, as Go's `filepath.Join` and `Clean` do.
#[must_use]
pub fn clean(directory: &str, path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    let parts = if path.starts_with('/') { "" } else { directory }.split('/').chain(path.split('/'));
    for part in parts {
        match part {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

/// The last name of a path, as Go's `filepath.Base` gives it.
#[must_use]
pub fn base_name(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        Some("") | None if path.starts_with('/') => "/",
        Some("") | None => ".",
        Some(name) => name,
    }
}

impl Files {
    /// Walks a path. The last name may be missing; the directories before it may not.
    pub(super) fn walk(&self, path: &str, follow: bool) -> Result<Place, FileError> {
        if path.is_empty() {
            return Err(FileError::NotFound);
        }
        let must_be_directory = path.ends_with('/') || path.ends_with("/.");
        let follow = follow || must_be_directory;
        let mut pending: Vec<String> = path.split('/').rev().filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect();
        let mut trail: Vec<(String, Arc<Node>)> = Vec::new();
        let mut links = 0;
        while let Some(part) = pending.pop() {
            let here = trail.last().map_or(&self.root, |(_, node)| node);
            let Some(children) = here.children() else { return Err(FileError::NotADirectory) };
            if part == ".." {
                trail.pop();
                continue;
            }
            if part.len() > LONGEST_NAME || trail.len() >= MOST_LEVELS {
                return Err(FileError::NameTooLong);
            }
            let Some(child) = children.get(&part) else {
                if pending.is_empty() {
                    let names = trail.into_iter().map(|(name, _)| name).chain([part]).collect();
                    return Ok(Place { names, node: None });
                }
                return Err(FileError::NotFound);
            };
            match &child.kind {
                Kind::Symlink(target) if follow || !pending.is_empty() => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(FileError::TooManyLinks);
                    }
                    pending.extend(target.split('/').rev().filter(|part| !part.is_empty() && *part != ".").map(str::to_owned));
                    if target.starts_with('/') {
                        trail.clear();
                    }
                }
                _ => trail.push((part, Arc::clone(child))),
            }
        }
        let node = trail.last().map_or_else(|| Arc::clone(&self.root), |(_, node)| Arc::clone(node));
        if must_be_directory && !node.is_directory() && !path.chars().all(|char| char == '/') {
            return Err(FileError::NotADirectory);
        }
        Ok(Place { names: trail.into_iter().map(|(name, _)| name).collect(), node: Some(node) })
    }

    /// The node at names that hold no link.
    pub(super) fn node_at(&self, names: &[String]) -> Option<&Arc<Node>> {
        names.iter().try_fold(&self.root, |node, name| node.children()?.get(name))
    }

    /// Changes the node at names that hold no link, copying what is shared on the way.
    pub(super) fn change_at<R>(
        &mut self,
        names: &[String],
        change: impl FnOnce(&mut Node) -> Result<R, FileError>,
    ) -> Result<R, FileError> {
        let mut node = Arc::make_mut(&mut self.root);
        for name in names {
            node = Arc::make_mut(node.children_mut()?.get_mut(name).ok_or(FileError::NotFound)?);
        }
        change(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_go_does() {
        for (directory, path, expected) in
            [("/", "", "/"), ("/a/b", "../c", "/a/c"), ("/a", "/x//y/.", "/x/y"), ("/", "../../..", "/"), ("a", "b", "/a/b")]
        {
            assert_eq!(clean(directory, path), expected, "{directory} {path}");
        }
        for (path, expected) in [("/", "/"), ("", "."), ("/a/b/", "b"), ("/a/.", "."), ("x", "x")] {
            assert_eq!(base_name(path), expected, "{path}");
        }
    }
}
