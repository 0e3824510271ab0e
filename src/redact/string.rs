//! One secret string of a JSON document, between its quotes, as it passes.
//!
//! Every byte becomes a star at once, so that a secret of any length needs no room; the alias is put over the first bytes when the end is known.
//! Only strings of which a part is secret (a URL, an instruction) are held, up to a limit.

use super::Redactor;
use super::alias::Veil;
use super::document::Patches;
use crate::catalog::Mask;

/// Longer strings of which a part is secret are masked whole.
const HELD: usize = 64 << 10;
/// `\ud83d\ude00`
const LONGEST_UNIT: usize = 12;

#[derive(Debug)]
enum Part {
    /// Before the `=`.
    Key,
    /// Secret from here on.
    Veiled { veil: Veil, from: u64 },
    /// Its characters: where each begins, how many bytes it takes, and the byte that it stands for.
    Held(Vec<(u64, u8, u8)>),
}

#[derive(Debug)]
pub(super) struct StringMask {
    mask: Mask,
    part: Part,
    /// A character that is not complete: an escape, or UTF-8.
    unit: Vec<u8>,
    unit_at: u64,
    /// The parser refuses it, or its end was not waited for: there is no alias.
    odd: bool,
}

/// What a character is, by its bytes so far.
enum Unit {
    Incomplete,
    /// It stands for this.
    Char(char),
    /// It begins like one, and is none.
    Bad,
}

impl StringMask {
    pub(super) fn new(mask: Mask, redactor: Redactor<'_>) -> Self {
        let part = match mask {
            Mask::Environment => Part::Key,
            Mask::Whole | Mask::RegistryAuth | Mask::Json => Part::Veiled { veil: Veil::new(redactor.aliases), from: u64::MAX },
            Mask::Assignments | Mask::Url => Part::Held(Vec::new()),
        };
        Self { mask, part, unit: Vec::new(), unit_at: 0, odd: false }
    }

    /// Takes the byte at a position; whether it is the quote at the end.
    pub(super) fn push(&mut self, byte: u8, at: u64, redactor: Redactor<'_>, patches: &mut Patches) -> bool {
        if let Part::Veiled { from: from @ u64::MAX, .. } = &mut self.part {
            *from = at;
        }
        if self.unit.is_empty() {
            match byte {
                b'"' => {
                    self.lift(redactor, patches);
                    return true;
                }
                b'\\' | 0x80.. => self.unit_at = at,
                0..0x20 => {
                    self.odd = true;
                    return false;
                }
                _ => {
                    self.plain(byte, at, redactor, patches);
                    return false;
                }
            }
        }
        self.unit.push(byte);
        match unit(&self.unit) {
            Unit::Incomplete => {}
            Unit::Char(char) => {
                let len = self.unit.len();
                self.unit.clear();
                self.escape(char, self.unit_at, len, redactor, patches);
            }
            Unit::Bad => {
                self.odd = true;
                let (unit, at) = (std::mem::take(&mut self.unit), self.unit_at);
                let key = matches!(self.part, Part::Key);
                if unit[0] != b'\\' {
                    if key && unit.len() == 1 {
                        return false;
                    }
                    if key {
                        return self.push(byte, at + unit.len() as u64 - 1, redactor, patches);
                    }
                    // The byte that broke it may be the quote, and is looked at again; one that is broken by itself stays.
                    patches.stars(at, unit.len() - 1);
                    patches.put(at + unit.len() as u64 - 2_u64.min(unit.len() as u64), &[0xff]);
                    if unit.len() > 1 {
                        return self.push(byte, at + unit.len() as u64 - 1, redactor, patches);
                    }
                } else if byte == b'"' && unit.len() > 1 && unit[1] == b'u' {
                    return self.push(byte, at + unit.len() as u64 - 1, redactor, patches);
                }
            }
        }
        false
    }

    fn plain(&mut self, byte: u8, at: u64, redactor: Redactor<'_>, patches: &mut Patches) {
        match &mut self.part {
            Part::Key if byte == b'=' => self.part = Part::Veiled { veil: Veil::new(redactor.aliases), from: at + 1 },
            Part::Key => {}
            Part::Veiled { veil, .. } => {
                veil.push(byte);
                patches.stars(at, 1);
            }
            Part::Held(_) => self.hold(at, 1, byte, redactor, patches),
        }
    }

    fn escape(&mut self, char: char, at: u64, len: usize, redactor: Redactor<'_>, patches: &mut Patches) {
        match &mut self.part {
            Part::Key if char == '=' => self.part = Part::Veiled { veil: Veil::new(redactor.aliases), from: at + len as u64 },
            Part::Key => {}
            Part::Veiled { veil, .. } => {
                veil.push_escape(len, char.encode_utf8(&mut [0; 4]).as_bytes());
                patches.stars(at, len);
            }
            Part::Held(_) => {
                let byte = u8::try_from(char).ok().filter(u8::is_ascii).unwrap_or(0xff);
                self.hold(at, len, byte, redactor, patches);
            }
        }
    }

    fn hold(&mut self, at: u64, len: usize, byte: u8, redactor: Redactor<'_>, patches: &mut Patches) {
        let Part::Held(held) = &mut self.part else { return };
        held.push((at, u8::try_from(len).unwrap_or(u8::MAX), byte));
        if held.len() > HELD {
            self.veil_held(redactor, patches);
        }
    }

    /// Too long, or waited for too long: all of it is secret.
    fn veil_held(&mut self, redactor: Redactor<'_>, patches: &mut Patches) {
        if let Part::Held(held) = &self.part {
            for (at, len, _) in held {
                patches.stars(*at, usize::from(*len));
            }
            self.part = Part::Veiled { veil: Veil::new(redactor.aliases), from: 0 };
            self.odd = true;
        }
    }

    /// What lies before this position is decided, of bytes taken up to `offset`.
    pub(super) fn decided(&self, offset: u64) -> u64 {
        let unit = if self.unit.is_empty() { offset } else { self.unit_at };
        match &self.part {
            Part::Veiled { from, .. } if !self.odd => unit.min(*from),
            Part::Held(held) => held.first().map_or(unit, |(at, ..)| unit.min(*at)),
            _ => unit,
        }
    }

    /// Its end is not waited for.
    pub(super) fn decide(&mut self, redactor: Redactor<'_>, patches: &mut Patches) {
        if matches!(self.part, Part::Key) {
            self.unit.clear();
            return;
        }
        self.veil_held(redactor, patches);
        self.odd = true;
        if !self.unit.is_empty() {
            patches.stars(self.unit_at, self.unit.len());
            // What comes is the rest of it, or begins another.
            self.unit.clear();
        }
    }

    /// The document ends inside.
    pub(super) fn finish(mut self, redactor: Redactor<'_>, patches: &mut Patches) {
        // Half a character tells nothing.
        self.unit.clear();
        self.lift(redactor, patches);
    }

    fn lift(&mut self, redactor: Redactor<'_>, patches: &mut Patches) {
        match std::mem::replace(&mut self.part, Part::Key) {
            Part::Veiled { veil, from } if !self.odd => patches.put(from, &veil.lift(redactor.aliases)),
            Part::Held(held) => {
                let text: Vec<u8> = held.iter().map(|(_, _, byte)| *byte).collect();
                let mut masked = text.clone();
                redactor.text(self.mask, &mut masked);
                for (((at, len, _), before), after) in held.iter().zip(&text).zip(&masked) {
                    if before != after {
                        patches.put(*at, &[*after]);
                        patches.stars(*at + 1, usize::from(*len) - 1);
                    }
                }
            }
            _ => {}
        }
    }
}

/// RFC 8259 section 7; a pair of surrogates is one character, half a pair is none.
fn unit(bytes: &[u8]) -> Unit {
    let hex = |digits: &[u8]| {
        std::str::from_utf8(digits)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|text| u32::from_str_radix(text, 16).ok())
    };
    match bytes {
        [b'\\'] | [] => Unit::Incomplete,
        [b'\\', escape] => match escape {
            b'"' | b'\\' | b'/' => Unit::Char(char::from(*escape)),
            b'b' => Unit::Char('\u{8}'),
            b'f' => Unit::Char('\u{c}'),
            b'n' => Unit::Char('\n'),
            b'r' => Unit::Char('\r'),
            b't' => Unit::Char('\t'),
            b'u' => Unit::Incomplete,
            _ => Unit::Bad,
        },
        [b'\\', b'u', digits @ ..] if digits.len() < 4 => {
            if digits.iter().all(u8::is_ascii_hexdigit) {
                Unit::Incomplete
            } else {
                Unit::Bad
            }
        }
        [b'\\', b'u', a, b, c, d, rest @ ..] => match (hex(&[*a, *b, *c, *d]), rest) {
            (Some(high @ 0xd800..=0xdbff), rest) => match rest {
                [] | [b'\\'] => Unit::Incomplete,
                [b'\\', b'u', digits @ ..] if bytes.len() < LONGEST_UNIT => {
                    if digits.iter().all(u8::is_ascii_hexdigit) {
                        Unit::Incomplete
                    } else {
                        Unit::Bad
                    }
                }
                [b'\\', b'u', digits @ ..] => match hex(digits) {
                    Some(low @ 0xdc00..=0xdfff) => {
                        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).map_or(Unit::Bad, Unit::Char)
                    }
                    _ => Unit::Bad,
                },
                _ => Unit::Bad,
            },
            (Some(code), _) => char::from_u32(code).map_or(Unit::Bad, Unit::Char),
            (None, _) => Unit::Bad,
        },
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.chars().next().map_or(Unit::Bad, Unit::Char),
            Err(error) if error.error_len().is_none() => Unit::Incomplete,
            Err(_) => Unit::Bad,
        },
    }
}
