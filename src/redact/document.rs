//! Masks JSON as it passes: follows the path to each value, and puts aliases over those that are secret. It holds no document.
//!
//! What is no JSON from some byte on keeps its shape from there: letters and digits become stars, so that nobody needs to guess what was meant.
//! A string that the parser would refuse (a bad escape, a control character, broken UTF-8) is refused for the same reason afterwards.

use super::alias::STAR;
use super::string::StringMask;
use super::{Redactor, is_shapeless};
use crate::catalog::{Mask, SecretNames, SecretPlace, SecretStep};

/// Deeper documents are refused by the parser (`serde_json`, as Go's at 10000).
const DEPTH: usize = 128;
/// Longer names are of no member that is known.
const NAME: usize = 128;

/// What is known of a place in a document.
#[derive(Debug, Clone, Copy)]
pub(super) enum At<'a> {
    /// Nothing below it is secret.
    Open,
    /// What the schema says.
    Place(&'a SecretPlace),
    /// No schema: a member is secret by its name.
    Names,
    /// Secret.
    Secret(Mask),
    /// Every value is secret.
    Values,
    /// Of credentials: all but names and addresses.
    Credentials,
}

impl At<'_> {
    /// How a string or number here is masked.
    pub(super) fn scalar(self) -> Option<Mask> {
        match self {
            At::Open | At::Names => None,
            At::Secret(mask) => Some(mask),
            At::Values | At::Credentials => Some(Mask::Whole),
            // A plain value where a structure with secrets is due.
            At::Place(place) => place.mask().or_else(|| place.is_marked().then_some(Mask::Whole)),
        }
    }

    /// Whether what a member is depends on its name.
    const fn reads_names(self) -> bool {
        matches!(self, At::Names | At::Credentials | At::Place(_))
    }

    /// What the member of this name is, which is in lower case.
    pub(super) fn member(self, name: &str, names: &SecretNames) -> Self {
        let unknown = || names.member(name).map_or(At::Names, At::Secret);
        match self {
            // A map where a list of `KEY=value` is due.
            At::Secret(Mask::Environment) => At::Secret(Mask::Whole),
            At::Credentials if matches!(name, "username" | "email" | "serveraddress") => At::Open,
            At::Open | At::Values | At::Credentials | At::Secret(_) => self,
            At::Place(place) => match place.member(name) {
                SecretStep::Known(place) => below(place),
                // A map where a list of secrets is due.
                SecretStep::Unknown if place.item().is_some_and(SecretPlace::is_marked) => At::Secret(Mask::Whole),
                SecretStep::Unknown => unknown(),
            },
            At::Names => unknown(),
        }
    }

    /// What the items of an array are.
    pub(super) fn item(self) -> Self {
        match self {
            // A list where one is due stays at its place.
            At::Place(place) => place.item().map_or(self, below),
            other => other,
        }
    }
}

/// Bytes to be put over those at a position of the stream.
#[derive(Debug)]
struct Patch {
    at: u64,
    bytes: Vec<u8>,
}

/// Where masked bytes go: contiguous ones are one patch.
#[derive(Debug, Default)]
pub(super) struct Patches(Vec<Patch>);

impl Patches {
    pub(super) fn put(&mut self, at: u64, bytes: &[u8]) {
        match self.0.last_mut() {
            _ if bytes.is_empty() => {}
            Some(last) if last.at + last.bytes.len() as u64 == at => last.bytes.extend_from_slice(bytes),
            _ => self.0.push(Patch { at, bytes: bytes.to_vec() }),
        }
    }

    pub(super) fn stars(&mut self, at: u64, count: usize) {
        const STARS: [u8; 16] = [STAR; 16];
        self.put(at, &STARS[..count]);
    }
}

#[derive(Debug)]
enum State {
    /// A value is due; `closes`: or the end of the array.
    Value {
        closes: bool,
    },
    /// A name is due; `closes`: or the end of the object.
    Name {
        closes: bool,
    },
    Colon,
    /// Behind a value: a comma, or the end.
    Behind,
    /// In a string that stays; `name`: it is collected.
    Text {
        name: bool,
        escaped: bool,
    },
    Secret {
        mask: Box<StringMask>,
        name: bool,
    },
    Number(Digits),
    /// true, false, null.
    Word(&'static [u8]),
    /// No JSON any more.
    Shape,
}

/// How far a number is that is masked or not.
#[derive(Debug, Clone, Copy)]
struct Digits {
    masked: bool,
    /// A first digit was seen, and it was no zero.
    begun: bool,
    /// In its exponent.
    exponent: bool,
}

/// Masks one document, or one after the other.
#[derive(Debug)]
pub(super) struct DocumentMask<'a> {
    root: At<'a>,
    state: State,
    /// Of the value that is due.
    at: At<'a>,
    /// The structures that are open: whether an object, and what it is.
    stack: Vec<(bool, At<'a>)>,
    name: Vec<u8>,
    offset: u64,
    patches: Patches,
}

impl<'a> DocumentMask<'a> {
    pub(super) fn new(root: At<'a>) -> Self {
        Self {
            root,
            state: State::Value { closes: false },
            at: root,
            stack: Vec::new(),
            name: Vec::new(),
            offset: 0,
            patches: Patches::default(),
        }
    }

    /// Takes bytes.
    pub(super) fn push(&mut self, bytes: &[u8], redactor: Redactor<'_>) {
        let mut rest = bytes;
        while let Some(byte) = rest.first().copied() {
            let taken = self.step(byte, rest, redactor);
            self.offset += taken as u64;
            rest = &rest[taken..];
        }
    }

    /// No more bytes come.
    pub(super) fn finish(&mut self, redactor: Redactor<'_>) {
        if let State::Secret { mask, .. } = std::mem::replace(&mut self.state, State::Shape) {
            mask.finish(redactor, &mut self.patches);
        }
    }

    /// What lies before this position is decided.
    pub(super) fn decided(&self) -> u64 {
        match &self.state {
            State::Secret { mask, .. } => mask.decided(self.offset),
            _ => self.offset,
        }
    }

    /// Decides all: a secret whose end is not there is masked without an alias.
    pub(super) fn decide(&mut self, redactor: Redactor<'_>) {
        if let State::Secret { mask, .. } = &mut self.state {
            mask.decide(redactor, &mut self.patches);
        }
    }

    /// Gives what is to be put where, in order; of two at one place the later one counts.
    pub(super) fn take_patches(&mut self, mut put: impl FnMut(usize, &[u8])) {
        for patch in self.patches.0.drain(..) {
            put(usize::try_from(patch.at).unwrap_or(usize::MAX), &patch.bytes);
        }
    }

    pub(super) fn has_patches(&self) -> bool {
        !self.patches.0.is_empty()
    }

    /// Takes one byte, or more of them that are alike.
    fn step(&mut self, byte: u8, rest: &[u8], redactor: Redactor<'_>) -> usize {
        match &mut self.state {
            State::Text { name, escaped } => {
                let name = *name;
                if *escaped {
                    *escaped = false;
                    self.collect(name, &rest[..1]);
                    return 1;
                }
                let end = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                self.collect(name, &rest[..end]);
                match rest.get(end) {
                    None => return end,
                    Some(b'"') => self.string_ends(name, redactor),
                    Some(_) => {
                        self.collect(name, b"\\");
                        self.state = State::Text { name, escaped: true };
                    }
                }
                end + 1
            }
            State::Secret { mask, name } => {
                let name = *name;
                if mask.push(byte, self.offset, redactor, &mut self.patches) {
                    self.string_ends(name, redactor);
                }
                1
            }
            State::Shape => {
                let end = rest.iter().take_while(|byte| !is_shapeless(**byte)).count();
                if end == 0 {
                    self.patches.stars(self.offset, 1);
                }
                end.max(1)
            }
            State::Number(digits) => {
                if matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E') {
                    if let Some(mask) = digits.mask(byte) {
                        self.patches.put(self.offset, &[mask]);
                    }
                    return 1;
                }
                self.state = State::Behind;
                0
            }
            State::Word(word) => match word.split_first() {
                Some((due, word)) if *due == byte => {
                    self.state = State::Word(word);
                    1
                }
                Some(_) => self.lose(),
                None => {
                    self.state = State::Behind;
                    0
                }
            },
            _ if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => 1,
            // RFC 7464 and concatenated documents: the next one begins here.
            State::Behind if self.stack.is_empty() => {
                self.at = self.root;
                self.state = State::Value { closes: false };
                usize::from(byte == 0x1e)
            }
            State::Value { closes } => {
                let closes = *closes;
                self.value(byte, closes, redactor)
            }
            State::Name { closes } => match byte {
                b'"' => {
                    self.name.clear();
                    // In a secret map written `KEY=value`.
                    self.state = match self.stack.last() {
                        Some((_, At::Secret(mask @ Mask::Environment))) => {
                            State::Secret { mask: Box::new(StringMask::new(*mask, redactor)), name: true }
                        }
                        _ => State::Text { name: true, escaped: false },
                    };
                    1
                }
                b'}' if *closes => self.close(),
                _ => self.lose(),
            },
            State::Colon if byte == b':' => {
                self.state = State::Value { closes: false };
                1
            }
            State::Colon => self.lose(),
            State::Behind => match (byte, self.stack.last()) {
                (b',', Some((true, _))) => {
                    self.state = State::Name { closes: false };
                    1
                }
                (b',', Some((false, at))) => {
                    self.at = at.item();
                    self.state = State::Value { closes: false };
                    1
                }
                (b'}', Some((true, _))) | (b']', Some((false, _))) => self.close(),
                _ => self.lose(),
            },
        }
    }

    fn value(&mut self, byte: u8, closes: bool, redactor: Redactor<'_>) -> usize {
        match byte {
            b'{' | b'[' if self.stack.len() >= DEPTH => return self.lose(),
            b'{' => {
                self.stack.push((true, self.at));
                self.state = State::Name { closes: true };
            }
            b'[' => {
                self.stack.push((false, self.at));
                self.at = self.at.item();
                self.state = State::Value { closes: true };
            }
            b']' if closes => return self.close(),
            b'"' => {
                self.state = match self.at.scalar() {
                    Some(mask) => State::Secret { mask: Box::new(StringMask::new(mask, redactor)), name: false },
                    None => State::Text { name: false, escaped: false },
                };
            }
            b'-' | b'0'..=b'9' => {
                let digits = Digits { masked: self.at.scalar().is_some(), begun: false, exponent: false };
                self.state = State::Number(digits);
                return 0;
            }
            b't' => self.state = State::Word(b"rue"),
            b'f' => self.state = State::Word(b"alse"),
            b'n' => self.state = State::Word(b"ull"),
            _ => return self.lose(),
        }
        1
    }

    fn close(&mut self) -> usize {
        self.stack.pop();
        self.state = State::Behind;
        1
    }

    fn lose(&mut self) -> usize {
        self.state = State::Shape;
        0
    }

    fn collect(&mut self, name: bool, bytes: &[u8]) {
        if name && self.name.len() <= NAME {
            self.name.extend_from_slice(&bytes[..bytes.len().min(NAME + 1)]);
        }
    }

    fn string_ends(&mut self, name: bool, redactor: Redactor<'_>) {
        self.state = State::Behind;
        if name {
            self.at = self.member(redactor);
            self.state = State::Colon;
        }
    }

    /// What the member is whose name was read.
    fn member(&mut self, redactor: Redactor<'_>) -> At<'a> {
        let at = self.stack.last().map_or(At::Names, |(_, at)| *at);
        if at.reads_names() {
            self.lower();
        }
        at.member(std::str::from_utf8(&self.name).unwrap_or_default(), redactor.names)
    }

    /// Go's decoder does not mind the case of names.
    fn lower(&mut self) {
        if self.name.is_ascii() && memchr::memchr(b'\\', &self.name).is_none() {
            return self.name.make_ascii_lowercase();
        }
        let text = String::from_utf8_lossy(&self.name);
        let text = serde_json::from_str::<String>(&format!("\"{text}\"")).unwrap_or_default();
        // It folds the long s, too (encoding/json, fold.go).
        self.name = text.to_lowercase().replace('ſ', "s").into_bytes();
    }
}

impl Digits {
    /// What a digit becomes, so that the number stays one of its kind.
    fn mask(&mut self, byte: u8) -> Option<u8> {
        match byte {
            _ if !self.masked || self.exponent => None,
            b'e' | b'E' => {
                self.exponent = true;
                None
            }
            // No number begins with a zero and goes on.
            b'0' if !self.begun => None,
            b'0'..=b'9' => {
                self.begun = true;
                Some(b'1')
            }
            _ => {
                self.begun = byte == b'.';
                None
            }
        }
    }
}

pub(super) fn below(place: &SecretPlace) -> At<'_> {
    place.mask().map_or(At::Place(place), At::Secret)
}

#[cfg(test)]
mod tests {
    use super::super::Aliases;
    use super::*;
    use crate::catalog::{Catalog, Schema};
    use crate::model::ApiVersion;
    use proptest::prelude::*;

    fn place(operation: &str) -> &'static SecretPlace {
        let operation = Catalog::builtin().operation(operation).expect("an operation of the API");
        operation.contract(ApiVersion::NEWEST).request.schema.as_ref().map(Schema::secrets).expect("a schema")
    }

    fn masked(root: At<'_>, document: &[u8], pieces: usize, aliases: &Aliases) -> Vec<u8> {
        let redactor = Redactor { aliases, names: Catalog::builtin().secret_names() };
        let mut mask = DocumentMask::new(root);
        for piece in document.chunks(pieces) {
            mask.push(piece, redactor);
        }
        mask.finish(redactor);
        let mut out = document.to_vec();
        mask.take_patches(|at, bytes| out[at..at + bytes.len()].copy_from_slice(bytes));
        out
    }

    #[test]
    fn values_are_masked_where_they_stand() {
        let create = At::Place(place("ContainerCreate"));
        for (root, document, expected) in [
            (
                create,
                r#"{"Image":"a","Env":["A=correct-horse","B"],"Tty":true}"#,
                r#"{"Image":"a","Env":["A=redacted-1***","B"],"Tty":true}"#,
            ),
            (create, r#"{"ENV":["A=correct-horse"],"Labels":{"Env":"x=y"}}"#, r#"{"ENV":["A=redacted-1***"],"Labels":{"Env":"x=y"}}"#),
            (create, r#"{"Env":{"A":"correct-horse"}}"#, r#"{"Env":{"A":"redacted-1***"}}"#),
            (create, r#"{"Env":["A=correct\u002dhorse"]}"#, r#"{"Env":["A=redacted-1********"]}"#),
            (create, r#"{"Env":["A=correct\-horse"]}"#, r#"{"Env":["A=*******\-*****"]}"#),
            (create, r#"{"Env":["A=correct-horse"#, r#"{"Env":["A=redacted-1***"#),
            (create, r#"{"Env":["A=b"] "x":"correct"}"#, r#"{"Env":["A=*"] "*":"*******"}"#),
            (create, r#"{"Image":{"Env":["A=correct-horse"]}}"#, r#"{"Image":{"Env":["A=redacted-1***"]}}"#),
            (At::Place(place("SwarmUnlock")), r#""SWMKEY-1-correct-horse""#, r#""SWMKEY-1-redacted-1***""#),
            (below(place("PluginSet")), r#"{"A":"correct-horse","B":120.5e3}"#, r#"{"A":"redacted-1***","B":111.1e3}"#),
            (
                At::Names,
                r#"[{"a":{"PassWord":"correct-horse"}},{"pa\u0073\u017fword":"correct-horse"}]"#,
                r#"[{"a":{"PassWord":"redacted-1***"}},{"pa\u0073\u017fword":"redacted-1***"}]"#,
            ),
            (At::Values, r#"{"A":"correct-horse","B":null,"C":[1203]}"#, r#"{"A":"redacted-1***","B":null,"C":[1111]}"#),
            (
                At::Credentials,
                r#"{"username":"u","x":{"email":"e","y":"correct-horse"}}"#,
                r#"{"username":"u","x":{"email":"e","y":"redacted-1***"}}"#,
            ),
        ] {
            let masked = masked(root, document.as_bytes(), 1, &Aliases::default());
            assert_eq!(String::from_utf8_lossy(&masked), expected, "{document}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn masking_keeps_what_a_document_is(
            words in proptest::collection::vec(prop_oneof![
                Just("{"), Just("}"), Just("["), Just("]"), Just(","), Just(":"), Just("\"Env\":"), Just("\"Env\":[\"A="), Just("\""), Just("\\u00"), Just("\\ud83d"),
                Just("\\udE00"), Just("\\\""), Just("\\n"), Just("\"password\":\""), Just("\"x\":{"), Just("1203"), Just("-0.5e9"), Just("true"), Just("nul"), Just("correct horse"),
                Just("\u{e4}"), Just("\u{1}"), Just("SWMKEY-1-abc"), Just(" "), Just("{\"Env\":[\"A=correct horse\",\"B=\\u00e4x\"],\"Image\":\"a\"}"),
            ], 0..12),
            broken in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
            size in 1usize..9, root in 0usize..4,
        ) {
            let mut document = words.concat().into_bytes();
            if let Some((at, byte)) = broken.filter(|_| !document.is_empty()) {
                let at = at.index(document.len());
                document[at] = byte;
            }
            let root = [At::Names, At::Values, At::Credentials, At::Place(place("ContainerCreate"))][root];
            let aliases = Aliases::default();
            let once = masked(root, &document, usize::MAX, &aliases);
            let is_json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).is_ok();
            prop_assert_eq!(is_json(&once), is_json(&document), "{} became {}", String::from_utf8_lossy(&document), String::from_utf8_lossy(&once));
            prop_assert_eq!(&masked(root, &document, size, &aliases), &once, "wherever it is cut");
            prop_assert_eq!(&masked(root, &once, usize::MAX, &aliases), &once, "what is masked stays");
        }
    }
}
