//! What is told of a file: `X-Docker-Container-Path-Stat`, `ls`, `stat`.

use jiff::Timestamp;

use super::node::{Kind, Node, Special};

/// Bits of Go's `os.FileMode` that stand in `X-Docker-Container-Path-Stat`.
const MODE_DIR: u32 = 1 << 31;
const MODE_SYMLINK: u32 = 1 << 27;
const MODE_DEVICE: u32 = 1 << 26;
const MODE_NAMED_PIPE: u32 = 1 << 25;
const MODE_SETUID: u32 = 1 << 23;
const MODE_SETGID: u32 = 1 << 22;
const MODE_CHAR_DEVICE: u32 = 1 << 21;
const MODE_STICKY: u32 = 1 << 20;

/// What a node is, as `stat` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A fifo or device.
    Special(Special),
}

/// What `stat` tells of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// The last name of the path that was asked for.
    pub name: String,
    /// What it is.
    pub sort: Sort,
    /// Bytes: a link's is the length of its target, a directory's 4096, as ext4 says.
    pub size: u64,
    /// Permission bits with setuid, setgid and sticky.
    pub permissions: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// When the content was last changed.
    pub mtime: Timestamp,
    /// Where a link points, as it was written; empty for what is no link.
    pub link_target: String,
}

impl Stat {
    pub(super) fn of(node: &Node, name: &str) -> Self {
        let (sort, size, link_target) = match &node.kind {
            Kind::File(content) => (Sort::File, content.len() as u64, ""),
            Kind::Directory(_) => (Sort::Directory, 4096, ""),
            Kind::Symlink(target) => (Sort::Symlink, target.len() as u64, target.as_str()),
            Kind::Special(special) => (Sort::Special(*special), 0, ""),
        };
        Self {
            name: name.to_owned(),
            sort,
            size,
            permissions: node.mode,
            uid: node.uid,
            gid: node.gid,
            mtime: node.mtime,
            link_target: link_target.to_owned(),
        }
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.sort == Sort::Directory
    }

    /// Whether somebody may execute it.
    #[must_use]
    pub fn is_executable(&self) -> bool {
        self.permissions & 0o111 != 0
    }

    /// The mode as Go's `os.FileMode` holds it.
    #[must_use]
    pub fn go_mode(&self) -> u32 {
        let sort = match self.sort {
            Sort::File => 0,
            Sort::Directory => MODE_DIR,
            Sort::Symlink => MODE_SYMLINK,
            Sort::Special(Special::Fifo) => MODE_NAMED_PIPE,
            Sort::Special(Special::Character(..)) => MODE_DEVICE | MODE_CHAR_DEVICE,
            Sort::Special(Special::Block(..)) => MODE_DEVICE,
        };
        let bits = [(0o4000, MODE_SETUID), (0o2000, MODE_SETGID), (0o1000, MODE_STICKY)];
        let extra: u32 = bits.iter().filter(|(bit, _)| self.permissions & bit != 0).map(|(_, go)| go).sum();
        sort | extra | (self.permissions & 0o777)
    }

    /// The mode as `ls -l` writes it.
    #[must_use]
    pub fn letters(&self) -> String {
        let sort = match self.sort {
            Sort::File => '-',
            Sort::Directory => 'd',
            Sort::Symlink => 'l',
            Sort::Special(Special::Fifo) => 'p',
            Sort::Special(Special::Character(..)) => 'c',
            Sort::Special(Special::Block(..)) => 'b',
        };
        let mut text = String::from(sort);
        for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
            let bits = self.permissions >> shift;
            text.push(if bits & 4 == 0 { '-' } else { 'r' });
            text.push(if bits & 2 == 0 { '-' } else { 'w' });
            text.push(match (self.permissions & special != 0, bits & 1 != 0) {
                (true, true) => letter,
                (true, false) => letter.to_ascii_uppercase(),
                (false, true) => 'x',
                (false, false) => '-',
            });
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_written_as_go_and_ls_write_them() {
        let mut stat = Stat::of(&Node::directory(0o1777, Timestamp::UNIX_EPOCH), "tmp");
        assert_eq!(stat.go_mode(), 0x8010_01ff);
        assert_eq!(stat.letters(), "drwxrwxrwt");
        stat.sort = Sort::File;
        stat.permissions = 0o4644;
        assert_eq!(stat.letters(), "-rwSr--r--");
    }
}
