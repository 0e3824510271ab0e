//! The walk over the bytes: JSON as `serde_json` reads it (RFC 8259, UTF-8, no lone surrogates), held against the nodes on its way.
//!
//! Every step takes the place where it begins and gives the place behind it: the place stays in a register.

use regex::Regex;

use super::scan;
use super::{ANY, ARRAY, BOOLEAN, Checker, Condition, FRACTION, INTEGER, Literal, Met, NULL, Node, OBJECT, ObjectRule, STOP, STRING};

/// Deeper documents are left to the authority, which refuses them at 128.
const DEEPEST: u32 = 96;
/// Digits that are surely a number of 64 bits.
const DIGITS: usize = 19;
/// Longer numbers are left to the authority.
const LONGEST: usize = 64;

/// Why a walk ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The value does not fit: certain, where the document is known to be JSON.
    No,
    /// It cannot be told here.
    Unsure,
}

/// The place behind what was looked at.
type Step = Result<usize, Stop>;

/// A walk over one document.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    checker: &'a Checker,
    bytes: &'a [u8],
    depth: u32,
    met: Option<&'a mut Met>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(checker: &'a Checker, bytes: &'a [u8], met: Option<&'a mut Met>) -> Self {
        Self { checker, bytes, depth: 0, met }
    }

    /// One value, and nothing behind it.
    pub(super) fn document(&mut self, node: usize) -> Result<(), Stop> {
        let begin = self.blanks(0);
        let end = self.value(node, begin)?;
        if self.blanks(end) == self.bytes.len() { Ok(()) } else { Err(Stop::Unsure) }
    }

    /// RFC 8259 section 2: `ws`. Daemons write none.
    #[inline]
    fn blanks(&self, at: usize) -> usize {
        if matches!(self.bytes.get(at), Some(..=b' ')) { skip_blanks(self.bytes, at) } else { at }
    }

    fn value(&mut self, id: usize, at: usize) -> Step {
        if id == STOP {
            return Err(Stop::Unsure);
        }
        let checker = self.checker;
        let node = &checker.nodes[id];
        let end = match self.bytes.get(at) {
            Some(b'"') => self.string(node, at)?,
            Some(b'{') => {
                let begin = self.deeper(OBJECT, node, at)?;
                self.object(node, begin)?
            }
            Some(b'[') => {
                let begin = self.deeper(ARRAY, node, at)?;
                self.array(node, begin)?
            }
            Some(b'n') => self.word(b"null", NULL, &Literal::Null, node, at)?,
            Some(b't') => self.word(b"true", BOOLEAN, &Literal::Bool(true), node, at)?,
            Some(b'f') => self.word(b"false", BOOLEAN, &Literal::Bool(false), node, at)?,
            Some(b'-' | b'0'..=b'9') => number(&self.bytes[at..], node).map(|length| at + length)?,
            _ => return Err(Stop::Unsure),
        };
        match &node.condition {
            None => Ok(end),
            Some(condition) => self.condition(condition, at, end),
        }
    }

    #[inline]
    fn word(&self, text: &[u8], kind: u8, literal: &Literal, node: &Node, at: usize) -> Step {
        if !self.bytes[at..].starts_with(text) {
            return Err(Stop::Unsure);
        }
        let listed = node.literals.as_deref().is_none_or(|literals| literals.contains(literal));
        if node.types & kind != 0 && listed { Ok(at + text.len()) } else { Err(Stop::No) }
    }

    #[inline]
    fn string(&self, node: &Node, at: usize) -> Step {
        if node.types & STRING == 0 {
            return Err(Stop::No);
        }
        let end = text(self.bytes, at)?;
        if node.literals.is_some() || node.text.is_some() {
            let text = &self.bytes[at + 1..end - 1];
            // What it says is written in another way.
            if memchr::memchr(b'\\', text).is_some() {
                return Err(Stop::Unsure);
            }
            if !node.takes_text(text) {
                return Err(Stop::No);
            }
        }
        Ok(end)
    }

    /// Into an array or object: the place of its first item.
    #[inline]
    fn deeper(&mut self, kind: u8, node: &Node, at: usize) -> Step {
        if node.types & kind == 0 {
            return Err(Stop::No);
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Stop::Unsure);
        }
        let begin = self.blanks(at + 1);
        let listed =
            |literals: &[Literal]| kind == OBJECT && literals.contains(&Literal::NoMembers) && self.bytes.get(begin) == Some(&b'}');
        if node.literals.as_deref().is_none_or(listed) { Ok(begin) } else { Err(Stop::No) }
    }

    fn array(&mut self, node: &Node, mut at: usize) -> Step {
        let mut count = 0;
        let mut goes_on = self.bytes.get(at) != Some(&b']');
        if !goes_on {
            at += 1;
        }
        while goes_on {
            at = self.value(node.items, at)?;
            count += 1;
            (goes_on, at) = self.behind(b']', at)?;
        }
        self.depth -= 1;
        let inside = node.lengths.as_deref().is_none_or(|(least, most)| (*least..=*most).contains(&count));
        if inside { Ok(at) } else { Err(Stop::No) }
    }

    /// Behind a value: whether the array or object goes on, and where.
    #[inline]
    fn behind(&self, close: u8, at: usize) -> Result<(bool, usize), Stop> {
        let at = self.blanks(at);
        match self.bytes.get(at) {
            Some(b',') => Ok((true, self.blanks(at + 1))),
            Some(byte) if *byte == close => Ok((false, at + 1)),
            _ => Err(Stop::Unsure),
        }
    }

    fn object(&mut self, node: &Node, mut at: usize) -> Step {
        let bytes = self.bytes;
        let Some(rule) = node.object.as_deref() else { return self.any_object(at) };
        let (mut found, mut last) = (0u128, None);
        let mut goes_on = bytes.get(at) != Some(&b'}');
        if !goes_on {
            at += 1;
        }
        while goes_on {
            if bytes.get(at) != Some(&b'"') {
                return Err(Stop::Unsure);
            }
            let node;
            if let Some(index) = rule.find(bytes, at + 1, last) {
                let member = &rule.members[index];
                // Of two with one name the last one counts, which is not known here.
                if found & member.bit != 0 {
                    return Err(Stop::Unsure);
                }
                found |= member.bit;
                last = Some(index);
                node = member.node;
                // With the colon.
                at += 1 + member.name.len();
                if let Some(met) = &mut self.met {
                    met.add(member.number);
                }
                rule.takes_name(member.bare())?;
            } else {
                let end = text(bytes, at)?;
                let name = &bytes[at + 1..end - 1];
                // Spelt in another way, or with a blank before the colon, it may still be one of the named.
                let known = bytes.get(end) == Some(&b':') && memchr::memchr(b'\\', name).is_none();
                if !known && (rule.names.is_some() || !rule.members.is_empty()) {
                    return Err(Stop::Unsure);
                }
                rule.takes_name(name)?;
                node = rule.others;
                at = self.colon(end)?;
            }
            at = self.value(node, self.blanks(at))?;
            (goes_on, at) = self.behind(b'}', at)?;
        }
        self.depth -= 1;
        if found & rule.required == rule.required { Ok(at) } else { Err(Stop::No) }
    }

    /// An object of which nothing is asked.
    fn any_object(&mut self, mut at: usize) -> Step {
        let mut goes_on = self.bytes.get(at) != Some(&b'}');
        if !goes_on {
            at += 1;
        }
        while goes_on {
            if self.bytes.get(at) != Some(&b'"') {
                return Err(Stop::Unsure);
            }
            let colon = self.colon(text(self.bytes, at)?)?;
            at = self.value(ANY, self.blanks(colon))?;
            (goes_on, at) = self.behind(b'}', at)?;
        }
        self.depth -= 1;
        Ok(at)
    }

    #[inline]
    fn colon(&self, at: usize) -> Step {
        let at = self.blanks(at);
        if self.bytes.get(at) == Some(&b':') { Ok(at + 1) } else { Err(Stop::Unsure) }
    }

    /// Walks the value again, which is JSON by now: for `if`, then for what follows from it.
    fn condition(&self, condition: &Condition, at: usize, end: usize) -> Step {
        let again = |node| {
            let mut walk = Walk { checker: self.checker, bytes: &self.bytes[..end], depth: self.depth, met: None };
            if node == ANY { Ok(end) } else { walk.value(node, at) }
        };
        match again(condition.test) {
            Ok(_) => again(condition.then),
            Err(Stop::No) => again(condition.otherwise),
            Err(Stop::Unsure) => Err(Stop::Unsure),
        }
    }
}

#[cold]
fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count()
}

/// RFC 8259 section 7: the place behind the closing quote of a text whose opening quote stands at `at`.
#[inline]
fn text(bytes: &[u8], at: usize) -> Step {
    let end = at + 1 + scan::plain(&bytes[at + 1..]);
    if bytes.get(end) == Some(&b'"') { Ok(end + 1) } else { odd_text(bytes, at + 1, end) }
}

/// A text with escapes or beyond ASCII, plain from `start` up to `at`.
fn odd_text(bytes: &[u8], start: usize, mut at: usize) -> Step {
    let mut wide = false;
    loop {
        match bytes.get(at) {
            Some(b'"') => break,
            Some(b'\\') => at += 1 + escape(bytes, at + 1)?,
            Some(0x80..) => {
                wide = true;
                at += 1;
            }
            // A control character, or the end.
            _ => return Err(Stop::Unsure),
        }
        at += scan::plain(&bytes[at..]);
    }
    if wide && std::str::from_utf8(&bytes[start..at]).is_err() { Err(Stop::Unsure) } else { Ok(at + 1) }
}

/// How long the escape is whose letter stands at `at`.
fn escape(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    match bytes.get(at) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(1),
        Some(b'u') => {
            let digits = bytes.get(at + 1..at + 5).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit)).ok_or(Stop::Unsure)?;
            // Half of a pair: whether the other half follows is for the authority.
            let half = matches!(digits, [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..]);
            if half { Err(Stop::Unsure) } else { Ok(5) }
        }
        _ => Err(Stop::Unsure),
    }
}

/// RFC 8259 section 6: the length of the number that stands first. What has an exponent, or does not fit 64 bits, becomes something else when it is
/// read.
fn number(rest: &[u8], node: &Node) -> Result<usize, Stop> {
    let negative = rest[0] == b'-';
    let digits = &rest[usize::from(negative)..];
    let count = digits.iter().take(LONGEST).take_while(|byte| byte.is_ascii_digit()).count();
    let behind = digits.get(count).copied();
    if count == 0 || (count > 1 && digits[0] == b'0') || (negative && digits[0] == b'0' && behind != Some(b'.')) {
        return Err(Stop::Unsure);
    }
    let length = usize::from(negative) + count;
    if behind == Some(b'.') {
        let fraction = digits[count + 1..].iter().take(LONGEST).take_while(|byte| byte.is_ascii_digit()).count();
        let length = length + 1 + fraction;
        let plain = count < LONGEST && (1..LONGEST).contains(&fraction) && !matches!(rest.get(length), Some(b'e' | b'E'));
        if !plain || node.bounds.is_some() || node.literals.is_some() || node.types & INTEGER == 0 {
            return Err(Stop::Unsure);
        }
        // 1.0 is an integer, too.
        return if node.types & FRACTION != 0 { Ok(length) } else { Err(Stop::Unsure) };
    }
    if matches!(behind, Some(b'e' | b'E')) {
        return Err(Stop::Unsure);
    }
    if count > DIGITS {
        // 20 digits: still an integer up to what 64 bits hold.
        let fits = std::str::from_utf8(&digits[..count]).ok().and_then(|text| text.parse::<u64>().ok());
        return fits.filter(|_| !negative).ok_or(Stop::Unsure).and_then(|number| integer(i128::from(number), node)).map(|()| length);
    }
    if node.types & INTEGER == 0 {
        return Err(Stop::No);
    }
    // 19 digits behind a minus may be too many for 64 bits.
    if node.bounds.is_none() && node.literals.is_none() && !(negative && count == DIGITS) {
        return Ok(length);
    }
    let magnitude = digits[..count].iter().fold(0i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    integer(if negative { -magnitude } else { magnitude }, node).map(|()| length)
}

fn integer(number: i128, node: &Node) -> Result<(), Stop> {
    let inside = node.bounds.as_deref().is_none_or(|(least, most)| (*least..=*most).contains(&number));
    let listed = node.literals.as_deref().is_none_or(|literals| literals.contains(&Literal::Integer(number)));
    let fits = i64::try_from(number).is_ok() || u64::try_from(number).is_ok();
    match (fits, inside && listed && node.types & INTEGER != 0) {
        (false, _) => Err(Stop::Unsure),
        (true, true) => Ok(()),
        (true, false) => Err(Stop::No),
    }
}

impl ObjectRule {
    #[inline]
    fn takes_name(&self, name: &[u8]) -> Result<(), Stop> {
        let fits = |names: &Regex| std::str::from_utf8(name).is_ok_and(|name| names.is_match(name));
        if self.names.as_ref().is_none_or(fits) { Ok(()) } else { Err(Stop::No) }
    }
}
