//! Bytes of one body or stream, kept up to a limit; beyond it their number and digest, so that memory does not grow with what passes.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// A body or stream is kept up to this size.
pub const CAPTURE_LIMIT: usize = 8 << 20;

/// What was sent, as far as it is kept.
#[derive(Debug, Clone, Default)]
pub struct Capture {
    held: Vec<u8>,
    size: u64,
    /// Set beyond the limit; nothing is held then.
    over: Option<Sha256>,
}

impl Capture {
    /// Takes more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        if let Some(digest) = &mut self.over {
            digest.update(bytes);
        } else if self.held.len() + bytes.len() > CAPTURE_LIMIT {
            let mut digest = Sha256::new();
            digest.update(std::mem::take(&mut self.held));
            digest.update(bytes);
            self.over = Some(digest);
        } else {
            self.held.extend_from_slice(bytes);
        }
    }

    /// All bytes; `None` when there were more than [`CAPTURE_LIMIT`].
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        self.over.is_none().then_some(&self.held)
    }

    /// How many bytes there were.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// `1234 bytes, sha256 …`.
    #[must_use]
    pub fn summary(&self) -> String {
        let digest = self.over.clone().unwrap_or_else(|| {
            let mut digest = Sha256::new();
            digest.update(&self.held);
            digest
        });
        let mut hex = String::with_capacity(64);
        for byte in digest.finalize() {
            // Writing to a text cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        format!("{} bytes, sha256 {hex}", self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_only_number_and_digest_are_kept() {
        let (mut small, mut large) = (Capture::default(), Capture::default());
        small.push(b"abc");
        assert_eq!(small.bytes(), Some(&b"abc"[..]));
        assert_eq!(small.summary(), "3 bytes, sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        for _ in 0..9 {
            large.push(&vec![0; 1 << 20]);
        }
        assert_eq!((large.bytes(), large.size(), large.held.capacity()), (None, 9 << 20, 0));
    }
}
