//! What Go says of JSON that it cannot read.

use serde_json::error::Category;
use serde_json::{Error, Value};

/// Go's sentence about a document that could not be decoded; `sort` is what Go calls the type that was wanted.
pub(super) fn go_error(text: &str, error: &Error, sort: &str) -> String {
    match error.classify() {
        Category::Eof => "unexpected end of JSON input".to_owned(),
        Category::Data => {
            let kind = match serde_json::from_str(text) {
                Ok(Value::Array(_)) => "array",
                Ok(Value::Bool(_)) => "bool",
                Ok(Value::Number(_)) => "number",
                Ok(Value::String(_)) => "string",
                _ => "object",
            };
            format!("json: cannot unmarshal {kind} into Go value of type {sort}")
        }
        Category::Syntax | Category::Io => {
            let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
            // The column counts bytes, from 1.
            let at = error.column().saturating_sub(1);
            let found = line.char_indices().find(|(index, char)| index + char.len_utf8() > at).map_or(' ', |(_, char)| char);
            format!("invalid character '{found}' looking for beginning of value")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_gos() {
        for (text, sentence) in [
            ("x", "invalid character 'x' looking for beginning of value"),
            ("é", "invalid character 'é' looking for beginning of value"),
            ("{", "unexpected end of JSON input"),
            ("[1]", "json: cannot unmarshal array into Go value of type map[string]string"),
        ] {
            let error = serde_json::from_str::<std::collections::BTreeMap<String, String>>(text).expect_err(text);
            assert_eq!(go_error(text, &error, "map[string]string"), sentence, "{text}");
        }
    }
}
