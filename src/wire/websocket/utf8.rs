//! UTF-8, byte by byte (RFC 3629 section 4): a character may be cut anywhere. It keeps no text.

/// Where in a character the next byte stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Utf8 {
    /// Bytes that the character still needs.
    left: u8,
    /// The bounds of the next of them.
    low: u8,
    high: u8,
}

impl Utf8 {
    /// Takes a byte; whether it may stand here.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        if self.left > 0 {
            let fits = (self.low..=self.high).contains(&byte);
            (self.left, self.low, self.high) = (self.left - 1, 0x80, 0xbf);
            return fits;
        }
        (self.left, self.low, self.high) = match byte {
            0..=0x7f => return true,
            0xc2..=0xdf => (1, 0x80, 0xbf),
            // No longer form than needed, no surrogates, nothing beyond U+10FFFF.
            0xe0 => (2, 0xa0, 0xbf),
            0xed => (2, 0x80, 0x9f),
            0xe1..=0xef => (2, 0x80, 0xbf),
            0xf0 => (3, 0x90, 0xbf),
            0xf1..=0xf3 => (3, 0x80, 0xbf),
            0xf4 => (3, 0x80, 0x8f),
            _ => return false,
        };
        true
    }

    /// Whether no character is half there.
    pub(super) fn is_complete(self) -> bool {
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_the_standard_library() {
        let pieces: [&[u8]; 12] = [
            b"a",
            "é".as_bytes(),
            "€".as_bytes(),
            "😀".as_bytes(),
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xc0\x80",
            b"\xe0\x80\x80",
            b"\x80",
            b"\xc3",
            b"\xf0\x8f\xbf\xbf",
            b"\xff",
        ];
        for one in pieces {
            for other in pieces {
                let bytes = [one, other].concat();
                let mut utf8 = Utf8::default();
                let good = bytes.iter().all(|byte| utf8.takes(*byte)) && utf8.is_complete();
                assert_eq!(good, std::str::from_utf8(&bytes).is_ok(), "{bytes:x?}");
            }
        }
    }
}
