//! What later rules need of a document that was found to be fine: those members, and no others.
//!
//! A correct inspect or event has hundreds of members, of which the rules over several exchanges read a dozen. An excerpt is the same document with
//! only these, so that its readers need not know. Whoever reads another member adds it here: `excerpts_lose_nothing` in `tests/it/quick.rs` judges
//! every fixture both ways.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// What is needed of the document of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Need {
    /// Nothing, once it is found to be fine.
    Nothing,
    /// These members.
    Some(&'static Excerpt),
    /// The whole document.
    Whole,
    /// The whole document, and no quick look at it.
    Thorough,
}

/// Members of a document.
#[derive(Debug, Default)]
pub(super) struct Excerpt {
    /// With all that is in it.
    whole: bool,
    members: BTreeMap<&'static str, Excerpt>,
    items: Option<Box<Excerpt>>,
}

/// `ContainerInspect`: the lessons, `relation`, and `state::container`.
pub(super) static INSPECT: LazyLock<Excerpt> = LazyLock::new(|| {
    Excerpt::of(&[
        "Id",
        "ID",
        "Name",
        "Config/Tty",
        "State",
        "NetworkSettings/IPAddress",
        "NetworkSettings/Networks",
        "NetworkSettings/Ports",
    ])
});

/// `ContainerList`: `filters`, and `state::container`.
pub(super) static LIST: LazyLock<Excerpt> = LazyLock::new(|| Excerpt::of(&["*/Id", "*/Names", "*/State", "*/Labels", "*/Ports"]));

/// An event: `documents` and `filters`.
pub(super) static EVENT: LazyLock<Excerpt> =
    LazyLock::new(|| Excerpt::of(&["Action", "status", "Actor/ID", "Actor/Attributes/exitCode", "id", "Type", "time", "scope"]));

/// A sample of the statistics: `documents`.
pub(super) static SAMPLE: LazyLock<Excerpt> = LazyLock::new(|| {
    Excerpt::of(&[
        "cpu_stats/cpu_usage/total_usage",
        "cpu_stats/system_cpu_usage",
        "precpu_stats/cpu_usage/total_usage",
        "precpu_stats/system_cpu_usage",
    ])
});

impl Need {
    /// The document as it is needed; `None` where it is not, or is no JSON.
    pub(super) fn read(self, bytes: &[u8]) -> Option<Value> {
        match self {
            Self::Nothing => None,
            Self::Some(wanted) => wanted.read(bytes),
            Self::Whole | Self::Thorough => serde_json::from_slice(bytes).ok(),
        }
    }
}

impl Excerpt {
    /// Steps between slashes; `*` is any item of a list.
    fn of(paths: &[&'static str]) -> Self {
        let mut root = Self::default();
        for path in paths {
            let mut at = &mut root;
            for step in path.split('/') {
                at = if step == "*" { at.items.get_or_insert_default() } else { at.members.entry(step).or_default() };
            }
            at.whole = true;
        }
        root
    }

    /// Reads these members of a document; `None` where it is no JSON.
    pub(super) fn read(&self, bytes: &[u8]) -> Option<Value> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        self.deserialize(&mut reader).ok().filter(|_| reader.end().is_ok())
    }
}

impl<'de> DeserializeSeed<'de> for &Excerpt {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        if self.whole { Value::deserialize(reader) } else { reader.deserialize_any(self) }
    }
}

impl<'de> Visitor<'de> for &Excerpt {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        if let Some(wanted) = self.items.as_deref() {
            while let Some(item) = list.next_element_seed(wanted)? {
                items.push(item);
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = object.next_key_seed(Name(self))? {
            match name {
                Some((name, wanted)) => drop(members.insert(name.to_owned(), object.next_value_seed(wanted)?)),
                None => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Value::Object(members))
    }
}

/// A name, looked up without being kept.
struct Name<'a>(&'a Excerpt);

impl<'de, 'a> DeserializeSeed<'de> for Name<'a> {
    type Value = Option<(&'static str, &'a Excerpt)>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Name<'a> {
    type Value = Option<(&'static str, &'a Excerpt)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.members.get_key_value(name).map(|(name, wanted)| (*name, wanted)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_excerpt_is_the_document_with_fewer_members() {
        let wanted = Excerpt::of(&["Id", "State/Running", "*/Ports", "All"]);
        for (text, expected) in [
            (
                r#"{"Id":"a","State":{"Running":true,"Pid":1},"All":{"x":[1,-1.5,null]},"Rest":[1]}"#,
                json!({ "Id": "a", "State": { "Running": true }, "All": { "x": [1, -1.5, null] } }),
            ),
            (r#"[{"Ports":[1],"X":2},{}]"#, json!([{ "Ports": [1] }, {}])),
            (r#"{"State":null,"Id":1}"#, json!({ "State": null, "Id": 1 })),
            ("true", json!(true)),
        ] {
            assert_eq!(wanted.read(text.as_bytes()), Some(expected), "{text}");
        }
        for text in ["{", "{} x", "{\"X\":[1,}"] {
            assert_eq!(wanted.read(text.as_bytes()), None, "{text}");
        }
    }
}
