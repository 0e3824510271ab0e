//! Members of what a client wrote, typed as Go types them.

use serde_json::{Value, json};

use crate::reference::document::Document;
use crate::reference::refusal::Refusal;

/// The type of a member, as Go declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::reference::container) enum Kind {
    /// A text; empty when missing.
    Text,
    /// A truth value; false when missing.
    Flag,
    /// A pointer to one.
    FlagOrNull,
    /// A whole number; 0 when missing.
    Int,
    /// A pointer to one.
    IntOrNull,
    /// A list of texts; null when missing.
    Texts,
    /// The same, where one text alone is a list of one.
    Words,
    /// A list of anything; null when missing.
    List,
    /// A map of texts; null when missing.
    TextMap,
    /// A map whose keys are all that matters; null when missing.
    Set,
    /// A structure; null when missing.
    Map,
}

impl Kind {
    fn go_type(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Flag | Self::FlagOrNull => "bool",
            Self::Int | Self::IntOrNull => "int64",
            Self::Texts | Self::Words => "[]string",
            Self::List => "[]struct",
            Self::TextMap => "map[string]string",
            Self::Set => "map[string]struct {}",
            Self::Map => "struct",
        }
    }
}

/// A member as Go decodes it, its zero value when it is missing or null. The wrong type is refused.
pub(in crate::reference::container) fn member(of: Document<'_>, structure: &str, name: &str, kind: Kind) -> Result<Value, Refusal> {
    let given = of.member(name);
    let value = match (kind, given) {
        (Kind::Text, Value::Null) => json!(""),
        (Kind::Flag, Value::Null) => json!(false),
        (Kind::Int, Value::Null) => json!(0),
        (_, Value::Null) => Value::Null,
        (Kind::Text, Value::String(_))
        | (Kind::Flag | Kind::FlagOrNull, Value::Bool(_))
        | (Kind::List, Value::Array(_))
        | (Kind::Map, Value::Object(_)) => given.clone(),
        (Kind::Int | Kind::IntOrNull, Value::Number(number)) if number.is_i64() => given.clone(),
        (Kind::Words, Value::String(_)) => of.texts(name).into(),
        (Kind::Texts | Kind::Words, Value::Array(items)) if items.iter().all(|item| item.is_string() || item.is_null()) => {
            items.iter().map(|item| item.as_str().unwrap_or_default()).collect()
        }
        (Kind::TextMap, Value::Object(members)) if members.values().all(Value::is_string) => given.clone(),
        (Kind::Set, Value::Object(members)) => Value::Object(members.keys().map(|key| (key.clone(), json!({}))).collect()),
        // Clients of the first versions wrote one text where a list is now.
        (Kind::Texts, Value::String(text)) if text.is_empty() => Value::Null,
        _ => return Err(wrong_type(structure, name, given, kind)),
    };
    Ok(value)
}

fn wrong_type(structure: &str, name: &str, given: &Value, kind: Kind) -> Refusal {
    let given = match given {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let place =
        if structure == "Config" { format!("ContainerConfigWrapper.{name}") } else { format!("ContainerConfigWrapper.{structure}.{name}") };
    Refusal::bad_parameter(format!("invalid JSON: json: cannot unmarshal {given} into Go struct field {place} of type {}", kind.go_type()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrong_type_is_refused_as_go_words_it() {
        let given = json!({ "Image": 3, "Env": [1] });
        let refusal = member(Document(&given), "Config", "Image", Kind::Text).expect_err("refused");
        assert_eq!(
            refusal.message,
            "invalid JSON: json: cannot unmarshal number into Go struct field ContainerConfigWrapper.Image of type string"
        );
        assert!(member(Document(&given), "Config", "Env", Kind::Texts).is_err());
    }
}
