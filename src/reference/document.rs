//! JSON documents of clients, read as Go reads them: a member that is missing, null or of the wrong type is its zero value, and names are
//! compared without their case.

use serde_json::{Map, Value};

/// A document, or a part of one.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a>(pub &'a Value);

impl<'a> Document<'a> {
    /// The member, or null.
    #[must_use]
    pub fn member(self, name: &str) -> &'a Value {
        let Value::Object(object) = self.0 else { return &Value::Null };
        object
            .get(name)
            .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
            .unwrap_or(&Value::Null)
    }

    /// The member as a document.
    #[must_use]
    pub fn at(self, name: &str) -> Self {
        Self(self.member(name))
    }

    /// Whether the member is there and not null.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        !self.member(name).is_null()
    }

    /// A text, or the empty one.
    #[must_use]
    pub fn text(self, name: &str) -> &'a str {
        self.member(name).as_str().unwrap_or_default()
    }

    /// A whole number, or 0.
    #[must_use]
    pub fn int(self, name: &str) -> i64 {
        self.member(name).as_i64().unwrap_or_default()
    }

    /// A truth value, or false.
    #[must_use]
    pub fn flag(self, name: &str) -> bool {
        self.member(name).as_bool().unwrap_or_default()
    }

    /// The texts of a list; a single text is a list of one, as `Cmd` and `Entrypoint` were once written.
    #[must_use]
    pub fn texts(self, name: &str) -> Vec<String> {
        match self.member(name) {
            Value::String(text) => vec![text.clone()],
            Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    /// The items of a list.
    #[must_use]
    pub fn items(self, name: &str) -> &'a [Value] {
        self.member(name).as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// The members of a map.
    pub fn entries(self, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.member(name).as_object().into_iter().flat_map(Map::iter)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_is_zero() {
        let value = json!({ "image": "base", "Cmd": "true", "Tty": "yes", "Env": ["A=1", 2], "Labels": { "a": "b" } });
        let document = Document(&value);
        assert_eq!(document.text("Image"), "base");
        assert_eq!(document.texts("Cmd"), ["true"]);
        assert_eq!(document.texts("Env"), ["A=1"]);
        assert_eq!((document.flag("Tty"), document.int("Memory"), document.has("HostConfig")), (false, 0, false));
        assert_eq!(document.entries("Labels").count(), 1);
        assert_eq!(document.at("HostConfig").text("NetworkMode"), "");
    }
}
