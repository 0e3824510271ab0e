//! Documents of clients, read and written back as Go does it with a struct.
//!
//! A form says which members a struct has, of which type, and when each is written: `omitempty`, always, or as a pointer. What is not in the
//! form is lost, as in Go; what has the wrong type is refused in Go's words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::super::document::Document;
use super::super::refusal::Refusal;

/// A Go struct.
#[derive(Debug)]
pub(super) struct Form {
    /// Its name with its package, as errors show it: `swarm.TaskSpec`.
    pub(super) name: &'static str,
    /// Its members.
    pub(super) members: &'static [Member],
}

/// A member of a struct.
#[derive(Debug)]
pub(super) struct Member {
    name: &'static str,
    kind: Kind,
    keep: Keep,
}

/// What a member holds.
#[derive(Debug)]
pub(super) enum Kind {
    /// A string.
    Text,
    /// A signed whole number; the name of its Go type.
    Int(&'static str),
    /// A whole number from 0 to this; the name of its Go type.
    Natural(&'static str, u64),
    /// A float.
    Float,
    /// A bool.
    Flag,
    /// Bytes, written in base64.
    Bytes,
    /// A slice of strings.
    Texts,
    /// A slice of slices of strings.
    Rows,
    /// A map of strings.
    Map,
    /// A struct.
    One(&'static Form),
    /// A slice of structs.
    Many(&'static Form),
}

/// When a member is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// When it is not zero: `omitempty`.
    Filled,
    /// Always, zero or not.
    Always,
    /// When it was given: a pointer with `omitempty`.
    Given,
    /// Always, null when it was not given: a pointer.
    Nullable,
}

/// A member of a form.
pub(super) const fn member(name: &'static str, kind: Kind, keep: Keep) -> Member {
    Member { name, kind, keep }
}

/// A count.
pub(super) const fn count(name: &'static str, keep: Keep) -> Member {
    member(name, Kind::Natural("uint64", u64::MAX), keep)
}

/// A string with `omitempty`.
pub(super) const fn text(name: &'static str) -> Member {
    member(name, Kind::Text, Keep::Filled)
}

/// A slice of strings with `omitempty`.
pub(super) const fn texts(name: &'static str) -> Member {
    member(name, Kind::Texts, Keep::Filled)
}

/// A bool with `omitempty`.
pub(super) const fn flag(name: &'static str) -> Member {
    member(name, Kind::Flag, Keep::Filled)
}

/// A period in nanoseconds.
pub(super) const fn period(name: &'static str, keep: Keep) -> Member {
    member(name, Kind::Int("time.Duration"), keep)
}

impl Form {
    /// What Go keeps of a document.
    pub(super) fn read(&self, value: &Value) -> Result<Value, Refusal> {
        self.read_at(value, "")
    }

    fn read_at(&self, value: &Value, path: &str) -> Result<Value, Refusal> {
        let document = Document(value);
        let mut object = Map::new();
        for member in self.members {
            let path = if path.is_empty() { member.name.to_owned() } else { format!("{path}.{}", member.name) };
            let given = document.member(member.name);
            if given.is_null() {
                match member.keep {
                    Keep::Filled | Keep::Given => {}
                    Keep::Nullable => {
                        object.insert(member.name.to_owned(), Value::Null);
                    }
                    Keep::Always => {
                        object.insert(member.name.to_owned(), member.kind.zero());
                    }
                }
                continue;
            }
            let read = member.kind.read(given, self.name, &path)?;
            if member.keep != Keep::Filled || !is_zero(&read) {
                object.insert(member.name.to_owned(), read);
            }
        }
        Ok(Value::Object(object))
    }

    /// The same for a whole body, which has to be an object.
    pub(super) fn read_body(&self, value: &Value) -> Result<Value, Refusal> {
        match value {
            Value::Object(_) | Value::Null => self.read(value),
            other => Err(Refusal::bad_parameter(format!("json: cannot unmarshal {} into Go value of type {}", word(other), self.name))),
        }
    }
}

impl Kind {
    fn zero(&self) -> Value {
        match self {
            Self::Text | Self::Bytes => "".into(),
            Self::Int(_) | Self::Natural(..) | Self::Float => 0.into(),
            Self::Flag => false.into(),
            Self::Texts | Self::Rows | Self::Many(_) => Value::Null,
            Self::Map => Value::Object(Map::new()),
            Self::One(form) => form.read(&Value::Null).unwrap_or_default(),
        }
    }

    fn read(&self, value: &Value, name: &str, path: &str) -> Result<Value, Refusal> {
        let refuse = |value: &Value, kind: &str| {
            let name = name.rsplit('.').next().unwrap_or(name);
            Err(Refusal::bad_parameter(format!("json: cannot unmarshal {} into Go struct field {name}.{path} of type {kind}", word(value))))
        };
        // A string is the only type whose mismatch does not show the number.
        let refuse_number = |value: &Value, kind: &str| match value {
            Value::Number(number) => {
                let name = name.rsplit('.').next().unwrap_or(name);
                let message = format!("json: cannot unmarshal number {number} into Go struct field {name}.{path} of type {kind}");
                Err(Refusal::bad_parameter(message))
            }
            other => refuse(other, kind),
        };
        match (self, value) {
            (Self::Text, Value::String(_)) | (Self::Flag, Value::Bool(_)) => Ok(value.clone()),
            (Self::Text, other) => refuse(other, "string"),
            (Self::Flag, other) => refuse(other, "bool"),
            (Self::Int(kind), other) => {
                if other.is_i64() {
                    Ok(other.clone())
                } else {
                    refuse_number(other, kind)
                }
            }
            (Self::Natural(kind, most), other) => match other.as_u64() {
                Some(number) if number <= *most => Ok(other.clone()),
                _ => refuse_number(other, kind),
            },
            (Self::Float, Value::Number(number)) => {
                // Go writes a whole float without a point.
                let whole = [0, 1].into_iter().find(|whole| number.as_f64() == Some(f64::from(*whole)));
                Ok(whole.map_or_else(|| value.clone(), Value::from))
            }
            (Self::Float, other) => refuse(other, "float32"),
            (Self::Bytes, Value::String(text)) => match STANDARD.decode(text) {
                Ok(bytes) => Ok(STANDARD.encode(bytes).into()),
                Err(_) => Err(Refusal::bad_parameter(format!("illegal base64 data at input byte {}", first_illegal(text)))),
            },
            (Self::Bytes, other) => refuse(other, "[]uint8"),
            (Self::Texts, Value::Array(items)) => match items.iter().find(|item| !item.is_string() && !item.is_null()) {
                Some(wrong) => refuse(wrong, "string"),
                None => Ok(items.iter().map(|item| item.as_str().unwrap_or_default()).collect()),
            },
            (Self::Texts, other) => refuse(other, "[]string"),
            (Self::Rows, Value::Array(rows)) => rows.iter().map(|row| Self::Texts.read(row, name, path)).collect(),
            (Self::Rows, other) => refuse(other, "[][]string"),
            (Self::Map, Value::Object(object)) => match object.values().find(|value| !value.is_string() && !value.is_null()) {
                Some(wrong) => refuse(wrong, "string"),
                None => Ok(object.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default())).collect()),
            },
            (Self::Map, other) => refuse(other, "map[string]string"),
            (Self::One(form), Value::Object(_)) => form.read_at(value, path),
            (Self::One(form), other) => refuse(other, form.name),
            (Self::Many(form), Value::Array(items)) => items
                .iter()
                .map(|item| match item {
                    Value::Object(_) | Value::Null => form.read_at(item, path),
                    other => refuse(other, form.name),
                })
                .collect(),
            (Self::Many(form), other) => refuse(other, &format!("[]{}", form.name)),
        }
    }
}

/// Go's word for the type of a JSON value.
fn word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Where Go finds that a text is no base64.
fn first_illegal(text: &str) -> usize {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.bytes().position(|byte| !legal(byte)).unwrap_or(text.len() / 4 * 4)
}

/// What `omitempty` leaves out. A struct is never empty to Go.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    static INNER: Form = Form { name: "swarm.Inner", members: &[text("Name"), count("Count", Keep::Given), flag("On")] };
    static OUTER: Form = Form {
        name: "swarm.Outer",
        members: &[
            member("Labels", Kind::Map, Keep::Always),
            texts("Args"),
            member("One", Kind::One(&INNER), Keep::Given),
            member("Null", Kind::One(&INNER), Keep::Nullable),
            member("Many", Kind::Many(&INNER), Keep::Filled),
            member("Ratio", Kind::Float, Keep::Always),
            period("Delay", Keep::Filled),
            member("Data", Kind::Bytes, Keep::Filled),
        ],
    };

    #[test]
    fn what_go_writes_back() {
        for (given, expected) in [
            (json!({}), json!({ "Labels": {}, "Null": null, "Ratio": 0 })),
            (
                json!({ "labels": null, "ARGS": [], "One": {}, "Many": [{ "Count": 0 }, null], "Ratio": 0.5, "Delay": 0, "x": 1 }),
                json!({ "Labels": {}, "One": {}, "Null": null, "Many": [{ "Count": 0 }, {}], "Ratio": 0.5 }),
            ),
            (
                json!({ "Labels": { "a": "b" }, "Args": ["a", null], "Null": { "On": true }, "Delay": -1, "Data": "YQ==" }),
                json!({ "Labels": { "a": "b" }, "Args": ["a", ""], "Null": { "On": true }, "Ratio": 0, "Delay": -1, "Data": "YQ==" }),
            ),
        ] {
            assert_eq!(OUTER.read_body(&given), Ok(expected), "{given}");
        }
    }

    #[test]
    fn what_go_refuses() {
        for (given, expected) in [
            (json!([]), "array into Go value of type swarm.Outer"),
            (json!({ "Args": "a" }), "string into Go struct field Outer.Args of type []string"),
            (json!({ "Args": [1] }), "number into Go struct field Outer.Args of type string"),
            (json!({ "One": [] }), "array into Go struct field Outer.One of type swarm.Inner"),
            (json!({ "One": { "Name": 1 } }), "number into Go struct field Inner.One.Name of type string"),
            (json!({ "One": { "Count": 1.5 } }), "number 1.5 into Go struct field Inner.One.Count of type uint64"),
            (json!({ "Many": [{ "Count": -1 }] }), "number -1 into Go struct field Inner.Many.Count of type uint64"),
            (json!({ "Labels": { "a": 1 } }), "number into Go struct field Outer.Labels of type string"),
            (json!({ "Delay": "1" }), "string into Go struct field Outer.Delay of type time.Duration"),
        ] {
            let expected = Refusal::bad_parameter(format!("json: cannot unmarshal {expected}"));
            assert_eq!(OUTER.read_body(&given), Err(expected), "{given}");
        }
        assert_eq!(OUTER.read(&json!({ "Data": "!" })), Err(Refusal::bad_parameter("illegal base64 data at input byte 0")));
    }
}
