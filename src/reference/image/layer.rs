//! Layers: what one step adds to the files of the step before, as a tar archive.

use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::super::files::{FileError, Files};

/// A layer. Images that were built on each other share it.
#[derive(Debug)]
pub(in crate::reference) struct Layer {
    /// The archive, not compressed.
    pub(super) archive: Bytes,
    /// Its digest.
    pub(super) diff_id: String,
    /// Bytes of the files in it.
    pub(super) size: u64,
}

impl Layer {
    /// Of an archive that is not compressed.
    pub(super) fn of(archive: Bytes) -> Arc<Self> {
        let diff_id = digest(&archive);
        let size = content_size(&archive);
        Arc::new(Self { archive, diff_id, size })
    }

    /// What makes `after` of `before`.
    pub(super) fn between(before: &Files, after: &Files) -> Arc<Self> {
        Self::of(after.layer(before).into())
    }
}

/// `sha256:` and the digest of bytes.
pub(super) fn digest(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        text.push(char::from_digit((byte >> 4).into(), 16).unwrap_or_default());
        text.push(char::from_digit((byte & 15).into(), 16).unwrap_or_default());
    }
    text
}

/// The ids of the chains that layers make: the first is the layer's own, each further the digest of the one before and its layer's.
pub(super) fn chain_ids<'l>(diff_ids: impl IntoIterator<Item = &'l str>) -> Vec<String> {
    let mut chain: Vec<String> = Vec::new();
    for diff_id in diff_ids {
        chain.push(match chain.last() {
            None => diff_id.to_owned(),
            Some(parent) => digest(format!("{parent} {diff_id}").as_bytes()),
        });
    }
    chain
}

/// The files that layers make together.
pub(super) fn stack(layers: &[Arc<Layer>]) -> Result<Files, FileError> {
    let mut files = Files::new();
    for layer in layers {
        files.apply(&layer.archive)?;
    }
    Ok(files)
}

/// Whether there is something, but less than the smallest archive.
pub(super) fn is_cut(archive: &[u8]) -> bool {
    !archive.is_empty() && archive.len() < 512 && !archive.starts_with(&[0x1f, 0x8b])
}

/// Bytes that files of an archive hold. What cannot be read counts nothing; applying it says why.
fn content_size(archive: &[u8]) -> u64 {
    let mut reader = tar::Archive::new(archive);
    let Ok(entries) = reader.entries() else { return 0 };
    let sizes = entries.map_while(Result::ok).filter(|entry| entry.header().entry_type().is_file());
    // What an entry claims may be more than there is.
    sizes.map(|entry| entry.size().min(archive.len() as u64)).fold(0, u64::saturating_add)
}

/// The bytes of a blob as registries keep it: compressed by gzip, the same for the same archive.
pub(super) fn compressed(archive: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    // Reading from memory into memory cannot fail.
    let _ = flate2::bufread::GzEncoder::new(archive, flate2::Compression::fast()).read_to_end(&mut blob);
    blob
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn layers_stack_to_what_they_were_made_of() {
        let now = Timestamp::UNIX_EPOCH;
        let mut below = Files::new();
        below.write("/a", Bytes::from_static(b"1"), 0o644, now).expect("a file");
        let mut above = below.clone();
        above.write("/b", Bytes::from_static(b"22"), 0o644, now).expect("a file");
        above.remove("/a", false, now).expect("gone");
        let layers = [Layer::between(&Files::new(), &below), Layer::between(&below, &above)];
        assert_eq!((layers[0].size, layers[1].size), (1, 2));
        let files = stack(&layers).expect("files");
        assert_eq!(files.list("/"), Ok(vec!["b".to_owned()]));
        assert_eq!(digest(b""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let chain = chain_ids(["sha256:a", "sha256:b"]);
        assert_eq!(chain, ["sha256:a".to_owned(), digest(b"sha256:a sha256:b")]);
    }
}
