//! The header of a frame, taken apart (RFC 6455 section 5.2). What may stand in it is not judged here.

/// The longest header: 2 bytes, 8 of length, 4 of masking key.
pub(super) const LIMIT: usize = 14;

/// Which reserved bit is which.
const RESERVED: [(u8, &str); 3] = [(0x40, "RSV1"), (0x20, "RSV2"), (0x10, "RSV3")];

/// What a header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) fin: bool,
    reserved: u8,
    pub(super) opcode: u8,
    /// The masking key, if the frame is masked.
    pub(super) mask: Option<[u8; 4]>,
    pub(super) length: u64,
    /// Bytes of length behind the first two of the header: 0, 2 or 8.
    pub(super) extended: usize,
}

impl Header {
    /// Bytes of a header with this second byte.
    pub(super) const fn size(second: u8) -> usize {
        2 + extended(second) + if second & 0x80 == 0 { 0 } else { 4 }
    }

    /// Reads as many bytes as [`Self::size`] says.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let extended = extended(bytes[1]);
        let length = match extended {
            0 => u64::from(bytes[1] & 0x7f),
            _ => bytes[2..2 + extended].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        let mask = (bytes[1] & 0x80 != 0).then(|| [0, 1, 2, 3].map(|at| bytes[2 + extended + at]));
        Self { fin: bytes[0] & 0x80 != 0, reserved: bytes[0] & 0x70, opcode: bytes[0] & 0x0f, mask, length, extended }
    }

    /// The names of the reserved bits that are set.
    pub(super) fn reserved(&self) -> Option<String> {
        let set: Vec<_> = RESERVED.iter().filter(|(bit, _)| self.reserved & bit != 0).map(|(_, name)| *name).collect();
        (!set.is_empty()).then(|| set.join(", "))
    }

    /// What would be right, where the length is not in its shortest form or cannot be.
    pub(super) fn length_due(&self) -> Option<&'static str> {
        match (self.extended, self.length) {
            (8, 0x8000_0000_0000_0000..) => Some("a length below 2^63"),
            (2 | 8, 0..126) => Some("a length of 7 bits"),
            (8, 126..=0xffff) => Some("a length of 16 bits"),
            _ => None,
        }
    }

    /// Whether nobody can know where the next frame begins.
    pub(super) fn is_endless(&self) -> bool {
        self.length >> 63 != 0
    }
}

const fn extended(second: u8) -> usize {
    match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    }
}
