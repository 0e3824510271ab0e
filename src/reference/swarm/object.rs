//! What all objects of a swarm have in common: ids, versions, times, names, and how clients name and filter them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::call::{Call, Filters};
use super::super::refusal::Refusal;

/// The version of an object and its times.
#[derive(Debug, Clone)]
pub(super) struct Meta {
    /// Changes with the object; an update has to name it.
    pub(super) index: u64,
    /// When it was made.
    pub(super) created: Timestamp,
    /// When it changed last.
    pub(super) updated: Timestamp,
}

impl Meta {
    /// Of an object that is made now.
    pub(super) fn new(index: u64, now: Timestamp) -> Self {
        Self { index, created: now, updated: now }
    }

    /// The object changed.
    pub(super) fn touch(&mut self, index: u64, now: Timestamp) {
        self.index = index;
        self.updated = now;
    }

    /// Refuses an update that was made of an older state.
    pub(super) fn check(&self, version: u64) -> Result<(), Refusal> {
        if self.index == version {
            return Ok(());
        }
        Err(Refusal::server_error("rpc error: code = Unknown desc = update out of sequence"))
    }

    /// The members that every object begins with.
    pub(super) fn write(&self, id: &str) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("ID".to_owned(), id.into());
        object.insert("Version".to_owned(), version(self.index));
        object.insert("CreatedAt".to_owned(), self.created.to_string().into());
        object.insert("UpdatedAt".to_owned(), self.updated.to_string().into());
        object
    }
}

/// A version as Go writes it: nothing in it when it is 0.
pub(super) fn version(index: u64) -> Value {
    if index == 0 { json!({}) } else { json!({ "Index": index }) }
}

/// The version that an update names.
pub(super) fn asked_version(call: &Call, kind: &str) -> Result<u64, Refusal> {
    let text = call.query.text("version");
    text.parse().map_err(|_| {
        Refusal::bad_parameter(match kind {
            "secret" | "config" => format!("invalid {kind} version"),
            _ => format!("invalid {kind} version '{text}': strconv.ParseUint: parsing \"{text}\": invalid syntax"),
        })
    })
}

/// A flag that Go parses strictly; `None` when it is not given.
pub(super) fn strict_flag(call: &Call, name: &str) -> Result<Option<bool>, Refusal> {
    match call.query.text(name) {
        "" => Ok(None),
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Some(true)),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Some(false)),
        text => Err(Refusal::bad_parameter(match name {
            "status" | "insertDefaults" => {
                format!("invalid value for {name}: {text}: strconv.ParseBool: parsing \"{text}\": invalid syntax")
            }
            _ => format!("invalid value for {name}: {text}"),
        })),
    }
}

/// The id of the object that a client means: by id, by name, or by the only id that begins so.
pub(super) fn find<T>(all: &BTreeMap<String, T>, kind: &str, input: &str, name: impl Fn(&T) -> String) -> Result<String, Refusal> {
    if all.contains_key(input) {
        return Ok(input.to_owned());
    }
    let named: Vec<&String> = all.iter().filter(|(_, object)| name(object) == input).map(|(id, _)| id).collect();
    let found = if named.is_empty() { all.keys().filter(|id| id.starts_with(input)).collect() } else { named };
    match found.as_slice() {
        [] => Err(Refusal::not_found(format!("{kind} {input} not found"))),
        [id] => Ok((*id).clone()),
        more => Err(Refusal::bad_parameter(format!("{kind} {input} is ambiguous ({} matches found)", more.len()))),
    }
}

/// No value was given, or the text begins with one.
pub(super) fn begins(filters: &Filters, filter: &str, text: &str) -> bool {
    filters.any(filter, |value| text.starts_with(value))
}

/// All of the values (`key`, `key=value`) are among the labels.
pub(super) fn labelled(values: &[String], labels: &Value) -> bool {
    values.iter().all(|wanted| {
        let (key, value) = wanted.split_once('=').unwrap_or((wanted, ""));
        labels.get(key).is_some_and(|label| value.is_empty() || label == value)
    })
}

/// In swarmkit's words: 400.
pub(super) fn invalid(message: impl std::fmt::Display) -> Refusal {
    Refusal::bad_parameter(format!("rpc error: code = InvalidArgument desc = {message}"))
}

/// In swarmkit's words: 400 as well, for what is right but not now.
pub(super) fn precondition(message: impl std::fmt::Display) -> Refusal {
    Refusal::bad_parameter(format!("rpc error: code = FailedPrecondition desc = {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found() {
        let all = BTreeMap::from([("abc".to_owned(), "one"), ("abd".to_owned(), "two"), ("x".to_owned(), "abd")]);
        for (input, expected) in [
            ("abc", Ok("abc")),
            ("abd", Ok("abd")),
            ("two", Ok("abd")),
            ("abc2", Err("service abc2 not found")),
            ("ab", Err("service ab is ambiguous (2 matches found)")),
        ] {
            let found = find(&all, "service", input, |name| (*name).to_owned());
            assert_eq!(found.as_deref().map_err(|refusal| refusal.message.as_str()), expected, "{input}");
        }
    }

    #[test]
    fn labels_fit() {
        let labels = json!({ "a": "b", "c": "" });
        for (wanted, expected) in [("a", true), ("a=b", true), ("a=c", false), ("c", true), ("d", false)] {
            assert_eq!(labelled(&[wanted.to_owned()], &labels), expected, "{wanted}");
        }
    }
}
