//! The keys that end an attach while the process goes on.

use bytes::{Bytes, BytesMut};

/// ctrl-p, ctrl-q.
const DEFAULT: [u8; 2] = [16, 17];

/// Keys in their order, and how many of them were typed.
#[derive(Debug, Clone)]
pub(in crate::reference) struct DetachKeys {
    keys: Vec<u8>,
    typed: usize,
}

/// What became of what was typed.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::reference) enum Typed {
    /// It goes to the process, which may be nothing while the keys are half typed.
    Keys(Bytes),
    /// The last of the keys was typed; this was before the first.
    Detached(Bytes),
}

impl DetachKeys {
    /// Reads `ctrl-a,b`; without a text the default. `None` when a key has no such name.
    pub(in crate::reference) fn parse(text: &str) -> Option<Self> {
        let keys = if text.is_empty() { DEFAULT.to_vec() } else { text.split(',').map(key).collect::<Option<Vec<u8>>>()? };
        Some(Self { keys, typed: 0 })
    }

    /// The keys as bytes, as exec's inspect shows them.
    pub(in crate::reference) fn bytes(&self) -> &[u8] {
        &self.keys
    }

    /// Looks for the keys in what is typed. The beginning of them is held back until it is clear that they go on.
    pub(in crate::reference) fn look(&mut self, bytes: Bytes) -> Typed {
        if self.typed == 0 && !bytes.contains(&self.keys[0]) {
            return Typed::Keys(bytes);
        }
        let mut out = BytesMut::with_capacity(bytes.len() + self.typed);
        for byte in bytes {
            if byte != self.keys[self.typed] {
                out.extend_from_slice(&self.keys[..self.typed]);
                self.typed = 0;
            }
            if byte == self.keys[self.typed] {
                self.typed += 1;
                if self.typed == self.keys.len() {
                    return Typed::Detached(out.freeze());
                }
            } else {
                out.extend_from_slice(&[byte]);
            }
        }
        Typed::Keys(out.freeze())
    }
}

/// One key: a byte, `DEL`, or `ctrl-` and one of `@a…z[\]^_`.
fn key(text: &str) -> Option<u8> {
    match *text.as_bytes() {
        [byte] => Some(byte),
        [b'D', b'E', b'L'] => Some(127),
        [b'c', b't', b'r', b'l', b'-', byte @ (b'@' | b'[' | b'\\' | b']' | b'^' | b'_')] => Some(byte - 64),
        [b'c', b't', b'r', b'l', b'-', byte @ b'a'..=b'z'] => Some(byte - 96),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_names() {
        for (text, expected) in [
            ("", Some(&[16, 17][..])),
            ("ctrl-a,b", Some(&[1, b'b'])),
            ("ctrl-@,ctrl-_,DEL", Some(&[0, 31, 127])),
            ("ctrl-A", None),
            ("a,,b", None),
            ("nope", None),
        ] {
            assert_eq!(DetachKeys::parse(text).as_ref().map(DetachKeys::bytes), expected, "{text}");
        }
    }

    #[test]
    fn keys_are_found_wherever_they_are_cut() {
        for (text, typed, out, detached) in [
            ("ctrl-p,ctrl-q", &b"ab\x10\x11cd"[..], &b"ab"[..], true),
            ("ctrl-p,ctrl-q", b"a\x10b\x10\x10\x11", b"a\x10b\x10", true),
            ("ctrl-p,ctrl-q", b"a\x11\x10b", b"a\x11\x10b", false),
            ("x", b"12x", b"12", true),
        ] {
            for size in 1..=typed.len() {
                let mut keys = DetachKeys::parse(text).expect("keys");
                let (mut seen, mut end) = (Vec::new(), false);
                for part in typed.chunks(size) {
                    match keys.look(Bytes::copy_from_slice(part)) {
                        Typed::Keys(bytes) => seen.extend_from_slice(&bytes),
                        Typed::Detached(bytes) => {
                            seen.extend_from_slice(&bytes);
                            end = true;
                            break;
                        }
                    }
                }
                assert_eq!((seen.as_slice(), end), (out, detached), "{text} {typed:?} by {size}");
            }
        }
    }
}
