//! The members that a schema names, numbered, and which of them documents had: what coverage is made of.
//!
//! It looks at names only. Whether a value fits is for [`super::Schema::defects`].

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::Schema;
use super::projection::{REMOVED, TOO_NEW, escape};

/// Keywords whose schemas speak of the same place as the one that they stand in.
const BRANCHES: [&str; 6] = ["allOf", "anyOf", "oneOf", "if", "then", "else"];
/// The node below which nothing is named.
const LEAF: usize = 0;

/// The members that one schema names at its version.
#[derive(Debug)]
pub struct Members {
    names: Vec<String>,
    nodes: Vec<Node>,
    root: usize,
}

/// A place in a document.
#[derive(Debug, Default)]
struct Node {
    /// Number and node of each named member.
    named: FxHashMap<Box<str>, (usize, usize)>,
    /// The node of every item, and of every key of a map.
    others: usize,
}

/// Which members were seen, by their number in [`Members::names`].
#[derive(Debug, Clone)]
pub struct SeenMembers {
    words: Vec<u64>,
    left: usize,
}

impl Members {
    /// The members of a schema. What its version does not have is not among them.
    #[must_use]
    pub fn of(schema: &Schema) -> Self {
        let mut members = Self { names: Vec::new(), nodes: vec![Node::default()], root: LEAF };
        members.root = members.node(&[schema.source()], "");
        members
    }

    /// JSON pointers; `*` stands for every item and every key of a map.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// None is seen yet.
    #[must_use]
    pub fn unseen(&self) -> SeenMembers {
        SeenMembers { words: vec![0; self.names.len().div_ceil(64)], left: self.names.len() }
    }

    /// Notes the members that a document has. Once all were seen it looks at nothing.
    pub fn see(&self, document: &Value, seen: &mut SeenMembers) {
        if seen.left > 0 {
            self.see_at(self.root, document, seen);
        }
    }

    fn see_at(&self, at: usize, value: &Value, seen: &mut SeenMembers) {
        let Some(node) = self.nodes.get(at).filter(|_| at != LEAF) else { return };
        match value {
            Value::Array(items) if node.others != LEAF => items.iter().for_each(|item| self.see_at(node.others, item, seen)),
            Value::Object(object) => {
                for (name, value) in object {
                    let below = match node.named.get(name.as_str()) {
                        Some((number, below)) => {
                            seen.add(*number);
                            *below
                        }
                        None => node.others,
                    };
                    self.see_at(below, value, seen);
                }
            }
            _ => {}
        }
    }

    /// The node of a place that these schemas all speak of.
    fn node(&mut self, schemas: &[&Value], pointer: &str) -> usize {
        let mut all = Vec::new();
        for schema in schemas {
            unfold(schema, &mut all);
        }
        let mut named: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        let mut others = Vec::new();
        for schema in all {
            for (name, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                if exists(member) {
                    named.entry(name).or_default().push(member);
                }
            }
            others.extend(["items", "additionalProperties"].iter().filter_map(|key| schema.get(*key)).filter(|other| other.is_object()));
            others.extend(schema.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(|patterns| patterns.values()));
        }
        if named.is_empty() && others.is_empty() {
            return LEAF;
        }
        let at = self.nodes.len();
        self.nodes.push(Node::default());
        for (name, schemas) in named {
            let pointer = format!("{pointer}/{}", escape(name));
            let number = self.names.len();
            self.names.push(pointer.clone());
            let below = self.node(&schemas, &pointer);
            self.nodes[at].named.insert(name.into(), (number, below));
        }
        self.nodes[at].others = self.node(&others, &format!("{pointer}/*"));
        at
    }
}

impl SeenMembers {
    /// Whether there is nothing left to be seen.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.left == 0
    }

    /// Whether this member was seen.
    #[must_use]
    pub fn has(&self, number: usize) -> bool {
        self.words.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    fn add(&mut self, number: usize) {
        let (word, bit) = (&mut self.words[number / 64], 1 << (number % 64));
        self.left -= usize::from(*word & bit == 0);
        *word |= bit;
    }
}

/// The schema, and those in it that speak of the same place.
fn unfold<'a>(schema: &'a Value, all: &mut Vec<&'a Value>) {
    all.push(schema);
    for branch in BRANCHES.iter().filter_map(|key| schema.get(*key)) {
        match branch {
            Value::Array(branches) => branches.iter().for_each(|branch| unfold(branch, all)),
            branch => unfold(branch, all),
        }
    }
}

fn exists(member: &Value) -> bool {
    *member != Value::Bool(false) && member.get(TOO_NEW).is_none() && member.get(REMOVED).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_named_and_seen() {
        let schema = Schema::new(json!({ "type": "array", "items": { "type": "object", "properties": {
            "Id": { "type": "string" }, "New": { "x-too-new": "1.50" }, "a/b": {},
            "Ports": { "type": "object", "additionalProperties": { "anyOf": [
                { "type": "null" }, { "type": "array", "items": { "type": "object", "properties": { "IP": {} } } } ] } } } } }));
        let members = Members::of(&schema);
        assert_eq!(members.names(), ["/*/Id", "/*/Ports", "/*/Ports/*/*/IP", "/*/a~1b"]);
        let mut seen = members.unseen();
        let has = |seen: &SeenMembers| (0..4).map(|number| seen.has(number)).collect::<Vec<_>>();
        members.see(&json!([{ "Id": 1, "New": 2, "Ports": { "80/tcp": null } }, 5, { "Odd": { "IP": 1 } }]), &mut seen);
        assert_eq!(has(&seen), [true, true, false, false]);
        members.see(&json!([{ "a/b": 1, "Ports": { "80/tcp": [{ "IP": "" }] } }]), &mut seen);
        assert_eq!((has(&seen), seen.left), (vec![true; 4], 0));
    }
}
