//! From a projected schema to nodes. What is not known here becomes a node that decides nothing.

use std::sync::atomic::AtomicU16;

use regex::Regex;
use serde_json::{Map, Value};

use super::super::projection::{REMOVED, TOO_NEW, escape};
use super::super::schema::format_of;
use super::scan;
use super::{
    ALL, ANY, ARRAY, BOOLEAN, Checker, Condition, FRACTION, INTEGER, Literal, Member, NULL, Node, OBJECT, ObjectRule, STOP, STRING,
    TextRule,
};

/// Keywords that say nothing about a document.
const ANNOTATIONS: [&str; 9] = ["summary", "description", "title", "examples", "errata", "default", "$comment", "$defs", "wire"];
/// A bit for each.
const MOST_MEMBERS: usize = 128;

pub(super) fn compile(source: &Value) -> Checker {
    let mut compiler = Compiler { nodes: vec![Node::any(), Node::any()], members: Vec::new(), whole: true };
    let root = compiler.node(source, Where { place: "", open: true });
    Checker { nodes: compiler.nodes, root, members: compiler.members, whole: compiler.whole }
}

struct Compiler {
    nodes: Vec<Node>,
    members: Vec<String>,
    /// Every keyword was known.
    whole: bool,
}

/// Where a schema stands.
#[derive(Clone, Copy)]
struct Where<'a> {
    /// In the document.
    place: &'a str,
    /// Unknown members are findings here, and known ones are counted: everywhere but in conditions.
    open: bool,
}

impl Compiler {
    fn node(&mut self, schema: &Value, at: Where<'_>) -> usize {
        match schema {
            Value::Bool(true) => ANY,
            Value::Bool(false) => STOP,
            Value::Object(keywords) => {
                // What a daemon of this version does not send.
                if keywords.contains_key(TOO_NEW) || keywords.contains_key(REMOVED) {
                    return STOP;
                }
                let Some(node) = self.compiled(keywords, at) else {
                    self.whole = false;
                    return STOP;
                };
                self.nodes.push(node);
                self.nodes.len() - 1
            }
            _ => {
                self.whole = false;
                STOP
            }
        }
    }

    fn compiled(&mut self, keywords: &Map<String, Value>, at: Where<'_>) -> Option<Node> {
        let mut node = Node::any();
        let mut text = TextRule::default();
        let (mut least, mut most) = (None, None);
        let (mut fewest, mut longest) = (0, u64::MAX);
        for (keyword, value) in keywords {
            match keyword.as_str() {
                "type" => node.types = types(value)?,
                "enum" => node.literals = Some(value.as_array()?.iter().map(literal).collect::<Option<_>>()?),
                "const" => node.literals = Some([literal(value)?].into()),
                "format" => text.format = Some(format_of(value.as_str()?)?),
                "pattern" => text.pattern = Some(pattern(value)?),
                "minLength" => text.shortest = value.as_u64()?,
                "maxLength" => text.longest = Some(value.as_u64()?),
                "minimum" => least = Some(i128::from(value.as_i64()?)),
                "maximum" => most = Some(value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))?),
                "minItems" => fewest = value.as_u64()?,
                "maxItems" => longest = value.as_u64()?,
                "items" => node.items = self.node(value, Where { place: &format!("{}/*", at.place), open: at.open }),
                // Below, as one.
                "properties" | "required" | "additionalProperties" | "propertyNames" | "if" | "then" | "else" => {}
                // What begins so says what a member is, for snapshots; it decides nothing.
                other if ANNOTATIONS.contains(&other) || other.starts_with("x-") => {}
                // The name of no keyword, as long as projection lets it stand where there is no type.
                "nullable" if value.is_boolean() => {}
                _ => return None,
            }
        }
        if keywords.contains_key("enum") && keywords.contains_key("const") {
            return None;
        }
        if text.format.is_some() || text.pattern.is_some() || text.shortest > 0 || text.longest.is_some() {
            node.text = Some(Box::new(text));
        }
        if least.is_some() || most.is_some() {
            node.bounds = Some(Box::new((least.unwrap_or(i128::MIN), most.unwrap_or(i128::MAX))));
        }
        if (fewest, longest) != (0, u64::MAX) {
            node.lengths = Some(Box::new((fewest, longest)));
        }
        node.object = self.object(keywords, at)?;
        if let Some(test) = keywords.get("if") {
            let inside = Where { open: false, ..at };
            let mut part = |name: &str| keywords.get(name).map_or(ANY, |schema| self.node(schema, inside));
            let (then, otherwise) = (part("then"), part("else"));
            node.condition = Some(Box::new(Condition { test: self.node(test, inside), then, otherwise }));
        }
        Some(node)
    }

    /// `None` where it cannot be compiled; `Some(None)` where any object is right.
    #[expect(clippy::option_option, reason = "the outer one is the error")]
    fn object(&mut self, keywords: &Map<String, Value>, at: Where<'_>) -> Option<Option<Box<ObjectRule>>> {
        let named = match keywords.get("properties") {
            None => None,
            Some(value) => Some(value.as_object()?),
        };
        let required = match keywords.get("required") {
            None => Vec::new(),
            Some(value) => value.as_array()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?,
        };
        let names = match keywords.get("propertyNames").map(Value::as_object) {
            None => None,
            Some(Some(rule)) if rule.len() == 1 => Some(pattern(rule.get("pattern")?)?),
            Some(_) => return None,
        };
        let additional = keywords.get("additionalProperties");
        if named.is_none() && required.is_empty() && names.is_none() && additional.is_none() {
            return Some(None);
        }
        let mut members = Vec::new();
        for (name, schema) in named.into_iter().flatten() {
            let place = format!("{}/{}", at.place, escape(name));
            let number = if at.open { self.number(&place) } else { u32::MAX };
            let node = self.node(schema, Where { place: &place, open: at.open });
            members.push(member(name, node, number)?);
        }
        let others = match additional {
            Some(schema) => self.node(schema, Where { place: &format!("{}/*", at.place), open: at.open }),
            // What the schema does not name is a note.
            None if named.is_some() && at.open => STOP,
            None => ANY,
        };
        for name in &required {
            if named.is_none_or(|named| !named.contains_key(*name)) {
                members.push(member(name, others, u32::MAX)?);
            }
        }
        if members.len() > MOST_MEMBERS {
            return None;
        }
        for (index, member) in members.iter_mut().enumerate() {
            member.bit = 1 << index;
        }
        let is_required = |member: &&Member| required.iter().any(|name| name.as_bytes() == member.bare());
        let required = members.iter().filter(is_required).fold(0, |bits, member| bits | member.bit);
        Some(Some(Box::new(ObjectRule { members: members.into(), others, names, required, first: AtomicU16::new(0) })))
    }

    fn number(&mut self, place: &str) -> u32 {
        self.members.push(place.to_owned());
        u32::try_from(self.members.len() - 1).unwrap_or(u32::MAX)
    }
}

/// Names that are written with escapes cannot be compared byte by byte.
fn member(name: &str, node: usize, number: u32) -> Option<Member> {
    if scan::plain(name.as_bytes()) != name.len() {
        return None;
    }
    let name: Box<[u8]> = [name.as_bytes(), b"\":"].concat().into();
    let mask = if name.len() >= 16 { u128::MAX } else { (1 << (8 * name.len())) - 1 };
    Some(Member { head: scan::word(&name), mask, name, node, bit: 0, number, next: AtomicU16::new(0) })
}

fn types(value: &Value) -> Option<u8> {
    let bit = |value: &Value| {
        Some(match value.as_str()? {
            "null" => NULL,
            "boolean" => BOOLEAN,
            "integer" => INTEGER,
            "number" => INTEGER | FRACTION,
            "string" => STRING,
            "array" => ARRAY,
            "object" => OBJECT,
            _ => return None,
        })
    };
    match value {
        Value::Array(list) => list.iter().try_fold(0, |bits, value| Some(bits | bit(value)?)),
        value => bit(value),
    }
    .filter(|bits| bits & ALL == *bits)
}

fn literal(value: &Value) -> Option<Literal> {
    Some(match value {
        Value::Null => Literal::Null,
        Value::Bool(value) => Literal::Bool(*value),
        Value::Number(number) => Literal::Integer(i128::from(number.as_i64()?)),
        Value::String(text) => Literal::Text(text.as_bytes().into()),
        Value::Object(members) if members.is_empty() => Literal::NoMembers,
        _ => return None,
    })
}

/// A pattern that means the same to every engine: ASCII, classes of it, groups and repetitions.
fn pattern(value: &Value) -> Option<Regex> {
    let text = value.as_str()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"^$()[]{}|?*+-/.,_:@= ".contains(&byte);
    let bare = text.replace("\\.", "");
    let known = bare.bytes().all(plain) && !bare.contains("(?") && !bare.contains("[^") && !bare.contains("&&") && !bare.contains("--");
    if known { Regex::new(text).ok() } else { None }
}
