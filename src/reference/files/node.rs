//! One thing in a file tree: a file, a directory, a link, a device.
//!
//! Nodes are shared by reference count and copied when they are changed, so that an image, its layers and every container made from it hold the
//! same bytes once. A hard link becomes a second file with the same (shared) content: writing to one does not change the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;

use super::FileError;

/// The most that one file may hold: a loop that writes for ever ends with "no space left on device".
pub(super) const MOST_BYTES: usize = 256 << 20;

/// What small appends are gathered to.
const CHUNK: usize = 64 << 10;

/// A node with what `stat` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Permission bits with setuid, setgid and sticky: the low twelve.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: Timestamp,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    File(Content),
    Directory(BTreeMap<String, Arc<Node>>),
    Symlink(String),
    Special(Special),
}

/// Fifos and devices: kept so that an archive comes back as it went in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// A named pipe.
    Fifo,
    /// A character device with its major and minor number.
    Character(u32, u32),
    /// A block device with its major and minor number.
    Block(u32, u32),
}

impl Node {
    pub(super) fn new(kind: Kind, mode: u32, mtime: Timestamp) -> Self {
        Self { kind, mode: mode & 0o7777, uid: 0, gid: 0, mtime }
    }

    pub(super) fn directory(mode: u32, mtime: Timestamp) -> Self {
        Self::new(Kind::Directory(BTreeMap::new()), mode, mtime)
    }

    pub(crate) fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory(_))
    }

    pub(crate) fn children(&self) -> Option<&BTreeMap<String, Arc<Self>>> {
        match &self.kind {
            Kind::Directory(children) => Some(children),
            _ => None,
        }
    }

    pub(super) fn children_mut(&mut self) -> Result<&mut BTreeMap<String, Arc<Self>>, FileError> {
        match &mut self.kind {
            Kind::Directory(children) => Ok(children),
            _ => Err(FileError::NotADirectory),
        }
    }

    /// The bytes of all files at and below this node.
    pub(super) fn size(&self) -> u64 {
        match &self.kind {
            Kind::File(content) => content.len() as u64,
            Kind::Directory(children) => children.values().map(|child| child.size()).sum(),
            _ => 0,
        }
    }

    /// How many levels are below this node.
    pub(super) fn height(&self) -> usize {
        self.children().map_or(0, |children| children.values().map(|child| child.height() + 1).max().unwrap_or(0))
    }
}

/// Whether two nodes are equal, without looking into what they share.
pub(super) fn same(one: &Arc<Node>, other: &Arc<Node>) -> bool {
    if Arc::ptr_eq(one, other) {
        return true;
    }
    if (one.mode, one.uid, one.gid, one.mtime) != (other.mode, other.uid, other.gid, other.mtime) {
        return false;
    }
    match (&one.kind, &other.kind) {
        (Kind::Directory(these), Kind::Directory(those)) => {
            these.len() == those.len()
                && these.iter().zip(those).all(|((name, this), (other_name, that))| name == other_name && same(this, that))
        }
        (these, those) => these == those,
    }
}

/// The bytes of a file, in pieces, so that appending does not copy what is there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    pieces: Vec<Bytes>,
    length: usize,
}

impl Content {
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// All bytes in one piece.
    pub(crate) fn bytes(&self) -> Bytes {
        match self.pieces.as_slice() {
            [] => Bytes::new(),
            [only] => only.clone(),
            pieces => {
                let mut all = BytesMut::with_capacity(self.length);
                for piece in pieces {
                    all.extend_from_slice(piece);
                }
                all.freeze()
            }
        }
    }

    /// What comes from an offset on.
    pub(crate) fn after(&self, mut offset: usize) -> Bytes {
        let mut rest = BytesMut::new();
        for piece in &self.pieces {
            if offset >= piece.len() {
                offset -= piece.len();
            } else {
                rest.extend_from_slice(piece.get(offset..).unwrap_or_default());
                offset = 0;
            }
        }
        rest.freeze()
    }

    pub(super) fn append(&mut self, more: Bytes) -> Result<(), FileError> {
        if more.len() > MOST_BYTES.saturating_sub(self.length) {
            return Err(FileError::NoSpace);
        }
        self.length += more.len();
        match self.pieces.last_mut() {
            Some(last) if last.len() + more.len() <= CHUNK => {
                let mut joined = BytesMut::with_capacity(last.len() + more.len());
                joined.extend_from_slice(last);
                joined.extend_from_slice(&more);
                *last = joined.freeze();
            }
            _ if more.is_empty() => {}
            _ => self.pieces.push(more),
        }
        Ok(())
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self { length: bytes.len(), pieces: if bytes.is_empty() { Vec::new() } else { vec![bytes] } }
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length
            && self.pieces.iter().flat_map(|piece| piece.iter()).eq(other.pieces.iter().flat_map(|piece| piece.iter()))
    }
}

impl Eq for Content {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appended_pieces_read_as_one() {
        let mut content = Content::from(Bytes::from_static(b"ab"));
        for _ in 0..3 {
            content.append(Bytes::from(vec![b'x'; CHUNK])).expect("room");
            content.append(Bytes::from_static(b"y")).expect("room");
        }
        assert_eq!(content.len(), 2 + 3 * (CHUNK + 1));
        assert_eq!(content.bytes().len(), content.len());
        assert_eq!(content.after(content.len() - 2).as_ref(), b"xy");
        assert_eq!(content, Content::from(content.bytes()));
    }
}
