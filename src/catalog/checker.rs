//! The quick look at a document: a schema compiled to a walk over the bytes, which accepts a correct document in one pass and builds nothing.
//!
//! It says `Fine` or `Undecided`, never that something is wrong: that is for the authority, [`super::Schema::defects`], which is asked about whatever
//! the walk does not accept: an unknown member, a keyword or form that is not compiled here, bytes that are no JSON. So the walk must be sound (it
//! never says `Fine` where the authority finds something, notes included) and may be incomplete. A property test holds both against each other.

mod compile;
mod met;
mod scan;
mod walk;

use std::sync::atomic::{AtomicU16, Ordering};

use regex::Regex;
use serde_json::Value;

pub use met::Met;

use super::schema::TakesText;
use walk::{Stop, Walk};

/// What the quick look says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// One JSON document in which there is nothing to be found.
    Fine,
    /// To be judged by the authority, from the document as a whole.
    Undecided,
}

/// A compiled schema.
#[derive(Debug)]
pub struct Checker {
    nodes: Vec<Node>,
    root: usize,
    /// Where each named member stands: by its number in [`Met`].
    members: Vec<String>,
    whole: bool,
}

/// The node that takes any value.
const ANY: usize = 0;
/// The node that decides nothing: what a daemon of this version does not send, and keywords that are not compiled.
const STOP: usize = 1;

const NULL: u8 = 1;
const BOOLEAN: u8 = 1 << 1;
/// Also `number`: then every number is one.
const INTEGER: u8 = 1 << 2;
const FRACTION: u8 = 1 << 3;
const STRING: u8 = 1 << 4;
const ARRAY: u8 = 1 << 5;
const OBJECT: u8 = 1 << 6;
const ALL: u8 = 0x7f;

/// A schema at one place.
#[derive(Debug)]
struct Node {
    types: u8,
    /// `enum` or `const`.
    literals: Option<Box<[Literal]>>,
    text: Option<Box<TextRule>>,
    /// `minimum` and `maximum`.
    bounds: Option<Box<(i128, i128)>>,
    items: usize,
    /// `minItems` and `maxItems`.
    lengths: Option<Box<(u64, u64)>>,
    /// `None`: any members.
    object: Option<Box<ObjectRule>>,
    condition: Option<Box<Condition>>,
}

impl Node {
    const fn any() -> Self {
        Self { types: ALL, literals: None, text: None, bounds: None, items: ANY, lengths: None, object: None, condition: None }
    }
}

/// A value of an `enum`.
#[derive(Debug, PartialEq)]
enum Literal {
    Null,
    Bool(bool),
    Integer(i128),
    Text(Box<[u8]>),
    /// `{}`
    NoMembers,
}

/// What is asked of a text.
#[derive(Debug, Default)]
struct TextRule {
    format: Option<TakesText>,
    pattern: Option<Regex>,
    /// In characters.
    shortest: u64,
    longest: Option<u64>,
}

/// What is asked of an object.
#[derive(Debug)]
struct ObjectRule {
    members: Box<[Member]>,
    /// What takes the members that have no name here.
    others: usize,
    /// `propertyNames`.
    names: Option<Regex>,
    /// A bit for each of `members`.
    required: u128,
    /// The member that came first last time.
    first: AtomicU16,
}

/// A named member.
#[derive(Debug)]
struct Member {
    /// The name, the quote behind it and the colon.
    name: Box<[u8]>,
    /// Its first sixteen bytes, and which of them count.
    head: u128,
    mask: u128,
    node: usize,
    /// Its own bit.
    bit: u128,
    /// Its number in [`Met`]; `u32::MAX` for one that a condition asks about.
    number: u32,
    /// The member that came behind it last time: daemons write members in one order.
    next: AtomicU16,
}

/// `if`, `then`, `else`.
#[derive(Debug)]
struct Condition {
    test: usize,
    then: usize,
    otherwise: usize,
}

impl Checker {
    /// Compiles a projected schema. What it has no word for is never accepted, so that this cannot fail.
    #[must_use]
    pub(super) fn new(source: &Value) -> Self {
        compile::compile(source)
    }

    /// Looks at the bytes of one document. With `met` it is noted which members the schema names and the document has, as far as they were
    /// looked at: all of them when the outcome is `Fine`. Costs a branch for each member.
    #[must_use]
    pub fn check(&self, bytes: &[u8], met: Option<&mut Met>) -> Outcome {
        let mut walk = Walk::new(self, bytes, met);
        match walk.document(self.root) {
            Ok(()) => Outcome::Fine,
            Err(Stop::No | Stop::Unsure) => Outcome::Undecided,
        }
    }

    /// The same for a text that is no JSON, judged as a string.
    #[must_use]
    pub(super) fn check_text(&self, text: &str) -> Outcome {
        let node = &self.nodes[self.root];
        let fits = self.root != STOP && node.condition.is_none() && node.types & STRING != 0 && node.takes_text(text.as_bytes());
        if fits { Outcome::Fine } else { Outcome::Undecided }
    }

    /// Whether every keyword of the schema is compiled: otherwise the documents that meet the others are never fine.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// The members that the schema names, as places in a document: `/*/HostConfig/NetworkMode`, where `*` is any item or any name of a map. A
    /// member's number in [`Met`] is its index here.
    #[must_use]
    pub fn members(&self) -> &[String] {
        &self.members
    }

    /// Notes the members that a document has, for one that was judged by the authority.
    pub fn see(&self, document: &Value, met: &mut Met) {
        self.see_at(self.root, document, met);
    }

    fn see_at(&self, id: usize, value: &Value, met: &mut Met) {
        let node = &self.nodes[id];
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.see_at(node.items, item, met)),
            Value::Object(members) => {
                let Some(rule) = node.object.as_deref() else { return };
                for (name, value) in members {
                    let named = rule.members.iter().find(|member| member.bare() == name.as_bytes());
                    if let Some(member) = named {
                        met.add(member.number);
                    }
                    self.see_at(named.map_or(rule.others, |member| member.node), value, met);
                }
            }
            _ => {}
        }
    }
}

impl Node {
    fn takes_text(&self, text: &[u8]) -> bool {
        let listed = |literals: &[Literal]| literals.iter().any(|literal| matches!(literal, Literal::Text(due) if **due == *text));
        self.literals.as_deref().is_none_or(listed) && self.text.as_deref().is_none_or(|rule| rule.takes(text))
    }
}

impl TextRule {
    /// Takes what is UTF-8.
    fn takes(&self, text: &[u8]) -> bool {
        // Characters: what does not go on with one that has begun.
        let length = || text.iter().filter(|byte| !matches!(byte, 0x80..0xc0)).count() as u64;
        self.format.is_none_or(|format| format(text))
            && (self.shortest == 0 || length() >= self.shortest)
            && self.longest.is_none_or(|longest| length() <= longest)
            && self.pattern.as_ref().is_none_or(|pattern| std::str::from_utf8(text).is_ok_and(|text| pattern.is_match(text)))
    }
}

impl ObjectRule {
    /// Where the expected member's number is kept: behind the one that was last, or at the beginning.
    #[inline]
    fn hint(&self, last: Option<usize>) -> &AtomicU16 {
        last.map_or(&self.first, |last| &self.members[last].next)
    }

    /// The member whose name begins at `at`, behind the quote. Daemons write members in one order, so that the next one is mostly known.
    #[inline]
    fn find(&self, bytes: &[u8], at: usize, last: Option<usize>) -> Option<usize> {
        let rest = bytes.get(at..)?;
        let head = scan::word(rest);
        let hint = self.hint(last);
        let mut guess = usize::from(hint.load(Ordering::Relaxed));
        if self.members.get(guess)?.is(head, rest) {
            return Some(guess);
        }
        // One that is left out now and then.
        guess = usize::from(self.members[guess].next.load(Ordering::Relaxed));
        if !self.members[guess].is(head, rest) {
            guess = self.members.iter().position(|member| member.is(head, rest))?;
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are at most 128 members")]
        hint.store(guess as u16, Ordering::Relaxed);
        Some(guess)
    }
}

impl Member {
    #[inline]
    fn is(&self, head: u128, rest: &[u8]) -> bool {
        head & self.mask == self.head
            && (self.name.len() <= 16 || rest.get(16..self.name.len()).is_some_and(|rest| *rest == self.name[16..]))
    }

    /// The name alone.
    fn bare(&self) -> &[u8] {
        &self.name[..self.name.len() - 2]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema::Schema;
    use super::*;

    #[test]
    fn fine_is_said_of_what_the_authority_accepts_and_of_nothing_else() {
        let schema = json!({ "type": "object", "required": ["Id", "N"], "properties": {
            "Id": { "type": "string", "format": "hex64" }, "N": { "type": "integer", "minimum": 0, "maximum": 65535 },
            "State": { "enum": ["running", null, 3] }, "When": { "type": ["string", "null"], "format": "empty-or-date-time" },
            "Map": { "type": "object", "additionalProperties": { "type": "string" }, "propertyNames": { "pattern": "^[0-9]+/tcp$" } },
            "List": { "type": "array", "maxItems": 2, "items": { "type": "number" } }, "Text": { "type": "string", "minLength": 2 },
            "New": { "x-too-new": "1.50" }, "Any": {} },
            "if": { "properties": { "State": { "const": "running" } } }, "then": { "required": ["When"] } });
        let checker = Checker::new(&schema);
        let schema = Schema::new(schema);
        let id = "0a".repeat(32);
        let document = |rest: &str| format!("{{\"Id\":\"{id}\",\"N\":1,\"State\":null{rest}}}");
        for (text, fine) in [
            (document(""), true),
            (document(" , \"Any\": [ {} , [ ] , \"\\u00e4\\n\" , -1.5 , true, \"ä\" ] "), true),
            (format!("\n{}\n", document("")), true),
            (document(",\"Map\":{\"80/tcp\":\"x\",\"80/tcp\":\"y\"}"), true),
            (document(",\"List\":[1.5,2]"), true),
            (document(",\"Text\":\"ää\",\"When\":\"\""), true),
            (format!("{{\"N\":0,\"State\":\"running\",\"When\":null,\"Id\":\"{id}\"}}"), true),
            (document("").replace('1', "1 2"), false),
            (document("").replace(":1", ":65536"), false),
            (document("").replace(":1", ":\"1\""), false),
            (document("").replace("null", "\"paused\""), false),
            (document("").replace("null", "\"running\""), false),
            (document("").replace("0a", "0A"), false),
            (document(",\"Map\":{\"80/udp\":\"x\"}"), false),
            (document(",\"Map\":{\"80/tcp\":1}"), false),
            (document(",\"List\":[1,2,3]"), false),
            (document(",\"Text\":\"ä\""), false),
            (document(",\"New\":1"), false),
            (document(",\"Other\":1"), false),
            (format!("{{\"Id\":\"{id}\"}}"), false),
            (document("") + "x", false),
            (document(",\"Any\":\"\u{1}\""), false),
            (document(",\"Any\":01"), false),
            (document(",\"Any\":[1,]"), false),
            (document(",\"Any\":1e999"), false),
            (document(",\"Any\":\"\\ud800\""), false),
            (document(",\"Any\":\"\\x\""), false),
            (document(&format!(",\"Any\":{}{}", "[".repeat(200), "]".repeat(200))), false),
            (String::new(), false),
        ] {
            let accepted = serde_json::from_str::<Value>(&text).is_ok_and(|value| schema.defects(&value).is_empty());
            assert_eq!((accepted, checker.check(text.as_bytes(), None) == Outcome::Fine), (fine, fine), "{text}");
        }
        // What is read in another way than it is written is left to the authority.
        for text in [
            document(",\"Any\" :1"),
            document(",\"State\":null"),
            document("").replace(":1", ":1.0"),
            document("").replace("Id", "\\u0049d"),
        ] {
            let accepted = serde_json::from_str::<Value>(&text).is_ok_and(|value| schema.defects(&value).is_empty());
            assert_eq!((accepted, checker.check(text.as_bytes(), None)), (true, Outcome::Undecided), "{text}");
        }
        let broken = [document(",\"Any\":\"").as_bytes(), b"\xff\"}"].concat();
        assert_eq!(checker.check(&broken, None), Outcome::Undecided);
    }

    #[test]
    fn members_that_were_met_are_noted() {
        let checker = Checker::new(&json!({ "type": "array", "items": { "properties": {
            "Id": {}, "HostConfig": { "properties": { "NetworkMode": { "type": "string" } } } } } }));
        assert_eq!(checker.members(), ["/*/HostConfig", "/*/HostConfig/NetworkMode", "/*/Id"]);
        let which = |met: &Met| -> Vec<bool> { (0..3).map(|number| met.has(number)).collect() };
        let (mut met, mut other) = (Met::default(), Met::default());
        let text = r#"[{"HostConfig":{"NetworkMode":"none"}}]"#;
        assert_eq!(checker.check(text.as_bytes(), Some(&mut met)), Outcome::Fine);
        assert_eq!(which(&met), [true, true, false]);
        checker.see(&json!([{ "Id": 1, "HostConfig": {} }]), &mut other);
        assert_eq!(which(&other), [true, false, true]);
        met.merge(&other);
        assert_eq!((which(&met), met.count()), (vec![true; 3], 3));
    }
}
