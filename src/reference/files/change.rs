//! What differs between two trees: `docker diff`, and the layer that a commit makes of it.

use std::sync::Arc;

use super::archive::Archive;
use super::extract::WHITEOUT;
use super::node::{Kind as Sort, Node};
use super::{Files, path};

/// How a path differs; the number is what the API says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There before, and different now, or something in it is.
    Modified = 0,
    /// New.
    Added = 1,
    /// Gone.
    Deleted = 2,
}

/// One line of `docker diff`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Absolute.
    pub path: String,
    /// What happened to it.
    pub kind: Kind,
}

impl Files {
    /// What is different from `base`: a directory before what is in it, names in order, and every directory above a change as modified.
    #[must_use]
    pub fn changes(&self, base: &Self) -> Vec<Change> {
        let mut found = Vec::new();
        below(&mut Vec::new(), Some(&base.root), &self.root, &mut |names, kind| {
            found.push(Change { path: path::joined(names), kind });
        });
        found
    }

    /// The layer that makes this tree of `base`: what is new or changed, and whiteouts for what is gone.
    #[must_use]
    pub fn layer(&self, base: &Self) -> Vec<u8> {
        let mut archive = Archive::default();
        below(&mut Vec::new(), Some(&base.root), &self.root, &mut |names, kind| match (kind, names.split_last()) {
            (Kind::Deleted, Some((name, parents))) => {
                let marker = format!("{WHITEOUT}{name}");
                let path: Vec<&str> = parents.iter().map(String::as_str).chain([marker.as_str()]).collect();
                archive.add_empty(&path.join("/"));
            }
            _ => {
                if let Some(node) = self.node_at(names) {
                    archive.add(&names.join("/"), node);
                }
            }
        });
        archive.finish()
    }
}

/// Reports what differs below a directory, in order.
fn below(names: &mut Vec<String>, old: Option<&Arc<Node>>, new: &Arc<Node>, report: &mut impl FnMut(&[String], Kind)) {
    let nothing = std::collections::BTreeMap::new();
    let olds = old.and_then(|old| old.children()).unwrap_or(&nothing);
    let Some(news) = new.children() else { return };
    let mut all: Vec<&String> = olds.keys().chain(news.keys().filter(|name| !olds.contains_key(*name))).collect();
    all.sort_unstable();
    for name in all {
        names.push(name.clone());
        match (olds.get(name), news.get(name)) {
            (Some(_), None) => report(names, Kind::Deleted),
            (None, Some(new)) => {
                report(names, Kind::Added);
                below(names, None, new, report);
            }
            (Some(old), Some(new)) if !Arc::ptr_eq(old, new) => {
                // The line of a directory stands before what is in it, and whether it has one depends on that.
                if differs(old, new) || differs_below(old, new) {
                    report(names, Kind::Modified);
                }
                below(names, Some(old), new, report);
            }
            _ => {}
        }
        names.pop();
    }
}

/// Whether a node itself differs. As dockerd does, the time of a directory is not looked at.
fn differs(old: &Node, new: &Node) -> bool {
    if (old.mode, old.uid, old.gid) != (new.mode, new.uid, new.gid) {
        return true;
    }
    match (&old.kind, &new.kind) {
        (Sort::Directory(_), Sort::Directory(_)) => false,
        (one, other) => old.mtime != new.mtime || one != other,
    }
}

fn differs_below(old: &Node, new: &Node) -> bool {
    let (Some(olds), Some(news)) = (old.children(), new.children()) else { return false };
    olds.len() != news.len()
        || olds.iter().zip(news).any(|((old_name, old), (new_name, new))| {
            old_name != new_name || (!Arc::ptr_eq(old, new) && (differs(old, new) || differs_below(old, new)))
        })
}
