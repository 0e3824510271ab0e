//! Finds the secrets of what was read already: a JSON value, a parameter of a query. They stand where the masks of a recording do.

use serde_json::Value;

use super::document::{At, below};
use super::text::places;
use crate::catalog::{Mask, SecretNames, SecretPlace};

/// Deeper documents are read by nobody.
const DEPTH: usize = 128;

/// Takes a secret, and gives what is to stand in its place.
pub type Replace<'r> = &'r mut dyn FnMut(&str) -> String;

/// Replaces all secrets of a document: those of its schema, where it has one, and below what that does not know by names. A secret number becomes a text.
pub fn replace_in_document(document: &mut Value, place: Option<&SecretPlace>, names: &SecretNames, replace: Replace<'_>) {
    walk(document, place.map_or(At::Names, below), names, 0, replace);
}

/// Replaces the secrets of a parameter of a query, if it has any.
pub fn replace_in_parameter(name: &str, value: &mut String, names: &SecretNames, replace: Replace<'_>) {
    let Some(mask) = names.parameter(&name.to_lowercase()) else { return };
    if mask == Mask::Json
        && let Ok(mut document) = serde_json::from_str::<Value>(value)
    {
        let before = document.clone();
        walk(&mut document, At::Values, names, 0, replace);
        if document != before {
            *value = document.to_string();
        }
        return;
    }
    text(mask, value, replace);
}

fn walk(value: &mut Value, at: At<'_>, names: &SecretNames, depth: usize, replace: Replace<'_>) {
    if matches!(at, At::Open) || depth > DEPTH {
        return;
    }
    match value {
        Value::String(value) => {
            if let Some(mask) = at.scalar() {
                text(mask, value, replace);
            }
        }
        Value::Number(number) if at.scalar().is_some() => *value = Value::String(replace(&number.to_string())),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, at.item(), names, depth + 1, replace)),
        Value::Object(members) => {
            // `KEY=value` as a name, where a list is due.
            if let At::Secret(mask @ Mask::Environment) = at {
                let pairs = std::mem::take(members).into_iter();
                members.extend(pairs.map(|(mut name, member)| {
                    text(mask, &mut name, replace);
                    (name, member)
                }));
            }
            for (name, member) in members {
                // As Go's decoder reads names: it does not mind the case, and folds the long s (encoding/json, fold.go).
                let name = name.to_lowercase().replace('ſ', "s");
                walk(member, at.member(&name, names), names, depth + 1, replace);
            }
        }
        _ => {}
    }
}

fn text(mask: Mask, text: &mut String, replace: Replace<'_>) {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for place in places(mask, text.as_bytes()) {
        // Places begin and end at ASCII; an empty one hides nothing.
        let Some(secret) = text.get(place.clone()).filter(|secret| !secret.is_empty()) else { continue };
        out.push_str(&text[copied..place.start]);
        out.push_str(&replace(secret));
        copied = place.end;
    }
    out.push_str(&text[copied..]);
    *text = out;
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::super::{Aliases, Redactor};
    use super::*;
    use crate::catalog::Catalog;
    use crate::model::ApiVersion;

    #[test]
    fn secrets_are_found_where_a_recording_masks_them() {
        let catalog = Catalog::builtin();
        let contract = catalog.operation("ContainerCreate").expect("it is there").contract(ApiVersion::new(41));
        let place = contract.request.schema.as_ref().expect("it has one").secrets();
        let document = json!({
            "Image": "base", "Env": ["PASSWORD=correct horse", "B=", "C"], "OnBuild": ["ENV A=x B=\"two words\""],
            "HostConfig": { "Odd": { "Password": "battery staple", "auth": 1234 } },
        });
        let mut ours = document.clone();
        replace_in_document(&mut ours, Some(place), catalog.secret_names(), &mut |secret| format!("[{secret}]"));
        let expected = json!({
            "Image": "base", "Env": ["PASSWORD=[correct horse]", "B=", "C"], "OnBuild": ["ENV A=[x] B=\"[two words]\""],
            "HostConfig": { "Odd": { "Password": "[battery staple]", "auth": "[1234]" } },
        });
        assert_eq!(ours, expected);
        // The masks of a recording go to the same places: without them both are the same.
        let aliases = Aliases::default();
        let redactor = Redactor { aliases: &aliases, names: catalog.secret_names() };
        let masked = redactor.masked_document(&Bytes::from(document.to_string()), place);
        let mut masked: Value = serde_json::from_slice(&masked).expect("a document");
        assert_ne!(masked, document);
        let blank = |document: &mut Value| replace_in_document(document, Some(place), catalog.secret_names(), &mut |_| "-".to_owned());
        let mut plain = document;
        blank(&mut plain);
        blank(&mut masked);
        assert_eq!(plain, masked);
    }

    #[test]
    fn secrets_of_a_query() {
        let names = Catalog::builtin().secret_names();
        for (name, value, expected) in [
            ("buildargs", "{\"A\":\"x y\",\"B\":null}", "{\"A\":\"[x y]\",\"B\":null}"),
            ("buildargs", "{ \"B\": null }", "{ \"B\": null }"),
            ("buildargs", "A=b", "[A=b]"),
            ("fromSrc", "https://me:word@host/a?k=v", "https://[me]:[word]@host/a?k=[v]"),
            ("changes", "ENV A=b", "ENV A=[b]"),
            ("all", "1", "1"),
        ] {
            let mut value = value.to_owned();
            replace_in_parameter(name, &mut value, names, &mut |secret| format!("[{secret}]"));
            assert_eq!(value, expected);
        }
    }
}
