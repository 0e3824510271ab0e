//! Tar archives read into a tree: `PUT /containers/{id}/archive`, `docker import`, `ADD`, and the layers of images.
//!
//! An archive is a peer's: what it may cost is bounded by its own bytes, names that lead out of the tree are refused in dockerd's words, and an
//! archive that fails half way leaves the tree as it was.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use tar::EntryType;

use super::node::{Kind, Node, Special};
use super::{FileError, Files, clean};

/// Entries that an archive may have.
const MOST_ENTRIES: usize = 500_000;

/// What a compressed archive may come to: one kilobyte can claim to be a gigabyte.
const MOST_DECOMPRESSED: u64 = 1 << 30;

/// What marks a file as deleted in a layer, and a directory as replaced.
pub(super) const WHITEOUT: &str = ".wh.";
const WHITEOUT_META: &str = ".wh..wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// How an archive is read into a tree.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExtractOptions {
    /// `noOverwriteDirNonDir`: a directory does not replace a file, nor a file a directory.
    pub keep_kind: bool,
    /// The owner of everything, instead of what the archive says.
    pub owner: Option<(u32, u32)>,
}

/// An archive without its gzip compression, if it has one.
pub fn decompressed(archive: &[u8]) -> Result<Cow<'_, [u8]>, FileError> {
    if !archive.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(archive));
    }
    let mut plain = Vec::new();
    let mut reader = MultiGzDecoder::new(archive).take(MOST_DECOMPRESSED + 1);
    reader.read_to_end(&mut plain).map_err(|_| FileError::Corrupt("unexpected EOF".into()))?;
    if plain.len() as u64 > MOST_DECOMPRESSED {
        return Err(FileError::NoSpace);
    }
    Ok(Cow::Owned(plain))
}

/// One entry of an archive.
struct Entry {
    /// Cleaned, without a leading `/`; `.` is empty.
    name: String,
    /// As it stood in the archive.
    raw: String,
    kind: EntryType,
    link: String,
    node: Node,
}

impl Files {
    /// Reads an archive into the directory `at`. Nothing is changed when it fails.
    pub fn extract(&mut self, at: &str, archive: &[u8], options: ExtractOptions, now: Timestamp) -> Result<(), FileError> {
        let mut files = self.clone();
        let at = files.resolve(at)?;
        if !files.stat(&at, true)?.is_directory() {
            return Err(FileError::NotADirectory);
        }
        let mut directories = Vec::new();
        for entry in entries(&decompressed(archive)?)? {
            files.extract_entry(&at, entry, options, now, &mut directories)?;
        }
        files.date(&directories);
        *self = files;
        Ok(())
    }

    /// Applies an image's layer: whiteouts delete, opaque directories start empty. Nothing is changed when it fails.
    pub fn apply(&mut self, layer: &[u8]) -> Result<(), FileError> {
        let mut files = self.clone();
        let mut directories = Vec::new();
        let mut fresh = BTreeSet::new();
        for entry in entries(&decompressed(layer)?)? {
            let path = clean("/", &entry.name);
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", ""));
            if entry.name.starts_with(WHITEOUT_META) && entry.name != OPAQUE {
                continue;
            }
            if name == OPAQUE {
                files.empty(parent, &fresh)?;
            } else if let Some(deleted) = name.strip_prefix(WHITEOUT) {
                match files.remove(&format!("{parent}/{deleted}"), true, entry.node.mtime) {
                    Err(FileError::NotFound | FileError::NotADirectory) | Ok(()) => {}
                    Err(other) => return Err(other),
                }
            } else {
                let time = entry.node.mtime;
                files.extract_entry("/", entry, ExtractOptions::default(), time, &mut directories)?;
                fresh.insert(path);
            }
        }
        files.date(&directories);
        *self = files;
        Ok(())
    }

    fn extract_entry(
        &mut self,
        at: &str,
        entry: Entry,
        options: ExtractOptions,
        now: Timestamp,
        directories: &mut Vec<(String, Timestamp)>,
    ) -> Result<(), FileError> {
        if leads_out(&entry.raw) {
            return Err(FileError::Corrupt(format!("{:?} is outside of {at:?}", entry.raw)));
        }
        let path = clean(at, &entry.name);
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        self.make_dirs(parent, 0o755, now)?;
        let is_directory = entry.kind == EntryType::Directory;
        if let Ok(there) = self.stat(&path, false) {
            match (options.keep_kind, there.is_directory(), is_directory) {
                (true, true, false) => {
                    return Err(FileError::Corrupt(format!("cannot overwrite directory {path:?} with non-directory {at:?}")));
                }
                (true, false, true) => {
                    return Err(FileError::Corrupt(format!("cannot overwrite non-directory {path:?} with directory {at:?}")));
                }
                (_, true, true) if entry.name.is_empty() && at != "/" => return Ok(()),
                (_, true, true) => {}
                _ if path == "/" => return Ok(()),
                _ => self.remove(&path, true, now)?,
            }
        }
        let (mut node, owner) = (entry.node, options.owner);
        if let Some((uid, gid)) = owner {
            (node.uid, node.gid) = (uid, gid);
        }
        match entry.kind {
            EntryType::Link => {
                if leads_out(&entry.link) {
                    return Err(FileError::Corrupt(format!("invalid hardlink {:?} -> {:?}", clean(at, &entry.link), entry.link)));
                }
                return self.link(&clean(at, &entry.link), &path, now);
            }
            EntryType::Symlink if !entry.link.starts_with('/') && leads_out(&format!("{}/../{}", entry.name, entry.link)) => {
                return Err(FileError::Corrupt(format!("invalid symlink {path:?} -> {:?}", entry.link)));
            }
            _ if is_directory => directories.push((path.clone(), node.mtime)),
            _ => {}
        }
        let place = self.walk(&path, false)?;
        if place.node.is_some() {
            return self.change_at(&place.names, |there| {
                (there.mode, there.uid, there.gid) = (node.mode, node.uid, node.gid);
                Ok(())
            });
        }
        self.put(&place.names, node, now)
    }

    /// Removes what a directory holds, except what this layer brought.
    fn empty(&mut self, directory: &str, fresh: &BTreeSet<String>) -> Result<(), FileError> {
        let directory = if directory.is_empty() { "/" } else { directory };
        for name in self.list(directory)? {
            let path = clean(directory, &name);
            if !fresh.contains(&path) {
                let time = self.stat(directory, true)?.mtime;
                let below = format!("{path}/");
                if fresh.range(below.clone()..).next().is_some_and(|other| other.starts_with(&below)) {
                    self.empty(&path, fresh)?;
                } else {
                    self.remove(&path, true, time)?;
                }
            } else if self.stat(&path, false)?.is_directory() {
                self.empty(&path, fresh)?;
            }
        }
        Ok(())
    }

    /// Directories get their times last: what was put into them has changed them.
    fn date(&mut self, directories: &[(String, Timestamp)]) {
        for (path, time) in directories {
            let names: Vec<String> = path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            // A directory that a later entry replaced has no time to be given.
            if self.node_at(&names).is_some_and(|node| node.is_directory()) {
                let _ = self.change_at(&names, |node| {
                    node.mtime = *time;
                    Ok(())
                });
            }
        }
    }
}

/// Whether the text of a relative path climbs above where it starts.
fn leads_out(path: &str) -> bool {
    let mut level = 0_i64;
    path.split('/').any(|part| {
        level += match part {
            "" | "." => 0,
            ".." => -1,
            _ => 1,
        };
        level < 0
    })
}

fn entries(archive: &[u8]) -> Result<Vec<Entry>, FileError> {
    let broken = |error: std::io::Error| {
        FileError::Corrupt(match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "unexpected EOF".to_owned(),
            _ => "archive/tar: invalid tar header".to_owned(),
        })
    };
    let mut found = Vec::new();
    let mut reader = tar::Archive::new(archive);
    for entry in reader.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        if found.len() >= MOST_ENTRIES {
            return Err(FileError::NoSpace);
        }
        let raw = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let link = entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned()).unwrap_or_default();
        let header = entry.header();
        let kind = if raw.ends_with('/') && header.entry_type() == EntryType::Regular { EntryType::Directory } else { header.entry_type() };
        let mode = header.mode().unwrap_or_default();
        let (uid, gid) = (id(header.uid()), id(header.gid()));
        let mtime =
            header.mtime().ok().and_then(|at| Timestamp::from_second(i64::try_from(at).ok()?).ok()).unwrap_or(Timestamp::UNIX_EPOCH);
        let (major, minor) = (number(header.device_major()), number(header.device_minor()));
        let what = match kind {
            EntryType::Directory => Node::directory(mode, mtime).kind,
            EntryType::Symlink => Kind::Symlink(link.clone()),
            EntryType::Fifo => Kind::Special(Special::Fifo),
            EntryType::Char => Kind::Special(Special::Character(major, minor)),
            EntryType::Block => Kind::Special(Special::Block(major, minor)),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse | EntryType::Link => {
                let mut content = Vec::new();
                let (most, claimed) = (archive.len() as u64, entry.size());
                if claimed > most {
                    return Err(FileError::Corrupt("unexpected EOF".into()));
                }
                entry.by_ref().take(most).read_to_end(&mut content).map_err(broken)?;
                if (content.len() as u64) < claimed {
                    return Err(FileError::Corrupt("unexpected EOF".into()));
                }
                Kind::File(Bytes::from(content).into())
            }
            // Global headers and what no system makes.
            _ => continue,
        };
        let node = Node { uid, gid, ..Node::new(what, mode, mtime) };
        let name = clean("/", &raw).trim_start_matches('/').to_owned();
        found.push(Entry { name, raw, kind, link, node });
    }
    Ok(found)
}

fn id(read: std::io::Result<u64>) -> u32 {
    read.ok().and_then(|id| u32::try_from(id).ok()).unwrap_or_default()
}

fn number(read: std::io::Result<Option<u32>>) -> u32 {
    read.ok().flatten().unwrap_or_default()
}
