//! Trees written as tar archives, as dockerd writes them: `GET /containers/{id}/archive`, `docker export`.
//!
//! Names are in the order of a walk, directories end in `/`, times are whole seconds, and what is too long for a header stands in a PAX record.

use std::sync::Arc;

use tar::{EntryType, Header};

use super::node::{Kind, Node, Special};
use super::path::{Place, base_name};
use super::{FileError, Files, absolute};

impl Files {
    /// The archive of one path: its entries stand under the last name of the path, as it was asked for. `/.` at the end of a directory's path
    /// gives its entries under `./`.
    pub fn export(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let path = absolute(path);
        let place = self.walk(&path, false)?;
        let node = place.node()?;
        let mut archive = Archive::default();
        match base_name(&path) {
            "/" => {
                archive.add("/", node);
                archive.add_below("/", node);
            }
            base => {
                archive.add(base, node);
                archive.add_below(&format!("{base}/"), node);
            }
        }
        Ok(archive.finish())
    }

    /// The archive of everything, as `docker export` gives it: no entry for the root itself.
    #[must_use]
    pub fn export_all(&self) -> Vec<u8> {
        let mut archive = Archive::default();
        archive.add_below("", &self.root);
        archive.finish()
    }

    /// The archive of what is in a directory, without an entry for the directory: what a build context or a layer's part is made of.
    pub fn export_below(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let place: Place = self.walk(path, true)?;
        let mut archive = Archive::default();
        archive.add_below("", place.node()?);
        Ok(archive.finish())
    }
}

/// A tar archive that is being written.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
}

impl Archive {
    /// Adds one node, without what is below it.
    pub(super) fn add(&mut self, name: &str, node: &Node) {
        let mut header = Header::new_ustar();
        let mut content = None;
        let mut link = "";
        let type_bits = match &node.kind {
            Kind::File(bytes) => {
                content = Some(bytes.bytes());
                header.set_entry_type(EntryType::Regular);
                0o100_000
            }
            Kind::Directory(_) => {
                header.set_entry_type(EntryType::Directory);
                0o040_000
            }
            Kind::Symlink(target) => {
                link = target;
                header.set_entry_type(EntryType::Symlink);
                0o120_000
            }
            Kind::Special(Special::Fifo) => {
                header.set_entry_type(EntryType::Fifo);
                0o010_000
            }
            Kind::Special(Special::Character(major, minor)) => {
                device(&mut header, EntryType::Char, *major, *minor);
                0o020_000
            }
            Kind::Special(Special::Block(major, minor)) => {
                device(&mut header, EntryType::Block, *major, *minor);
                0o060_000
            }
        };
        let name = if node.is_directory() && !name.ends_with('/') { format!("{name}/") } else { name.to_owned() };
        header.set_mode(type_bits | node.mode);
        header.set_uid(node.uid.into());
        header.set_gid(node.gid.into());
        header.set_mtime(u64::try_from(node.mtime.as_second()).unwrap_or_default());
        self.entry(header, &name, link, content.as_deref().unwrap_or_default());
    }

    /// Adds what is below a node; `prefix` ends in `/` or is empty.
    pub(super) fn add_below(&mut self, prefix: &str, node: &Arc<Node>) {
        for (name, child) in node.children().into_iter().flatten() {
            let path = format!("{prefix}{name}");
            self.add(&path, child);
            self.add_below(&format!("{path}/"), child);
        }
    }

    /// Adds an empty regular file, as whiteouts are.
    pub(super) fn add_empty(&mut self, name: &str) {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        self.entry(header, name, "", &[]);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&[0; 1024]);
        self.bytes
    }

    fn entry(&mut self, mut header: Header, name: &str, link: &str, content: &[u8]) {
        let mut records = Vec::new();
        if let Some(ustar) = header.as_ustar_mut() {
            for (key, value, field) in [("path", name, &mut ustar.name), ("linkpath", link, &mut ustar.linkname)] {
                if value.len() > field.len() || !value.is_ascii() {
                    records.extend(record(key, value));
                }
                field.iter_mut().zip(value.bytes()).for_each(|(to, from)| *to = from);
            }
        }
        if !records.is_empty() {
            let mut extension = Header::new_ustar();
            extension.set_entry_type(EntryType::XHeader);
            if let Some(ustar) = extension.as_ustar_mut() {
                ustar.name.iter_mut().zip(b"PaxHeaders.0/entry").for_each(|(to, from)| *to = *from);
            }
            self.block(extension, &records);
        }
        self.block(header, content);
    }

    fn block(&mut self, mut header: Header, content: &[u8]) {
        header.set_size(content.len() as u64);
        if let Some(ustar) = header.as_ustar_mut().filter(|ustar| ustar.dev_major[0] == 0) {
            ustar.set_device_major(0);
            ustar.set_device_minor(0);
        }
        header.set_cksum();
        // As Go writes the sum: six digits, a zero, a blank.
        let sum = &mut header.as_old_mut().cksum;
        sum.copy_within(1..7, 0);
        (sum[6], sum[7]) = (0, b' ');
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(content);
        let end = self.bytes.len().next_multiple_of(512);
        self.bytes.resize(end, 0);
    }
}

fn device(header: &mut Header, entry_type: EntryType, major: u32, minor: u32) {
    header.set_entry_type(entry_type);
    if let Some(ustar) = header.as_ustar_mut() {
        ustar.set_device_major(major & 0o777_7777);
        ustar.set_device_minor(minor & 0o777_7777);
    }
}

/// A PAX record: its own length in decimal, a blank, `key=value`, a newline.
fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + rest.to_string().len();
    if length.to_string().len() != rest.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n").into_bytes()
}
