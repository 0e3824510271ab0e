//! The header block of a tar entry: its fields, read as Go's `archive/tar` reads them. It knows one block, never what is around it.

use crate::model::Rule;

/// Where an old GNU sparse header says that its map goes on, and where a block of that map does.
pub(super) const SPARSE_GOES_ON: usize = 482;
pub(super) const SPARSE_GOES_ON_HERE: usize = 504;

/// POSIX.1-1988 (ustar), and the field in the form of GNU tar.
const MAGIC: std::ops::Range<usize> = 257..265;
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// What a header says.
#[derive(Debug)]
pub(super) struct Header<'a> {
    pub(super) name: String,
    pub(super) mode: u32,
    pub(super) size: u64,
    pub(super) mtime: i64,
    pub(super) kind: u8,
    /// A magic that no form of tar has. Readers take the header for one of the seventh edition.
    pub(super) odd_magic: Option<&'a [u8]>,
}

/// Why a header cannot be read.
#[derive(Debug)]
pub(super) struct Defect<'a> {
    pub(super) rule: Rule,
    pub(super) expected: String,
    pub(super) actual: String,
    pub(super) field: &'a [u8],
}

impl<'a> Header<'a> {
    /// Reads a block of 512 bytes.
    pub(super) fn read(block: &'a [u8]) -> Result<Self, Defect<'a>> {
        checksum(block)?;
        let magic = &block[MAGIC];
        let posix = magic.starts_with(b"ustar\0");
        let known = posix || magic == b"ustar  \0" || magic.iter().all(|byte| *byte == 0);
        let field = |name: &'static str, range: std::ops::Range<usize>| {
            let bytes = &block[range];
            number(bytes).ok_or_else(|| Defect {
                rule: Rule::TarNumber,
                expected: format!("an octal number, or one in base 256, as {name}"),
                actual: super::excerpt(bytes),
                field: bytes,
            })
        };
        let mode = field("mode", 100..108)?;
        field("uid", 108..116)?;
        field("gid", 116..124)?;
        let size = field("size", 124..136)?;
        let mtime = field("mtime", 136..148)?;
        let size = u64::try_from(size).map_err(|_| Defect {
            rule: Rule::TarNumber,
            expected: "a size that is not negative".to_owned(),
            actual: size.to_string(),
            field: &block[124..136],
        })?;
        let mut name = text(name_field(block));
        let prefix = text(until_nul(&block[345..500]));
        if posix && !prefix.is_empty() {
            name = format!("{prefix}/{name}");
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the lowest bits are wanted")]
        let mode = mode as u32;
        Ok(Self { name, mode, size, mtime, kind: block[156], odd_magic: (!known).then_some(magic) })
    }
}

/// Whether the magic is that of a tar.
pub(super) fn has_magic(block: &[u8]) -> bool {
    block[MAGIC].starts_with(b"ustar")
}

/// The name, without the prefix.
pub(super) fn name_field(block: &[u8]) -> &[u8] {
    until_nul(&block[..100])
}

/// The sum of all bytes, those of the field itself taken for blanks; old tars summed signed bytes (POSIX.1-1988 section 10.1.1).
fn checksum(block: &[u8]) -> Result<(), Defect<'_>> {
    let bytes = || block.iter().enumerate().map(|(at, byte)| if CHECKSUM.contains(&at) { b' ' } else { *byte });
    let unsigned: i64 = bytes().map(i64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    let field = &block[CHECKSUM];
    match number(field) {
        Some(sum) if sum == unsigned || sum == signed => Ok(()),
        _ => Err(Defect {
            rule: Rule::TarChecksum,
            expected: format!("the checksum {unsigned:06o}"),
            actual: super::excerpt(until_nul(field)),
            field,
        }),
    }
}

/// Octal digits between blanks and NULs, nothing for 0; or, with the highest bit set, a two's complement number (GNU).
fn number(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        // Bit 6 is the sign. More than 64 bits are no number that anybody needs.
        let negative = first & 0x40 != 0;
        let start: i128 = if negative { i128::from(first) - 0x100 } else { i128::from(first & 0x7f) };
        let mut value = start;
        for byte in &field[1..] {
            value = value.checked_mul(256)? + i128::from(*byte);
        }
        return i64::try_from(value).ok();
    }
    let blank = |byte: &u8| matches!(*byte, b' ' | 0);
    let digits = field.iter().position(|byte| !blank(byte)).map_or(&field[..0], |start| &field[start..]);
    let end = digits.iter().position(|byte| *byte == 0).unwrap_or(digits.len());
    let digits = digits[..end].trim_ascii_end();
    if digits.is_empty() {
        return Some(0);
    }
    digits.iter().try_fold(0i64, |sum, byte| match byte {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add(i64::from(byte - b'0')),
        _ => None,
    })
}

fn until_nul(field: &[u8]) -> &[u8] {
    memchr::memchr(0, field).map_or(field, |end| &field[..end])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_go_reads_them() {
        for (field, value) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"  644 \0\0", Some(0o644)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"77777777", Some(0o7777_7777)),
            (b"644 x\0\0\0", None),
            (b"-1\0\0\0\0\0\0", None),
            (b"9\0", None),
            (b"\x80\0\0\x01", Some(1)),
            (b"\xff\xff\xff\xff", Some(-1)),
            (b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
        ] {
            assert_eq!(number(field), value, "{field:?}");
        }
    }
}
