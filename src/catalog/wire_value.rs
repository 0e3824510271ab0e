//! From the text of a query parameter or header to a JSON value.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::model::Rule;

/// How a text becomes a JSON value before it is validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wire {
    /// As it stands.
    #[default]
    Text,
    /// A decimal integer.
    Int,
    /// `1`, `True`, `true`, `0`, `False`, `false`.
    Flag,
    /// A JSON document (filters).
    Json,
    /// A repeated parameter.
    List,
    /// base64url of a JSON document (`X-Registry-Auth`).
    Base64Json,
}

/// A text that cannot be read: which rule that breaks, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireError {
    /// The rule; query or header value unless it is about credentials.
    pub rule: Option<Rule>,
    /// What is due.
    pub expected: &'static str,
}

impl Wire {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "int" => Self::Int,
            "flag" => Self::Flag,
            "json" => Self::Json,
            "list" => Self::List,
            "base64-json" => Self::Base64Json,
            _ => return None,
        })
    }

    /// Reads a text. Flaws that do not keep it from being read are told apart in the second value.
    pub fn read(self, text: &str) -> Result<(Value, Option<Rule>), WireError> {
        let fail = |expected| Err(WireError { rule: None, expected });
        match self {
            Self::Text | Self::List => Ok((Value::String(text.to_owned()), None)),
            // An empty value is Go's zero value.
            Self::Int if text.is_empty() => Ok((Value::from(0), None)),
            Self::Int => text.parse::<i64>().map_or_else(|_| fail("an integer"), |number| Ok((Value::from(number), None))),
            // Docker Engine API documents 1.0 to 1.24 spell every flag this way; an empty one is false.
            Self::Flag => match text {
                "1" | "true" | "True" => Ok((Value::Bool(true), None)),
                "" | "0" | "false" | "False" => Ok((Value::Bool(false), None)),
                _ => fail("1, True, true, 0, False or false"),
            },
            // An empty filter is none, and dockerd takes an empty credentials header for none.
            Self::Json | Self::Base64Json if text.is_empty() => Ok((Value::Object(serde_json::Map::new()), None)),
            Self::Json => serde_json::from_str(text).map_or_else(|_| fail("a JSON document"), |value| Ok((value, None))),
            Self::Base64Json => base64_json(text),
        }
    }
}

/// RFC 4648 section 5 with padding is due; what other alphabets and a missing padding make of it is said apart.
fn base64_json(text: &str) -> Result<(Value, Option<Rule>), WireError> {
    let digits = text.trim_end_matches('=');
    let padded = text.len().is_multiple_of(4) && text.len() - digits.len() <= 2;
    let standard = digits.contains(['+', '/']);
    let decoded = if standard { STANDARD_NO_PAD.decode(digits) } else { URL_SAFE_NO_PAD.decode(digits) };
    let Ok(decoded) = decoded else { return Err(WireError { rule: Some(Rule::AuthNotBase64), expected: "base64url of a JSON document" }) };
    let Ok(value) = serde_json::from_slice(&decoded) else {
        return Err(WireError { rule: Some(Rule::AuthNotJson), expected: "a JSON document in base64url" });
    };
    let note = match (standard, padded) {
        (true, _) => Some(Rule::AuthStandardAlphabet),
        (false, false) => Some(Rule::AuthUnpadded),
        (false, true) => None,
    };
    Ok((value, note))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_become_values() {
        for (wire, text, value) in [
            (Wire::Text, "a b", json!("a b")),
            (Wire::Int, "-1", json!(-1)),
            (Wire::Flag, "True", json!(true)),
            (Wire::Flag, "0", json!(false)),
            (Wire::Flag, "", json!(false)),
            (Wire::Json, "{\"status\":[\"exited\"]}", json!({ "status": ["exited"] })),
            (Wire::Base64Json, "e30=", json!({})),
        ] {
            assert_eq!(wire.read(text), Ok((value, None)), "{text}");
        }
        for (wire, text) in [(Wire::Int, "all"), (Wire::Int, "1.5"), (Wire::Flag, "maybe"), (Wire::Flag, "TRUE"), (Wire::Json, "{a")] {
            assert!(wire.read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn credentials_are_told_apart() {
        for (text, rule) in [
            ("e30=", None),
            ("e30", Some(Rule::AuthUnpadded)),
            ("eyJwIjoiPz8-In0=", None),
            ("eyJwIjoiPz8+In0=", Some(Rule::AuthStandardAlphabet)),
            ("!!!", Some(Rule::AuthNotBase64)),
            ("aGVsbG8=", Some(Rule::AuthNotJson)),
        ] {
            let found = Wire::Base64Json.read(text).map_or_else(|error| error.rule, |(_, rule)| rule);
            assert_eq!(found, rule, "{text}");
        }
    }
}
